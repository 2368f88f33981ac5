#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod acl;
pub mod batch;
pub mod check;
pub mod client;
pub mod compression;
pub mod configs;
pub mod control;
pub mod eos;
mod error;
pub mod error_code;
pub mod files;
pub mod group;
pub mod limits;
pub mod log;
pub mod messages;
pub mod partition;
pub mod record;
pub mod scram;
pub mod topics;
pub mod txn;
pub mod wire;

pub use error::{BatchError, BatchPart, RecordFault, WireError};
pub use error_code::ErrorCode;
