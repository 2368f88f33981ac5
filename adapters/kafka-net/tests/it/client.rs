//! A broker in this process, and a plain client of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use dolmen_kafka::batch::{Batch, Builder, Meta, attribute};
use dolmen_kafka::messages::fetch_request::{FetchPartition, FetchTopic};
use dolmen_kafka::messages::fetch_response::FetchableTopicResponse;
use dolmen_kafka::messages::metadata_request::MetadataRequestTopic;
use dolmen_kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dolmen_kafka::messages::*;
use dolmen_kafka::record::Record;
use dolmen_kafka::wire::Message;
use dolmen_kafka_net::{Broker, Settings};
use tokio::runtime::Runtime;

/// A broker with threads of its own.
pub struct Running {
    runtime: Runtime,
    broker: Option<Broker>,
}

impl Running {
    pub fn start(dir: &Path, settings: Settings) -> Running {
        let runtime = Runtime::new().unwrap();
        // One that was dropped a moment ago may still hold the directory.
        for _ in 0..1000 {
            match runtime.block_on(Broker::start_with(dir, settings.clone(), "127.0.0.1:0")) {
                Ok(broker) => return Running { runtime, broker: Some(broker) },
                Err(error) if error.to_string().contains("locked") => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the directory stays locked")
    }

    pub fn address(&self) -> SocketAddr {
        self.broker.as_ref().unwrap().address()
    }

    pub fn client(&self) -> Client {
        Client::open(self.address())
    }

    pub fn stop(mut self) {
        let broker = self.broker.take().unwrap();
        self.runtime.block_on(broker.stop()).unwrap();
    }
}

pub struct Client {
    pub stream: TcpStream,
    correlation: i32,
}

impl Client {
    pub fn open(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream, correlation: 0 }
    }

    /// The bytes of a request, with their length.
    pub fn frame<'a, M: Message<'a>>(&mut self, request: &M, version: i16) -> Vec<u8> {
        self.correlation += 1;
        let mut out = vec![0; 4];
        out.extend_from_slice(&M::KEY.to_be_bytes());
        out.extend_from_slice(&version.to_be_bytes());
        out.extend_from_slice(&self.correlation.to_be_bytes());
        out.extend_from_slice(&(-1i16).to_be_bytes());
        if version >= M::FLEXIBLE_FROM {
            out.push(0);
        }
        request.encode(version, &mut out).unwrap();
        let len = u32::try_from(out.len() - 4).unwrap();
        out[..4].copy_from_slice(&len.to_be_bytes());
        out
    }

    /// The next answer without its header; `None` if the connection is closed.
    pub fn read(&mut self, is_flexible: bool) -> Option<Vec<u8>> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len).ok()?;
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(len)).unwrap()];
        self.stream.read_exact(&mut body).ok()?;
        Some(body.split_off(if is_flexible { 5 } else { 4 }))
    }

    /// The body of the answer; `None` if the connection is closed.
    pub fn ask<'a, M: Message<'a>>(&mut self, request: &M, version: i16) -> Option<Vec<u8>> {
        let frame = self.frame(request, version);
        self.stream.write_all(&frame).ok()?;
        self.read(version >= M::FLEXIBLE_FROM && M::KEY != 18)
    }

    pub fn make_topic(&mut self, name: &str) {
        let topics = [MetadataRequestTopic { name: Some(name), ..Default::default() }];
        let request = MetadataRequest {
            topics: Some((&topics[..]).into()),
            allow_auto_topic_creation: true,
            ..Default::default()
        };
        let body = self.ask(&request, 9).unwrap();
        let response = MetadataResponse::decode(&body, 9).unwrap();
        assert_eq!(response.topics.first().unwrap().error_code, 0);
    }

    /// Produces one batch to partition 0: the code and the offset.
    pub fn produce(&mut self, topic: &str, id: Option<&str>, batch: &[u8]) -> (i16, i64) {
        let partitions = [PartitionProduceData { index: 0, records: Some(batch), ..Default::default() }];
        let topics = [TopicProduceData {
            name: topic,
            partition_data: (&partitions[..]).into(),
            ..Default::default()
        }];
        let request = ProduceRequest {
            transactional_id: id,
            acks: -1,
            timeout_ms: 1000,
            topic_data: (&topics[..]).into(),
            ..Default::default()
        };
        let body = self.ask(&request, 9).unwrap();
        let response = ProduceResponse::decode(&body, 9).unwrap();
        let one = response.responses.first().unwrap().partition_responses.first().unwrap();
        (one.error_code, one.base_offset)
    }

    /// The bytes of a request for partition 0 from an offset on.
    pub fn fetch_frame(&mut self, topic: &str, offset: i64, is_committed: bool) -> Vec<u8> {
        let partitions = [FetchPartition {
            fetch_offset: offset,
            partition_max_bytes: 1 << 20,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            ..Default::default()
        }];
        let topics = [FetchTopic { topic, partitions: (&partitions[..]).into(), ..Default::default() }];
        let request = FetchRequest {
            replica_id: -1,
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 1 << 20,
            isolation_level: i8::from(is_committed),
            session_epoch: -1,
            topics: (&topics[..]).into(),
            ..Default::default()
        };
        self.frame(&request, 12)
    }

    /// Fetches partition 0 from an offset on: the last stable offset, the aborted list, and the batches' bytes.
    pub fn fetch(&mut self, topic: &str, offset: i64, is_committed: bool) -> Fetched {
        let frame = self.fetch_frame(topic, offset, is_committed);
        self.stream.write_all(&frame).unwrap();
        let body = self.read(true).unwrap();
        let response = FetchResponse::decode(&body, 12).unwrap();
        let topic: FetchableTopicResponse<'_> = response.responses.first().unwrap();
        let one = topic.partitions.first().unwrap();
        Fetched {
            error: one.error_code,
            last_stable: one.last_stable_offset,
            high_watermark: one.high_watermark,
            aborted: one
                .aborted_transactions
                .map(|list| list.iter().map(|one| (one.producer_id, one.first_offset)).collect()),
            bytes: one.records.unwrap_or_default().to_vec(),
        }
    }

    /// Opens a transactional id: producer id and epoch.
    pub fn init(&mut self, id: Option<&str>) -> (i64, i16) {
        let request = InitProducerIdRequest {
            transactional_id: id,
            transaction_timeout_ms: 60_000,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        loop {
            let body = self.ask(&request, 4).unwrap();
            let response = InitProducerIdResponse::decode(&body, 4).unwrap();
            match response.error_code {
                0 => return (response.producer_id, response.producer_epoch),
                // Concurrent transactions: markers of the one before are being written.
                51 => std::thread::sleep(Duration::from_millis(5)),
                code => panic!("{code}"),
            }
        }
    }

    /// Adds partition 0 of a topic.
    pub fn add(&mut self, id: &str, (producer, epoch): (i64, i16), topic: &str) -> i16 {
        use add_partitions_to_txn_request::AddPartitionsToTxnTopic;
        let topics =
            [AddPartitionsToTxnTopic { name: topic, partitions: (&[0][..]).into(), ..Default::default() }];
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: id,
            v3_and_below_producer_id: producer,
            v3_and_below_producer_epoch: epoch,
            v3_and_below_topics: (&topics[..]).into(),
            ..Default::default()
        };
        loop {
            let body = self.ask(&request, 3).unwrap();
            let response = AddPartitionsToTxnResponse::decode(&body, 3).unwrap();
            let topic = response.results_by_topic_v3_and_below.first().unwrap();
            match topic.results_by_partition.first().unwrap().partition_error_code {
                51 => std::thread::sleep(Duration::from_millis(5)),
                code => return code,
            }
        }
    }

    pub fn end(&mut self, id: &str, (producer, epoch): (i64, i16), committed: bool) -> i16 {
        let request = EndTxnRequest {
            transactional_id: id,
            producer_id: producer,
            producer_epoch: epoch,
            committed,
            ..Default::default()
        };
        loop {
            let body = self.ask(&request, 3).unwrap();
            match EndTxnResponse::decode(&body, 3).unwrap().error_code {
                51 => std::thread::sleep(Duration::from_millis(5)),
                code => return code,
            }
        }
    }
}

