#![no_std]
#![forbid(unsafe_code)]
//! Stub.

extern crate alloc;

pub mod change;
pub mod error;
pub mod foreign;
pub mod index;
pub mod insert;
mod kernel;
pub mod limits;
pub mod metric;
pub mod pool;
pub mod qg;
pub mod remove;
pub mod rotate;
mod score;
pub mod search;
pub mod view;
pub mod walk;
pub use kernel::Level;
