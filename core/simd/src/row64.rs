//! A block of 64 bytes at a multiple of 64: one cache line, one ZMM register, sixteen f32.
//!
//! A load that crosses a line costs two; a matrix of rows padded to whole blocks never has one. The owner keeps a `Vec<Row64>` and
//! hands out [`floats`] or [`bytes`] of it.

use bytemuck::{Pod, Zeroable};

/// 64 aligned bytes as sixteen f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Row64(pub [f32; 16]);

impl Row64 {
    /// Sixteen zeros.
    pub const ZERO: Row64 = Row64([0.0; 16]);
}

/// Blocks that hold this many f32.
pub const fn blocks_of_floats(len: usize) -> usize {
    len.div_ceil(16)
}

/// Blocks that hold this many bytes.
pub const fn blocks_of_bytes(len: usize) -> usize {
    len.div_ceil(64)
}

/// All floats of the blocks, padding included.
pub fn floats(blocks: &[Row64]) -> &[f32] {
    bytemuck::cast_slice(blocks)
}

/// All floats of the blocks, padding included.
pub fn floats_mut(blocks: &mut [Row64]) -> &mut [f32] {
    bytemuck::cast_slice_mut(blocks)
}

/// All bytes of the blocks, padding included.
pub fn bytes(blocks: &[Row64]) -> &[u8] {
    bytemuck::cast_slice(blocks)
}

/// All bytes of the blocks, padding included.
pub fn bytes_mut(blocks: &mut [Row64]) -> &mut [u8] {
    bytemuck::cast_slice_mut(blocks)
}
