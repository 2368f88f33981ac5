//! An idempotent sink: what records become is put into a store of ours, in one write with the place that was read, so that each takes effect once.
//!
//! The place to go on from is the store's own, never the group's. Messages may also name themselves in a header: one that comes twice, at two offsets,
//! since its producer sent it twice, is taken once; the last `names_max` names are remembered.
//!
//! ```text
//! prefix 'p' partition:i32 topic   the next offset, i64
//! prefix 'd' name                  the name's number, u64
//! prefix 'n' number:u64            the name
//! prefix 'w'                       the window of numbers
//! ```
//! One sink at a time writes under a prefix.

use dolmen_kafka::eos::Fault;
use dolmen_kafka::eos::dedupe::Window;
use dolmen_store::{Db, Family, ReadOptions, StoreError, WriteBatch, WriteOptions};

use crate::client::{Failure, Outgoing};

/// How a sink keeps its books.
#[derive(Clone, Debug)]
pub struct Options {
    /// Before all of its own keys.
    pub prefix: Vec<u8>,
    /// The header in which messages name themselves.
    pub name_header: Option<String>,
    /// How many names are remembered.
    pub names_max: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { prefix: b"\0kafka-sink\0".to_vec(), name_header: None, names_max: 1_000_000 }
    }
}

/// The store's side of a sink: one write per transaction.
pub struct Books {
    db: Db,
    family: Family,
    options: Options,
    batch: WriteBatch,
    window: Window,
    /// Names of the batch that is being made.
    fresh: std::collections::BTreeSet<Vec<u8>>,
    /// Messages that were taken before.
    pub doubled: u64,
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new(Fault::Unanswered, format!("the sink's store: {error}"))
}

impl Books {
    /// Reads what is remembered.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn open(db: Db, family: Family, options: Options) -> Result<Books, Failure> {
        let mut books = Books {
            db,
            family,
            options,
            batch: WriteBatch::new(),
            window: Window::default(),
            fresh: std::collections::BTreeSet::new(),
            doubled: 0,
        };
        books.begin()?;
        Ok(books)
    }

    fn key(&self, kind: u8, rest: &[u8]) -> Vec<u8> {
        [&self.options.prefix, &[kind][..], rest].concat()
    }

    fn place_key(&self, topic: &str, partition: i32) -> Vec<u8> {
        self.key(b'p', &[&partition.to_be_bytes()[..], topic.as_bytes()].concat())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get(&self.family, key, &ReadOptions::default())
    }

    /// The next offset of a partition; `None` if nothing was read of it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn place(&self, topic: &str, partition: i32) -> Result<Option<i64>, Failure> {
        let value = self.get(&self.place_key(topic, partition)).map_err(|e| failed(&e))?;
        Ok(value.and_then(|bytes| Some(i64::from_be_bytes(bytes.try_into().ok()?))))
    }

    /// Begins a write; one that was not committed is forgotten.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn begin(&mut self) -> Result<(), Failure> {
        self.batch.clear();
        self.fresh.clear();
        let window = self.get(&self.key(b'w', b"")).map_err(|e| failed(&e))?;
        self.window = window.and_then(|bytes| Window::from_bytes(&bytes)).unwrap_or_default();
        Ok(())
    }

    /// Puts what a record became: its key's value, or nothing under its key. False if its name was taken before.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn put(&mut self, record: &Outgoing) -> Result<bool, Failure> {
        if !self.take_name(record)? {
            self.doubled += 1;
            return Ok(false);
        }
        let key = record.key.as_deref().unwrap_or_default();
        match &record.value {
            Some(value) => self.batch.put(self.family.id, key, value),
            None => self.batch.delete(self.family.id, key),
        }
        Ok(true)
    }

    fn take_name(&mut self, record: &Outgoing) -> Result<bool, Failure> {
        let Some(header) = &self.options.name_header else { return Ok(true) };
        let named = record.headers.iter().find(|(name, _)| name == header);
        let Some((_, Some(name))) = named else { return Ok(true) };
        let name_key = self.key(b'd', name);
        let is_known = match self.get(&name_key).map_err(|e| failed(&e))? {
            Some(number) => number.try_into().is_ok_and(|n| u64::from_be_bytes(n) >= self.window.first),
            None => false,
        };
        if is_known || !self.fresh.insert(name.clone()) {
            return Ok(false);
        }
        let (number, forgotten) = self.window.admit(self.options.names_max);
        self.batch.put(self.family.id, &name_key, &number.to_be_bytes());
        self.batch.put(self.family.id, &self.key(b'n', &number.to_be_bytes()), name);
        for old in forgotten {
            let old_key = self.key(b'n', &old.to_be_bytes());
            if let Some(old_name) = self.get(&old_key).map_err(|e| failed(&e))? {
                self.batch.delete(self.family.id, &self.key(b'd', &old_name));
            }
            self.batch.delete(self.family.id, &old_key);
        }
        Ok(true)
    }

    /// The next offset of a partition goes into the same write.
    pub fn set_place(&mut self, topic: &str, partition: i32, offset: i64) {
        let key = self.place_key(topic, partition);
        self.batch.put(self.family.id, &key, &offset.to_be_bytes());
    }

    /// Writes all of it, synced. The same write may be made again when nobody knows how it ended.
    ///
    /// # Errors
    /// If the store cannot write.
    pub fn commit(&mut self) -> Result<(), Failure> {
        let window = self.key(b'w', b"");
        self.batch.put(self.family.id, &window, &self.window.to_bytes());
        self.db.write_ref(&self.batch, WriteOptions { sync: Some(true) }).map(drop).map_err(|e| failed(&e))
    }
}

