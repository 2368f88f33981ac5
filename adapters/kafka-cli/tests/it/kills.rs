//! A pipeline in a process of its own that is killed again and again: every record once, in the order of its key.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dolmen_base::Rng;
use dolmen_cli::Status;

use crate::broker::Served;
use crate::kafka;

/// The file of the pipeline that this process is to run.
const FILE: &str = "DOLMEN_TEST_PIPELINE";

/// What the killed process is: this test by itself, with a file.
#[test]
fn the_pipeline_of_a_child() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let (_, status) = kafka(&["eos", Path::new(&file).to_str().unwrap()]);
    assert_eq!(status.unwrap(), Status::Success);
}

fn child(file: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::the_pipeline_of_a_child"])
        .env(FILE, file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_pipeline_that_is_killed_loses_and_doubles_nothing() {
    let soak: u64 = std::env::var("DOLMEN_SOAK").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let (records, kills) = (2_000 * soak, 6 * soak);
    let served = Served::start_with(&[
        ("group.consumer.session.timeout.ms", "600"),
        ("group.consumer.heartbeat.interval.ms", "100"),
    ]);
    served.kafka(&["topics", "create", "in", "--partitions", "3"]);
    served.kafka(&["topics", "create", "out", "--partitions", "2"]);
    let lines: Vec<String> = (0..records).map(|n| format!("k{}:{n}", n % 11)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    served.produce("in", &lines, &["--key-separator", ":"]);
    let text = format!(
        "bootstrap = \"{}\"\ngroup = \"eos\"\ntransactional_id = \"eos\"\ninput = [\"in\"]\noutput = \"out\"\nrecords = 20\ninterval_ms = 5\nidle_exit_ms = 2000\n",
        served.address
    );
    let file = served.file("killed.toml", &text);
    let mut rng = Rng::new(7);
    for _ in 0..kills {
        let mut running = child(&file);
        std::thread::sleep(Duration::from_millis(200 + rng.below(900)));
        running.kill().unwrap();
        running.wait().unwrap();
    }
    assert!(child(&file).wait().unwrap().success());
    let mut by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in served.consume("out", &[]) {
        let key = record["key"].as_str().unwrap().to_owned();
        by_key.entry(key).or_default().push(record["value"].as_str().unwrap().parse().unwrap());
    }
    assert_eq!(by_key.len(), 11);
    for (key, numbers) in by_key {
        let key: u64 = key[1..].parse().unwrap();
        let expected: Vec<u64> = (0..records).filter(|n| n % 11 == key).collect();
        assert_eq!(numbers, expected, "each once, in order");
    }
}
