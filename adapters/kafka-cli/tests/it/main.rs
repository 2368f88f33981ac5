//! `dolmen kafka dump` beside Kafka's own tool and a real consumer.

mod broker;
mod history;
mod kills;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::{Args as _, Command, FromArgMatches};
use dolmen_cli::{Out, Status};
use dolmen_kafka_cli::{Args, run};
use serde_json::Value;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs `kafka …` with JSON; its lines and its status.
fn kafka(words: &[&str]) -> (Vec<Value>, anyhow::Result<Status>) {
    let command = Args::augment_args(Command::new("kafka"));
    let matches = command.try_get_matches_from([&["kafka"], words].concat()).unwrap();
    let kept = Kept::default();
    let mut out = Out::to(kept.clone(), true);
    let status = run(Args::from_arg_matches(&matches).unwrap(), &mut out);
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), status)
}

/// The test data of each version: the full one if it is there, else the committed part.
fn folders() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let above = here.ancestors().map(|dir| dir.join("shared/data"));
    let named = std::env::var_os("DOLMEN_TESTDATA").map(PathBuf::from);
    let committed = here.join("../../core/kafka/tests/data");
    let all = named.into_iter().chain(above).map(|dir| dir.join("kafka")).chain([committed]);
    let root = all.into_iter().find(|dir| dir.join("4.4.0").is_dir()).unwrap();
    ["4.4.0", "3.9.2"].iter().map(|version| root.join(version)).filter(|dir| dir.is_dir()).collect()
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `OptionalLong[7]` as 7, `OptionalLong.empty` as null.
fn plain(value: &Value) -> Value {
    match value.as_str().and_then(|text| text.strip_prefix("OptionalLong")) {
        Some(".empty") => Value::Null,
        Some(number) => number.trim_matches(['[', ']']).parse::<i64>().unwrap().into(),
        None => value.clone(),
    }
}

#[test]
fn every_file_is_dumped_as_kafkas_own_tool_lists_it() {
    for folder in folders().into_iter().flat_map(|dir| [dir.join("crash"), dir]) {
        let mut expected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for mut line in lines(&folder.join("expected.jsonl")) {
            let file = line["file"].as_str().unwrap().to_owned();
            line.as_object_mut().unwrap().remove("file");
            for object in line.as_object_mut().unwrap().values_mut() {
                object.as_object_mut().unwrap().values_mut().for_each(|value| *value = plain(value));
            }
            // An index without entries is listed as one empty entry.
            if line["entry"].as_object().is_none_or(|entry| !entry.is_empty())
                && !file.ends_with(".checkpoint")
            {
                expected.entry(file).or_default().push(line);
            }
        }
        assert!(expected.len() > 10);
        for (file, mut expected) in expected {
            let (mut found, status) = kafka(&["dump", folder.join(&file).to_str().unwrap()]);
            assert_eq!(status.unwrap(), Status::Success, "{file}");
            // The tool shows a snapshot's producers in the order of its map.
            if file.ends_with(".snapshot") {
                found.sort_by_key(|line| line["entry"]["producerId"].as_i64());
                expected.sort_by_key(|line| line["entry"]["producerId"].as_i64());
            }
            assert_eq!(found, expected, "{}/{file}", folder.display());
        }
    }
}

#[test]
fn records_of_every_codec_are_what_a_consumer_reads() {
    for folder in folders() {
        let mut expected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for mut line in lines(&folder.join("consumer.jsonl")) {
            let name = format!("{}-{}", line["topic"].as_str().unwrap(), line["partition"]);
            ["topic", "partition", "read_committed"].iter().for_each(|key| {
                line.as_object_mut().unwrap().remove(*key);
            });
            expected.entry(name).or_default().push(line);
        }
        assert!(expected.len() > 8);
        for (name, expected) in expected {
            let mut logs: Vec<PathBuf> =
                std::fs::read_dir(folder.join(&name)).unwrap().map(|e| e.unwrap().path()).collect();
            logs.retain(|path| path.extension().is_some_and(|e| e == "log"));
            logs.sort();
            let mut found = Vec::new();
            for log in logs {
                let (lines, status) = kafka(&["dump", "--records", log.to_str().unwrap()]);
                assert_eq!(status.unwrap(), Status::Success);
                found.extend(lines.into_iter().filter_map(|mut line| line.as_object_mut()?.remove("record")));
            }
            // What DeleteRecords took away is still in the file.
            found.retain(|record| record["offset"].as_i64() >= expected[0]["offset"].as_i64());
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[test]
fn the_doctor_finds_what_is_wrong_and_nothing_else() {
    for folder in folders() {
        let (found, status) = kafka(&["doctor", folder.join("codec-lz4-0").to_str().unwrap()]);
        assert_eq!((found.len(), status.unwrap()), (0, Status::Success));
        let (found, status) = kafka(&["doctor", folder.join("torn").to_str().unwrap()]);
        assert_eq!(status.unwrap(), Status::Failure);
        assert!(found.iter().any(|finding| finding["kind"] == "torn"), "{found:?}");
    }
}

#[test]
fn a_transaction_that_the_coordinator_does_not_know_hangs() {
    let Some(folder) = folders().into_iter().next() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in ["headers-0", "__transaction_state-0"] {
        let to = dir.path().join(name);
        std::fs::create_dir(&to).unwrap();
        for entry in std::fs::read_dir(folder.join(name)).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
        }
    }
    let hanging = |dir: &Path| {
        let (found, status) = kafka(&["doctor", dir.to_str().unwrap()]);
        (found.into_iter().filter(|f| f["kind"] == "hanging").count(), status.unwrap())
    };
    // headers has a transaction open, and its owner is known.
    assert_eq!(hanging(dir.path()), (0, Status::Success));
    let log = dir.path().join("__transaction_state-0/00000000000000000000.log");
    let permissions = std::fs::metadata(dir.path()).unwrap().permissions();
    std::fs::set_permissions(&log, permissions).unwrap();
    std::fs::write(&log, b"").unwrap();
    assert_eq!(hanging(dir.path()), (1, Status::Failure));
}

#[test]
fn other_files_and_folders_are_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    std::fs::write(&file, "x").unwrap();
    let error = kafka(&["dump", file.to_str().unwrap()]).1.unwrap_err().to_string();
    assert!(error.contains("expected a .log"), "{error}");
    let error = kafka(&["doctor", dir.path().to_str().unwrap()]).1.unwrap_err().to_string();
    assert!(error.contains("orders-0"), "{error}");
}
