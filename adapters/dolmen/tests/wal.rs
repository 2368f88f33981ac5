//! `dolmen wal` as a program: its verbs, and the faults that users of other logs met.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// Bytes of a frame's header and of an entry's, before the text.
const BEFORE_TEXT: usize = 11 + 13;
/// Length of the first record of a segment.
const SEGMENT_HEADER: usize = 37;

struct Log {
    root: TempDir,
}

impl Log {
    fn new() -> Log {
        Log { root: tempfile::tempdir().unwrap() }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("log")
    }

    fn file(&self, number: u32) -> PathBuf {
        self.dir().join(format!("{number:06}.log"))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dolmen"));
        command.arg("wal").arg("--dir").arg(self.dir()).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout).to_owned()
    }

    /// Standard error of a command that must fail without printing anything else.
    fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "{args:?}: {}", text(&output.stdout));
        assert_eq!(text(&output.stdout), "", "{args:?}");
        text(&output.stderr).to_owned()
    }

    fn patch(&self, number: u32, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.file(number)).unwrap();
        change(&mut bytes);
        fs::write(self.file(number), bytes).unwrap();
    }

    /// The texts that are read, first words.
    fn texts(&self, args: &[&str]) -> Vec<String> {
        let args = [&["read"], args].concat();
        self.ok(&args).lines().map(|l| l.split('\t').nth(1).unwrap().to_owned()).collect()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn copy(from: &Log) -> Log {
    let log = Log::new();
    fs::create_dir(log.dir()).unwrap();
    for entry in fs::read_dir(from.dir()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), log.dir().join(entry.file_name())).unwrap();
    }
    log
}

