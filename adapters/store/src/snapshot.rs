//! Points in the history that readers hold: what a flush or a compaction must keep readable.

use std::collections::BTreeMap;
use std::sync::Arc;

use dolmen_lsm::key::SequenceNumber;

use crate::sync::Mutex;

/// The sequence numbers in use, with the count of their holders.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<BTreeMap<SequenceNumber, usize>>);

impl Snapshots {
    /// Those in use, ascending. A job asks after its inputs are fixed: whoever comes later sees all of them.
    pub(crate) fn sequences(&self) -> Vec<SequenceNumber> {
        self.0.lock().keys().copied().collect()
    }
}

/// A point in the history that stays readable while this lives.
#[derive(Debug)]
pub struct Snapshot {
    sequence: SequenceNumber,
    all: Arc<Snapshots>,
}

impl Snapshot {
    /// Holds the newest sequence number, which is read under the lock: no job can ask between the reading and the entry.
    pub(crate) fn take(all: &Arc<Snapshots>, newest: impl FnOnce() -> SequenceNumber) -> Snapshot {
        let mut in_use = all.0.lock();
        let sequence = newest();
        *in_use.entry(sequence).or_default() += 1;
        Snapshot { sequence, all: all.clone() }
    }

    /// The sequence number for [`crate::ReadOptions::sequence`].
    pub fn sequence(&self) -> SequenceNumber {
        self.sequence
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut in_use = self.all.0.lock();
        if let Some(count) = in_use.get_mut(&self.sequence) {
            *count -= 1;
            if *count == 0 {
                in_use.remove(&self.sequence);
            }
        }
    }
}
