//! What does a whole store cost? A row for each bar S1 to S17 that is about one (S14, S16: benches `wal`, `checksum`; S17 also `wal/recover`).
//!
//! `cargo bench --bench store [-- --quick] [S4 S5 ..]`. Times are CPU time of the calling thread, which a loaded machine blurs least; rows that
//! only the clock can give say so. 16-byte keys, no compression, ten filter bits, 64 MiB memtable, 128 MiB block cache, as in benches/peers, which
//! has the same rows beside other engines. Files lie in the directory for temporary files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dolmen_base::Rng;
use dolmen_benches::{key, noise};
use dolmen_store::{Db, Family, FamilyOptions, Options, ReadOptions, SyncPolicy, WriteBatch, WriteOptions};

/// What is asked for on the command line.
struct Run {
    wanted: Vec<String>,
    entries: u64,
    root: PathBuf,
}

impl Run {
    fn wants(&self, rows: &[&str]) -> bool {
        self.wanted.is_empty() || rows.iter().any(|row| self.wanted.iter().any(|w| w == row))
    }

    fn open(&self, name: &str, sync: SyncPolicy) -> Store {
        let dir = self.root.join(name);
        let family = FamilyOptions { compression: 0, bloom_bits_per_key: 10, ..FamilyOptions::default() };
        let options = Options { sync, default_family: family, ..Options::default() };
        let db = Db::open(&dir, options).expect("a directory of ours");
        let family = db.family("default").expect("every database has it");
        Store { db, family, dir }
    }
}

struct Store {
    db: Db,
    family: Family,
    dir: PathBuf,
}

impl Store {
    fn put(&self, number: u64, value: &[u8]) {
        self.db.put(&self.family, &key(number), value).expect("there is room");
    }

    fn get(&self, number: u64) -> bool {
        let found = self.db.get_pinned(&self.family, &key(number), &ReadOptions::default());
        found.expect("it is whole").is_some()
    }

    /// Flushes and merges until nothing is left to do.
    fn settle(&self) {
        self.db.flush().expect("there is room");
        self.db.compact(&self.family, None, None).expect("there is room");
    }
}

fn row(name: &str, what: &str, value: f64, unit: &str) {
    println!("{name:4} {what:60} {value:10.3} {unit}");
}

/// Numbers below `n` in no order, each once.
fn shuffled(n: u64, seed: u64) -> Vec<u64> {
    let (mut all, mut rng) = ((0..n).collect::<Vec<_>>(), Rng::new(seed));
    (1..all.len()).rev().for_each(|i| all.swap(i, rng.below(i as u64 + 1) as usize));
    all
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<String> = args.iter().filter(|arg| arg.starts_with('S')).cloned().collect();
    // Names of other benches' rows are given to every bench of a run.
    if wanted.is_empty() && args.iter().any(|arg| !arg.starts_with('-')) {
        return;
    }
    let entries = if args.iter().any(|arg| arg == "--quick") { 100_000 } else { 1_000_000 };
    let root = std::env::temp_dir().join(format!("dolmen-bench-store-{}", std::process::id()));
    let run = Run { wanted, entries, root };
    println!("{} entries; us: CPU time of the calling thread for each", run.entries);
    fills(&run);
    reads_and_space(&run);
    large_values(&run);
    durable(&run);
    replay(&run);
    row("S12", "peak resident memory of all rows above", number("status", "VmHWM") as f64 / 1024.0, "MiB");
    fs::remove_dir_all(&run.root).expect("it is ours");
}