pub struct Fetched {
    pub error: i16,
    pub last_stable: i64,
    pub high_watermark: i64,
    pub aborted: Option<Vec<(i64, i64)>>,
    pub bytes: Vec<u8>,
}

impl Fetched {
    /// Values of data records, with their offsets.
    pub fn values(&self) -> Vec<(i64, String)> {
        let (mut out, mut rest) = (Vec::new(), &self.bytes[..]);
        while let Ok((batch, behind)) = Batch::split(rest, 0) {
            for record in batch.records(&[]).unwrap().filter(|_| !batch.is_control()) {
                let value = String::from_utf8(record.value.unwrap_or_default().to_vec()).unwrap();
                out.push((batch.offset_of(&record), value));
            }
            rest = behind;
        }
        out
    }
}

/// A batch of values; with a producer and its sequence, or without.
pub fn batch(values: &[&str], producer: Option<((i64, i16), i32)>, is_transactional: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let ((producer_id, producer_epoch), base_sequence) = producer.unwrap_or(((-1, -1), -1));
    let attributes = if is_transactional { attribute::TRANSACTIONAL } else { 0 };
    let meta = Meta { producer_id, producer_epoch, base_sequence, attributes, ..Meta::default() };
    let mut builder = Builder::new(&mut out, meta);
    // Now: a marker, which carries the broker's clock, would begin a new segment behind old data.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    for value in values {
        builder.push(
            i64::try_from(now.as_millis()).unwrap(),
            Record { value: Some(value.as_bytes()), ..Record::default() },
        );
    }
    builder.finish(None);
    out
}
