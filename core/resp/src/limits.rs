//! Every bound of this crate, with its reason.

/// Databases that SELECT reaches: what clients and frameworks expect.
pub const DATABASES: u8 = 16;
/// Largest announced argument (`proto-max-bulk-len`).
pub const BULK_LEN_MAX: u64 = 512 << 20;
/// Largest announced argument count.
pub const MULTIBULK_LEN_MAX: u64 = i32::MAX as u64;
/// Arguments that a client may announce before it authenticated.
pub const MULTIBULK_LEN_UNAUTHENTICATED: u64 = 10;
/// Bytes of an argument that a client may announce before it authenticated.
pub const BULK_LEN_UNAUTHENTICATED: u64 = 16_384;
/// Bytes of an inline request or a header line without its end.
pub const LINE_LEN_MAX: usize = 65_536;
/// Characters of a floating-point argument, as in Redis (`MAX_LONG_DOUBLE_CHARS`).
pub const FLOAT_CHARS_MAX: usize = 5 * 1024 - 1;
/// Bytes of a command name, and of all arguments together, that the "unknown command" text repeats.
pub const UNKNOWN_TEXT_MAX: usize = 128;
/// SCAN cursors that are remembered.
pub const CURSORS_MAX: usize = 16_384;
/// Cursors stay below 2^53, because JavaScript clients round larger ones.
pub const CURSOR_MAX: u64 = (1 << 53) - 1;
/// Bytes of arguments that one transaction may queue.
pub const QUEUED_BYTES_MAX: usize = 512 << 20;
/// Keys that one SCAN call visits at most, whatever COUNT says, so that other clients get their turn.
pub const SCAN_VISITS_MAX: u64 = 100_000;
