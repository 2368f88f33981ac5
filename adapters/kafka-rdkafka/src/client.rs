//! What the runner asks of whoever carries its effects out, and what goes in and out.

use std::collections::BTreeMap;
use std::time::Duration;

use dolmen_kafka::eos::{Fault, PartitionId};

/// Headers in order; a key may come twice, a value may be null.
pub type Headers = Vec<(String, Option<Vec<u8>>)>;

/// A record that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// The partition's number within this process.
    pub id: PartitionId,
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Headers,
}

impl Incoming {
    /// Bytes of its parts.
    pub fn len(&self) -> u64 {
        let of = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(key, value)| key.len() + of(value)).sum();
        (of(&self.key) + of(&self.value) + headers) as u64
    }

    /// Whether it has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A record that is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Its topic.
    pub topic: String,
    /// Its partition; `None`: by its key, as Java's client does.
    pub partition: Option<i32>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Headers,
    /// Its timestamp, in milliseconds.
    pub timestamp_ms: i64,
}

/// What went wrong: for the machine, and in words.
#[derive(Clone, Debug)]
pub struct Failure {
    /// For the machine.
    pub fault: Fault,
    /// In words.
    pub why: String,
}

impl Failure {
    /// A failure.
    pub fn new(fault: Fault, why: impl Into<String>) -> Failure {
        Failure { fault, why: why.into() }
    }
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// What is owned now, if that has changed; records are then left out.
    pub owned: Option<Vec<PartitionId>>,
    /// Records.
    pub records: Vec<Incoming>,
}

/// An offset of each partition; `None` where nothing is committed.
pub type Committed = Vec<(PartitionId, Option<i64>)>;

/// Carries the machine's effects out, one at a time, in one thread. [`dolmen_kafka::eos::Effect`] says what each means.
pub trait Client {
    /// Opens the producer; whatever an earlier one left open has ended when this is done.
    ///
    /// # Errors
    /// What happened, as for every call here.
    fn open(&mut self) -> Result<(), Failure>;
    /// Joins the group.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn join(&mut self) -> Result<(), Failure>;
    /// What the group has committed.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn committed(&mut self, partitions: &[PartitionId]) -> Result<Committed, Failure>;
    /// Reads on from here, and forgets everything that it has read ahead.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn rewind(&mut self, positions: &[(PartitionId, Option<i64>)]) -> Result<(), Failure>;
    /// Reads.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn read(&mut self, count_max: usize, wait: Duration) -> Result<Read, Failure>;
    /// Begins a transaction.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn begin(&mut self) -> Result<(), Failure>;
    /// Writes records and waits until all are acknowledged.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn send(&mut self, records: &[Outgoing]) -> Result<(), Failure>;
    /// Adds offsets to the transaction.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn offsets(&mut self, offsets: &[(PartitionId, i64)]) -> Result<(), Failure>;
    /// Commits the transaction.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn commit(&mut self) -> Result<(), Failure>;
    /// Aborts the transaction.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn abort(&mut self) -> Result<(), Failure>;
    /// Leaves the group and closes the producer.
    ///
    /// # Errors
    /// As [`Client::open`].
    fn leave(&mut self) -> Result<(), Failure>;
}

/// Numbers for partitions, in the order in which they were first seen.
#[derive(Clone, Debug, Default)]
pub struct Partitions {
    ids: BTreeMap<(String, i32), PartitionId>,
    names: Vec<(String, i32)>,
}

impl Partitions {
    /// The number of a partition.
    pub fn id(&mut self, topic: &str, partition: i32) -> PartitionId {
        if let Some(id) = self.ids.get(&(topic.to_owned(), partition)) {
            return *id;
        }
        let id = PartitionId::new(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push((topic.into(), partition));
        self.ids.insert((topic.into(), partition), id);
        id
    }

    /// The partition of a number that [`Partitions::id`] gave; an empty name for any other.
    pub fn name(&self, id: PartitionId) -> (&str, i32) {
        self.names.get(id.get() as usize).map_or(("", -1), |(topic, partition)| (topic.as_str(), *partition))
    }
}
