//! A durable store on a fixed block of memory: `cargo run -p dolmen-lsm --example embed`.
//!
//! `embed/disk.rs` and `embed/store.rs` use `core` and `alloc` alone; `xtask/probe` builds them for targets that have no more. Only this file, which
//! prints, has an operating system.

extern crate alloc;

#[path = "embed/disk.rs"]
mod disk;
#[path = "embed/store.rs"]
mod store;

use disk::{Memory, ROOM};
use store::{Error, Store};

/// A memory that nobody has written to.
fn zeros() -> Box<Memory> {
    vec![0; size_of::<Memory>()].into_boxed_slice().try_into().expect("it is as long as a memory")
}

fn main() -> Result<(), Error> {
    let mut memory = zeros();
    println!("{} of 4 values came back after every reboot", run(&mut memory)?);
    println!("tables per level, in files of {ROOM} bytes: {:?}", Store::open(&mut memory)?.shape());
    Ok(())
}

/// Writes, flushes and writes again, with a reboot behind each: only `memory` stays.
fn run(memory: &mut Memory) -> Result<usize, Error> {
    Store::open(memory)?.put(b"from the log", b"replayed")?;
    let mut store = Store::open(memory)?;
    store.put(b"in the table", b"flushed")?;
    store.put(b"overwritten", b"old")?;
    store.flush()?;
    store = Store::open(memory)?;
    store.put(b"overwritten", b"new")?;
    store.put(b"behind the flush", b"replayed")?;
    let store = Store::open(memory)?;
    let wanted: [(&[u8], &[u8]); 4] = [
        (b"from the log", b"replayed"),
        (b"in the table", b"flushed"),
        (b"overwritten", b"new"),
        (b"behind the flush", b"replayed"),
    ];
    let mut found = 0;
    for (key, value) in wanted {
        found += usize::from(store.get(key)?.as_deref() == Some(value));
    }
    assert_eq!(store.get(b"never written")?, None);
    Ok(found)
}

#[test]
fn values_survive_reboots_and_a_full_disk_refuses_only_what_does_not_fit() {
    let mut memory = zeros();
    assert_eq!(run(&mut memory).unwrap(), 4);
    let mut store = Store::open(&mut memory).unwrap();
    assert!(store.put(b"large", &[7; ROOM]).is_err());
    store.put(b"small", b"fits").unwrap();
    let store = Store::open(&mut memory).unwrap();
    assert_eq!(store.get(b"large").unwrap(), None);
    assert_eq!(store.get(b"small").unwrap().as_deref(), Some(&b"fits"[..]));
}

/// Hundreds of overwritten keys, with reboots between: the tree is flushed and compacted, and stays within its memory.
#[test]
fn the_tree_is_compacted_and_recovered() {
    let mut memory = zeros();
    let mut deepest = 0;
    for round in 0..60u32 {
        let mut store = Store::open(&mut memory).unwrap();
        for i in 0..40u32 {
            store.put(&(i * 7 % 40).to_be_bytes(), &[round as u8; 100]).unwrap();
        }
        deepest = store.shape().iter().rposition(|&tables| tables > 0).unwrap_or(0).max(deepest);
        assert!(store.shape()[0] < 20, "{:?}", store.shape());
        for i in 0..40u32 {
            assert_eq!(
                store.get(&i.to_be_bytes()).unwrap().as_deref(),
                Some(&[round as u8; 100][..]),
                "{round}"
            );
        }
    }
    assert!(deepest > 0, "nothing was compacted");
}
