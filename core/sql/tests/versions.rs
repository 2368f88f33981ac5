//! The version switch: each line of the table of differences, and statements whose answers servers 14 to 18 gave
//! (see `data/README.md`).

use dolmen_sql::version::{DIFFERENCES, Version};
use dolmen_sql::{Options, Workspace};
use serde_json::Value;

fn options(version: Version) -> Options {
    Options { version, ..Options::default() }
}

#[test]
fn every_difference_is_taken_by_its_versions_alone() {
    let (mut workspace, mut wrong) = (Workspace::new(), Vec::new());
    for difference in DIFFERENCES.iter().filter(|difference| !difference.example.is_empty()) {
        for version in Version::ALL {
            let answer = workspace.parse_with(difference.example, options(version)).err();
            let number = version.number();
            if answer.is_none() != difference.is_in(version) {
                wrong.push(format!("{} in {number}: {answer:?}", difference.example));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn servers_14_to_18_answer_the_same() {
    let (mut workspace, mut wrong) = (Workspace::new(), Vec::new());
    let text = std::fs::read_to_string("tests/data/versions.jsonl").unwrap();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let sql = case["sql"].as_str().unwrap();
        for (version, wanted) in Version::ALL.into_iter().zip(case["answers"].as_array().unwrap()) {
            let answer = match workspace.parse_with(sql, options(version)) {
                Ok(_) => Value::Bool(true),
                Err(error) => serde_json::json!([error.sqlstate, error.message, error.cursor(sql)]),
            };
            if &answer != wanted {
                wrong.push(format!("{sql} in {version:?}: {answer} for {wanted}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
