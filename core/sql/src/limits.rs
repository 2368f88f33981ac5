//! Limits and their reasons.

/// Most levels of grammar functions that call themselves (statements in function bodies, windows, JSON and XML functions,
/// common table expressions, type modifiers). Each costs about a kilobyte of native stack; nobody writes fifty.
pub const NATIVE_DEPTH_MAX: u32 = 64;

/// Most frames of the explicit stack: sixteen bytes each, two for a parenthesis, four for a subselect. Far above the
/// 10,000 symbols at which PostgreSQL's own parser gives up.
pub const FRAMES_MAX: usize = 4_000_000;

/// Most bytes of a text: offsets are 32 bits wide and two bits of a text's id are flags.
pub const SOURCE_LEN_MAX: usize = (1 << 30) - 2;
