#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod disk;
mod fault;
mod node;
mod time;

pub use disk::Disk;
pub use fault::{EIO, Fault, Op};
pub use node::SECTOR;
pub use time::{Clock, Scheduler};
