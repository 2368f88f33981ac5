//! A client of our own over blocking sockets: one connection per broker, versions as the broker has them, every answer within its time.

pub mod consumer;
pub mod group;
pub mod producer;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use dolmen_kafka::ErrorCode;
use dolmen_kafka::client::{answer_start, put_request};
use dolmen_kafka::eos::decide::is_passing;
use dolmen_kafka::messages::find_coordinator_response::Coordinator;
use dolmen_kafka::messages::metadata_request::MetadataRequestTopic;
use dolmen_kafka::messages::{
    ApiVersionsRequest, ApiVersionsResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    MetadataRequest, MetadataResponse,
};
use dolmen_kafka::wire::Message;

/// The name that brokers see.
const CLIENT_ID: &str = "dolmen";
/// The largest answer that is taken: more than any broker's `fetch.max.bytes`.
const FRAME_LEN_MAX: usize = 128 << 20;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long something that may be tried again is tried.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A broker's refusal.
#[derive(Debug)]
pub struct Refused {
    /// Its code.
    pub code: ErrorCode,
    /// What was asked.
    pub what: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: the broker refuses: {}", self.what, self.code)
    }
}

impl std::error::Error for Refused {}

/// Nothing if the code says so, else [`Refused`].
///
/// # Errors
///
/// [`Refused`].
pub fn check(code: i16, what: impl Into<String>) -> Result<()> {
    match ErrorCode(code) {
        ErrorCode::NONE => Ok(()),
        code => Err(Refused { code, what: what.into() }.into()),
    }
}

/// The code of a refusal, if the error is one.
pub fn code_of(error: &anyhow::Error) -> Option<ErrorCode> {
    error.downcast_ref::<Refused>().map(|refused| refused.code)
}

/// One connection.
struct Connection {
    stream: TcpStream,
    correlation: i32,
    ranges: BTreeMap<i16, (i16, i16)>,
    transaction_version: i16,
}

impl Connection {
    fn open(address: &str) -> Result<Connection> {
        let mut last = anyhow!("{address}: no address");
        for address in address.to_socket_addrs().with_context(|| format!("{address}: expected HOST:PORT"))? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(TIMEOUT))?;
                    stream.set_write_timeout(Some(TIMEOUT))?;
                    let mut connection = Connection {
                        stream,
                        correlation: 0,
                        ranges: BTreeMap::new(),
                        transaction_version: 0,
                    };
                    connection
                        .greet()
                        .with_context(|| format!("{address} does not speak Kafka's protocol"))?;
                    return Ok(connection);
                }
                // The cause stays what it is: a broker that is not there yet is worth another try.
                Err(error) => last = anyhow::Error::new(error).context(address.to_string()),
            }
        }
        Err(last)
    }

    /// Asks for versions and features; a broker that is too old for the newest form says so in the oldest.
    fn greet(&mut self) -> Result<()> {
        let request = ApiVersionsRequest {
            client_software_name: CLIENT_ID,
            client_software_version: env!("CARGO_PKG_VERSION"),
            ..ApiVersionsRequest::default()
        };
        let mut version = 3;
        let mut body = self.exchange(&request, version)?;
        if body.starts_with(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes()) {
            version = 0;
            body = self.exchange(&ApiVersionsRequest::default(), version)?;
        }
        let response = ApiVersionsResponse::decode(&body, version)?;
        check(response.error_code, "versions")?;
        let range = |api: dolmen_kafka::messages::api_versions_response::ApiVersion<'_>| {
            (api.api_key, (api.min_version, api.max_version))
        };
        self.ranges = response.api_keys.iter().map(range).collect();
        let mut features = response.finalized_features.iter();
        let feature = features.find(|feature| feature.name == "transaction.version");
        self.transaction_version = feature.map_or(0, |feature| feature.max_version_level);
        Ok(())
    }

    /// Sends a request and gives the response's body.
    fn exchange<'a, M: Message<'a>>(&mut self, request: &M, version: i16) -> Result<Vec<u8>> {
        self.correlation = self.correlation.wrapping_add(1);
        let mut frame = Vec::new();
        put_request(request, version, self.correlation, CLIENT_ID, &mut frame)?;
        self.stream.write_all(&frame).context("sending a request")?;
        let mut len = [0; 4];
        self.stream.read_exact(&mut len).context("waiting for an answer")?;
        let len = u32::from_be_bytes(len) as usize;
        ensure!((4..=FRAME_LEN_MAX).contains(&len), "the broker's answer says that it is {len} bytes long");
        let mut answer = Vec::new();
        // Grows with what comes, not with what was promised.
        (&mut self.stream).take(len as u64).read_to_end(&mut answer).context("reading an answer")?;
        if answer.len() != len {
            // As any broken connection: worth another try.
            let cut = "the broker has closed the connection within an answer";
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, cut).into());
        }
        let start = answer_start::<M>(&answer, version, self.correlation)?;
        answer.drain(..start.context("the broker answers another request")?);
        Ok(answer)
    }
}