#[cfg(feature = "librdkafka")]
pub use from_topics::StoreSink;

#[cfg(feature = "librdkafka")]
mod from_topics {
    use std::time::Duration;

    use dolmen_kafka::ErrorCode;
    use dolmen_kafka::eos::{Fault, PartitionId};

    use super::Books;
    use crate::client::{Client, Committed, Failure, Outgoing, Partitions, Read};
    use crate::error::Error;
    use crate::rd::{Config, Reader};

    /// From topics to a store.
    pub struct StoreSink {
        config: Config,
        names: Partitions,
        reader: Option<Reader>,
        books: Books,
    }

    impl StoreSink {
        /// Nothing is connected yet.
        ///
        /// # Errors
        /// If a setting is given that the sink depends on.
        pub fn new(config: Config, books: Books) -> Result<StoreSink, Error> {
            config.check()?;
            Ok(StoreSink { config, names: Partitions::default(), reader: None, books })
        }

        /// Messages that were dropped since their name was taken before.
        pub fn doubled(&self) -> u64 {
            self.books.doubled
        }

        fn reader(&mut self) -> Result<(&mut Reader, &mut Partitions), Failure> {
            let missing =
                || Failure::new(Fault::Broker(ErrorCode::UNKNOWN_MEMBER_ID), "not a member of the group");
            Ok((self.reader.as_mut().ok_or_else(missing)?, &mut self.names))
        }
    }

    impl Client for StoreSink {
        fn open(&mut self) -> Result<(), Failure> {
            self.books.begin()
        }

        fn join(&mut self) -> Result<(), Failure> {
            self.reader = None;
            self.reader = Some(Reader::join(&self.config.reader(), &self.config.topics)?);
            Ok(())
        }

        fn committed(&mut self, partitions: &[PartitionId]) -> Result<Committed, Failure> {
            let place = |id: &PartitionId| {
                let (topic, partition) = self.names.name(*id);
                Ok((*id, self.books.place(topic, partition)?))
            };
            partitions.iter().map(place).collect()
        }

        fn rewind(&mut self, positions: &[(PartitionId, Option<i64>)]) -> Result<(), Failure> {
            let (reader, names) = self.reader()?;
            reader.rewind(names, positions)
        }

        fn read(&mut self, count_max: usize, wait: Duration) -> Result<Read, Failure> {
            let (reader, names) = self.reader()?;
            reader.read(names, count_max, wait)
        }

        fn begin(&mut self) -> Result<(), Failure> {
            self.books.begin()
        }

        fn send(&mut self, records: &[Outgoing]) -> Result<(), Failure> {
            records.iter().try_for_each(|record| self.books.put(record).map(drop))
        }

        fn offsets(&mut self, offsets: &[(PartitionId, i64)]) -> Result<(), Failure> {
            for (id, offset) in offsets {
                let (topic, partition) = self.names.name(*id);
                self.books.set_place(topic, partition, *offset);
            }
            Ok(())
        }

        fn commit(&mut self) -> Result<(), Failure> {
            self.books.commit()
        }

        fn abort(&mut self) -> Result<(), Failure> {
            self.books.begin()
        }

        fn leave(&mut self) -> Result<(), Failure> {
            self.reader = None;
            Ok(())
        }
    }
}
