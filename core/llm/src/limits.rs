//! Limits, each with its reason.

/// Bytes of a record: more than anyone writes, and little enough to hold one in memory.
pub const RECORD_LEN_MAX: usize = 64 << 20;
