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
