#![doc = include_str!("../README.md")]
#![no_std]

pub mod cpu;
pub mod crc32;
pub mod crc32c;
pub mod crc64_nvme;
pub mod fold;
#[cfg(test)]
mod judge;
pub mod prefetch;
pub mod xxh3;
