#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod blob;
#[doc(hidden)]
pub mod check;
mod error;
pub mod limits;
#[doc(hidden)]
pub mod naive;
pub mod record;
pub mod state;

pub use error::RecordError;
pub use record::Record;
