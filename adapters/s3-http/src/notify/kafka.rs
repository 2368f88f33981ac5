//! A target that is a topic: records with the key BUCKET/KEY, so that those of one object stand in one partition in their order.
//!
//! Batches are asked to be acknowledged by all replicas. A record may be written twice, as a message may be delivered twice.

use std::collections::BTreeMap;
use std::time::Duration;

use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::{Builder, Meta};
use dolmen_kafka::client::{answer_start, partition_of, put_request};
use dolmen_kafka::messages::metadata_request::MetadataRequestTopic;
use dolmen_kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dolmen_kafka::messages::{
    ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataResponse, ProduceRequest,
    ProduceResponse,
};
use dolmen_kafka::record::Record;
use dolmen_kafka::wire::{Message, WireError};
use dolmen_s3::state::notify::Waiting;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::deliver::Delivered;

/// The name that brokers see.
const CLIENT_ID: &str = "dolmen-s3";
/// Bytes of an answer that are taken.
const ANSWER_LEN_MAX: usize = 16 << 20;
/// Bytes of records in one batch: below every broker's default `max.message.bytes`.
const BATCH_LEN: usize = 900 << 10;
/// Longest name of a topic.
const TOPIC_LEN_MAX: usize = 249;
/// Every replica has a batch before it is acknowledged.
const ACKS_ALL: i16 = -1;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A topic.
pub(super) struct Kafka {
    bootstrap: String,
    topic: String,
    timeout: Duration,
    session: Mutex<Option<Session>>,
}

/// What is known of the cluster while nothing fails.
struct Session {
    brokers: BTreeMap<i32, String>,
    leaders: BTreeMap<i32, i32>,
    connections: BTreeMap<i32, Connection>,
}

impl Kafka {
    pub fn parse(url: &str, timeout: Duration) -> std::result::Result<Kafka, String> {
        let (bootstrap, topic) = url
            .strip_prefix("kafka://")
            .and_then(|rest| rest.split_once('/'))
            .filter(|(host, _)| host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()))
            .ok_or("expected kafka://HOST:PORT/TOPIC")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if topic.is_empty() || topic.len() > TOPIC_LEN_MAX || !topic.bytes().all(plain) {
            return Err(format!("{topic:?} is no name of a topic"));
        }
        Ok(Kafka { bootstrap: bootstrap.into(), topic: topic.into(), timeout, session: Mutex::default() })
    }

    /// Delivers messages, partition by partition.
    pub async fn deliver(&self, due: &[Waiting]) -> Delivered {
        let mut out = Delivered::default();
        let mut session = self.session.lock().await;
        if let Err(fault) = self.all(&mut session, due, &mut out.taken).await {
            // Whoever leads the topic, the next attempt asks anew.
            *session = None;
            out.faults.push(format!("kafka://{}/{}: {fault}", self.bootstrap, self.topic));
        }
        out
    }

    async fn all(
        &self,
        session: &mut Option<Session>,
        due: &[Waiting],
        taken: &mut Vec<usize>,
    ) -> Result<()> {
        let session = match session {
            Some(session) => session,
            none => none.insert(self.timed(Session::open(&self.bootstrap, &self.topic)).await?),
        };
        let count = i32::try_from(session.leaders.len())?;
        let mut partitions: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (at, message) in due.iter().enumerate() {
            partitions.entry(partition_of(&message.lane, count)).or_default().push(at);
        }
        for (partition, places) in partitions {
            let mut rest = &places[..];
            while !rest.is_empty() {
                let mut len = 0;
                let fits = rest.iter().take_while(|&&at| {
                    len += due[at].lane.len() + due[at].text.len() + 64;
                    len <= BATCH_LEN
                });
                let (now, later) = rest.split_at(fits.count().max(1));
                let bytes = batch(now.iter().map(|&at| &due[at]))?;
                self.timed(session.produce(&self.topic, partition, &bytes, self.timeout)).await?;
                taken.extend_from_slice(now);
                rest = later;
            }
        }
        Ok(())
    }

    async fn timed<T>(&self, act: impl Future<Output = Result<T>>) -> Result<T> {
        let timed = tokio::time::timeout(self.timeout, act).await;
        timed.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout).into()))
    }
}

fn batch<'m>(messages: impl Iterator<Item = &'m Waiting>) -> Result<Vec<u8>> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let now_ms = i64::try_from(now.as_millis())?;
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out, Meta::default());
    for message in messages {
        let record = Record { key: Some(&message.lane), value: Some(&message.text), ..Record::default() };
        if !builder.push(now_ms, record) {
            return Err("a message is too large for a batch".into());
        }
    }
    builder.finish(None);
    Ok(out)
}

fn check(code: i16, what: &str) -> Result<()> {
    match ErrorCode(code) {
        ErrorCode::NONE => Ok(()),
        code => Err(format!("{what}: the broker refuses: {code}").into()),
    }
}

