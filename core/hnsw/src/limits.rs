//! Limits, each with its reason.

/// Most dimensions: embeddings in use end at 4,096, OpenAI's largest has 3,072; sums of squares stay finite below `VALUE_MAX`.
pub const DIM_MAX: usize = 65_536;
/// Largest absolute value of a coordinate: the squared distance of two vectors of `DIM_MAX` such values is still a finite f32.
pub const VALUE_MAX: f32 = 1e16;
/// Most links of a node above layer 0; the paper recommends 5 to 48.
pub const M_MAX: usize = 1024;
/// Most links of a node in layer 0.
pub const M0_MAX: usize = 2 * M_MAX;
/// Most slots: the top bit of an id marks the end of a list.
pub const SLOTS_MAX: usize = (1 << 31) - 2;
/// Highest layer: with M = 2 and 2^31 slots the expected highest is 31.
pub const LEVEL_MAX: usize = 63;
/// Most candidates of a search: beyond it an exact scan is faster.
pub const EF_MAX: usize = 1 << 20;
/// Most results of a search.
pub const K_MAX: usize = 1 << 20;
/// Most sections of a file: there are ten kinds, each once.
pub const SECTIONS_MAX: usize = 16;
/// Bytes that one checksum of a large section covers: a search that touches a row for the first time checks this much.
pub const CHECK_BLOCK_LEN: usize = 64 << 10;
/// Vectors that are inserted at once at most; they do not see each other while candidates are searched.
pub const BATCH_MAX: usize = 256;
/// Longest header text of a .npy file; numpy itself writes at most a few hundred bytes for plain arrays.
pub const NPY_HEADER_MAX: usize = 1 << 16;
