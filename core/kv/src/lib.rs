#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
extern crate std;

pub mod connection;
pub mod engine;
pub mod env;
pub mod info;
pub mod layout;
pub mod limits;
pub mod pause;
pub mod pending;
mod recent;
pub mod store;
pub mod sweep;
pub mod unit;

pub use connection::{Connection, Gate, Turned};
pub use engine::{Effect, Engine, Input, Reason};
pub use env::Env;
pub use layout::{Batch, Place, State};
pub use pending::{Generation, GenerationId};
pub use recent::Presence;
pub use store::Store;
