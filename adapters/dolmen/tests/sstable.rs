//! `dolmen sstable` as a program, over tables that Cassandra 5.0.9 wrote.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn table(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/bti/tests/data/da").join(name)
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dolmen")).arg("sstable").args(args).output().unwrap()
}

fn ok(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(args: &[&str]) -> String {
    let output = run(args);
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn path(of: &Path) -> &str {
    of.to_str().unwrap()
}

/// Copies a table's files into a folder, under another generation.
fn copy(from: &Path, to: &Path, id: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let name = name.replacen("-1-", &format!("-{id}-"), 1);
        fs::copy(entry.path(), to.join(name)).unwrap();
    }
}

#[test]
fn dump_prints_what_cassandra_read() {
    for name in ["collections", "statics", "range_tombstones", "dropped", "shadowable"] {
        let folder = table(name);
        let expected = fs::read_to_string(folder.join("expected.jsonl")).unwrap();
        assert_eq!(ok(&["dump", path(&folder), "--cql"]).trim(), expected.trim(), "{name}");
    }
    let dumped = ok(&["dump", path(&table("range_tombstones")), "--format", "sstabledump"]);
    let expected = fs::read_to_string(table("range_tombstones").join("sstabledump.jsonl")).unwrap();
    assert_eq!(dumped.trim(), expected.trim());
}

#[test]
fn get_reads_a_partition_or_a_part_of_it() {
    let folder = table("range_tombstones");
    let whole = ok(&["get", path(&folder), "5"]);
    let dumped = ok(&["dump", path(&folder)]);
    let of_key: Vec<&str> =
        dumped.split("{\"kind\":\"partition\"").filter(|p| p.contains("\"00000005\"")).collect();
    assert_eq!(whole, format!("{{\"kind\":\"partition\"{}", of_key[0]));
    assert_eq!(whole, ok(&["get", path(&folder), "--key-hex", "00000005"]));
    let mut backwards: Vec<String> =
        ok(&["get", path(&folder), "5", "--reverse"]).lines().map(String::from).collect();
    backwards[1..].reverse();
    assert_eq!(backwards, whole.lines().collect::<Vec<&str>>());
    // Between the bounds, with the range that is open at the lower one cut off there.
    let part = ok(&["get", path(&folder), "5", "--from", "2", "--to", "3,m"]);
    assert!(part.lines().count() > 2 && part.lines().count() < whole.lines().count(), "{part}");
    assert!(
        part.lines().nth(1).unwrap().contains("\"INCL_START_BOUND\",\"clustering\":[\"00000002\"]"),
        "{part}"
    );
    let one = ok(&["get", path(&table("collections")), "1", "--clustering", "3"]);
    assert_eq!(one.lines().count(), 2);
    assert!(one.contains("676f6e65"), "{one}");
    assert!(refused(&["get", path(&folder), "77"]).contains("no partition 77"));
    assert!(refused(&["get", path(&folder), "x"]).contains("\"x\" as int"));
    assert!(refused(&["get", path(&folder), "5", "--from", "1,a,2,3"]).contains("3 clustering columns"));
    let said = refused(&["get", path(&folder), "5", "--from", "9", "--to", "3"]);
    assert!(said.contains("the slice from 9 to 3 is empty"), "{said}");
}

#[test]
fn generations_merge_to_the_newest() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("collections");
    copy(&table("collections"), &folder, "1");
    copy(&table("collections"), &folder, "2");
    let strip = |text: String| {
        let lines = text.lines().map(|line| line.split(",\"position\"").next().unwrap().to_owned());
        lines.collect::<Vec<String>>()
    };
    let merged = strip(ok(&["dump", path(&folder)]));
    assert_eq!(merged, strip(ok(&["dump", path(&table("collections"))])));
    let got = ok(&["get", path(&folder), "1", "--clustering", "3"]);
    assert!(got.contains("676f6e65") && got.lines().count() == 2, "{got}");
    // One of the two by its file.
    let one = folder.join("da-2-bti-Data.db");
    assert_eq!(ok(&["dump", path(&one)]), ok(&["dump", path(&table("collections"))]));
}

#[test]
fn verify_names_what_is_damaged() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("comp_none");
    copy(&table("comp_none"), &folder, "1");
    assert!(ok(&["verify", path(&folder)]).contains("da-1-bti: sound: "));
    let data = folder.join("da-1-bti-Data.db");
    let mut bytes = fs::read(&data).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&data, bytes).unwrap();
    let output = run(&["verify", path(&folder)]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && text.contains("Data.db is damaged at offset 0"), "{text}");
    assert!(text.contains("of chunk 0"), "{text}");
    let error = refused(&["dump", path(&folder)]);
    assert!(error.contains("Data.db is damaged at offset 0"), "{error}");
}

#[test]
fn the_other_verbs_speak() {
    let folder = table("ttl");
    let text = ok(&["metadata", path(&folder)]);
    assert!(
        text.starts_with("SSTable: da-1-bti\nPartitioner: org.apache.cassandra.dht.Murmur3Partitioner\n")
    );
    let json = ok(&["metadata", path(&folder), "--json"]);
    assert!(json.contains("\"max_ttl_s\":630720000,") && json.contains("\"rows\":8,"), "{json}");
    assert!(ok(&["scan", path(&folder)]).starts_with("3 partitions, 0 static rows, 8 rows"));
    let stats = ok(&["stats", path(&folder), "--top", "1"]);
    assert_eq!(stats.lines().count(), 3, "{stats}");
    for component in
        ["Data.db", "Partitions.db", "Rows.db", "Statistics.db", "CompressionInfo.db", "Filter.db"]
    {
        let file = folder.join(format!("da-1-bti-{component}"));
        ok(&["inspect", path(&file)]);
    }
    let trie = ok(&["inspect", path(&folder.join("da-1-bti-Partitions.db"))]);
    assert!(trie.contains("4047 -> Data.db at 0, hash byte e6"), "{trie}");
    let svg = ok(&["inspect", path(&folder.join("da-1-bti-Partitions.db")), "--svg"]);
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
}

#[test]
fn what_is_no_table_is_said_so() {
    let root = tempfile::tempdir().unwrap();
    assert!(refused(&["dump", path(root.path())]).contains("holds no SSTable"));
    assert!(refused(&["dump", path(&root.path().join("absent"))]).contains("does not exist"));
    fs::write(root.path().join("me-1-big-Data.db"), b"").unwrap();
    assert!(refused(&["dump", path(root.path())]).contains("version me"), "the version is named");
    let folder = root.path().join("half");
    copy(&table("two_keys"), &folder, "1");
    fs::remove_file(folder.join("da-1-bti-Rows.db")).unwrap();
    assert!(refused(&["dump", path(&folder)]).contains("Rows.db is missing"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dolmen"))
        .args(["sstable", "dump", path(&table("wide_tombstones")), "--cql"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
