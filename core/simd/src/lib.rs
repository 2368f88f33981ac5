#![doc = include_str!("../README.md")]
#![no_std]

pub mod bits;
pub mod cpu;
pub mod crc32;
pub mod crc32c;
pub mod crc64_nvme;
pub mod fastscan;
pub mod fold;
pub mod half;
#[cfg(test)]
mod judge;
pub mod level;
pub mod mix;
pub mod prefetch;
pub mod rotate;
pub mod row64;
pub mod rows;
pub mod vector;
mod wide;
pub mod xxh3;
