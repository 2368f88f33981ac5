//! Requests: their headers, their versions, and who answers them.
//!
//! A request that cannot be read costs the connection, as with Kafka: what follows it cannot be trusted. Only ApiVersions of a version that is
//! not known is answered, in version 0.

mod acls;
mod admin;
pub mod authorize;
#[cfg(test)]
mod costs;
mod fetch;
mod metadata;
mod offsets;
mod placement;
mod produce;
mod quorum;
mod quotas;
mod sasl;
mod scram;
mod transactions;

use std::sync::Arc;

use dolmen_kafka::messages::{
    APIS, ApiVersionsRequest, ApiVersionsResponse, api_versions_response as versions,
};
use dolmen_kafka::wire::{Api, Message, Reader, Wire};
use dolmen_kafka::{ErrorCode, WireError};

use crate::broker::State;
use crate::server::{Frame, Peer, Reply};

/// Bytes of a frame's length, in front of it.
const LENGTH_LEN: usize = 4;
/// ApiVersions.
const API_VERSIONS: i16 = 18;
/// Produce.
const PRODUCE: i16 = 0;
/// The highest version of InitProducerId without two-phase commit, which is not served.
const INIT_PRODUCER_ID: (i16, i16) = (22, 5);

/// One request, its header read.
pub struct Call {
    /// The broker.
    pub state: Arc<State>,
    /// The connection.
    pub peer: Arc<Peer>,
    /// The API's key.
    pub key: i16,
    /// The version of request and response.
    pub version: i16,
    /// What the answer is named by.
    pub correlation: i32,
    /// The client's own name.
    pub client: String,
    frame: Frame,
    body_at: usize,
}

impl Call {
    /// The request.
    pub fn request<'a, M: Message<'a>>(&'a self) -> Result<M, WireError> {
        M::decode_request(&self.frame[self.body_at..], self.version)
    }

    /// The answer.
    pub fn answer<'a, M: Message<'a>>(&self, message: &M) -> Result<Reply, WireError> {
        answer(self.correlation, self.version, message).map(Reply::Frame)
    }

    /// The request, by another's reading.
    pub fn read_with<'a, T>(
        &'a self,
        read: impl FnOnce(i16, i16, &'a [u8]) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        read(self.key, self.version, &self.frame[self.body_at..])
    }

    /// The answer, by another's writing.
    pub fn answer_with(
        &self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Result<Reply, WireError> {
        let flexible = APIS.iter().any(|api| api.key == self.key && self.version >= api.flexible_from);
        let mut out = header(self.correlation, flexible);
        write(&mut out)?;
        finish(out).map(Reply::Frame)
    }

    /// Where a client reaches this broker.
    pub fn host(&self) -> (String, i32) {
        self.state.settings.host_of(self.peer.local)
    }
}

/// A response with its header and length.
pub fn answer<'a, M: Message<'a>>(correlation: i32, version: i16, message: &M) -> Result<Frame, WireError> {
    // The answer to ApiVersions never has tags: whoever reads it may not know the version.
    let mut out = header(correlation, version >= M::FLEXIBLE_FROM && M::KEY != API_VERSIONS);
    message.encode(version, &mut out)?;
    finish(out)
}

/// Room for the length, and the header.
fn header(correlation: i32, flexible: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&correlation.to_be_bytes());
    if flexible {
        out.push(0);
    }
    out
}

/// Puts the length in front.
fn finish(mut out: Vec<u8>) -> Result<Frame, WireError> {
    let len = i32::try_from(out.len() - 4).map_err(|_| WireError::TooLong { len: out.len() })?;
    out[..4].copy_from_slice(&len.to_be_bytes());
    Ok(out)
}

/// The versions of an API that are served.
pub fn served(api: &Api) -> (i16, i16) {
    match api.key {
        key if key == INIT_PRODUCER_ID.0 => (api.low, INIT_PRODUCER_ID.1),
        _ => (api.low, api.high),
    }
}

/// Works on one frame.
pub async fn handle(state: Arc<State>, peer: Arc<Peer>, frame: Frame) -> Reply {
    let remote = peer.remote;
    if peer.session.lock().is_raw() {
        return sasl::raw(&state, &peer, &frame[LENGTH_LEN..]);
    }
    match read_header(state, peer, frame) {
        Ok(call) => {
            call.state.counters.request(call.key);
            match dispatch(&call).await {
                Ok(reply) => reply,
                Err(error) => {
                    tracing::debug!(target: "kafka", "{remote}: API {} version {}: {error}", call.key, call.version);
                    Reply::Close
                }
            }
        }
        Err(error) => {
            tracing::debug!(target: "kafka", "{remote}: a request's header: {error}");
            Reply::Close
        }
    }
}

/// ```text
/// i32 length   i16 key   i16 version   i32 correlation   string client id, nullable   [tagged fields, where the version is flexible]
/// ```
fn read_header(state: Arc<State>, peer: Arc<Peer>, frame: Frame) -> Result<Call, WireError> {
    let mut reader = Reader::new(&frame[LENGTH_LEN..], false);
    let key = i16::read(&mut reader, 0)?;
    let version = i16::read(&mut reader, 0)?;
    let correlation = i32::read(&mut reader, 0)?;
    let client = <&str>::read_nullable(&mut reader, 0)?.unwrap_or_default().to_owned();
    let mut body_at = LENGTH_LEN + reader.position();
    let api = APIS.iter().find(|api| api.key == key);
    let unknown = WireError::Version { key, version };
    let (low, high) = api.map(served).ok_or(unknown)?;
    let is_known = (low..=high).contains(&version);
    if !is_known && key != API_VERSIONS {
        return Err(unknown);
    }
    if is_known && api.is_some_and(|api| version >= api.flexible_from) {
        let mut tags = Reader::new(&frame[body_at..], true);
        tags.tagged(|_, _| Ok(false))?;
        body_at += tags.position();
    }
    Ok(Call { state, peer, key, version, correlation, client, frame, body_at })
}

