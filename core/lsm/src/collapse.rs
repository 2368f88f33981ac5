//! What a compaction may leave out. Snapshots cut the history into stripes; within a stripe only what its newest reader needs stays.
//!
//! An entry goes if a newer value or tombstone of its key, or a range tombstone over it, lies in its stripe. Where nothing lies below
//! (`bottommost`), a tombstone of the oldest stripe goes too, and a value there that no range tombstone covers gets sequence number 0.

use alloc::vec::Vec;

use crate::error::ReadError;
use crate::key::{InternalKey, SEQUENCE_MAX, SequenceNumber, ValueType, pack};
use crate::range_del::{Fragments, RangeTombstone};

/// The decision over entries in internal-key order.
#[derive(Clone, Debug)]
pub struct Collapse {
    /// Ascending; the largest sequence number stands for the readers to come.
    stripes: Vec<SequenceNumber>,
    tombstones: Fragments,
    bottommost: bool,
    key: Option<Vec<u8>>,
    /// Stripe of the newest value or tombstone of `key` so far.
    shadow: Option<SequenceNumber>,
}

impl Collapse {
    /// For readers at `snapshots` and at the newest state, over the range tombstones of all inputs. `bottommost`: no older entry of any
    /// key of the inputs lies outside them.
    pub fn new(snapshots: &[SequenceNumber], tombstones: Fragments, bottommost: bool) -> Self {
        let mut stripes = snapshots.to_vec();
        stripes.push(SEQUENCE_MAX);
        stripes.sort_unstable();
        stripes.dedup();
        Collapse { stripes, tombstones, bottommost, key: None, shadow: None }
    }

    fn stripe(&self, sequence: SequenceNumber) -> SequenceNumber {
        let at = self.stripes.partition_point(|&s| s < sequence);
        self.stripes.get(at).copied().unwrap_or(SEQUENCE_MAX)
    }

    /// The trailer with which the entry stays; `None` if it goes.
    pub fn decide(&mut self, internal_key: &[u8]) -> Result<Option<u64>, ReadError> {
        let entry = InternalKey::parse(internal_key)?;
        if self.key.as_deref() != Some(entry.user_key) {
            let key = self.key.get_or_insert_default();
            key.clear();
            key.extend_from_slice(entry.user_key);
            self.shadow = None;
        }
        let stripe = self.stripe(entry.sequence);
        let covered = self.tombstones.covering(entry.user_key, stripe).is_some_and(|t| t > entry.sequence);
        if self.shadow == Some(stripe) || covered {
            return Ok(None);
        }
        if entry.value_type != ValueType::Merge {
            self.shadow = Some(stripe);
        }
        let oldest = self.bottommost && stripe == self.stripes[0];
        match entry.value_type {
            ValueType::Deletion | ValueType::SingleDeletion if oldest => Ok(None),
            ValueType::Value if oldest && self.tombstones.find(entry.user_key).is_none() => {
                Ok(Some(pack(SequenceNumber::new(0), ValueType::Value as u8)))
            }
            value_type => Ok(Some(pack(entry.sequence, value_type as u8))),
        }
    }

    /// Whether a range tombstone must stay.
    pub fn keeps(&self, tombstone: &RangeTombstone) -> bool {
        !(self.bottommost && tombstone.sequence <= self.stripes[0])
    }
}
