//! Control records: what brokers write into a partition beside data.
//!
//! ```text
//! key    i16 version (0)   i16 type        value of types 0 and 1    i16 version (0)   i32 coordinator epoch
//! ```
//! A control batch has the bits control and transactional (for markers), one record, no sequence and no compression, and takes one offset. A
//! marker ends its producer's transaction in this partition. Readers skip types that they do not know, and read a version that they do not
//! know by its known part. The marker batch is 78 bytes long.
//!
//! Source: KIP-98.

use alloc::vec::Vec;

use dolmen_codec::Cursor;

use crate::batch::{Batch, Builder, Meta, attribute};
use crate::record::Record;

/// What a control record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlType {
    /// The transaction is aborted.
    Abort,
    /// The transaction is committed.
    Commit,
    /// A new leader of a Raft log.
    LeaderChange,
    /// The start of a Raft snapshot.
    SnapshotHeader,
    /// The end of a Raft snapshot.
    SnapshotFooter,
    /// The version of the Raft protocol.
    KRaftVersion,
    /// The voters of a Raft log.
    KRaftVoters,
    /// Another one.
    Unknown(i16),
}

impl ControlType {
    /// By the number in a key.
    pub const fn from_code(code: i16) -> ControlType {
        match code {
            0 => ControlType::Abort,
            1 => ControlType::Commit,
            2 => ControlType::LeaderChange,
            3 => ControlType::SnapshotHeader,
            4 => ControlType::SnapshotFooter,
            5 => ControlType::KRaftVersion,
            6 => ControlType::KRaftVoters,
            other => ControlType::Unknown(other),
        }
    }
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its records are never delivered to readers of committed data.
    Abort,
    /// Its records are delivered.
    Commit,
}

/// The end of a transaction in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// How it ended.
    pub outcome: Outcome,
    /// The epoch of the coordinator that decided.
    pub coordinator_epoch: i32,
}

/// The type of a control batch's record; `None` if the batch holds no record (a cleaned one), or one whose key is too short.
pub fn control_type(batch: &Batch<'_>) -> Option<ControlType> {
    let record = only_record(batch)?;
    let mut key = Cursor::new(record.key?);
    let _version = key.get_u16_be().ok()?;
    // The same 16 bits, signed.
    key.get_u16_be().ok().map(|code| ControlType::from_code(code.cast_signed()))
}

/// The marker in a control batch, if it is one.
pub fn marker(batch: &Batch<'_>) -> Option<Marker> {
    let outcome = match control_type(batch)? {
        ControlType::Abort => Outcome::Abort,
        ControlType::Commit => Outcome::Commit,
        _ => return None,
    };
    let mut value = Cursor::new(only_record(batch)?.value?);
    let _version = value.get_u16_be().ok()?;
    let coordinator_epoch = value.get_u32_be().ok()?.cast_signed();
    Some(Marker { outcome, coordinator_epoch })
}

fn only_record<'a>(batch: &Batch<'a>) -> Option<Record<'a>> {
    if !batch.is_control() {
        return None;
    }
    batch.records(&[]).ok()?.next()
}

/// Appends a marker batch for a producer.
pub fn put_marker(out: &mut Vec<u8>, meta: MarkerMeta, marker: Marker) {
    let code: i16 = match marker.outcome {
        Outcome::Abort => 0,
        Outcome::Commit => 1,
    };
    let mut key = [0; 4];
    key[2..].copy_from_slice(&code.to_be_bytes());
    let mut value = [0; 6];
    value[2..].copy_from_slice(&marker.coordinator_epoch.to_be_bytes());
    let meta_of_batch = Meta {
        base_offset: meta.base_offset,
        leader_epoch: meta.leader_epoch,
        producer_id: meta.producer_id,
        producer_epoch: meta.producer_epoch,
        base_sequence: -1,
        attributes: attribute::TRANSACTIONAL | attribute::CONTROL,
    };
    let mut builder = Builder::new(out, meta_of_batch);
    // It fits: 17 bytes.
    builder.push(meta.timestamp_ms, Record { key: Some(&key), value: Some(&value), ..Record::default() });
    builder.finish(None);
}

/// Whose transaction a marker ends, where and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkerMeta {
    /// The producer's id.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The offset that the marker takes.
    pub base_offset: i64,
    /// The epoch of the partition's leader.
    pub leader_epoch: i32,
    /// The wall clock, in milliseconds.
    pub timestamp_ms: i64,
}
