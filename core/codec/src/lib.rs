#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod checksum;
#[cfg(feature = "alloc")]
pub mod compress;
pub mod cursor;
pub mod varint;
pub mod xxph3;

pub use cursor::{Cursor, DecodeError};
