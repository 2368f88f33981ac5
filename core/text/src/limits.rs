//! Bounds on what a reader accepts; exceeding one is an error value.

/// How deep arrays and objects may stand in each other: as deep as most readers go, so what is read here is read elsewhere.
pub const DEPTH_MAX: usize = 127;
/// Bytes of a text: offsets are 32 bits wide.
pub const TEXT_LEN_MAX: usize = u32::MAX as usize;
/// Lines that one field of a dump takes; the rest is counted, not shown.
pub const DUMP_LINES_PER_FIELD_MAX: usize = 4;
