//! Every bound of this crate, with its reason.

/// Commands of one turn: the lock is held that long at most.
pub const TURN_COMMANDS_MAX: usize = 1024;
/// Time after which a turn ends, so that other connections have theirs; one command may go over it.
pub const TURN_NS_MAX: u64 = 4_000_000;
/// Bytes of replies after which a turn ends and waits for its reader.
pub const TURN_OUTPUT_MAX: usize = 1 << 20;
/// Commands that share one reading of the clock, but for a transaction, which has one reading whole.
pub const CLOCK_COMMANDS: usize = 16;
/// Bytes of a generation that collects, from which on further changes wait until the one in flight is written. One command may go over it.
pub const GENERATION_BYTES_MAX: usize = 64 << 20;
/// Bytes of memory that a settled generation may keep for the next one: more is given back.
pub const SPARE_BYTES_MAX: usize = 4 << 20;
/// Keys whose presence is remembered (a power of two). At 64 bytes each this is 8 MiB, of which only what is used is ever touched.
pub const RECENT_KEYS: usize = 1 << 17;
/// Bytes of a key whose presence is remembered: what fits into a line of 64 bytes beside its expiry.
pub const RECENT_KEY_LEN_MAX: usize = 53;
/// Milliseconds between the beginnings of two sweeps: each is a batch of its own.
pub const SWEEP_INTERVAL_MS: i64 = 25;
/// Keys that one sweep deletes before others get the lock.
pub const SWEEP_KEYS: usize = 256;
