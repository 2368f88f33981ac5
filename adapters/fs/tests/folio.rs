//! What a synced record costs the device. A test program of its own: the kernel counts per process.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use dolmen_fs::{Dir, SharedLog};
use dolmen_wal::entry::Lsn;
use dolmen_wal::log::Options;

/// Bytes that this process gave the kernel to store, so far. Not counted on every file system.
fn written_bytes() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|l| l.strip_prefix("write_bytes: "));
    line.map_or(0, |n| n.parse().unwrap())
}

/// The large-folio trap: what a small synced record costs must not depend on how the file's pages came into the cache. Segments are
/// filled with large writes, recycled, then written over in small ones.
#[test]
fn a_small_synced_record_writes_little() {
    const SYNCS: u64 = 64;
    // The system's folder for temporary files may be in memory, where nothing is counted.
    let root = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let options = Options { segment_len: 4 << 20, recycle_max: 4, ..Options::default() };
    let (log, _) = SharedLog::open(Arc::new(Dir::open(root.path()).unwrap()), options).unwrap();
    for _ in 0..8 {
        log.append(&vec![7; 2 << 20], None).unwrap();
    }
    log.truncate_below(Lsn::new(9)).unwrap();
    // Fills the active segment, so that what follows goes to the beginning of a recycled one.
    log.append(&vec![8; (2 << 20) - 2048], None).unwrap();
    // The folios grow towards the middle of a large write.
    for _ in 0..150 {
        log.append(&[9; 4000], Some(false)).unwrap();
    }
    assert!(root.path().join("000009.log").exists() && !root.path().join("000001.log").exists());
    let before = written_bytes();
    for _ in 0..SYNCS {
        log.append(&[9; 100], None).unwrap();
    }
    let each = (written_bytes() - before) / SYNCS;
    assert!(each <= 8 << 10, "{each} bytes are written for a record of 100");
}
