#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[doc(hidden)]
pub mod check;
mod context;
mod error;
pub mod idx;
mod kernels;
pub mod layers;
pub mod limits;
mod memory;
#[doc(hidden)]
pub mod naive;
pub mod op;
pub mod optim;
mod plan;
mod run;
pub mod schedule;
mod shape;
pub mod store;
mod tape;

pub use context::Context;
pub use dolmen_simd::level::Level;
pub use error::{RunError, TapeError};
pub use memory::{Memory, Room};
pub use plan::{Goal, Plan};
pub use shape::Shape;
pub use tape::{Id, Tape};
