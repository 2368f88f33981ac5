//! ListOffsets, DeleteRecords, OffsetForLeaderEpoch.

use dolmen_kafka::acl::Operation;
use dolmen_kafka::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, delete_records_response as deleted,
    list_offsets_response as listed, offset_for_leader_epoch_response as ended,
};
use dolmen_kafka::topics::is_internal;
use dolmen_kafka::{ErrorCode, WireError};

use super::authorize::Gate;
use super::fetch::check_epoch;
use super::{Call, blocking};
use crate::server::Reply;
use crate::storage::PartitionLog;

/// Times that mean something else.
mod special {
    pub const LATEST: i64 = -1;
    pub const EARLIEST: i64 = -2;
    pub const MAX_TIMESTAMP: i64 = -3;
    pub const EARLIEST_LOCAL: i64 = -4;
    pub const LATEST_TIERED: i64 = -5;
    pub const EARLIEST_PENDING_UPLOAD: i64 = -6;
}

/// Handles ListOffsets.
pub fn list_offsets(call: &Call) -> Result<Reply, WireError> {
    let request: ListOffsetsRequest<'_> = call.request()?;
    let is_committed = request.isolation_level == 1;
    let gate = Gate::of(call);
    let topics = request.topics.iter().map(|topic| {
        let permitted = gate.topic(Operation::Describe, topic.name);
        let partitions = topic.partitions.iter().map(|asked| {
            let log = permitted.and_then(|()| call.state.catalog.log(topic.name, asked.partition_index));
            let found = log.and_then(|log| {
                check_epoch(&log, asked.current_leader_epoch)?;
                let found = offset_at(&log, asked.timestamp, is_committed, call.version)?;
                Ok((found, log.lock().leader_epoch()))
            });
            let mut one = listed::ListOffsetsPartitionResponse {
                partition_index: asked.partition_index,
                timestamp: -1,
                offset: -1,
                ..Default::default()
            };
            match found {
                Ok(((timestamp, offset), epoch)) => {
                    (one.timestamp, one.offset) = (timestamp, offset);
                    one.leader_epoch = if call.version >= 4 && offset >= 0 { epoch } else { -1 };
                }
                Err(code) => one.error_code = code.0,
            }
            one
        });
        listed::ListOffsetsTopicResponse {
            name: topic.name,
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    let topics = topics.collect();
    call.answer(&ListOffsetsResponse { topics, ..Default::default() })
}

fn offset_at(
    log: &PartitionLog,
    time: i64,
    is_committed: bool,
    version: i16,
) -> Result<(i64, i64), ErrorCode> {
    let (start, until) = {
        let inner = log.lock();
        let rules = &inner.rules;
        (rules.log_start(), if is_committed { rules.last_stable_offset() } else { rules.high_watermark() })
    };
    match time {
        special::LATEST => Ok((-1, until)),
        special::EARLIEST => Ok((-1, start)),
        special::MAX_TIMESTAMP if version >= 7 => Ok(log.find_max_time(i64::MAX)?.unwrap_or((-1, -1))),
        special::EARLIEST_LOCAL if version >= 8 => Ok((-1, start)),
        // Nothing is ever kept anywhere else.
        special::LATEST_TIERED if version >= 9 => Ok((-1, -1)),
        special::EARLIEST_PENDING_UPLOAD if version >= 11 => Ok((-1, -1)),
        0.. => Ok(log.find_time(time, until)?.unwrap_or((-1, -1))),
        _ => Err(ErrorCode::UNSUPPORTED_VERSION),
    }
}

/// Handles DeleteRecords.
pub async fn delete_records(call: &Call) -> Result<Reply, WireError> {
    let request: DeleteRecordsRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    let mut topics = Vec::new();
    for topic in request.topics.iter() {
        let permitted = gate.topic(Operation::Delete, topic.name);
        let mut partitions = Vec::new();
        for asked in topic.partitions.iter() {
            let log = permitted.and_then(|()| call.state.catalog.log(topic.name, asked.partition_index));
            let result = match log {
                Ok(_) if is_internal(topic.name) => Err(ErrorCode::INVALID_TOPIC_EXCEPTION),
                Ok(log) => blocking(move || log.delete_records(asked.offset)).await,
                Err(code) => Err(code),
            };
            partitions.push(deleted::DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark: result.unwrap_or(-1),
                error_code: result.err().unwrap_or(ErrorCode::NONE).0,
                ..Default::default()
            });
        }
        topics.push(deleted::DeleteRecordsTopicResult {
            name: topic.name,
            partitions: partitions.into(),
            ..Default::default()
        });
    }
    call.answer(&DeleteRecordsResponse { topics: topics.into(), ..Default::default() })
}

/// Handles OffsetForLeaderEpoch.
pub fn offset_for_leader_epoch(call: &Call) -> Result<Reply, WireError> {
    let request: OffsetForLeaderEpochRequest<'_> = call.request()?;
    let gate = Gate::of(call);
    let is_broker = gate.cluster(Operation::ClusterAction).is_ok();
    let topics = request.topics.iter().map(|topic| {
        let permitted = if is_broker { Ok(()) } else { gate.topic(Operation::Describe, topic.topic) };
        let partitions = topic.partitions.iter().map(|asked| {
            let log = permitted.and_then(|()| call.state.catalog.log(topic.topic, asked.partition));
            let found = log.and_then(|log| {
                check_epoch(&log, asked.current_leader_epoch)?;
                Ok(log.epoch_end(asked.leader_epoch))
            });
            let (error, end) = match found {
                Ok(end) => (ErrorCode::NONE, end),
                Err(code) => (code, None),
            };
            let (leader_epoch, end_offset) = end.unwrap_or((-1, -1));
            ended::EpochEndOffset {
                error_code: error.0,
                partition: asked.partition,
                leader_epoch,
                end_offset,
                ..Default::default()
            }
        });
        ended::OffsetForLeaderTopicResult {
            topic: topic.topic,
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    let topics = topics.collect();
    call.answer(&OffsetForLeaderEpochResponse { topics, ..Default::default() })
}