/// S2, S3: fills that need no other row.
fn fills(run: &Run) {
    let value = noise(1, 100);
    if run.wants(&["S2"]) {
        let store = run.open("ascending", SyncPolicy::Never);
        let took = cpu(run.entries, || (0..run.entries).for_each(|i| store.put(i, &value)));
        row("S2", "ascending puts, one a write, log on", took, "us");
    }
    if run.wants(&["S3"]) {
        let (store, numbers) = (run.open("batches", SyncPolicy::Never), shuffled(run.entries, 2));
        let took = cpu(run.entries, || {
            let mut batch = WriteBatch::new();
            for numbers in numbers.chunks(100) {
                batch.clear();
                numbers.iter().for_each(|n| batch.put(store.family.id, &key(*n), &value));
                store.db.write_ref(&batch, WriteOptions::default()).expect("there is room");
            }
        });
        row("S3", "random puts, 100 a write, log on", took, "us");
    }
}

/// S1, S4 to S7, S9 to S11: one database, filled at random.
fn reads_and_space(run: &Run) {
    if !run.wants(&["S1", "S4", "S5", "S6", "S7", "S9", "S10", "S11"]) {
        return;
    }
    let (value, n) = (noise(1, 100), run.entries);
    let (store, numbers) = (run.open("random", SyncPolicy::Never), shuffled(n, 1));
    let written = number("io", "wchar");
    // Only even numbers are there, so that every odd one is missing between two that are.
    let took = cpu(n, || numbers.iter().for_each(|i| store.put(2 * i, &value)));
    row("S1", "random puts, one a write, log on", took, "us");
    store.settle();
    let amplification =
        |since: u64, entries: u64| (number("io", "wchar") - since) as f64 / (entries * 116) as f64;
    row("S10", "bytes written for a byte put, fill and settle", amplification(written, n), "x");
    let wanted = shuffled(n, 3);
    wanted.iter().for_each(|i| assert!(store.get(2 * i)));
    row(
        "S4",
        "gets of what is there, blocks cached",
        cpu(n, || wanted.iter().for_each(|i| assert!(store.get(2 * i)))),
        "us",
    );
    row(
        "S5",
        "gets of what is not",
        cpu(n, || wanted.iter().for_each(|i| assert!(!store.get(2 * i + 1)))),
        "us",
    );
    let seeks = &wanted[..wanted.len() / 10];
    let mut iter = store.db.iter(&store.family, ReadOptions::default()).expect("it is there");
    let took = cpu(seeks.len() as u64, || {
        for i in seeks {
            iter.seek(&key(2 * i)).expect("it is whole");
            for _ in 0..10 {
                if iter.valid() {
                    iter.next().expect("it is whole");
                }
            }
        }
    });
    row("S6", "seek and ten steps", took, "us");
    let mut seen = 0;
    let took = cpu(n, || {
        iter.seek_to_first().expect("it is whole");
        while iter.valid() {
            seen += 1;
            iter.next().expect("it is whole");
        }
    });
    assert_eq!(seen, n);
    row("S7", "a step of a walk over all", took, "us");
    drop(iter);
    beside_a_writer(&store, n, &value);
    let written = number("io", "wchar");
    shuffled(n, 4)[..n as usize / 2].iter().for_each(|i| store.put(2 * i, &value));
    store.settle();
    row(
        "S10",
        "bytes written for a byte put, overwrite of half and settle",
        amplification(written, n / 2),
        "x",
    );
    row(
        "S11",
        "bytes on the disk for a byte of data, settled",
        on_disk(&store.dir) as f64 / (n * 116) as f64,
        "x",
    );
}

/// S9: how long reads take by the clock while another thread writes.
fn beside_a_writer(store: &Store, n: u64, value: &[u8]) {
    let ended = AtomicBool::new(false);
    let mut took = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut rng = Rng::new(5);
            while !ended.load(Ordering::Relaxed) {
                store.put(2 * rng.below(n), value);
            }
        });
        let mut rng = Rng::new(6);
        let read = |_| {
            let start = Instant::now();
            assert!(store.get(2 * rng.below(n)));
            start.elapsed()
        };
        let took: Vec<Duration> = (0..n.min(300_000)).map(read).collect();
        ended.store(true, Ordering::Relaxed);
        took
    });
    took.sort_unstable();
    for (share, what) in
        [(50, "gets beside a writer, median by the clock"), (99, "gets beside a writer, p99 by the clock")]
    {
        row("S9", what, took[took.len() * share / 100].as_secs_f64() * 1e6, "us");
    }
}

