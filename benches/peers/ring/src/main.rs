//! What do a lookup, a build, a change and a node's memory cost, beside the other Rust crates for consistent hashing?
//!
//! All contenders of one size are built first and then take turns, round after round, over the same 24-byte keys; times are of
//! the thread's CPU clock, medians of the rounds with the smallest and the largest beside them. Every contender hashes the key
//! itself, with its default hasher (a fixed one where the default is random).
//!
//! `cargo run --release [-- SIZE,SIZE.. [ROUNDS]]` prints Markdown.
#![forbid(unsafe_op_in_unsafe_fn)]

mod contenders;
mod heap;

use contenders::{Contender, KINDS, Key};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let sizes = arguments.next().unwrap_or_else(|| "10,100,1000,10000".into());
    let rounds: usize = arguments.next().map_or(15, |r| r.parse().expect("ROUNDS is a number"));
    let sizes: Vec<usize> = sizes.split(',').map(|s| s.parse().expect("SIZE is a number")).collect();
    for size in sizes {
        compare(size, rounds);
    }
}

/// Measurements of one contender, in nanoseconds.
#[derive(Default)]
struct Samples {
    lookup: Vec<f64>,
    build: Vec<f64>,
    add: Vec<f64>,
    remove: Vec<f64>,
    bytes: usize,
}

fn compare(size: usize, rounds: usize) {
    let keys: Vec<Key> = (0..100_000u64).map(key).collect();
    let names: &'static [String] = (0..size).map(|i| format!("node-{i}")).collect::<Vec<_>>().leak();
    let mut rows: Vec<(&str, Samples, Box<dyn Contender>)> = Vec::new();
    for (name, size_max, build) in KINDS {
        if size > size_max {
            continue;
        }
        let before = heap::live();
        let contender = build(names);
        let samples = Samples { bytes: heap::live() - before, ..Samples::default() };
        rows.push((name, samples, contender));
    }
    for round in 0..rounds {
        for (name, samples, contender) in &mut rows {
            let count = if samples.lookup.first().is_some_and(|&ns| ns > 400.0) { 2_000 } else { keys.len() };
            let start = if round == 0 { 0 } else { round * 5_003 % (keys.len() - count + 1) };
            let keys = &keys[start..start + count];
            samples.lookup.push(time(|| contender.lookups(keys)) / count as f64);
            if round < 5 {
                samples.add.push(time(|| contender.add()));
                samples.remove.push(time(|| contender.remove()));
                let build = KINDS.iter().find(|k| k.0 == *name).expect("a row is a kind").2;
                samples.build.push(time(|| build(names)));
            }
        }
    }
    println!("\n## {size} nodes\n");
    println!("| contender | lookup ns (least–most) | build ms | add µs | remove µs | bytes/node |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (name, mut samples, contender) in rows {
        let (low, middle, high) = spread(&mut samples.lookup);
        let [build, add, remove] =
            [&mut samples.build, &mut samples.add, &mut samples.remove].map(|list| spread(list).1);
        let change = |ns: f64| if contender.changes() { format!("{:.1}", ns / 1e3) } else { "–".into() };
        println!(
            "| {name} | {middle:.1} ({low:.1}–{high:.1}) | {:.3} | {} | {} | {:.0} |",
            build / 1e6,
            change(add),
            change(remove),
            samples.bytes as f64 / size as f64
        );
    }
}

/// 24 bytes that look like a request's key.
fn key(number: u64) -> Key {
    let text = format!("user:{:08x}:{:010}", (number as u32).wrapping_mul(0x9e37_79b1), number);
    text.into_bytes().try_into().expect("24 bytes")
}

/// CPU time of this thread in nanoseconds; what is made is dropped outside of it.
fn time<T>(work: impl FnOnce() -> T) -> f64 {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    let started = now();
    let made = std::hint::black_box(work());
    let spent = now() - started;
    drop(made);
    spent
}

fn spread(samples: &mut [f64]) -> (f64, f64, f64) {
    samples.sort_by(f64::total_cmp);
    (samples[0], samples[samples.len() / 2], samples[samples.len() - 1])
}
