//! Limits and their reasons.

/// Most frames of the explicit stack: sixteen bytes each, two for a parenthesis, four for a subselect. Far above the
/// 10,000 symbols at which PostgreSQL's own parser gives up.
pub const FRAMES_MAX: usize = 4_000_000;

/// Frames below which PostgreSQL's own limit of 10,000 symbols cannot be reached: no frame stands for more than nineteen of them.
pub const FRAMES_WATCHED: usize = 512;

/// Where the server's limits are asked for, most frames of 64 bytes from a statement to a leaf on the stack of 2 MiB that libpg_query
/// has for writing a tree out: 32,762 casts, 16,381 additions, 16,382 joins. A server's own analysis gives up earlier, at a
/// depth that differs with its build.
pub const TREE_HEIGHT_MAX: usize = 32_769;

/// Most words of a tree that stand in it again: the source of `(b, c) = …` stands once for each column, so that they double with every such
/// assignment inside another. A thousand columns of a source of sixteen thousand words.
pub const REPEATS_MAX: usize = 16_000_000;

/// Most bytes of a text: offsets are 32 bits wide and two bits of a text's id are flags.
pub const SOURCE_LEN_MAX: usize = (1 << 30) - 2;
