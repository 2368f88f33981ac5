//! A transactional outbox: what is to be published is written with what it tells of, in one write of the program's own store; a relay publishes it, each
//! row once.
//!
//! 1. The relay numbers new rows, durably, in the order in which they became visible; rows of one program thread keep their order.
//! 2. It publishes them in that order, in transactions that also commit the next number as an offset of the relay's group. A relay that dies
//!    anywhere goes on from that number: what was committed is not published again, what was not is.
//! 3. Committed rows are deleted some time later.
//!
//! The machine is that of every pipeline here; the outbox is the partition that is read. The group's committed offset stands at partition 0 of the
//! first topic of the configuration, which must be there.

#[cfg(feature = "postgres")]
pub mod postgres;
pub mod store;

use std::time::Duration;

use crate::client::{Failure, Incoming, Outgoing};

/// A table of records that wait.
pub trait Source {
    /// Rows whose number is at least `from`, in order; rows that have no number get the next ones first. Waits a little if there are none.
    ///
    /// # Errors
    /// What the store says; it is asked again.
    fn rows(&mut self, from: i64, count_max: usize, wait: Duration) -> Result<Vec<(i64, Outgoing)>, Failure>;
    /// Deletes rows below a number.
    ///
    /// # Errors
    /// As [`Source::rows`].
    fn release(&mut self, below: i64) -> Result<(), Failure>;
}

/// A row as it is: the transformation of a plain relay.
///
/// # Errors
/// Never.
pub fn forward(record: &Incoming) -> Result<Vec<Outgoing>, String> {
    Ok(vec![Outgoing {
        topic: record.topic.clone(),
        partition: None,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
        timestamp_ms: record.timestamp_ms,
    }])
}

#[cfg(feature = "librdkafka")]
pub use relay::Relay;

#[cfg(feature = "librdkafka")]
mod relay {
    use std::time::Duration;

    use dolmen_kafka::eos::{Fault, PartitionId};

    use super::Source;
    use crate::client::{Client, Committed, Failure, Incoming, Outgoing, Partitions, Read};
    use crate::error::Error;
    use crate::rd::{Config, Reader, Writer};

    /// From an outbox to topics.
    pub struct Relay<S> {
        config: Config,
        source: S,
        names: Partitions,
        group: Option<Reader>,
        writer: Option<Writer>,
        is_told: bool,
        next: i64,
        /// Rows below are published, rows below `released` deleted.
        published: i64,
        released: i64,
        pending: i64,
    }

    impl<S: Source> Relay<S> {
        /// Nothing is connected yet.
        ///
        /// # Errors
        /// If a setting is given that the relay depends on, or there is no topic for its place.
        pub fn new(config: Config, source: S) -> Result<Relay<S>, Error> {
            config.check()?;
            if config.topics.is_empty() {
                return Err(Error::fatal("a relay needs a topic at which its place is committed"));
            }
            let names = Partitions::default();
            Ok(Relay {
                config,
                source,
                names,
                group: None,
                writer: None,
                is_told: false,
                next: 0,
                published: 0,
                released: 0,
                pending: 0,
            })
        }

        fn place(&mut self) -> PartitionId {
            self.names.id(&self.config.topics[0], 0)
        }

        fn writer(&mut self) -> Result<&mut Writer, Failure> {
            self.writer.as_mut().ok_or_else(|| Failure::new(Fault::Broken, "there is no producer"))
        }
    }

    impl<S: Source> Client for Relay<S> {
        fn open(&mut self) -> Result<(), Failure> {
            self.writer = None;
            self.writer = Some(Writer::open(&self.config.writer())?);
            Ok(())
        }

        fn join(&mut self) -> Result<(), Failure> {
            self.group = None;
            self.group = Some(Reader::outside(&self.config.reader())?);
            self.is_told = false;
            Ok(())
        }

        fn committed(&mut self, partitions: &[PartitionId]) -> Result<Committed, Failure> {
            let group = self.group.as_ref();
            let group = group.ok_or_else(|| Failure::new(Fault::Broken, "the group is not asked yet"))?;
            let committed = group.committed(&self.names, partitions)?;
            self.published = committed.iter().filter_map(|(_, at)| *at).fold(self.published, i64::max);
            Ok(committed)
        }

        fn rewind(&mut self, positions: &[(PartitionId, Option<i64>)]) -> Result<(), Failure> {
            self.next = positions.iter().filter_map(|(_, at)| *at).max().unwrap_or(0);
            Ok(())
        }

        fn read(&mut self, count_max: usize, wait: Duration) -> Result<Read, Failure> {
            let id = self.place();
            if !self.is_told {
                self.is_told = true;
                return Ok(Read { owned: Some(vec![id]), records: Vec::new() });
            }
            if self.released < self.published {
                self.source.release(self.published)?;
                self.released = self.published;
            }
            let rows = self.source.rows(self.next, count_max, wait)?;
            let records = rows.into_iter().map(|(number, row)| Incoming {
                id,
                topic: row.topic,
                partition: 0,
                offset: number,
                timestamp_ms: row.timestamp_ms,
                key: row.key,
                value: row.value,
                headers: row.headers,
            });
            let records: Vec<Incoming> = records.collect();
            self.next = records.last().map_or(self.next, |last| last.offset.saturating_add(1));
            Ok(Read { owned: None, records })
        }

        fn begin(&mut self) -> Result<(), Failure> {
            self.writer()?.begin()
        }

        fn send(&mut self, records: &[Outgoing]) -> Result<(), Failure> {
            self.writer()?.send(records)
        }

        fn offsets(&mut self, offsets: &[(PartitionId, i64)]) -> Result<(), Failure> {
            self.pending = offsets.iter().map(|(_, at)| *at).max().unwrap_or(0);
            let membership = self.group.as_ref().and_then(Reader::membership);
            let membership =
                membership.ok_or_else(|| Failure::new(Fault::Misconfigured, "the group has no name"))?;
            let writer = self.writer.as_mut();
            let writer = writer.ok_or_else(|| Failure::new(Fault::Broken, "there is no producer"))?;
            writer.offsets(membership, &self.names, offsets)
        }

        fn commit(&mut self) -> Result<(), Failure> {
            self.writer()?.commit()?;
            self.published = self.published.max(self.pending);
            Ok(())
        }

        fn abort(&mut self) -> Result<(), Failure> {
            self.writer()?.abort()
        }

        fn leave(&mut self) -> Result<(), Failure> {
            if let Some(writer) = self.writer.take() {
                writer.close();
            }
            self.group = None;
            self.source.release(self.published)
        }
    }
}