impl Session {
    /// Finds out who leads the topic, which the broker may make.
    async fn open(bootstrap: &str, topic: &str) -> Result<Session> {
        let mut connection = Connection::open(bootstrap).await?;
        loop {
            let topics = [MetadataRequestTopic { name: Some(topic), ..MetadataRequestTopic::default() }];
            let request =
                MetadataRequest { topics: Some((&topics[..]).into()), ..MetadataRequest::default() };
            let (body, version) = connection.call(&request, (4, 12)).await?;
            let response = MetadataResponse::decode(&body, version)?;
            let found = response.topics.first().ok_or("the broker tells nothing of the topic")?;
            let leaders: BTreeMap<i32, i32> =
                found.partitions.iter().map(|p| (p.partition_index, p.leader_id)).collect();
            let is_coming =
                [ErrorCode::NONE, ErrorCode::LEADER_NOT_AVAILABLE].contains(&ErrorCode(found.error_code));
            if is_coming && (leaders.is_empty() || leaders.values().any(|leader| *leader < 0)) {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            check(found.error_code, "asking for the topic")?;
            let address = |host: &str, port| format!("{host}:{port}");
            let brokers = response.brokers.iter().map(|b| (b.node_id, address(b.host, b.port))).collect();
            return Ok(Session { brokers, leaders, connections: BTreeMap::new() });
        }
    }

    async fn produce(&mut self, topic: &str, partition: i32, bytes: &[u8], timeout: Duration) -> Result<()> {
        let leader = *self.leaders.get(&partition).ok_or("the topic has holes in its partitions")?;
        if !self.connections.contains_key(&leader) {
            let address = self.brokers.get(&leader).ok_or("the leader is not known")?;
            let connection = Connection::open(address).await?;
            self.connections.insert(leader, connection);
        }
        let connection = self.connections.get_mut(&leader).ok_or("it was just opened")?;
        let data = [PartitionProduceData {
            index: partition,
            records: Some(bytes),
            ..PartitionProduceData::default()
        }];
        let topics = [TopicProduceData {
            name: topic,
            partition_data: (&data[..]).into(),
            ..TopicProduceData::default()
        }];
        let request = ProduceRequest {
            acks: ACKS_ALL,
            timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data: (&topics[..]).into(),
            ..ProduceRequest::default()
        };
        let (body, version) = connection.call(&request, (3, 11)).await?;
        let response = ProduceResponse::decode(&body, version)?;
        let first = response.responses.first().and_then(|topic| topic.partition_responses.first());
        let result = first.ok_or("the broker tells nothing of the batch")?;
        check(result.error_code, "writing")
    }
}

/// One connection to a broker, and the versions that it speaks.
struct Connection {
    stream: TcpStream,
    correlation: i32,
    ranges: BTreeMap<i16, (i16, i16)>,
}

impl Connection {
    async fn open(address: &str) -> Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut connection = Connection { stream, correlation: 0, ranges: BTreeMap::new() };
        // Every broker speaks the oldest version, and answers all that it has.
        let body = connection.exchange(&ApiVersionsRequest::default(), 0).await?;
        let response = ApiVersionsResponse::decode(&body, 0)?;
        check(response.error_code, "asking for versions")?;
        let ranges = response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version)));
        connection.ranges = ranges.collect();
        Ok(connection)
    }

    /// Asks in the highest version within these bounds that the broker speaks.
    async fn call<'a, M: Message<'a>>(
        &mut self,
        request: &M,
        (low, high): (i16, i16),
    ) -> Result<(Vec<u8>, i16)> {
        let (from, until) = self.ranges.get(&M::KEY).copied().unwrap_or((0, -1));
        let version = high.min(until);
        if version < low.max(from) {
            return Err(format!("the broker does not speak API {} in version {low} to {high}", M::KEY).into());
        }
        Ok((self.exchange(request, version).await?, version))
    }

    async fn exchange<'a, M: Message<'a>>(&mut self, request: &M, version: i16) -> Result<Vec<u8>> {
        self.correlation = self.correlation.wrapping_add(1);
        let mut frame = Vec::new();
        put_request(request, version, self.correlation, CLIENT_ID, &mut frame)?;
        self.stream.write_all(&frame).await?;
        let len = usize::try_from(self.stream.read_i32().await?)?;
        if len > ANSWER_LEN_MAX {
            return Err(format!("the broker's answer says that it is {len} bytes long").into());
        }
        let mut answer = Vec::new();
        // Grows with what comes, not with what was promised.
        (&mut self.stream).take(len as u64).read_to_end(&mut answer).await?;
        if answer.len() != len {
            return Err("the broker has closed the connection within an answer".into());
        }
        let start = answer_start::<M>(&answer, version, self.correlation)
            .map_err(|error: WireError| error.to_string())?
            .ok_or("the broker answers another request")?;
        answer.drain(..start);
        Ok(answer)
    }
}

/// Keys and values of a topic with one partition, for tests.
#[cfg(test)]
pub(crate) async fn read(bootstrap: &str, topic: &str) -> Result<Vec<(String, String)>> {
    use dolmen_kafka::batch::Batch;
    use dolmen_kafka::messages::fetch_request::{FetchPartition, FetchTopic};
    use dolmen_kafka::messages::{FetchRequest, FetchResponse};
    let mut connection = Connection::open(bootstrap).await?;
    let (mut out, mut offset) = (Vec::new(), 0);
    loop {
        let partitions = [FetchPartition {
            fetch_offset: offset,
            partition_max_bytes: 1 << 20,
            ..FetchPartition::default()
        }];
        let topics = [FetchTopic { topic, partitions: (&partitions[..]).into(), ..FetchTopic::default() }];
        let request = FetchRequest {
            replica_id: -1,
            max_bytes: 1 << 20,
            session_epoch: -1,
            topics: (&topics[..]).into(),
            ..FetchRequest::default()
        };
        let (body, version) = connection.call(&request, (4, 11)).await?;
        let response = FetchResponse::decode(&body, version)?;
        let answered = response.responses.first().ok_or("no topic")?;
        let data = answered.partitions.first().ok_or("no partition")?;
        check(data.error_code, "reading")?;
        let mut rest = data.records.unwrap_or_default();
        let before = out.len();
        while let Ok((batch, behind)) = Batch::split(rest, 0) {
            for record in batch.records(&[])? {
                let text =
                    |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                out.push((text(record.key), text(record.value)));
            }
            offset = batch.last_offset() + 1;
            rest = behind;
        }
        if out.len() == before {
            return Ok(out);
        }
    }
}
