//! What the leader of a partition knows beside its bytes: who may append what, which transactions are open, and how far
//! readers may see.
//!
//! ```text
//!   log start            first open transaction      high watermark        log end
//!      │                          │                        │                  │
//!      ▼                          ▼                        ▼                  ▼
//!      ├── committed or aborted ──┼── decided and open ────┼── not durable ───┤
//!                                 └ last stable offset: readers of committed data stop here
//! ```
//! Everything here is a function of the log's batches in order: [`Partition::appended`] is called for each, while running and after a restart.
//!
//! Source: KIP-98, KIP-360, KIP-890, and the answers of Kafka 3.9.2 and 4.4.0.

pub mod producers;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::ErrorCode;
use crate::batch::{Batch, sequence_after};
use crate::control::{self, Outcome};
use crate::files::Aborted;
use crate::messages::ProducerSnapshot;

use producers::{Producers, Verdict};

/// An ended transaction whose end is not durable yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ended {
    first_offset: i64,
    marker_offset: i64,
}

/// One partition.
#[derive(Clone, Debug)]
pub struct Partition {
    log_start: i64,
    log_end: i64,
    high_watermark: i64,
    producers: Producers,
    /// Open transactions by their first offset.
    open: BTreeMap<i64, i64>,
    ended: VecDeque<Ended>,
    aborted: Vec<Aborted>,
}

impl Partition {
    /// An empty partition whose next offset is `offset`.
    pub fn new(offset: i64) -> Self {
        Partition {
            log_start: offset,
            log_end: offset,
            high_watermark: offset,
            producers: Producers::default(),
            open: BTreeMap::new(),
            ended: VecDeque::new(),
            aborted: Vec::new(),
        }
    }

    /// A partition as a snapshot says it stood at `offset`; batches from there on follow.
    pub fn restored(offset: i64, snapshot: &ProducerSnapshot<'_>) -> Self {
        let producers = Producers::restored(snapshot);
        let open = producers.open().collect();
        Partition { producers, open, ..Partition::new(offset) }
    }

    /// Takes over the aborted index of what a snapshot stands for. What is read again behind the snapshot is noted again.
    pub fn restore_aborted(&mut self, aborted: impl IntoIterator<Item = Aborted>) {
        self.aborted = aborted.into_iter().filter(|aborted| aborted.last_offset < self.log_end).collect();
    }

    /// The first offset that is there: a snapshot speaks of producers as of its own offset, the log begins before.
    pub fn begins_at(&mut self, offset: i64) {
        self.log_start = offset;
        self.aborted.retain(|aborted| aborted.last_offset >= offset);
    }

    /// The next offset is `offset` at least: the log has no batch there any more, but it had.
    pub fn reached(&mut self, offset: i64) {
        self.log_end = self.log_end.max(offset);
    }

    /// The first offset that is there.
    pub const fn log_start(&self) -> i64 {
        self.log_start
    }

    /// The next offset.
    pub const fn log_end(&self) -> i64 {
        self.log_end
    }

    /// Where what is durable ends.
    pub const fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Where readers of committed data stop: the first record of the first transaction that is open, or whose end is not durable.
    pub fn last_stable_offset(&self) -> i64 {
        let undecided = [
            self.open.keys().next().copied(),
            self.ended.iter().map(|ended| ended.first_offset).min(),
            Some(self.high_watermark),
        ];
        undecided.into_iter().flatten().min().unwrap_or(self.high_watermark).max(self.log_start)
    }

    /// What is known of producers.
    pub const fn producers(&self) -> &Producers {
        &self.producers
    }

    /// Aborted transactions in the order of their markers.
    pub fn aborted(&self) -> &[Aborted] {
        &self.aborted
    }

    /// Judges a batch that a producer sends. `is_verified`: the coordinator knows the transaction and this partition as part of it.
    pub fn judge(&self, batch: &Batch<'_>, is_verified: bool) -> Verdict {
        if batch.producer_id() < 0 {
            return Verdict::Append;
        }
        self.producers.judge(batch, is_verified)
    }