/// Who leads a partition.
#[derive(Clone, Debug, Default)]
pub struct TopicInfo {
    /// Its id.
    pub id: dolmen_kafka::wire::Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Leaders by partition.
    pub leaders: BTreeMap<i32, i32>,
}

/// A cluster.
pub struct Cluster {
    bootstrap: String,
    brokers: BTreeMap<i32, String>,
    connections: BTreeMap<String, Connection>,
    topics: BTreeMap<String, TopicInfo>,
    coordinators: BTreeMap<(i8, String), i32>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    /// Any broker.
    Any,
    /// A broker.
    Broker(i32),
    /// The coordinator of a group.
    Group(&'a str),
    /// The coordinator of a transactional id.
    Transaction(&'a str),
}

impl Cluster {
    /// Connects.
    ///
    /// # Errors
    ///
    /// If nobody is there, or it is no broker.
    pub fn connect(bootstrap: &str) -> Result<Cluster> {
        let mut cluster = Cluster {
            bootstrap: bootstrap.into(),
            brokers: BTreeMap::new(),
            connections: BTreeMap::new(),
            topics: BTreeMap::new(),
            coordinators: BTreeMap::new(),
        };
        cluster.refresh(Some(&[]), false)?;
        Ok(cluster)
    }

    fn connection(&mut self, address: &str) -> Result<&mut Connection> {
        if !self.connections.contains_key(address) {
            let connection = Connection::open(address)?;
            self.connections.insert(address.into(), connection);
        }
        self.connections.get_mut(address).context("it was just opened")
    }

    fn address(&mut self, to: To<'_>) -> Result<String> {
        let id = match to {
            To::Any => return Ok(self.bootstrap.clone()),
            To::Broker(id) => id,
            To::Group(name) => self.coordinator(0, name)?,
            To::Transaction(name) => self.coordinator(1, name)?,
        };
        Ok(self.brokers.get(&id).cloned().unwrap_or_else(|| self.bootstrap.clone()))
    }

    /// The highest version that the broker and the caller know.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn version<'a, M: Message<'a>>(&mut self, to: To<'_>, low: i16, high: i16) -> Result<i16> {
        let address = self.address(to)?;
        let (from, until) = self.connection(&address)?.ranges.get(&M::KEY).copied().unwrap_or((0, -1));
        let api =
            dolmen_kafka::messages::APIS.iter().find(|api| api.key == M::KEY).map_or("", |api| api.name);
        let version = high.min(until);
        ensure!(version >= low.max(from), "{address} does not speak {api} in version {low} to {high}");
        Ok(version)
    }

    /// The finalized `transaction.version`.
    ///
    /// # Errors
    ///
    /// If nobody is there.
    pub fn transaction_version(&mut self) -> Result<i16> {
        let address = self.bootstrap.clone();
        Ok(self.connection(&address)?.transaction_version)
    }

    /// Asks, in the highest version within these bounds that the broker knows; gives the body of the answer and the version. A connection that fails is
    /// closed; the next request opens another one.
    ///
    /// # Errors
    ///
    /// If nobody is there, or the version is not spoken.
    pub fn call<'a, M: Message<'a>>(
        &mut self,
        to: To<'_>,
        request: &M,
        (low, high): (i16, i16),
    ) -> Result<(Vec<u8>, i16)> {
        let version = self.version::<M>(to, low, high)?;
        let address = self.address(to)?;
        let result = self.connection(&address)?.exchange(request, version);
        if result.is_err() {
            self.connections.remove(&address);
        }
        Ok((result.with_context(|| address)?, version))
    }

    /// Reads what the cluster knows of topics: all, or these, which may be made by asking.
    ///
    /// # Errors
    ///
    /// If nobody is there.
    pub fn refresh(
        &mut self,
        topics: Option<&[&str]>,
        may_make: bool,
    ) -> Result<BTreeMap<String, ErrorCode>> {
        let names = topics.map(|names| {
            names
                .iter()
                .map(|name| MetadataRequestTopic { name: Some(name), ..MetadataRequestTopic::default() })
                .collect()
        });
        let request = MetadataRequest {
            topics: names,
            allow_auto_topic_creation: may_make,
            ..MetadataRequest::default()
        };
        let (body, version) = self.call(To::Any, &request, (4, 12))?;
        let response = MetadataResponse::decode(&body, version)?;
        for broker in &response.brokers {
            self.brokers.insert(broker.node_id, format!("{}:{}", broker.host, broker.port));
        }
        let mut codes = BTreeMap::new();
        for topic in &response.topics {
            let Some(name) = topic.name else { continue };
            codes.insert(name.to_owned(), ErrorCode(topic.error_code));
            let leaders = topic.partitions.iter().map(|p| (p.partition_index, p.leader_id)).collect();
            let info = TopicInfo { id: topic.topic_id, is_internal: topic.is_internal, leaders };
            if topic.error_code == 0 {
                self.topics.insert(name.into(), info);
            } else {
                self.topics.remove(name);
            }
        }
        Ok(codes)
    }

    /// What was read of topics last.
    pub fn topics(&self) -> &BTreeMap<String, TopicInfo> {
        &self.topics
    }

    /// A topic, asked for until every partition has a leader.
    ///
    /// # Errors
    ///
    /// If it is not there, or has no leader for too long.
    pub fn topic(&mut self, name: &str, may_make: bool) -> Result<TopicInfo> {
        let until = Instant::now() + PATIENCE;
        loop {
            let known = self.topics.get(name);
            if let Some(info) =
                known.filter(|t| !t.leaders.is_empty() && t.leaders.values().all(|id| *id >= 0))
            {
                return Ok(info.clone());
            }
            let code = self.refresh(Some(&[name]), may_make)?.remove(name).unwrap_or(ErrorCode::NONE);
            let is_coming = code == ErrorCode::NONE
                || code == ErrorCode::LEADER_NOT_AVAILABLE
                || (may_make && code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            if !is_coming || Instant::now() > until {
                check(code.0, format!("topic {name}"))?;
                bail!("topic {name} has no leader");
            }
            if !self.topics.contains_key(name) {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// The leader of a partition.
    ///
    /// # Errors
    ///
    /// If there is no such partition.
    pub fn leader(&mut self, topic: &str, partition: i32) -> Result<i32> {
        let info = self.topic(topic, false)?;
        info.leaders
            .get(&partition)
            .copied()
            .with_context(|| format!("topic {topic} has no partition {partition}"))
    }

    /// Forgets who leads and coordinates what.
    pub fn forget(&mut self) {
        self.topics.clear();
        self.coordinators.clear();
    }

    fn coordinator(&mut self, kind: i8, name: &str) -> Result<i32> {
        if let Some(id) = self.coordinators.get(&(kind, name.to_owned())) {
            return Ok(*id);
        }
        let id =
            retry(self, &format!("finding the coordinator of {name}"), |cluster| cluster.find(kind, name))?;
        self.coordinators.insert((kind, name.into()), id);
        Ok(id)
    }

    fn find(&mut self, kind: i8, name: &str) -> Result<i32> {
        let keys = [name];
        let version = self.version::<FindCoordinatorRequest<'_>>(To::Any, 1, 4)?;
        let mut request = FindCoordinatorRequest { key_type: kind, ..FindCoordinatorRequest::default() };
        if version >= 4 {
            request.coordinator_keys = (&keys[..]).into();
        } else {
            request.key = name;
        }
        let (body, version) = self.call(To::Any, &request, (1, 4))?;
        let response = FindCoordinatorResponse::decode(&body, version)?;
        let found = if version >= 4 {
            response.coordinators.first().context("no coordinator was named")?
        } else {
            Coordinator {
                node_id: response.node_id,
                host: response.host,
                port: response.port,
                error_code: response.error_code,
                ..Coordinator::default()
            }
        };
        check(found.error_code, format!("the coordinator of {name}"))?;
        self.brokers.insert(found.node_id, format!("{}:{}", found.host, found.port));
        Ok(found.node_id)
    }
}

/// Tries until it works, is refused for good, or takes too long. Broken connections are tried again as well.
///
/// # Errors
///
/// The last error.
pub fn retry<T>(
    cluster: &mut Cluster,
    what: &str,
    mut act: impl FnMut(&mut Cluster) -> Result<T>,
) -> Result<T> {
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(5);
    loop {
        let error = match act(cluster) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let may_pass = match code_of(&error) {
            Some(code) => is_passing(code),
            None => error.chain().any(|cause| cause.is::<std::io::Error>()),
        };
        if !may_pass || Instant::now() > until {
            return Err(error.context(what.to_owned()));
        }
        if code_of(&error) != Some(ErrorCode::CONCURRENT_TRANSACTIONS) {
            cluster.forget();
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}
