//! Fetch.
//!
//! A fetch looks at all its partitions; if there is not enough, it is woken by whichever gets more, until its time is over. Fetch sessions are
//! not kept: every answer names session 0, so that clients ask in full every time, as KIP-227 provides for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dolmen_kafka::acl::Operation;
use dolmen_kafka::messages::{FetchRequest, FetchResponse, fetch_request as asked, fetch_response as out};
use dolmen_kafka::wire::{List, Uuid};
use dolmen_kafka::{ErrorCode, WireError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Call;
use super::authorize::Gate;
use crate::server::Reply;
use crate::storage::log::Want;
use crate::storage::{PartitionLog, Read};

/// The session epoch of a request outside any session.
const FULL: [i32; 2] = [-1, 0];

struct Asked {
    index: i32,
    log: Result<Arc<PartitionLog>, ErrorCode>,
    epoch: i32,
    want: Want,
}

struct AskedTopic {
    name: String,
    id: Uuid,
    partitions: Vec<Asked>,
}

/// Handles Fetch.
pub async fn fetch(call: &Call) -> Result<Reply, WireError> {
    let request: FetchRequest<'_> = call.request()?;
    if !FULL.contains(&request.session_epoch) {
        let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND.0;
        return call.answer(&FetchResponse { error_code, ..Default::default() });
    }
    let gate = Gate::of(call);
    let topics: Vec<AskedTopic> =
        request.topics.iter().map(|topic| resolve(call, &gate, &request, &topic)).collect();
    drop(gate);
    let most = call.state.settings.int("fetch.max.bytes");
    let len_max = usize::try_from(request.max_bytes.min(most)).unwrap_or(0);
    let len_min = usize::try_from(request.min_bytes).unwrap_or(0);
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let until = Instant::now() + wait;
    drop(request);
    loop {
        let notify = Arc::new(Notify::new());
        let watch = Watch::new(&topics, &notify);
        let found = look(&topics, len_max);
        let is_enough = found.len >= len_min.max(1) || found.is_final || Instant::now() >= until;
        if is_enough || (len_min == 0) {
            drop(watch);
            call.state.counters.fetched.fetch_add(found.len as u64, Relaxed);
            return respond(call, &topics, found.reads);
        }
        tokio::select! {
            () = notify.notified() => {}
            () = sleep_until(until) => {}
        }
        drop(watch);
    }
}

fn resolve(
    call: &Call,
    gate: &Gate,
    request: &FetchRequest<'_>,
    topic: &asked::FetchTopic<'_>,
) -> AskedTopic {
    let known = call.state.catalog.known();
    let by_id = call.version >= 13;
    let name = if by_id {
        known.topics.topic_by_id(topic.topic_id).map(|topic| topic.name.as_str())
    } else {
        Some(topic.topic)
    };
    let permitted = match name {
        // Whoever says that it is a broker must be one, to be told anything.
        _ if is_follower(request) => {
            gate.cluster(Operation::ClusterAction).map_err(|_| ErrorCode::TOPIC_AUTHORIZATION_FAILED)
        }
        Some(name) => gate.topic(Operation::Read, name),
        None => Ok(()),
    };
    let log = |index| known.log(name.ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?, index).cloned();
    let one = |partition: asked::FetchPartition<'_>| Asked {
        index: partition.partition,
        log: permitted.and_then(|()| log(partition.partition)),
        epoch: partition.current_leader_epoch,
        want: Want {
            offset: partition.fetch_offset,
            is_committed: request.isolation_level == 1,
            len_max: usize::try_from(partition.partition_max_bytes).unwrap_or(0),
            at_least_one: false,
        },
    };
    let partitions = topic.partitions.iter().map(one).collect();
    AskedTopic { name: name.unwrap_or_default().to_owned(), id: topic.topic_id, partitions }
}

/// Whether a broker asks, to keep a copy.
fn is_follower(request: &FetchRequest<'_>) -> bool {
    request.replica_id >= 0 || request.replica_state.replica_id >= 0
}

