#![doc = include_str!("../README.md")]
#![no_std]

pub mod cpu;
pub mod crc32c;
