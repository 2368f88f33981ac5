//! Limits, each with its reason.

/// Longest header of a safetensors file, as the reference has it.
pub const HEADER_LEN_MAX: u64 = 100_000_000;
/// Most tensors of a file; the largest in use have about 20,000.
pub const TENSORS_MAX: u64 = 1 << 18;
/// Most dimensions of a tensor; layers in use have at most five.
pub const DIMENSIONS_MAX: usize = 8;
/// Longest name of a tensor: GGUF allows 64 bytes, the longest of Hugging Face's have about 120.
pub const NAME_LEN_MAX: usize = 1024;
