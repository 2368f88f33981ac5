//! Cases made from Amazon's own model of S3 (`adapters/s3-http/tests/s3_model.py`), judged against the list of what fails or is not
//! implemented here, which may only shrink.
//!
//! `DOLMEN_S3_MODEL_PYTHON` names a python that has botocore and awscrt. Without it the test is skipped. `DOLMEN_S3_MODEL_TABLE` and
//! `DOLMEN_S3_MODEL_RESULTS` name files for the table per operation and kind, and for one line of JSON for each case.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const LIST: &str = include_str!("../../s3-http/tests/s3-model-failing.txt");
const KEYS: [&str; 2] = ["MODELACCESSKEY000000", "a secret of the model's cases"];

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server in memory and says on which port.
fn start(data: &Path) -> (Server, u16) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dolmen"))
        .args(["s3", "serve", "--backend", "memory", "--test-api", "--addr", "127.0.0.1:0", "--data"])
        .arg(data)
        .env("DOLMEN_S3_ACCESS_KEY", KEYS[0])
        .env("DOLMEN_S3_SECRET_KEY", KEYS[1])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        let address = line.strip_prefix("s3 ")?.split_whitespace().next()?.to_owned();
        address.rsplit(':').next()?.parse().ok()
    });
    (Server(child), port.expect("the server says where it listens"))
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut ends = rest.is_empty();
    for part in parts {
        let Some(at) = (if part.is_empty() { Some(rest.len()) } else { rest.find(part) }) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        ends = rest.is_empty();
    }
    ends
}

/// The number in front of a word in a line.
fn number(line: &str, word: &str) -> usize {
    let before = line.split(word).next().unwrap_or("");
    before.rsplit([' ', ',']).find(|text| !text.is_empty()).and_then(|text| text.parse().ok()).unwrap()
}

#[test]
fn no_case_of_the_model_fails_that_did_not_fail_before() {
    let Some(python) = std::env::var_os("DOLMEN_S3_MODEL_PYTHON") else {
        println!("skipped: no data (DOLMEN_S3_MODEL_PYTHON names no python with botocore)");
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let (_server, port) = start(data.path());
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../s3-http/tests/s3_model.py")).args([
        "--endpoint",
        &format!("http://127.0.0.1:{port}"),
        "--keys",
        KEYS[0],
        KEYS[1],
        "--twice",
    ]);
    for (variable, option) in [("TABLE", "--table"), ("RESULTS", "--results")] {
        if let Some(file) = std::env::var_os(format!("DOLMEN_S3_MODEL_{variable}")) {
            command.arg(option).arg(file);
        }
    }
    let ran = command.output().unwrap();
    let output = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{output}\n{}", String::from_utf8_lossy(&ran.stderr));
    output.lines().take(2).for_each(|line| println!("{line}"));
    let not_right: Vec<&str> =
        output.lines().filter(|line| line.starts_with("FAILED ") || line.starts_with("MISSING ")).collect();
    let name = |line: &str| line.split(' ').nth(1).unwrap_or("").to_owned();
    let listed: Vec<&str> =
        LIST.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let new: Vec<_> =
        not_right.iter().filter(|line| !listed.iter().any(|pattern| fits(pattern, &name(line)))).collect();
    assert!(new.is_empty(), "these are not on the list: {new:#?}");
    let over: Vec<_> =
        listed.iter().filter(|pattern| !not_right.iter().any(|line| fits(pattern, &name(line)))).collect();
    assert!(over.is_empty(), "nothing fits these any more; take them off the list: {over:#?}");
    let positives = output.lines().nth(1).unwrap();
    let (all, passed, failed) =
        (number(positives, ", "), number(positives, " passed"), number(positives, " failed"));
    assert!(passed * 100 >= all * 90, "only {passed} of {all} positives pass");
    assert_eq!(failed, 0, "a positive that does not pass is a 501");
}

#[test]
fn patterns() {
    assert!(fits("s3/PutObject/*", "s3/PutObject/enum/x") && fits("*EventHold*", "s3/A/x.EventHold/ON"));
    assert!(fits("s3/A/b", "s3/A/b") && !fits("s3/A/b", "s3/A/bc") && !fits("s3/A/*/c", "s3/A/b/d"));
    assert_eq!(
        number("positives that count: 2185, 1993 passed, 186 not implemented, 6 failed", " passed"),
        1993
    );
}