    /// Judges a marker: `strict` as the transaction raises its epoch at the end (KIP-1228).
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_PRODUCER_EPOCH`] for an older epoch, [`ErrorCode::TRANSACTION_COORDINATOR_FENCED`] for an older coordinator.
    pub fn judge_marker(
        &self,
        producer_id: i64,
        epoch: i16,
        coordinator_epoch: i32,
        strict: bool,
    ) -> Result<(), ErrorCode> {
        let Some(producer) = self.producers.get(producer_id) else { return Ok(()) };
        let is_open = producer.open_since.is_some();
        let is_old = epoch < producer.epoch || (strict && is_open && epoch == producer.epoch);
        if is_old {
            Err(ErrorCode::INVALID_PRODUCER_EPOCH)
        } else if producer.coordinator_epoch >= 0 && coordinator_epoch < producer.coordinator_epoch {
            Err(ErrorCode::TRANSACTION_COORDINATOR_FENCED)
        } else {
            Ok(())
        }
    }

    /// Takes over a batch that stands in the log now. Gives the transaction that it aborts, for the index.
    pub fn appended(&mut self, batch: &Batch<'_>) -> Option<Aborted> {
        self.log_end = self.log_end.max(batch.last_offset().saturating_add(1));
        if batch.producer_id() < 0 {
            return None;
        }
        if batch.is_control() {
            return self.ended(batch);
        }
        let opened = self.producers.appended(batch);
        if let Some(first_offset) = opened {
            self.open.insert(first_offset, batch.producer_id());
        }
        None
    }

    fn ended(&mut self, batch: &Batch<'_>) -> Option<Aborted> {
        let marker = control::marker(batch)?;
        let first_offset = self.producers.ended(batch, marker.coordinator_epoch)?;
        self.open.remove(&first_offset);
        let marker_offset = batch.base_offset();
        self.ended.push_back(Ended { first_offset, marker_offset });
        if marker.outcome == Outcome::Commit {
            return None;
        }
        let open = self.open.keys().next().copied();
        let aborted = Aborted {
            producer_id: batch.producer_id(),
            first_offset,
            last_offset: marker_offset,
            last_stable_offset: open.unwrap_or(marker_offset + 1).min(marker_offset + 1),
        };
        self.aborted.push(aborted);
        Some(aborted)
    }

    /// What was appended before `offset` is durable now.
    pub fn durable_until(&mut self, offset: i64) {
        self.high_watermark = self.high_watermark.max(offset.min(self.log_end));
        while self.ended.front().is_some_and(|ended| ended.marker_offset < self.high_watermark) {
            self.ended.pop_front();
        }
    }

    /// Everything before `offset` goes: retention, or DeleteRecords. What is known of producers stays.
    pub fn delete_until(&mut self, offset: i64) {
        self.log_start = self.log_start.max(offset.min(self.high_watermark));
        self.aborted.retain(|aborted| aborted.last_offset >= self.log_start);
    }

    /// Aborted transactions that touch `from..until`, in the order of their markers: what a reader of committed data must know to
    /// leave out their records.
    pub fn aborted_between(&self, from: i64, until: i64) -> impl Iterator<Item = Aborted> {
        let first = self.aborted.partition_point(|aborted| aborted.last_offset < from);
        self.aborted[first..].iter().copied().filter(move |aborted| aborted.first_offset < until)
    }

    /// Forgets producers whose last batch is older than `before_ms`, unless they have a transaction open.
    pub fn expire_producers(&mut self, before_ms: i64) {
        self.producers.expire(before_ms);
    }
}

/// What a Produce of this version is told when its transaction was not found as it must be: older clients know fewer codes, and try a busy
/// coordinator again only if they take it for missing replicas.
pub fn unverified(code: ErrorCode, version: i16) -> ErrorCode {
    match code {
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::TRANSACTION_ABORTABLE if version < 11 => ErrorCode::INVALID_TXN_STATE,
        ErrorCode::CONCURRENT_TRANSACTIONS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
            if version < 12 =>
        {
            ErrorCode::NOT_ENOUGH_REPLICAS
        }
        code => code,
    }
}

/// The offset that the record with a sequence number of a batch has.
pub fn offset_at(base_sequence: i32, base_offset: i64, sequence: i32) -> i64 {
    base_offset + i64::from(sequence_after(sequence, -base_sequence))
}
