//! Every limit of the log, with its reason.

/// Largest payload of one record. A larger one would not fit the memory that recovery may take.
pub const RECORD_LEN_MAX: u64 = 256 << 20;
/// Largest length at which a segment is closed. Offsets within a segment are stored in 32 bits, and a segment grows past this by
/// one group at most.
pub const SEGMENT_LEN_MAX: u64 = 1 << 30;
/// Smallest such length: one block.
pub const SEGMENT_LEN_MIN: u64 = 4 << 10;
/// Largest segment file that is read into memory.
pub const SEGMENT_FILE_LEN_MAX: u64 = 4 << 30;
/// Bytes that the writes of open transactions may take in a reader's memory, all together.
pub const TRANSACTION_BYTES_MAX: u64 = 1 << 30;
/// Open transactions at one time.
pub const TRANSACTIONS_MAX: usize = 1 << 16;
