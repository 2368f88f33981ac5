#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
extern crate std;

#[doc(hidden)]
pub mod check;
pub mod client;
pub mod command;
pub mod connection;
mod docs;
pub mod fault;
pub mod float80;
pub mod glob;
mod help;
pub mod int;
mod keys;
pub mod keyspace;
pub mod limits;
pub mod monitor;
#[doc(hidden)]
pub mod naive;
pub mod options;
pub mod reply;
pub mod request;
pub mod scan;
mod server;
pub mod session;
mod strings;
pub mod value;
