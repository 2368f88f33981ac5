//! Limits, each with its reason.

/// Dimensions of a shape: a batch of convolution patches has six, and nothing here has more.
pub const RANK_MAX: usize = 6;

/// Elements of one tensor: their bytes still have a length in `isize` on a 64-bit machine, with room for sums of several.
pub const ELEMENTS_MAX: usize = (isize::MAX as usize) >> 6;

/// Tensors and operations of one tape: ids are `u32`, and planning compares lifetimes in pairs.
pub const NODES_MAX: usize = 1 << 20;

/// Jobs that one operation is cut into: they stand on the stack.
pub const JOBS_MAX: usize = 64;

/// Elements of one attention head and of one rotated row: they stand on the stack.
pub const HEAD_LEN_MAX: usize = 1024;
