//! A partition's log: what may be appended, where a segment ends, what is found again after a crash, and what goes.
//!
//! ```text
//!   00000000000000000000.log     00000000000000004096.log     00000000000000009000.log
//!   ├── sealed, with .index ─────┼── sealed ──────────────────┼── active: appends go here ──▶
//!   │        .timeindex .txnindex│        .snapshot at 4096   │        .snapshot at 9000
//! ```
//! [`produced`] judges what a client sends, [`segment`] knows when a segment ends and finds offsets and times in it, [`recovery`] says how
//! far a file can be trusted, [`retention`] which segments go, [`cleaner`] which records a compacted log keeps. Nothing here touches a file.
//!
//! Source: `LogValidator`, `LogSegment`, `UnifiedLog` and `Cleaner` of Apache Kafka as documented, and the answers of 3.9.2 and 4.4.0.

pub mod cleaner;
pub mod produced;
pub mod recovery;
pub mod retention;
pub mod segment;

use crate::batch::TimestampType;

/// Settings of one log, with the meaning of Kafka's topic settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `segment.bytes`.
    pub segment_len_max: u64,
    /// `segment.ms`.
    pub segment_ms_max: i64,
    /// `index.interval.bytes`.
    pub index_interval_len: u64,
    /// `segment.index.bytes`.
    pub index_len_max: u64,
    /// `retention.ms`; negative: for ever.
    pub retention_ms: i64,
    /// `retention.bytes`; negative: no limit.
    pub retention_len: i64,
    /// Whether `cleanup.policy` has `delete`.
    pub deletes: bool,
    /// Whether `cleanup.policy` has `compact`.
    pub compacts: bool,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub compaction_lag_ms_min: i64,
    /// `max.message.bytes`.
    pub batch_len_max: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub before_ms_max: i64,
    /// `message.timestamp.after.max.ms`.
    pub after_ms_max: i64,
    /// `flush.messages`.
    pub flush_messages: u64,
    /// `flush.ms`.
    pub flush_ms: i64,
}

impl Default for LogSettings {
    /// Kafka's defaults, but that every append is synced before it is answered.
    fn default() -> Self {
        LogSettings {
            segment_len_max: 1 << 30,
            segment_ms_max: 604_800_000,
            index_interval_len: 4096,
            index_len_max: 10 << 20,
            retention_ms: 604_800_000,
            retention_len: -1,
            deletes: true,
            compacts: false,
            delete_retention_ms: 86_400_000,
            compaction_lag_ms_min: 0,
            batch_len_max: 1_048_588,
            timestamp_type: TimestampType::Create,
            before_ms_max: i64::MAX,
            after_ms_max: 3_600_000,
            flush_messages: 1,
            flush_ms: i64::MAX,
        }
    }
}
