#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod change;
#[doc(hidden)]
pub mod check;
pub mod error;
pub mod file;
pub mod foreign;
pub mod index;
pub mod insert;
pub mod inspect;
pub mod limits;
pub mod metric;
pub mod pool;
pub mod qg;
pub mod remove;
pub mod rotate;
mod score;
pub mod search;
pub mod tune;
pub mod vectors;
pub mod view;
pub mod walk;
pub use dolmen_simd::level::Level;
