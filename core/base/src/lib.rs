//! The words that every core crate shares: ids, time, seeded random numbers, file effects, block reads and traces.
//!
//! Charter: nothing here belongs to one system, nothing here does anything. This crate knows no clock, no disk, no thread
//! and no format; it names what crosses the line between a core and its adapter, so that the line is drawn once.
//! It works without `alloc` (ids, time, random, effects); the `alloc` feature adds the owned types of [`block`] and the
//! object-safe file traits of [`io`].
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
pub mod block;
pub mod id;
pub mod io;
pub mod rng;
pub mod time;
pub mod trace;

pub use rng::Rng;
pub use time::Time;
pub use trace::{NoTrace, Trace};
