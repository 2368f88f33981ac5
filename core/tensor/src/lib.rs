#![no_std]
#![forbid(unsafe_code)]
//! Tensors.

extern crate alloc;

mod context;
mod error;
mod kernels;
pub mod layers;
pub mod limits;
mod memory;
pub mod op;
pub mod optim;
mod plan;
mod run;
pub mod schedule;
mod shape;
mod tape;

pub use context::Context;
pub use dolmen_simd::level::Level;
pub use error::{RunError, TapeError};
pub use memory::{Memory, Room};
pub use plan::{Goal, Plan};
pub use shape::Shape;
pub use tape::{Id, Tape};