async fn dispatch(call: &Call) -> Result<Reply, WireError> {
    if call.key == API_VERSIONS {
        return api_versions(call);
    }
    if let Some(reply) = sasl::gate(call)? {
        return Ok(reply);
    }
    match call.key {
        PRODUCE => produce::produce(call).await,
        1 => fetch::fetch(call).await,
        2 => offsets::list_offsets(call),
        3 => metadata::metadata(call).await,
        8 | 9 | 11..=16 | 42 | 47 | 68 | 69 => crate::groups::serve(call).await,
        10 => metadata::find_coordinator(call).await,
        19 => metadata::create_topics(call).await,
        20 => metadata::delete_topics(call).await,
        21 => offsets::delete_records(call).await,
        22 => transactions::init_producer_id(call).await,
        23 => offsets::offset_for_leader_epoch(call),
        24 => transactions::add_partitions(call).await,
        25 => transactions::add_offsets(call).await,
        26 => transactions::end(call).await,
        27 => transactions::write_markers(call).await,
        28 => transactions::commit_offsets(call).await,
        29 => acls::describe(call),
        30 => acls::create(call).await,
        31 => acls::delete(call).await,
        32 => admin::describe_configs(call),
        33 => admin::alter_configs(call).await,
        34 => placement::alter_replica_log_dirs(call),
        35 => placement::describe_log_dirs(call),
        37 => metadata::create_partitions(call).await,
        43 => placement::elect_leaders(call),
        44 => admin::incremental_alter_configs(call).await,
        45 => placement::alter_partition_reassignments(call),
        46 => placement::list_partition_reassignments(call),
        48 => quotas::describe(call),
        50 => scram::describe(call),
        51 => scram::alter(call).await,
        55 => quorum::describe(call).await,
        60 => admin::describe_cluster(call),
        61 => admin::describe_producers(call),
        65 => transactions::describe(call),
        66 => transactions::list(call),
        74 => admin::list_config_resources(call),
        75 => metadata::describe_topic_partitions(call),
        _ => Err(WireError::Version { key: call.key, version: call.version }),
    }
}

fn api_versions(call: &Call) -> Result<Reply, WireError> {
    let version = |key: i16, low, high| versions::ApiVersion {
        api_key: key,
        // Old clients conclude from a higher minimum that there is no compression.
        min_version: if key == PRODUCE { 0 } else { low },
        max_version: high,
        ..Default::default()
    };
    let all = APIS.iter().map(|api| {
        let (low, high) = served(api);
        version(api.key, low, high)
    });
    let (low, high) = APIS.iter().find(|api| api.key == API_VERSIONS).map_or((0, 0), served);
    if !(low..=high).contains(&call.version) {
        let response = ApiVersionsResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION.0,
            api_keys: [version(API_VERSIONS, low, high)].into_iter().collect(),
            ..Default::default()
        };
        return answer(call.correlation, 0, &response).map(Reply::Frame);
    }
    let request: ApiVersionsRequest<'_> = call.request()?;
    let is_named = |name: &str| {
        let ends = |byte: &u8| byte.is_ascii_alphanumeric();
        let bytes = name.as_bytes();
        bytes.first().is_some_and(ends)
            && bytes.last().is_some_and(ends)
            && bytes.iter().all(|byte| ends(byte) || matches!(byte, b'-' | b'.'))
    };
    let is_right = call.version < 3
        || (is_named(request.client_software_name) && is_named(request.client_software_version));
    let level = call.state.settings.int("transaction.version") as i16;
    let response = ApiVersionsResponse {
        error_code: if is_right { 0 } else { ErrorCode::INVALID_REQUEST.0 },
        api_keys: if is_right { all.collect() } else { Default::default() },
        ..features(level, is_right && call.version >= 3)
    };
    call.answer(&response)
}

fn features(transaction_version: i16, are_told: bool) -> ApiVersionsResponse<'static> {
    if !are_told {
        return ApiVersionsResponse::default();
    }
    let finalized = [("group.version", 1), ("transaction.version", transaction_version)];
    let supported = [("group.version", 1), ("transaction.version", 2)];
    ApiVersionsResponse {
        supported_features: supported
            .into_iter()
            .map(|(name, max_version)| versions::SupportedFeatureKey {
                name,
                min_version: 0,
                max_version,
                ..Default::default()
            })
            .collect(),
        finalized_features_epoch: 0,
        finalized_features: finalized
            .into_iter()
            .filter(|(_, level)| *level > 0)
            .map(|(name, level)| versions::FinalizedFeatureKey {
                name,
                max_version_level: level,
                min_version_level: level,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

/// Runs what blocks where it may.
pub async fn blocking<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(body).await.expect("nothing that blocks panics or is cancelled")
}
