//! What several tests need.

#![expect(clippy::disallowed_methods, reason = "tests have settings")]

use dolmen_base::io::{Directory, read_file};
use dolmen_sim::Disk;

/// How many times longer tests run: `DOLMEN_SOAK`, else once.
pub fn soak() -> u64 {
    std::env::var("DOLMEN_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// All files of a disk.
pub fn image(disk: &Disk) -> Vec<(String, Vec<u8>)> {
    let entries = disk.list().unwrap();
    entries.into_iter().map(|e| (e.name.clone(), read_file(disk, &e.name, 1 << 30).unwrap())).collect()
}
