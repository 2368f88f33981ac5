//! Limits, each with its reason.

/// Longest serialized partition key: its length is 16 bits in every file.
pub const KEY_LEN_MAX: usize = u16::MAX as usize;
/// Deepest nesting of a type. Walks over a type and over values of it recurse, so this bounds their stack; CQL in use nests a handful.
pub const TYPE_DEPTH_MAX: usize = 32;
/// Longest class string of a type: a user type of a thousand fields with long names stays far below.
pub const TYPE_LEN_MAX: usize = 1 << 20;
