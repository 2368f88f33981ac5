#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod check;
pub mod commit;
pub mod entry;
pub mod error;
pub mod follow;
pub mod limits;
pub mod log;
pub mod name;
pub mod record;
pub mod recover;
pub mod scan;
pub mod view;
mod window;

pub use error::{Damage, WalError};
pub use name::LogName;
pub use record::{BLOCK_LEN, Framing};
pub use recover::{
    RecoverError, RecoveryMode, Report, Tail, recover, recover_file, recover_file_with, recover_with,
};
