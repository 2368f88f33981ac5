//! What is remembered of one transactional id.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::WireError;
use crate::messages::{TransactionLogKey, TransactionLogValue, transaction_log_value::PartitionsSchema};
use crate::wire::{List, Message};

/// A producer's id and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Producer {
    /// The id; −1 for none.
    pub id: i64,
    /// The epoch; −1 for none.
    pub epoch: i16,
}

impl Producer {
    /// No producer.
    pub const NONE: Producer = Producer { id: NO_ID, epoch: NO_EPOCH };

    /// Whether the next bump would need the epoch that is kept for fencing.
    pub const fn is_exhausted(self) -> bool {
        self.epoch >= EPOCH_LAST
    }
}

/// No producer id.
pub const NO_ID: i64 = -1;
/// No epoch.
pub const NO_EPOCH: i16 = -1;
/// The last epoch that is handed out; one more is kept for fencing.
pub const EPOCH_LAST: i16 = i16::MAX - 1;
/// No time.
pub const NO_TIME: i64 = -1;

/// Where a transaction stands. The numbers are those of the log; the last two are never logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum Status {
    /// A producer is known; no transaction yet.
    Empty = 0,
    /// A transaction is open.
    Ongoing = 1,
    /// It will commit.
    PrepareCommit = 2,
    /// It will abort.
    PrepareAbort = 3,
    /// It has committed.
    CompleteCommit = 4,
    /// It has aborted.
    CompleteAbort = 5,
    /// The id is being forgotten.
    Dead = 6,
    /// The epoch is being raised to shut a producer out.
    PrepareEpochFence = 7,
}

impl Status {
    /// By its number in the log.
    pub const fn from_code(code: i8) -> Option<Status> {
        Some(match code {
            0 => Status::Empty,
            1 => Status::Ongoing,
            2 => Status::PrepareCommit,
            3 => Status::PrepareAbort,
            4 => Status::CompleteCommit,
            5 => Status::CompleteAbort,
            6 => Status::Dead,
            7 => Status::PrepareEpochFence,
            _ => return None,
        })
    }

    /// Kafka's name in answers to DescribeTransactions and ListTransactions.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Empty => "Empty",
            Status::Ongoing => "Ongoing",
            Status::PrepareCommit => "PrepareCommit",
            Status::PrepareAbort => "PrepareAbort",
            Status::CompleteCommit => "CompleteCommit",
            Status::CompleteAbort => "CompleteAbort",
            Status::Dead => "Dead",
            Status::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// Whether a transaction may begin from here.
    pub const fn is_idle(self) -> bool {
        matches!(self, Status::Empty | Status::CompleteCommit | Status::CompleteAbort)
    }

    /// Whether the outcome is decided and markers are being written.
    pub const fn is_prepared(self) -> bool {
        matches!(self, Status::PrepareCommit | Status::PrepareAbort)
    }
}

/// The protocol that a client speaks: from 2 on every transaction has an epoch of its own (KIP-890).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionVersion {
    /// As before KIP-890.
    #[default]
    Tv0,
    /// Flexible records in the coordinator's log.
    Tv1,
    /// The epoch is raised at the end of every transaction, and partitions are added by producing.
    Tv2,
}

impl TransactionVersion {
    /// By its number.
    pub const fn from_code(code: i16) -> TransactionVersion {
        match code {
            i16::MIN..=0 => TransactionVersion::Tv0,
            1 => TransactionVersion::Tv1,
            _ => TransactionVersion::Tv2,
        }
    }

    /// Its number.
    pub const fn code(self) -> i16 {
        match self {
            TransactionVersion::Tv0 => 0,
            TransactionVersion::Tv1 => 1,
            TransactionVersion::Tv2 => 2,
        }
    }
}

/// Partitions by topic.
pub type Partitions = BTreeMap<String, BTreeSet<i32>>;

/// Whether every partition of `some` is in `all`.
pub fn contains(all: &Partitions, some: &Partitions) -> bool {
    some.iter().all(|(topic, indexes)| all.get(topic).is_some_and(|known| indexes.is_subset(known)))
}

/// How many partitions.
pub fn count(partitions: &Partitions) -> usize {
    partitions.values().map(BTreeSet::len).sum()
}

/// What is remembered of one transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who may write now.
    pub producer: Producer,
    /// The epoch before the last bump, for whoever asks again; −1 if nobody may.
    pub last_epoch: i16,
    /// The producer id before the last rotation; −1 for none.
    pub previous_id: i64,
    /// The producer id after the markers are written, where the epoch is at its end; −1 for none.
    pub next_id: i64,
    /// After how long an open transaction is aborted, in milliseconds.
    pub timeout_ms: i32,
    /// Where the transaction stands.
    pub status: Status,
    /// What it has written to.
    pub partitions: Partitions,
    /// When the open transaction began, in milliseconds; −1 if none is open.
    pub start_ms: i64,
    /// When this was last changed, in milliseconds.
    pub update_ms: i64,
    /// The protocol of the client that changed it last.
    pub client_version: TransactionVersion,
}

