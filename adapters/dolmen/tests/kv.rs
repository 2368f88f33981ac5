//! `dolmen kv` as a program, on files that RocksDB wrote.

use std::path::Path;
use std::process::{Command, Output};

fn dolmen(args: &[&str]) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/lsm/tests/data/rocksdb");
    Command::new(env!("CARGO_BIN_EXE_dolmen")).current_dir(fixtures).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn inspect_shows_a_table_and_a_manifest() {
    let table = dolmen(&["kv", "inspect", "7.8.3-fv5/range-deletes/000011.sst"]);
    assert!(table.status.success(), "{}", text(&table.stderr));
    assert!(text(&table.stdout).contains("rocksdb.num.range-deletions = 3"));
    let manifest = dolmen(&["kv", "inspect", "7.8.3-fv5/column-families/MANIFEST-000005"]);
    assert!(text(&manifest.stdout).contains("add column family users"), "{}", text(&manifest.stderr));
}

#[test]
fn what_cannot_be_done_is_said_and_fails() {
    for (args, said) in [
        (&["kv", "get", "k"][..], "--path DIR"),
        (&["kv", "inspect", "absent.sst"], "absent.sst"),
        (&["kv", "inspect", "../README.md"], "README.md"),
        (&["kv", "--path", "absent", "get", "k"], "absent"),
    ] {
        let output = dolmen(args);
        assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}");
        assert!(text(&output.stderr).contains(said), "{args:?}: {}", text(&output.stderr));
    }
}

/// Runs `dolmen kv --path DIR` and gives what it printed.
fn kv(path: &Path, args: &[&str]) -> String {
    let path = path.to_str().unwrap();
    let output = dolmen(&[&["kv", "--path", path], args].concat());
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[test]
fn inspect_shows_a_directory_and_changes_nothing() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../core/lsm/tests/data/rocksdb/7.8.3-fv5/column-families");
    let files = || std::fs::read_dir(&fixture).unwrap().count();
    let before = files();
    let shown = kv(&fixture, &["inspect"]);
    assert_eq!(files(), before);
    for line in [
        "MANIFEST-000005: 291 bytes, 7 version edits, whole",
        "column family 1 users: logs from 12 on",
        "  level 0: 1 table, 11316 bytes",
        "000012.log: 5936 bytes, 74 records in 71 batches, sequence 271..=344, whole",
    ] {
        assert!(shown.lines().any(|l| l == line), "{line:?} is missing in\n{shown}");
    }
}

#[test]
fn compact_leaves_one_level_without_deleted_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    for i in 0..5 {
        kv(&path, &["set", &format!("key{i}"), "value"]);
        kv(&path, &["flush"]);
    }
    kv(&path, &["delete", "key3"]);
    for _ in 0..2 {
        kv(&path, &["compact"]);
        assert_eq!(kv(&path, &["scan"]), "key0\tvalue\nkey1\tvalue\nkey2\tvalue\nkey4\tvalue\n");
        let stats = kv(&path, &["stats"]);
        let levels: Vec<_> = stats.lines().filter(|l| l.contains(", level ")).collect();
        assert_eq!(levels.len(), 1, "{stats}");
        assert!(!levels[0].contains("level 0"), "{stats}");
        assert!(kv(&path, &["verify"]).starts_with("ok: 4 entries"), "the deleted key is gone");
    }
}

#[test]
fn what_is_backed_up_is_restored_and_what_lost_its_manifest_is_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let [path, backups, copy] = ["db", "backups", "copy"].map(|name| dir.path().join(name));
    let shown_backups = backups.to_str().unwrap();
    kv(&path, &["set", "a", "1"]);
    kv(&path, &["backup", shown_backups]);
    kv(&path, &["set", "b", "2"]);
    kv(&copy, &["restore", shown_backups]);
    assert_eq!(kv(&copy, &["scan"]), "a\t1\n");
    for entry in std::fs::read_dir(&path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with("MANIFEST") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    kv(&path, &["repair"]);
    assert_eq!(kv(&path, &["scan"]), "a\t1\nb\t2\n");
    assert!(kv(&path, &["count"]).starts_with("2 entries"));
}

/// A log that ends within a record: every look says so, and once it was opened for writing what was left out lies beside and is named.
#[test]
fn what_recovery_leaves_out_is_said_and_stays_visible() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    kv(&path, &["set", "a", "1"]);
    kv(&path, &["flush"]);
    kv(&path, &["set", "b", "2"]);
    let logs = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let logs = logs.filter(|path| path.extension().is_some_and(|e| e == "log"));
    let log = logs.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
    file.set_len(20).unwrap();
    let shown = path.to_str().unwrap();
    for verb in ["verify", "scan"] {
        let output = dolmen(&["kv", "--path", shown, verb]);
        let said = text(&output.stderr);
        assert!(
            output.status.success() && said.contains(".log: ") && said.contains("20 bytes"),
            "{verb}: {said}"
        );
    }
    kv(&path, &["set", "c", "3"]);
    assert_eq!(kv(&path, &["scan"]), "a\t1\nc\t3\n");
    for verb in ["verify", "stats"] {
        let said = kv(&path, &[verb]);
        assert!(said.contains("left out by recovery") && said.contains(".log.lost"), "{verb}: {said}");
    }
}

#[test]
fn bench_prints_a_row_for_each_workload() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let shown =
        kv(&path, &["bench", "--n", "2000", "--workload", "fillrandom,readrandom,seek10,scan,overwrite"]);
    let rows: Vec<Vec<&str>> = shown.lines().map(|l| l.split_whitespace().collect()).collect();
    for (row, workload) in rows[1..].iter().zip(["fillrandom", "readrandom", "seek10", "scan", "overwrite"]) {
        assert_eq!((row[0], row.len()), (workload, 7), "{shown}");
        let number = |i: usize| row[i].parse::<f64>().unwrap();
        assert!(number(6) >= number(5) * 0.5, "the process includes the thread: {shown}");
        assert!(workload == "scan" || number(3) <= number(4), "p50 is no more than p99: {shown}");
    }
}
