//! Limits, each with its reason.

/// Longest serialized partition key: its length is 16 bits in every file.
pub const KEY_LEN_MAX: usize = u16::MAX as usize;
