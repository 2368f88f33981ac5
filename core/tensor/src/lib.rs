#![no_std]
#![forbid(unsafe_code)]
//! Tensors.

extern crate alloc;

mod error;
mod kernels;
pub mod layers;
pub mod limits;
mod memory;
pub mod op;
mod plan;
mod run;
mod shape;
mod tape;
pub mod workers;

pub use dolmen_simd::level::Level;
pub use error::{RunError, TapeError};
pub use memory::{Memory, Room};
pub use plan::{Goal, Plan};
pub use shape::Shape;
pub use tape::{Id, Tape};
pub use workers::Context;
