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
/// SCAN cursors that are remembered for one connection: a client that walks without end forgets its own places first.
pub const CURSORS_PER_CLIENT_MAX: usize = 256;
/// Bytes of keys that all remembered cursors may hold.
pub const CURSOR_BYTES_MAX: usize = 16 << 20;
/// Bytes of a pattern: one that was read takes up to forty times as many.
pub const PATTERN_LEN_MAX: usize = 128 << 10;
/// Bytes of the name that a connection gives itself, of its library's and of that one's version: every list of connections shows them.
pub const CLIENT_NAME_LEN_MAX: usize = 4096;
/// Cursors stay below 2^53, because JavaScript clients round larger ones.
pub const CURSOR_MAX: u64 = (1 << 53) - 1;
/// Bytes of arguments that one transaction may queue.
pub const QUEUED_BYTES_MAX: usize = 512 << 20;
/// Keys that one SCAN call visits at most, whatever COUNT says, so that other clients get their turn.
pub const SCAN_VISITS_MAX: u64 = 8_192;
/// Keys whose time is over that RANDOMKEY passes in a row: then it names one of them, as Redis does where it may not delete them.
pub const RANDOM_OVERDUE_MAX: usize = 100;
/// Keys that KEYS visits before other clients get their turn.
pub const KEYS_VISITS_MAX: u64 = 8_192;