impl Entry {
    /// An id that nobody has used yet.
    pub const fn new(producer_id: i64, timeout_ms: i32, now_ms: i64) -> Entry {
        Entry {
            producer: Producer { id: producer_id, epoch: NO_EPOCH },
            last_epoch: NO_EPOCH,
            previous_id: NO_ID,
            next_id: NO_ID,
            timeout_ms,
            status: Status::Empty,
            partitions: Partitions::new(),
            start_ms: NO_TIME,
            update_ms: now_ms,
            client_version: TransactionVersion::Tv0,
        }
    }

    /// What a client is told that ended a transaction: its producer from now on. Markers name [`Entry::producer`], whose epoch is raised
    /// already where the protocol raises it.
    pub const fn next_producer(&self) -> Producer {
        if self.next_id == NO_ID { self.producer } else { Producer { id: self.next_id, epoch: 0 } }
    }

    /// Appends the record's key.
    ///
    /// # Errors
    /// [`WireError::TooLong`] for an id that no string can hold.
    pub fn encode_key(transactional_id: &str, out: &mut Vec<u8>) -> Result<(), WireError> {
        out.extend_from_slice(&0i16.to_be_bytes());
        TransactionLogKey { transactional_id }.encode(0, out)
    }

    /// Appends the record's value; `flexible` as the feature `transaction.version` is 1 or more.
    ///
    /// # Errors
    /// [`WireError::TooLong`] for a topic that no string can hold.
    pub fn encode_value(&self, flexible: bool, out: &mut Vec<u8>) -> Result<(), WireError> {
        let version = i16::from(flexible);
        out.extend_from_slice(&version.to_be_bytes());
        let topics = self.partitions.iter().map(|(topic, indexes)| PartitionsSchema {
            topic,
            partition_ids: indexes.iter().copied().collect(),
            ..PartitionsSchema::default()
        });
        let topics: List<'_, _> = topics.collect();
        let mut value = TransactionLogValue {
            producer_id: self.producer.id,
            producer_epoch: self.producer.epoch,
            transaction_timeout_ms: self.timeout_ms,
            transaction_status: self.status as i8,
            transaction_partitions: (self.status != Status::Empty).then_some(topics),
            transaction_last_update_timestamp_ms: self.update_ms,
            transaction_start_timestamp_ms: self.start_ms,
            ..TransactionLogValue::default()
        };
        if flexible {
            value.previous_producer_id = self.previous_id;
            value.next_producer_id = self.next_id;
            value.client_transaction_version = self.client_version.code();
        }
        value.encode(version, out)
    }

    /// Reads a record's value, behind its version. What is not logged comes back as after a restart: the epoch before the last bump is known
    /// only where the protocol implies it.
    ///
    /// # Errors
    /// [`WireError`] for damaged bytes, a version that is not known, or a status that is never logged.
    pub fn decode_value(bytes: &[u8], version: i16) -> Result<Entry, WireError> {
        let value = TransactionLogValue::decode(bytes, version)?;
        let status = Status::from_code(value.transaction_status)
            .filter(|status| *status < Status::Dead)
            .ok_or(WireError::Value { found: i64::from(value.transaction_status) })?;
        let mut partitions = Partitions::new();
        for topic in value.transaction_partitions.iter().flatten() {
            partitions.entry(topic.topic.into()).or_default().extend(topic.partition_ids.iter());
        }
        let client_version = TransactionVersion::from_code(value.client_transaction_version);
        let epoch = value.producer_epoch;
        let bumped = client_version == TransactionVersion::Tv2 && status > Status::Ongoing;
        let rotated = bumped && epoch == 0 && value.previous_producer_id != NO_ID;
        let last_epoch = match (rotated, bumped) {
            (true, _) => EPOCH_LAST,
            (false, true) if epoch > 0 => epoch - 1,
            _ => NO_EPOCH,
        };
        Ok(Entry {
            producer: Producer { id: value.producer_id, epoch },
            last_epoch,
            previous_id: value.previous_producer_id,
            next_id: value.next_producer_id,
            timeout_ms: value.transaction_timeout_ms,
            status,
            partitions,
            start_ms: value.transaction_start_timestamp_ms,
            update_ms: value.transaction_last_update_timestamp_ms,
            client_version,
        })
    }
}