/// S8: values of 1 KiB.
fn large_values(run: &Run) {
    if !run.wants(&["S8"]) {
        return;
    }
    let (value, n) = (noise(2, 1024), run.entries * 3 / 10);
    let (store, numbers) = (run.open("large", SyncPolicy::Never), shuffled(n, 7));
    row("S8", "random puts of 1 KiB", cpu(n, || numbers.iter().for_each(|i| store.put(*i, &value))), "us");
    store.settle();
    let wanted = shuffled(n, 8);
    row(
        "S8",
        "gets of 1 KiB, cache smaller than the data unless --quick",
        cpu(n, || wanted.iter().for_each(|i| assert!(store.get(*i)))),
        "us",
    );
}

/// S13, S15: every put waits for its sync.
fn durable(run: &Run) {
    if !run.wants(&["S13", "S15"]) {
        return;
    }
    let (value, each) = (noise(3, 100), run.entries / 500);
    let mut rates = [0.0; 2];
    for (rate, threads) in rates.iter_mut().zip([1, 8]) {
        let store = run.open(&format!("durable-{threads}"), SyncPolicy::Always);
        let (start, device) = (Instant::now(), number("io", "write_bytes"));
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (store, value) = (&store, &value);
                scope.spawn(move || (0..each).for_each(|i| store.put(thread << 32 | i, value)));
            }
        });
        let puts = (threads * each) as f64;
        *rate = puts / start.elapsed().as_secs_f64();
        let bytes = (number("io", "write_bytes") - device) as f64 / puts;
        row("S15", &format!("bytes towards the device for a durable put, {threads} threads"), bytes, "bytes");
        row("S13", &format!("durable puts a second by the clock, {threads} threads"), *rate, "/s");
    }
    row("S13", "eight threads' rate over one's", rates[1] / rates[0], "x");
}

/// S17: a log is read back at opening, into a memtable and from there into a table.
fn replay(run: &Run) {
    if !run.wants(&["S17"]) {
        return;
    }
    let (value, store) = (noise(4, 100), run.open("log", SyncPolicy::Never));
    let n = run.entries.min(350_000);
    (0..n).for_each(|i| store.put(i, &value));
    // What a kill would leave: the files as they are now.
    let copy = run.root.join("log-copy");
    fs::create_dir_all(&copy).expect("there is room");
    for file in files(&store.dir) {
        let name = file.file_name().expect("a file has a name");
        fs::copy(&file, copy.join(name)).expect("there is room");
    }
    let bytes: u64 =
        files(&copy).iter().filter(|f| f.extension().is_some_and(|e| e == "log")).map(|f| len(f)).sum();
    drop(store);
    let start = Instant::now();
    let store = run.open("log-copy", SyncPolicy::Never);
    let took = start.elapsed().as_secs_f64();
    assert!(store.get(0) && store.get(n - 1));
    row("S17", "log replayed by the opening of a store, by the clock", bytes as f64 / took / 1e6, "MB/s");
}

/// Microseconds of CPU time of this thread, divided by `n`.
fn cpu(n: u64, work: impl FnOnce()) -> f64 {
    let now = || {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0)
    };
    let before = now();
    work();
    (now() - before) as f64 / 1e3 / n as f64
}

/// A number of a file under `/proc/self`.
fn number(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(Path::new("/proc/self").join(file)).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("it is there");
    entries.map(|entry| entry.expect("it can be read").path()).filter(|path| path.is_file()).collect()
}

fn len(file: &Path) -> u64 {
    file.metadata().map_or(0, |meta| meta.len())
}

fn on_disk(dir: &Path) -> u64 {
    files(dir).iter().filter_map(|file| file.metadata().ok()).map(|meta| meta.blocks() * 512).sum()
}
