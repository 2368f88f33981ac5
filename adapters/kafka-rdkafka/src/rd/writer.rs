//! A transactional producer that blocks.

use std::time::{Duration, Instant};

use dolmen_kafka::eos::{Fault, PartitionId};
use parking_lot::Mutex;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use super::fault::{failure, fault_of_code};
use crate::client::{Failure, Outgoing, Partitions};

/// How long one call may take. What is not done by then may be asked again.
const WAIT: Duration = Duration::from_secs(15);
/// How long one of its steps may, before deliveries are looked at again.
const SLICE: Duration = Duration::from_millis(500);

/// The first delivery of a transaction that has failed.
#[derive(Default)]
struct Context {
    failed: Mutex<Option<RDKafkaErrorCode>>,
}

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            let mut failed = self.failed.lock();
            // What was only swept away with it says nothing.
            let is_swept = matches!(
                failed.as_ref(),
                None | Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
            );
            if is_swept {
                *failed = Some(code);
            }
        }
    }
}

/// A producer.
pub struct Writer {
    producer: BaseProducer<Context>,
    is_open: bool,
}

impl Writer {
    /// Opens a producer; the transaction of an older one under its id has ended when this is done.
    ///
    /// # Errors
    /// What the broker says, or which setting is not known.
    pub fn open(config: &ClientConfig) -> Result<Writer, Failure> {
        let made = config.create_with_context(Context::default());
        let producer: BaseProducer<Context> = made.map_err(|e| failure("making a producer", &e))?;
        producer.init_transactions(WAIT).map_err(|e| failure("opening the producer", &e))?;
        Ok(Writer { producer, is_open: false })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// What the library says.
    pub fn begin(&mut self) -> Result<(), Failure> {
        *self.producer.context().failed.lock() = None;
        self.producer.begin_transaction().map_err(|e| failure("beginning a transaction", &e))?;
        self.is_open = true;
        Ok(())
    }

    /// Writes records and waits until all are acknowledged.
    ///
    /// # Errors
    /// The first one's that was not.
    pub fn send(&mut self, records: &[Outgoing]) -> Result<(), Failure> {
        for record in records {
            self.enqueue(record)?;
        }
        let flushed = self.producer.flush(WAIT);
        self.delivered()?;
        flushed.map_err(|e| failure("writing", &e))
    }

    fn enqueue(&self, record: &Outgoing) -> Result<(), Failure> {
        loop {
            let mut base: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(&record.topic).timestamp(record.timestamp_ms);
            base.key = record.key.as_deref();
            base.payload = record.value.as_deref();
            base.partition = record.partition;
            if !record.headers.is_empty() {
                let headers = OwnedHeaders::new_with_capacity(record.headers.len());
                base.headers = Some(record.headers.iter().fold(headers, |headers, (key, value)| {
                    headers.insert(Header { key, value: value.as_deref() })
                }));
            }
            match self.producer.send(base) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    self.producer.poll(Duration::from_millis(20));
                    self.delivered()?;
                }
                Err((error, _)) => return Err(failure("writing", &error)),
            }
        }
    }

    /// Whether a delivery has failed.
    fn delivered(&self) -> Result<(), Failure> {
        let Some(code) = *self.producer.context().failed.lock() else { return Ok(()) };
        if let Some((fatal, why)) = self.producer.client().fatal_error() {
            let fault = match fault_of_code(fatal) {
                Fault::Fenced => Fault::Fenced,
                _ => Fault::Broken,
            };
            return Err(Failure::new(fault, format!("writing: {why}")));
        }
        Err(Failure::new(fault_of_code(code), format!("writing: {code}")))
    }

    /// Adds a group's offsets to the transaction.
    ///
    /// # Errors
    /// What the broker says.
    pub fn offsets(
        &mut self,
        membership: &ConsumerGroupMetadata,
        names: &Partitions,
        offsets: &[(PartitionId, i64)],
    ) -> Result<(), Failure> {
        let mut list = TopicPartitionList::new();
        for (id, offset) in offsets {
            let (topic, partition) = names.name(*id);
            let added = list.add_partition_offset(topic, partition, Offset::Offset(*offset));
            added.map_err(|e| failure("an offset", &e))?;
        }
        let what = "adding offsets to the transaction";
        self.producer.send_offsets_to_transaction(&list, membership, WAIT).map_err(|e| failure(what, &e))
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// What the broker says.
    pub fn commit(&mut self) -> Result<(), Failure> {
        self.producer.commit_transaction(WAIT).map_err(|e| failure("committing", &e))?;
        self.is_open = false;
        Ok(())
    }

    /// Aborts the transaction.
    ///
    /// # Errors
    /// What the broker says.
    pub fn abort(&mut self) -> Result<(), Failure> {
        self.abort_within(WAIT).map_err(|e| failure("aborting", &e))?;
        self.is_open = false;
        Ok(())
    }

    /// Deliveries wait in a queue of ours, and until they are taken from it the library does not end the transaction.
    fn abort_within(&self, wait: Duration) -> KafkaResult<()> {
        let until = Instant::now() + wait;
        loop {
            // What is not delivered by then is swept away.
            let _ = self.producer.flush(SLICE);
            match self.producer.abort_transaction(SLICE) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < until => {}
                ended => return ended,
            }
        }
    }

    /// Aborts what is open, for a short while: the broker ends it by itself.
    pub fn close(self) {
        if self.is_open
            && let Err(error) = self.abort_within(Duration::from_secs(3))
        {
            tracing::warn!(target: "kafka.eos", "aborting at the end: {error}");
        }
    }
}
