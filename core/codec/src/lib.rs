//! Bytes in, values out: the parts that every format of this project is made of, and no format itself.
//!
//! | module | what |
//! |---|---|
//! | [`cursor`] | reads fixed-width integers, varints and slices from `&[u8]`, with the offset in every error |
//! | [`varint`] | LEB128 and zig-zag |
//! | [`checksum`] | CRC-32C (and RocksDB's mask), CRC-32, CRC-64/NVME, XXH3 |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod checksum;
pub mod cursor;
pub mod varint;

pub use cursor::{Cursor, DecodeError};
