#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod check;
pub mod error;
pub mod record;
pub mod recover;
pub mod view;

pub use error::{Damage, WalError};
pub use record::{BLOCK_LEN, Framing};
pub use recover::{RecoveryMode, Report, Tail, recover};
