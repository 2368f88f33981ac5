#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[doc(hidden)]
pub mod check;
mod error;
pub mod limits;
pub mod safetensors;
pub mod shape;

pub use error::LoadError;
pub use shape::Shape;
