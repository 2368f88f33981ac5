//! What a log costs here: `cargo run --release -p dolmen-fs --example measure [DIR]`.
//!
//! Appends without sync and with one, by 1 and 8 threads, and reading 64 MiB back. Times are the wall clock's: on a busy machine only
//! the ratios carry over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dolmen_fs::{Dir, SharedLog};
use dolmen_wal::commit::Policy;
use dolmen_wal::log::Options;
use dolmen_wal::scan::{ScanOptions, scan};

const RECORD: [u8; 116] = [7; 116];

fn open(dir: &Path, policy: Policy) -> SharedLog {
    let dir = Arc::new(Dir::create(dir).expect("the directory can be made"));
    SharedLog::open(dir, Options { policy, ..Options::default() }).expect("a new log opens").0
}

/// Records per second of `threads` threads in `for_at_least`.
fn rate(log: &SharedLog, threads: u32, for_at_least: Duration) -> f64 {
    let start = Instant::now();
    let count: u64 = thread::scope(|scope| {
        let append = || {
            let mut count = 0;
            while start.elapsed() < for_at_least {
                log.append(&RECORD, None).expect("the disk has room");
                count += 1;
            }
            count
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(append)).collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).sum()
    });
    count as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let root = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let root = root.join(format!("dolmen-measure-{}", std::process::id()));
    let second = Duration::from_secs(1);

    let log = open(&root.join("never"), Policy::Never);
    println!("no sync, a write each: {:.2} us per record of 116 bytes", 1e6 / rate(&log, 1, second));

    let log = open(&root.join("always"), Policy::Always);
    let (mut one, mut eight) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        one.push(rate(&log, 1, second));
        eight.push(rate(&log, 8, second));
    }
    one.sort_by(f64::total_cmp);
    eight.sort_by(f64::total_cmp);
    println!(
        "synced: {:.0} records/s by 1 thread, {:.0} by 8: {:.1} times (medians of 5)",
        one[2],
        eight[2],
        eight[2] / one[2]
    );

    let path = root.join("read");
    let log = open(&path, Policy::Never);
    for _ in 0..(64 << 20) / (RECORD.len() + 24) {
        log.append(&RECORD, None).expect("the disk has room");
    }
    let dir = Dir::open(&path).expect("it is there");
    let start = Instant::now();
    let found = scan(&dir, ScanOptions::default(), &mut |_, _, _| {}).expect("it is whole");
    let bytes: u64 = found.segments.iter().map(|s| s.whole_len).sum();
    let mb = bytes as f64 / 1e6;
    println!("read: {mb:.0} MB at {:.0} MB/s", mb / start.elapsed().as_secs_f64());
    std::fs::remove_dir_all(&root).expect("it can be removed");
}
