//! What puts cost the thread that makes them: `dolmen-peers-puts random|ascending|batch|waits [DIR]`, one line of JSON.
//!
//! * `random`, `ascending`: 400,000 entries of 16 + 100 bytes, one put a write, no sync; CPU time of the calling thread, allocations.
//! * `batch`: the same in batches of 100, keys at random.
//! * `waits`: 260,000 entries of 16 + 1,024 bytes through memtables of the default size, so that the log is changed several times: how long
//!   the slowest thousandth of the puts took by the clock, and how many took more than ten milliseconds.

mod heap;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dolmen_store::{Db, FamilyId, Options, SyncPolicy, WriteBatch, WriteOptions};

const ENTRIES: u64 = 400_000;
const ENTRIES_OF_WAITS: u64 = 260_000;
const BATCH: u64 = 100;
const FAMILY: FamilyId = FamilyId::new(0);

fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().expect("what to measure");
    let place = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = place.join(format!("dolmen-puts-{}", std::process::id()));
    match what.as_str() {
        "waits" => waits(&dir),
        what => puts(&dir, what),
    }
    std::fs::remove_dir_all(&dir).expect("the directory is ours");
}

fn open(dir: &Path, write_buffer_bytes: usize) -> Db {
    let options = Options { sync: SyncPolicy::Never, write_buffer_bytes, ..Options::default() };
    Db::open(dir, options).expect("an empty directory")
}

fn puts(dir: &Path, what: &str) {
    let db = open(dir, 256 << 20);
    let key: fn(u64) -> [u8; 16] = if what == "ascending" { ascending } else { random };
    let value = [7; 100];
    let (allocations, cpu) = (heap::count(), cpu_ns());
    if what == "batch" {
        for first in (0..ENTRIES).step_by(BATCH as usize) {
            batch(&db, (first..first + BATCH).map(key), &value);
        }
    } else {
        (0..ENTRIES).for_each(|i| put(&db, &key(i), &value));
    }
    let (cpu, allocations) = (cpu_ns() - cpu, heap::count() - allocations);
    let each = |n: u64| n as f64 / ENTRIES as f64;
    println!("{{\"what\":\"{what}\",\"cpu_ns\":{:.1},\"allocations\":{:.4}}}", each(cpu), each(allocations));
}

fn waits(dir: &Path) {
    let db = open(dir, Options::default().write_buffer_bytes);
    let value = [7; 1024];
    let mut took: Vec<Duration> = Vec::with_capacity(ENTRIES_OF_WAITS as usize);
    for i in 0..ENTRIES_OF_WAITS {
        let start = Instant::now();
        put(&db, &random(i), &value);
        took.push(start.elapsed());
    }
    let long = took.iter().filter(|t| t.as_millis() >= 10).count();
    took.sort_unstable();
    let at = |share: f64| took[(share * (took.len() - 1) as f64) as usize].as_secs_f64() * 1e6;
    println!(
        "{{\"what\":\"waits\",\"p50_us\":{:.1},\"p99_us\":{:.1},\"p999_us\":{:.1},\"max_us\":{:.0},\"above_10_ms\":{long}}}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

#[cfg(feature = "one-liners")]
fn put(db: &Db, key: &[u8], value: &[u8]) {
    thread_local! {
        static DEFAULT: std::cell::OnceCell<dolmen_store::Family> = const { std::cell::OnceCell::new() };
    }
    DEFAULT.with(|family| {
        let family = family.get_or_init(|| db.family("default").expect("every database has it"));
        db.put(family, key, value).expect("there is room");
    });
}

#[cfg(not(feature = "one-liners"))]
fn put(db: &Db, key: &[u8], value: &[u8]) {
    let mut batch = WriteBatch::new();
    batch.put(FAMILY, key, value);
    db.write(batch, WriteOptions::default()).expect("there is room");
}

/// A batch is made anew each time, as at 6ead59d it had to be.
fn batch(db: &Db, keys: impl Iterator<Item = [u8; 16]>, value: &[u8]) {
    let mut batch = WriteBatch::new();
    keys.for_each(|key| batch.put(FAMILY, &key, value));
    db.write(batch, WriteOptions::default()).expect("there is room");
}

fn ascending(i: u64) -> [u8; 16] {
    u128::from(i).to_be_bytes()
}

fn random(i: u64) -> [u8; 16] {
    let a = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (u128::from(b) << 64 | u128::from(i)).to_be_bytes()
}

/// CPU time of this thread, system calls included.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number")
}
