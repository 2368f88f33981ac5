#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
pub mod block;
pub mod id;
pub mod io;
pub mod jobs;
pub mod rng;
pub mod time;
pub mod trace;

pub use jobs::{Jobs, Serial};
pub use rng::Rng;
pub use time::Time;
pub use trace::{NoTrace, Trace};
