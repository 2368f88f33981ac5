#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod checksum;
pub mod cursor;
pub mod varint;

pub use cursor::{Cursor, DecodeError};
