#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod disk;
mod fault;
mod net;
mod node;
mod time;

pub use disk::Disk;
pub use fault::{EIO, Fault, Op};
pub use net::{Event, Fates, LinkId, Network, NodeId, Weather};
pub use node::SECTOR;
pub use time::{Clock, Scheduler};
