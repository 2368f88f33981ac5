//! `dolmen tour` as a program.

use std::process::Command;

#[test]
fn every_system_reports_once() {
    let output = Command::new(env!("CARGO_BIN_EXE_dolmen")).args(["tour", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let systems: Vec<_> = lines.lines().filter_map(|l| l.split('"').nth(3)).collect();
    for system in ["wal", "lsm", "store", "redis", "sstable", "ring"] {
        assert_eq!(systems.iter().filter(|s| **s == system).count(), 1, "{systems:?}");
    }
}
