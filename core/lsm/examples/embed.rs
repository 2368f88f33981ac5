//! A durable store on a fixed block of memory: `cargo run -p dolmen-lsm --example embed`.
//!
//! `embed/disk.rs` and `embed/store.rs` use `core` and `alloc` alone; `xtask/probe` builds them for targets that have no more. Only this file, which
//! prints, has an operating system.

extern crate alloc;

#[path = "embed/disk.rs"]
mod disk;
#[path = "embed/store.rs"]
mod store;

use disk::ROOM;
use store::{Error, Store};

fn main() -> Result<(), Error> {
    let mut memory = Box::new([0; 4 * ROOM]);
    println!("{} of 4 values came back after every reboot", run(&mut memory)?);
    Ok(())
}

/// Writes, flushes and writes again, with a reboot behind each: only `memory` stays.
fn run(memory: &mut disk::Memory) -> Result<usize, Error> {
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
    let mut memory = Box::new([0; 4 * ROOM]);
    assert_eq!(run(&mut memory).unwrap(), 4);
    let mut store = Store::open(&mut memory).unwrap();
    assert!(matches!(store.put(b"large", &[7; ROOM]), Err(Error::Commit(_))));
    store.put(b"small", b"fits").unwrap();
    let store = Store::open(&mut memory).unwrap();
    assert_eq!(store.get(b"large").unwrap(), None);
    assert_eq!(store.get(b"small").unwrap().as_deref(), Some(&b"fits"[..]));
}
