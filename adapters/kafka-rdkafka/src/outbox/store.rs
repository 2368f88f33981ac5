//! An outbox in a store of ours: a row is in the same write batch as what it tells of. Keys and values are [`dolmen_kafka::eos::outbox`]'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dolmen_kafka::eos::Fault;
use dolmen_kafka::eos::outbox::{Part, key, parse_key, parse_value, range, value};
use dolmen_kafka::record::{Header, Record};
use dolmen_store::{Db, Family, ReadOptions, StoreError, WriteBatch, WriteOptions};

use super::Source;
use crate::client::{Failure, Outgoing};
use crate::error::Error;

/// The outbox, for the program that writes.
#[derive(Clone)]
pub struct Outbox {
    db: Db,
    family: Family,
    prefix: Vec<u8>,
    next: Arc<AtomicU64>,
}

impl Outbox {
    /// An outbox under `prefix`. One program has one outbox there, and may clone it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn open(db: Db, family: Family, prefix: &[u8]) -> Result<Outbox, Error> {
        let last =
            last_number(&db, &family, prefix, Part::In).map_err(|error| Error::fatal(error.to_string()))?;
        let next = Arc::new(AtomicU64::new(last.map_or(0, |last| last.saturating_add(1))));
        Ok(Outbox { db, family, prefix: prefix.into(), next })
    }

    /// Adds a record to the batch that holds what it tells of; it is published once the batch is written.
    ///
    /// # Errors
    /// If it is too large for any broker.
    pub fn add(&self, batch: &mut WriteBatch, record: &Outgoing) -> Result<(), Error> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let headers: Vec<Header<'_>> =
            record.headers.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
        let whole = Record {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: (&headers[..]).into(),
            ..Record::default()
        };
        let value = value(record.timestamp_ms, whole);
        let value = value.ok_or_else(|| Error::fatal("the record is too large for a batch"))?;
        batch.put(self.family.id, &key(&self.prefix, Part::In, id, &record.topic), &value);
        Ok(())
    }

    /// The relay's end. There must be one relay at a time.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn source(&self) -> Result<StoreSource, Error> {
        let last = last_number(&self.db, &self.family, &self.prefix, Part::Out);
        let last = last.map_err(|error| Error::fatal(error.to_string()))?;
        Ok(StoreSource { outbox: self.clone(), next: last.map_or(0, |last| last.saturating_add(1)) })
    }
}

/// An outbox, for the relay.
pub struct StoreSource {
    outbox: Outbox,
    /// The next number.
    next: u64,
}

fn options(prefix: &[u8], part: Part) -> ReadOptions {
    let (from, until) = range(prefix, part);
    ReadOptions { lower_bound: Some(from), upper_bound: Some(until), ..ReadOptions::default() }
}

fn last_number(db: &Db, family: &Family, prefix: &[u8], part: Part) -> Result<Option<u64>, StoreError> {
    let mut iter = db.iter(family, options(prefix, part))?;
    iter.seek_to_last()?;
    Ok(if iter.valid() { parse_key(prefix, part, iter.key()).map(|(number, _)| number) } else { None })
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new(Fault::Unanswered, format!("the outbox's store: {error}"))
}

impl StoreSource {
    /// New rows get the next numbers, in one write.
    fn number(&mut self, from: u64, count_max: usize) -> Result<(), Failure> {
        let Outbox { db, family, prefix, .. } = &self.outbox;
        self.next = self.next.max(from);
        let mut iter = db.iter(family, options(prefix, Part::In)).map_err(|e| failed(&e))?;
        iter.seek_to_first().map_err(|e| failed(&e))?;
        let mut batch = WriteBatch::new();
        let mut next = self.next;
        while iter.valid() && next - self.next < count_max as u64 {
            if let Some((_, topic)) = parse_key(prefix, Part::In, iter.key()) {
                batch.put(family.id, &key(prefix, Part::Out, next, topic), iter.value());
                next += 1;
            }
            batch.delete(family.id, iter.key());
            iter.next().map_err(|e| failed(&e))?;
        }
        if !batch.is_empty() {
            db.write(batch, WriteOptions { sync: Some(true) }).map_err(|e| failed(&e))?;
        }
        self.next = next;
        Ok(())
    }

    fn numbered(&self, from: u64, count_max: usize) -> Result<Vec<(i64, Outgoing)>, Failure> {
        let Outbox { db, family, prefix, .. } = &self.outbox;
        let mut iter = db.iter(family, options(prefix, Part::Out)).map_err(|e| failed(&e))?;
        iter.seek(&key(prefix, Part::Out, from, "")).map_err(|e| failed(&e))?;
        let mut rows = Vec::new();
        while iter.valid() && rows.len() < count_max {
            let row = parse_key(prefix, Part::Out, iter.key());
            let damaged = || Failure::new(Fault::Misconfigured, "a row of the outbox is damaged");
            let (number, topic) = row.ok_or_else(damaged)?;
            let (timestamp_ms, record) = parse_value(iter.value()).ok_or_else(damaged)?;
            let headers = record.headers.iter().map(|(k, v)| (k.to_owned(), v.map(<[u8]>::to_vec)));
            let outgoing = Outgoing {
                topic: topic.into(),
                partition: None,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: headers.collect(),
                timestamp_ms,
            };
            rows.push((i64::try_from(number).map_err(|_| damaged())?, outgoing));
            iter.next().map_err(|e| failed(&e))?;
        }
        Ok(rows)
    }
}

impl Source for StoreSource {
    fn rows(&mut self, from: i64, count_max: usize, wait: Duration) -> Result<Vec<(i64, Outgoing)>, Failure> {
        let from = u64::try_from(from).unwrap_or(0);
        self.number(from, count_max)?;
        let rows = self.numbered(from, count_max)?;
        if rows.is_empty() {
            std::thread::sleep(wait.min(POLL));
        }
        Ok(rows)
    }

    fn release(&mut self, below: i64) -> Result<(), Failure> {
        let Outbox { db, family, prefix, .. } = &self.outbox;
        let below = u64::try_from(below).unwrap_or(0);
        let mut batch = WriteBatch::new();
        batch.delete_range(family.id, &range(prefix, Part::Out).0, &key(prefix, Part::Out, below, ""));
        db.write(batch, WriteOptions::default()).map(drop).map_err(|e| failed(&e))
    }
}

/// How long a look into the store waits for the next one.
const POLL: Duration = Duration::from_millis(20);
