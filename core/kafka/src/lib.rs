#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
pub mod messages;
pub mod wire;

pub use error::WireError;
