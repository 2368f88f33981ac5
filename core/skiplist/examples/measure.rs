//! Time of inserts and reads: a million keys of 24 bytes with 100-byte values.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use dolmen_skiplist::{Bytewise, Skiplist};

const COUNT: u64 = 1_000_000;

fn main() {
    for (name, factor) in [("ascending", 1), ("random", 0x9e37_79b9_7f4a_7c15)] {
        let list = Skiplist::new(Bytewise).expect("memory");
        let key = |i: u64| {
            let mut key = [b'k'; 24];
            key[..8].copy_from_slice(&i.wrapping_mul(factor).to_be_bytes());
            key
        };
        let start = cpu_ns();
        let mut writer = list.writer().expect("the only writer");
        (0..COUNT).for_each(|i| writer.insert(&key(i), &[7; 100]).expect("new keys"));
        let insert = (cpu_ns() - start) / COUNT;
        let start = cpu_ns();
        assert!((0..COUNT).all(|i| list.get(&key(i)).is_some()));
        let get = (cpu_ns() - start) / COUNT;
        println!("{name}: insert {insert} ns, get {get} ns, {} bytes", list.memory_used());
    }
}

/// CPU time of this thread.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number")
}
