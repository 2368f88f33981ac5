//! One file: what programs read, what the last sync made durable, and the changes between.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use dolmen_base::Rng;

/// Bytes that a device writes whole or not at all.
pub const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

/// A file without its name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// What programs see.
    pub(crate) live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Bytes reserved from the start.
    pub(crate) reserved: usize,
    /// A sync failed: later ones prove nothing.
    doubtful: bool,
}

impl Node {
    /// Bytes that it takes on the disk.
    pub(crate) fn used(&self) -> u64 {
        self.live.len().max(self.reserved) as u64
    }

    /// Writes; `offset + bytes.len()` was checked by the caller.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.live.len() {
            self.live.resize(end, 0);
        }
        self.live[offset..end].copy_from_slice(bytes);
        self.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    /// Cuts or extends with zeros; a cut frees what was reserved beyond it.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.live.resize(len, 0);
        self.reserved = self.reserved.min(len);
        self.pending.push(Change::Truncate { len });
    }

    /// Makes everything durable, unless a sync failed before.
    pub(crate) fn sync(&mut self) {
        if !self.doubtful {
            self.durable.clone_from(&self.live);
            self.pending.clear();
        }
    }

    /// A sync failed: what is pending stays so for good.
    pub(crate) fn sync_failed(&mut self) {
        self.doubtful = true;
    }

    /// Flips one bit, on the device and in what is read. False if the byte is not there.
    pub(crate) fn flip(&mut self, offset: usize, bit: u32) -> bool {
        let mask = 1u8 << (bit % 8);
        if let Some(byte) = self.durable.get_mut(offset) {
            *byte ^= mask;
        }
        self.live.get_mut(offset).map(|byte| *byte ^= mask).is_some()
    }

    /// What a crash leaves: every sector as it stood after some prefix of the pending changes, each sector its own, and
    /// the length after some prefix as well.
    pub(crate) fn crash(&self, rng: &mut Rng) -> Node {
        let total = self.pending.len();
        let len_cut = cut(rng, total);
        let mut cuts = BTreeMap::new();
        let mut image = self.durable.clone();
        let mut len = self.durable.len();
        for (at, change) in self.pending.iter().enumerate() {
            let (start, end) = match change {
                Change::Write { offset, bytes } => (*offset, offset + bytes.len()),
                Change::Truncate { len } => (*len, image.len().max(*len)),
            };
            image.resize(image.len().max(end), 0);
            for (from, to) in sectors(start, end) {
                if at >= *cuts.entry(from / SECTOR).or_insert_with(|| cut(rng, total)) {
                    continue;
                }
                match change {
                    Change::Write { bytes, .. } => {
                        image[from..to].copy_from_slice(&bytes[from - start..to - start]);
                    }
                    Change::Truncate { .. } => image[from..to].fill(0),
                }
            }
            if at < len_cut {
                len = match change {
                    Change::Write { .. } => len.max(end),
                    Change::Truncate { len } => *len,
                };
            }
        }
        image.resize(len, 0);
        Node { live: image.clone(), durable: image, ..Node::default() }
    }
}

/// How many of `total` changes reached the device: none, all, or a number between, a third of the time each.
fn cut(rng: &mut Rng, total: usize) -> usize {
    match rng.below(3) {
        0 => 0,
        1 => total,
        _ => rng.range(0, total as u64) as usize,
    }
}

/// The range, cut at sector boundaries.
fn sectors(start: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut from = start;
    core::iter::from_fn(move || {
        if from >= end {
            return None;
        }
        let to = end.min((from / SECTOR + 1) * SECTOR);
        Some((core::mem::replace(&mut from, to), to))
    })
}
