//! Redis protocol frames and commands.
#![no_std]
#![forbid(unsafe_code)]
