//! What a partition remembers of the producers that wrote to it: their epoch, their last batches, their open transaction.
//!
//! Kafka remembers five batches while it runs and one after a restart; here as many are remembered as [`WINDOW`] says, and what is read from the
//! log again is remembered again.

use alloc::collections::{BTreeMap, VecDeque};

use crate::ErrorCode;
use crate::batch::{Batch, sequence_after};
use crate::messages::{ProducerSnapshot, producer_snapshot::ProducerEntry};

/// Batches of one producer whose repetition is recognised.
pub const WINDOW: usize = 32;

/// What is to be done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be appended.
    Append,
    /// It was appended before, at this offset; the answer is that of then.
    Duplicate {
        /// The offset of its first record.
        base_offset: i64,
        /// Its largest timestamp, in milliseconds.
        timestamp_ms: i64,
    },
    /// It is refused.
    Refuse(ErrorCode),
}

/// One batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The sequence of its first record.
    pub first_sequence: i32,
    /// The sequence of its last record.
    pub last_sequence: i32,
    /// The offset of its last record.
    pub last_offset: i64,
    /// Last offset minus first.
    pub offset_delta: i32,
    /// Its largest timestamp, in milliseconds.
    pub timestamp_ms: i64,
}

/// What is remembered of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its epoch.
    pub epoch: i16,
    /// Its last batches of this epoch, oldest first.
    pub batches: VecDeque<Appended>,
    /// The epoch of the coordinator whose marker came last; −1 if none did.
    pub coordinator_epoch: i32,
    /// The first offset of its open transaction.
    pub open_since: Option<i64>,
    /// The timestamp of its last batch or marker, in milliseconds.
    pub timestamp_ms: i64,
}

/// All producers of a partition, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    known: BTreeMap<i64, Known>,
}

impl Producers {
    /// As a snapshot says: of each the last batch.
    pub fn restored(snapshot: &ProducerSnapshot<'_>) -> Self {
        let one = |entry: ProducerEntry| {
            let last = (entry.last_sequence >= 0).then(|| Appended {
                first_sequence: sequence_after(entry.last_sequence, -entry.offset_delta),
                last_sequence: entry.last_sequence,
                last_offset: entry.last_offset,
                offset_delta: entry.offset_delta,
                timestamp_ms: entry.timestamp,
            });
            let known = Known {
                epoch: entry.epoch,
                batches: last.into_iter().collect(),
                coordinator_epoch: entry.coordinator_epoch,
                open_since: (entry.current_txn_first_offset >= 0).then_some(entry.current_txn_first_offset),
                timestamp_ms: entry.timestamp,
            };
            (entry.producer_id, known)
        };
        Producers { known: snapshot.producer_entries.iter().map(one).collect() }
    }

    /// As a snapshot: of each the last batch.
    pub fn snapshot(&self) -> ProducerSnapshot<'static> {
        let entries = self.known.iter().map(|(&producer_id, known)| {
            let last = known.batches.back();
            ProducerEntry {
                producer_id,
                epoch: known.epoch,
                last_sequence: last.map_or(-1, |batch| batch.last_sequence),
                last_offset: last.map_or(-1, |batch| batch.last_offset),
                offset_delta: last.map_or(0, |batch| batch.offset_delta),
                timestamp: known.timestamp_ms,
                coordinator_epoch: known.coordinator_epoch,
                current_txn_first_offset: known.open_since.unwrap_or(-1),
            }
        });
        ProducerSnapshot { crc: 0, producer_entries: entries.collect() }
    }

    /// What is remembered of a producer.
    pub fn get(&self, producer_id: i64) -> Option<&Known> {
        self.known.get(&producer_id)
    }

    /// Every producer, by id.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Known)> {
        self.known.iter().map(|(&id, known)| (id, known))
    }

    /// Open transactions: first offset and producer.
    pub fn open(&self) -> impl Iterator<Item = (i64, i64)> {
        self.known.iter().filter_map(|(&id, known)| Some((known.open_since?, id)))
    }

    /// Judges a batch with a producer id.
    pub fn judge(&self, batch: &Batch<'_>, is_verified: bool) -> Verdict {
        let known = self.known.get(&batch.producer_id());
        if batch.is_transactional() && !is_verified {
            return Verdict::Refuse(ErrorCode::INVALID_TXN_STATE);
        }
        let Some(known) = known else { return Verdict::Append };
        let epoch = batch.producer_epoch();
        let (first, last) = (batch.base_sequence(), batch.last_sequence());
        if epoch < known.epoch {
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if epoch == known.epoch {
            let same =
                |appended: &&Appended| (appended.first_sequence, appended.last_sequence) == (first, last);
            if let Some(before) = known.batches.iter().rev().find(same) {
                let base_offset = before.last_offset - i64::from(before.offset_delta);
                return Verdict::Duplicate { base_offset, timestamp_ms: before.timestamp_ms };
            }
        }
        if known.open_since.is_some() && !batch.is_transactional() {
            return Verdict::Refuse(ErrorCode::INVALID_TXN_STATE);
        }
        if known.open_since.is_some() && epoch > known.epoch {
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        let follows = match known.batches.back() {
            Some(before) if epoch == known.epoch => first == sequence_after(before.last_sequence, 1),
            // The epoch is new, or a marker has brought it and told no sequence.
            _ => first == 0,
        };
        if follows { Verdict::Append } else { Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER) }
    }

    /// Takes over a batch of data; gives the offset at which it opens a transaction, if it does.
    pub(super) fn appended(&mut self, batch: &Batch<'_>) -> Option<i64> {
        let known = self.entry(batch);
        known.timestamp_ms = batch.max_timestamp_ms();
        if batch.base_sequence() >= 0 {
            if known.batches.len() == WINDOW {
                known.batches.pop_front();
            }
            known.batches.push_back(Appended {
                first_sequence: batch.base_sequence(),
                last_sequence: batch.last_sequence(),
                last_offset: batch.last_offset(),
                offset_delta: batch.last_offset_delta(),
                timestamp_ms: batch.max_timestamp_ms(),
            });
        }
        let opens = batch.is_transactional() && known.open_since.is_none();
        if opens {
            known.open_since = Some(batch.base_offset());
        }
        opens.then(|| batch.base_offset())
    }

    /// Takes over a marker; gives the first offset of the transaction that it ends, if one is open.
    pub(super) fn ended(&mut self, batch: &Batch<'_>, coordinator_epoch: i32) -> Option<i64> {
        let known = self.entry(batch);
        known.coordinator_epoch = coordinator_epoch;
        known.timestamp_ms = batch.max_timestamp_ms();
        known.open_since.take()
    }

    /// The producer of a batch, with the batch's epoch: a new epoch begins its sequences anew.
    fn entry(&mut self, batch: &Batch<'_>) -> &mut Known {
        let epoch = batch.producer_epoch();
        let known = self.known.entry(batch.producer_id()).or_insert_with(|| Known {
            epoch,
            batches: VecDeque::new(),
            coordinator_epoch: -1,
            open_since: None,
            timestamp_ms: -1,
        });
        if known.epoch != epoch {
            known.epoch = epoch;
            known.batches.clear();
        }
        known
    }

    /// Forgets producers whose last batch is older, unless they have a transaction open.
    pub(super) fn expire(&mut self, before_ms: i64) {
        self.known.retain(|_, known| known.open_since.is_some() || known.timestamp_ms >= before_ms);
    }
}
