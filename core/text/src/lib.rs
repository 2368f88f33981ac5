#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod check;
pub mod dump;
pub mod json;
pub mod limits;
pub mod svg;
