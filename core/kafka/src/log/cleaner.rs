//! Compaction: of each key the last value stays.
//!
//! 1. [`Latest::note`] is told every committed record of what is to be cleaned, oldest first: of each key the last offset is kept.
//! 2. [`Cleaner::clean`] gives every batch again, without records that a later one of their key replaces, without those of aborted
//!    transactions, and without tombstones and markers whose horizon is over. Offsets, sequences and the last offset stay what they were.
//! 3. A tombstone or marker that is met for the first time gets its horizon: now and `delete.retention.ms`. A reader that is slower than
//!    that may miss it.
//! 4. The last batch of a producer stays though it is empty, so that its sequence is known after a restart; so does the last batch of all.
//!
//! Memory is bounded by the number of keys: [`Latest`] says when it is full, and what was noted until then is cleaned.
//!
//! Source: KIP-98, KIP-534, and the cleaned logs of Kafka 4.4.0.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::batch::{Batch, Builder, Codec, Meta, attribute};
use crate::control::{self, Outcome};
use crate::error::BatchError;
use crate::files::Aborted;
use crate::limits::CLEANER_KEY_BYTES_MAX;
use crate::record::Record;

/// Compresses what the third takes; whether it did.
pub type Compress<'a> = &'a mut dyn FnMut(Codec, &[u8], &mut Vec<u8>) -> bool;

/// The last offset of every key.
#[derive(Debug, Default)]
pub struct Latest {
    offsets: BTreeMap<Vec<u8>, i64>,
    key_bytes: usize,
    until: i64,
}

impl Latest {
    /// Takes over the committed records of a batch, whose uncompressed records are `expanded` if it is compressed. False: there is no room for
    /// more keys, and nothing of this batch was taken.
    ///
    /// # Errors
    /// What is wrong with the records.
    pub fn note(&mut self, batch: &Batch<'_>, expanded: &[u8]) -> Result<bool, BatchError> {
        if self.key_bytes > CLEANER_KEY_BYTES_MAX {
            return Ok(false);
        }
        for record in batch.records(expanded)? {
            let Some(key) = record.key else { continue };
            let offset = batch.offset_of(&record);
            match self.offsets.get_mut(key) {
                Some(last) => *last = offset,
                None => {
                    self.key_bytes += key.len() + size_of::<Vec<u8>>();
                    self.offsets.insert(key.into(), offset);
                }
            }
        }
        self.passed(batch);
        Ok(true)
    }

    /// A batch whose records count for nothing: a marker, or part of an aborted transaction.
    pub fn passed(&mut self, batch: &Batch<'_>) {
        self.until = batch.last_offset().saturating_add(1);
    }

    /// The offset behind the last batch that was noted.
    pub const fn until(&self) -> i64 {
        self.until
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }
}

/// Which data of which producers is aborted, while one walks through the log in order.
#[derive(Debug)]
pub struct Fates<'a> {
    /// By first offset.
    aborted: Vec<&'a Aborted>,
    next: usize,
    open: BTreeSet<i64>,
}

impl<'a> Fates<'a> {
    /// As the aborted index says.
    pub fn new(aborted: &'a [Aborted]) -> Self {
        let mut aborted: Vec<&Aborted> = aborted.iter().collect();
        aborted.sort_by_key(|one| one.first_offset);
        Fates { aborted, next: 0, open: BTreeSet::new() }
    }

    /// Whether the records of this batch are aborted. Batches are shown in order.
    pub fn is_aborted(&mut self, batch: &Batch<'_>) -> bool {
        while let Some(one) =
            self.aborted.get(self.next).filter(|one| one.first_offset <= batch.last_offset())
        {
            self.open.insert(one.producer_id);
            self.next += 1;
        }
        if batch.is_control() {
            if control::marker(batch).is_some_and(|marker| marker.outcome == Outcome::Abort) {
                self.open.remove(&batch.producer_id());
            }
            return false;
        }
        batch.is_transactional() && self.open.contains(&batch.producer_id())
    }
}

/// What the cleaner must know besides the batch.
#[derive(Clone, Copy, Debug)]
pub struct Cleaner<'l> {
    /// The last offset of every key.
    pub latest: &'l Latest,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// The wall clock, in milliseconds.
    pub now_ms: i64,
}

/// What is known of a batch from the log around it.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Its records are aborted.
    pub is_aborted: bool,
    /// It is the last one of its producer, or the last of all.
    pub is_last: bool,
    /// Of a marker: data of its transaction is still there.
    pub has_data: bool,
}

impl Cleaner<'_> {
    /// Appends what stays of a batch. The records of a compressed batch, uncompressed, are `expanded`; `compress` makes the reverse of it.
    ///
    /// # Errors
    /// What is wrong with the records.
    pub fn clean(
        &self,
        batch: &Batch<'_>,
        expanded: &[u8],
        about: Circumstances,
        compress: Compress<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), BatchError> {
        let horizon = batch.delete_horizon_ms();
        let is_over = horizon.is_some_and(|horizon| horizon <= self.now_ms);
        let stays = |record: &Record<'_>| {
            if batch.is_control() {
                return about.has_data || !is_over;
            }
            let Some(key) = record.key else { return false };
            let is_newest = self.latest.offsets.get(key).is_none_or(|&last| batch.offset_of(record) >= last);
            !about.is_aborted && is_newest && (record.value.is_some() || !is_over)
        };
        let records: Vec<Record<'_>> = batch.records(expanded)?.collect();
        let kept: Vec<Record<'_>> = records.iter().filter(|record| stays(record)).copied().collect();
        if kept.is_empty() && !about.is_last {
            return Ok(());
        }
        let needs_horizon = horizon.is_none()
            && !kept.is_empty()
            && (batch.is_control() && !about.has_data || kept.iter().any(|record| record.value.is_none()));
        if kept.len() == records.len() && !needs_horizon {
            out.extend_from_slice(batch.bytes());
            return Ok(());
        }
        let new_horizon = self.now_ms.saturating_add(self.delete_retention_ms);
        let horizon = if needs_horizon { Some(new_horizon) } else { horizon };
        rebuild(batch, &kept, horizon, compress, out);
        Ok(())
    }
}

/// Appends the batch with these of its records; what it covers stays.
fn rebuild(
    batch: &Batch<'_>,
    kept: &[Record<'_>],
    horizon_ms: Option<i64>,
    compress: Compress<'_>,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let meta = Meta {
        base_offset: batch.base_offset(),
        leader_epoch: batch.leader_epoch(),
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        attributes: batch.attributes() | if horizon_ms.is_some() { attribute::DELETE_HORIZON } else { 0 },
    };
    // With a horizon the base timestamp is the horizon: deltas count from there.
    let base = horizon_ms.unwrap_or_else(|| batch.base_timestamp_ms());
    let mut builder = Builder::new(out, meta);
    builder.set_base_timestamp(base);
    for record in kept {
        let time = batch.base_timestamp_ms().wrapping_add(record.timestamp_delta);
        builder.push_at(Record { timestamp_delta: time.wrapping_sub(base), ..*record });
    }
    builder.cover(batch.last_offset_delta(), (!kept.is_empty()).then(|| batch.max_timestamp_ms()));
    let codec = batch.codec();
    if codec == Codec::None || kept.is_empty() {
        builder.finish(None);
        return;
    }
    let mut compressed = Vec::new();
    if compress(codec, builder.records(), &mut compressed) {
        builder.finish(Some((codec, &compressed)));
    } else {
        builder.finish(None);
    }
    debug_assert!(out.len() > start);
}