#[test]
fn records_have_lsns_and_are_read_from_one() {
    let log = Log::new();
    assert_eq!(log.ok(&["write", "one", "two"]), "1\n2\n");
    assert_eq!(log.ok(&["write", "three"]), "3\n");
    assert_eq!(log.ok(&["read"]), "1\tone\n2\ttwo\n3\tthree\n");
    assert_eq!(log.ok(&["read", "--from", "3"]), "3\tthree\n");
    assert_eq!(log.ok(&["read", "--from", "2", "--hex"]), "2\t74776f\n3\t7468726565\n");
    assert!(log.ok(&["info"]).contains("next LSN 4\n"));
    assert!(log.ok(&["verify"]).starts_with("ok: 3 entries in 1 segment,"));
    let json = log.ok(&["read", "--from", "3", "--json"]);
    assert_eq!(json.trim(), r#"{"lsn":3,"commit_lsn":3,"text":"three"}"#);
}

#[test]
fn transactions_interleave_and_only_committed_ones_are_read() {
    let log = Log::new();
    let (a, b) = (log.ok(&["begin"]), log.ok(&["begin"]));
    let (a, b) = (a.trim(), b.trim());
    log.ok(&["put", a, "city", "Rennes"]);
    log.ok(&["put", b, "city", "Brest"]);
    log.ok(&["write", "between"]);
    log.ok(&["put", a, "river", "Vilaine"]);
    assert_eq!(log.ok(&["read"]), "5\tbetween\n");
    assert!(log.ok(&["info"]).contains(&format!("open transaction {b} with 1 writes")));
    log.ok(&["commit", a]);
    assert_eq!(log.ok(&["read"]), "5\tbetween\n3\tcity\tRennes\n6\triver\tVilaine\n");
    log.ok(&["abort", b]);
    assert_eq!(log.ok(&["read"]).lines().count(), 3);
    for verb in [&["commit", a][..], &["put", b, "k", "v"], &["abort", "99"]] {
        assert!(log.refused(verb).contains("no open transaction"), "{verb:?}");
    }
}

/// wal-06, and transactions across segments.
#[test]
fn segments_come_back_in_order() {
    let log = Log::new();
    let small = ["--segment-bytes", "4096"];
    let tx = log.ok(&[&small[..], &["begin"]].concat());
    let texts: Vec<_> = (0..200).map(|i| format!("{i}-{}", "x".repeat(100))).collect();
    let args: Vec<_> =
        small.iter().copied().chain(["write"]).chain(texts.iter().map(String::as_str)).collect();
    assert_eq!(log.ok(&args).lines().count(), 200);
    assert!(log.file(3).exists(), "several segments");
    log.ok(&[&small[..], &["put", tx.trim(), "k", "v"]].concat());
    log.ok(&["commit", tx.trim()]);
    let read = log.texts(&[]);
    assert_eq!((&read[..200], &read[200..]), (&texts[..], &["k".to_owned()][..]));
}

#[test]
fn truncation_hides_records_and_removes_segments() {
    let log = Log::new();
    let texts: Vec<_> = (1..=100).map(|i| format!("{i}-{}", "x".repeat(100))).collect();
    for chunk in texts.chunks(50) {
        let args: Vec<_> = ["--segment-bytes", "4096", "write"]
            .into_iter()
            .chain(chunk.iter().map(String::as_str))
            .collect();
        log.ok(&args);
    }
    let archived = copy(&log);
    assert_eq!(log.ok(&["truncate", "60"]), "60\n");
    assert_eq!(log.texts(&[]), &texts[59..]);
    assert_eq!(log.ok(&["truncate", "30"]), "60\n", "never back");
    assert_eq!(log.ok(&["write", "more"]), "101\n");
    assert!(log.ok(&["read", "--from", "101"]).starts_with("101\tmore"));
    assert_eq!(log.ok(&["truncate", "500"]), "102\n");
    assert_eq!(log.ok(&["read"]), "");
    assert_eq!(log.ok(&["write", "after"]), "102\n");

    archived.ok(&["--archive", "truncate", "60"]);
    assert!(archived.dir().join("000001.old").exists() && !archived.file(1).exists());
    assert_eq!(archived.texts(&[]), &texts[59..]);
    assert_eq!(archived.texts(&["--archive"]), texts);
}

/// wal-01: a damaged record in the middle, in every mode.
#[test]
fn damage_in_the_middle_by_mode() {
    let log = Log::new();
    for i in 1..=10 {
        let mut child = log.command(&["write", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        let line = format!("{i}-{}", "y".repeat(40 << 10));
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    // The fifth record starts behind four of 40 KiB; its first fragment reaches to the end of its block.
    log.patch(1, |bytes| bytes[4 * (40 << 10) + 1000] ^= 1);
    for mode in ["torn-tail", "tolerate-tail", "absolute"] {
        let said = copy(&log).refused(&["read", "--mode", mode]);
        for part in ["000001.log", "offset 16", "expected checksum", "found", "no torn tail"] {
            assert!(said.contains(part), "{mode}: {said}");
        }
    }
    let first = |mode: &str| -> Vec<String> {
        let read = copy(&log).texts(&["--mode", mode]);
        read.iter().map(|t| t.split('-').next().unwrap().to_owned()).collect()
    };
    assert_eq!(first("point-in-time"), ["1", "2", "3", "4"]);
    assert_eq!(first("skip-any"), ["1", "2", "3", "4", "6", "7", "8", "9", "10"]);
    let loss = copy(&log).run(&["read", "--mode", "point-in-time"]);
    assert!(text(&loss.stderr).contains("left out"), "the loss is reported");
    assert!(log.refused(&["write", "x"]).contains("no torn tail"));
    assert!(log.refused(&["verify"]).contains("000001.log"));
    assert_eq!(log.ok(&["--mode", "point-in-time", "write", "5-again"]), "5\n");
    assert_eq!(log.texts(&[]).len(), 5);
}

/// wal-03: zeros behind the end are an end, and writing goes on behind the last record.
#[test]
fn zeros_behind_the_end_are_an_end() {
    for zeros in [0, 3, 64 << 10] {
        let log = Log::new();
        log.ok(&["write", "1", "2", "3", "4", "5"]);
        log.patch(1, |bytes| bytes.resize(bytes.len() + zeros, 0));
        for mode in ["torn-tail", "tolerate-tail", "absolute", "point-in-time", "skip-any"] {
            let read = log.run(&["read", "--mode", mode]);
            assert_eq!((text(&read.stdout).lines().count(), text(&read.stderr)), (5, ""), "{zeros} {mode}");
        }
        assert_eq!(log.ok(&["write", "6"]), "6\n");
        assert_eq!(log.texts(&[]), ["1", "2", "3", "4", "5", "6"]);
    }
}

/// The variant of wal-03 where the log ends exactly with a block.
#[test]
fn a_log_that_ends_with_a_block_goes_on() {
    let log = Log::new();
    let fill = (32 << 10) - SEGMENT_HEADER - BEFORE_TEXT;
    let line = "z".repeat(fill);
    log.ok(&["write", &line]);
    assert_eq!(fs::metadata(log.file(1)).unwrap().len(), 32 << 10);
    log.ok(&["write", "next"]);
    assert_eq!(log.texts(&[]), [line.as_str(), "next"]);
}

/// wal-05: after every possible cut of the last record, what is written then is found again.
#[test]
fn writing_goes_on_behind_a_torn_tail() {
    let log = Log::new();
    let texts: Vec<_> = (1..=10).map(|i| i.to_string()).collect();
    let args: Vec<_> = ["write"].into_iter().chain(texts.iter().map(String::as_str)).collect();
    log.ok(&args);
    for cut in (1..=BEFORE_TEXT + 2).step_by(3) {
        let torn = copy(&log);
        torn.patch(1, |bytes| bytes.truncate(bytes.len() - cut));
        let read = torn.run(&["read"]);
        assert_eq!(text(&read.stdout).lines().count(), 9);
        let told = text(&read.stderr);
        assert!(cut == BEFORE_TEXT + 2 && told.is_empty() || told.contains("torn tail"), "cut {cut}: {told}");
        if cut < BEFORE_TEXT + 2 {
            let absolute = torn.refused(&["read", "--mode", "absolute"]);
            assert!(absolute.contains("absolute recovery") && absolute.contains("any other"), "{absolute}");
        }
        assert_eq!(torn.ok(&["write", "a", "b", "c"]), "10\n11\n12\n");
        assert_eq!(torn.texts(&["--mode", "absolute"])[8..], ["9", "a", "b", "c"]);
    }
}

/// wal-11: in a preallocated file a flip in the last record is a torn tail, in the one before it is damage.
#[test]
fn a_flip_in_the_last_record_is_told_from_damage() {
    let log = Log::new();
    log.ok(&["write", "1", "2", "3", "4", "5"]);
    let record = BEFORE_TEXT + 1;
    let flipped = |n: usize| {
        let log = copy(&log);
        log.patch(1, |bytes| {
            let text = SEGMENT_HEADER + n * record - 1;
            assert_eq!(bytes[text], b'0' + n as u8);
            bytes[text] ^= 0x10;
            bytes.resize(bytes.len() + 4096, 0);
        });
        log
    };
    let last = flipped(5);
    let read = last.run(&["read"]);
    assert!(read.status.success());
    assert_eq!(text(&read.stdout), "1\t1\n2\t2\n3\t3\n4\t4\n");
    assert!(text(&read.stderr).contains("torn tail"), "{}", text(&read.stderr));
    assert_eq!(last.ok(&["write", "again"]), "5\n");
    let middle = flipped(4);
    assert!(middle.refused(&["read"]).contains("a valid record follows"));
    for n in [4, 5] {
        assert!(!flipped(n).run(&["read", "--mode", "tolerate-tail"]).status.success(), "as RocksDB");
    }
}

/// wal-08: a loop of synced writes, killed at random.
#[test]
fn kill_9_loses_nothing_acknowledged() {
    let log = Log::new();
    let mut acknowledged = 0;
    for round in 0..60u64 {
        let mut args = vec!["--segment-bytes", "4096", "write", "-"];
        if round % 5 == 4 {
            args.splice(0..0, ["--sync", "interval"]);
        }
        let mut child = log.command(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        acknowledged = feed(&mut child, acknowledged, 20 + (round * 7919) % 60);
        let read = log.texts(&[]);
        assert!(read.len() as u64 >= acknowledged, "round {round}: {} of {acknowledged}", read.len());
        let right = read.iter().enumerate().all(|(i, t)| t.starts_with(&format!("{}-", i + 1)));
        assert!(right, "round {round}: the records in order");
        acknowledged = read.len() as u64;
    }
    assert!(acknowledged > 100);
}

/// Feeds lines until so many are acknowledged, then kills. Answers the last LSN that was acknowledged.
fn feed(child: &mut Child, from: u64, count: u64) -> u64 {
    let mut input = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        let mut next = from + 1;
        while input.write_all(format!("{next}-{}\n", "w".repeat(60)).as_bytes()).is_ok() {
            next += 1;
        }
    });
    let mut last = from;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().take(count as usize) {
        last = line.unwrap().parse().unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    feeder.join().unwrap();
    last
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let log = Log::new();
    let mut child =
        log.command(&["write", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"first\n").unwrap();
    let mut acknowledged = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(acknowledged.next().unwrap().unwrap(), "1");
    let said = log.refused(&["write", "second"]);
    assert!(said.contains(&format!("is open for writing in process {}", child.id())), "{said}");
    assert_eq!(log.ok(&["read"]), "1\tfirst\n");
    // RocksDB's own tools take another kind of lock, and are refused too.
    let db = format!("--db={}", log.dir().display());
    match Command::new("ldb").args([&db, "--create_if_missing", "put", "k", "v"]).output() {
        Ok(ldb) => assert!(text(&ldb.stderr).contains("lock"), "{}", text(&ldb.stderr)),
        Err(_) => eprintln!("skipped: no ldb"),
    }

    let follower = log.command(&["follow", "--count", "3"]).stdout(Stdio::piped()).spawn().unwrap();
    input.write_all(b"second\nthird\n").unwrap();
    let followed = follower.wait_with_output().unwrap();
    assert_eq!(text(&followed.stdout), "1\tfirst\n2\tsecond\n3\tthird\n");
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(log.ok(&["write", "fourth"]), "4\n");
}

#[test]
fn follow_goes_through_segments() {
    let log = Log::new();
    let texts: Vec<_> = (1..=120).map(|i| format!("{i}-{}", "x".repeat(100))).collect();
    log.ok(&["write", &texts[0]]);
    let follower = log.command(&["follow", "--count", "100", "--from", "21"]).stdout(Stdio::piped()).spawn();
    let args: Vec<_> = ["--segment-bytes", "4096", "write"]
        .into_iter()
        .chain(texts[1..].iter().map(String::as_str))
        .collect();
    log.ok(&args);
    let followed = follower.unwrap().wait_with_output().unwrap();
    let seen: Vec<_> = text(&followed.stdout).lines().map(|l| l.split('\t').nth(1).unwrap()).collect();
    assert_eq!(seen, texts[20..]);
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let log = Log::new();
    assert!(log.refused(&["read"]).contains("log"), "no such directory");
    assert!(!log.dir().exists());
    log.ok(&["write", "x"]);
    for args in [&["write"][..], &["commit", "x"], &["read", "--mode", "lenient"], &["put", "1", "k"]] {
        log.refused(args);
    }
    assert!(log.refused(&["--mode", "skip-any", "write", "y"]).contains("not opened for writing"));
    let lost = Log::new();
    fs::create_dir(lost.dir()).unwrap();
    assert!(lost.refused(&["info"]).contains("holds no log"));

    // A RocksDB directory is neither read as a log of ours nor written.
    let rocksdb = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/lsm/tests/data/rocksdb/7.8.3-fv5");
    let database = Log::new();
    fs::create_dir(database.dir()).unwrap();
    for entry in fs::read_dir(rocksdb.join("column-families")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), database.dir().join(entry.file_name())).unwrap();
    }
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(database.dir()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    assert!(database.refused(&["write", "x"]).contains("holds a database"));
    assert!(database.refused(&["read"]).contains("holds a RocksDB database; look with `dolmen kv --path"));
    assert_eq!(names(), before);
}

#[test]
fn dump_annotates_our_logs_and_rocksdb_s() {
    let log = Log::new();
    log.ok(&["write", "hello"]);
    let dump = |path: &Path| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_dolmen")).args(["wal", "dump"]).arg(path).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let ours = dump(&log.file(1));
    for part in ["masked CRC-32C", "low half of the log's number", "a segment begins", "LSN 1: text hello"] {
        assert!(ours.contains(part), "{part}: {ours}");
    }
    let rocksdb = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/lsm/tests/data/rocksdb/7.8.3-fv5");
    let batches = dump(&rocksdb.join("range-deletes/000010.log"));
    assert!(batches.contains("= write batch, sequence") && batches.contains("put in family 0"), "{batches}");
    let manifest = dump(&rocksdb.join("column-families/MANIFEST-000005"));
    assert!(
        manifest.contains("= version edit") && manifest.contains("add column family users"),
        "{manifest}"
    );
}