/// What was found in every partition, in the order of the request.
struct Found {
    reads: Vec<Result<Read, ErrorCode>>,
    len: usize,
    /// Waiting changes nothing.
    is_final: bool,
}

fn look(topics: &[AskedTopic], len_max: usize) -> Found {
    let mut found = Found { reads: Vec::new(), len: 0, is_final: false };
    for asked in topics.iter().flat_map(|topic| &topic.partitions) {
        let want = Want {
            len_max: asked.want.len_max.min(len_max - found.len.min(len_max)),
            at_least_one: found.len == 0,
            ..asked.want
        };
        let read = asked.log.clone().and_then(|log| {
            check_epoch(&log, asked.epoch)?;
            log.read(want)
        });
        match &read {
            Ok(read) => found.len += read.bytes.len(),
            Err(_) => found.is_final = true,
        }
        found.reads.push(read);
    }
    found.is_final |= found.reads.is_empty();
    found
}

/// Whether a client's epoch of the leader is this broker's.
pub fn check_epoch(log: &PartitionLog, epoch: i32) -> Result<(), ErrorCode> {
    let current = log.lock().leader_epoch();
    match epoch {
        -1 => Ok(()),
        epoch if epoch < current => Err(ErrorCode::FENCED_LEADER_EPOCH),
        epoch if epoch > current => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
        _ => Ok(()),
    }
}

fn respond(
    call: &Call,
    topics: &[AskedTopic],
    reads: Vec<Result<Read, ErrorCode>>,
) -> Result<Reply, WireError> {
    let mut at = 0;
    let mut responses = Vec::with_capacity(topics.len());
    for topic in topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            partitions.push(partition(call.version, asked, &reads[at]));
            at += 1;
        }
        responses.push(out::FetchableTopicResponse {
            topic: if call.version <= 12 { &topic.name } else { "" },
            topic_id: if call.version >= 13 { topic.id } else { Uuid::default() },
            partitions: partitions.into(),
            ..Default::default()
        });
    }
    call.answer(&FetchResponse { responses: responses.into(), ..Default::default() })
}

fn partition<'r>(version: i16, asked: &Asked, read: &'r Result<Read, ErrorCode>) -> out::PartitionData<'r> {
    match read {
        Err(code) => out::PartitionData {
            partition_index: asked.index,
            error_code: code.0,
            high_watermark: -1,
            aborted_transactions: Some(List::default()),
            ..Default::default()
        },
        Ok(read) => {
            let aborted = |one: &dolmen_kafka::files::Aborted| out::AbortedTransaction {
                producer_id: one.producer_id,
                first_offset: one.first_offset,
                ..Default::default()
            };
            let list: List<'_, _> = read.aborted.iter().map(aborted).collect();
            out::PartitionData {
                partition_index: asked.index,
                high_watermark: read.high_watermark,
                last_stable_offset: read.last_stable_offset,
                log_start_offset: if version >= 5 { read.log_start } else { -1 },
                aborted_transactions: asked.want.is_committed.then_some(list),
                records: Some(&read.bytes),
                ..Default::default()
            }
        }
    }
}

/// Watches every partition of a fetch while it lives.
struct Watch {
    watched: Vec<(Arc<PartitionLog>, u64)>,
}

impl Watch {
    fn new(topics: &[AskedTopic], notify: &Arc<Notify>) -> Watch {
        let logs =
            topics.iter().flat_map(|topic| &topic.partitions).filter_map(|asked| asked.log.as_ref().ok());
        let mut seen = BTreeMap::new();
        for log in logs {
            seen.entry(Arc::as_ptr(log) as usize).or_insert_with(|| (log.clone(), log.watch(notify.clone())));
        }
        Watch { watched: seen.into_values().collect() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for (log, name) in &self.watched {
            log.unwatch(*name);
        }
    }
}
