//! Every limit of this crate with its reason.

/// Longest user key that is accepted for writing: the length of an internal key must fit RocksDB's `uint32_t` with room.
pub const KEY_LEN_MAX: usize = 8 << 20;
/// Longest value that is accepted for writing (1 GiB): lengths are 32-bit varints, and a batch must fit one log record.
pub const VALUE_LEN_MAX: usize = 1 << 30;
/// Largest write batch in bytes: RocksDB's replay reads a batch into memory as one record.
pub const BATCH_LEN_MAX: usize = 1 << 31;
