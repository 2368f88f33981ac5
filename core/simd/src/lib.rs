#![doc = include_str!("../README.md")]
#![no_std]

pub mod arith;
pub mod bits;
#[doc(hidden)]
pub mod check;
pub mod cpu;
pub mod crc32;
pub mod crc32c;
pub mod crc64_nvme;
pub mod fastscan;
pub mod fold;
pub mod gemm;
pub mod gemv;
pub mod half;
#[cfg(test)]
mod judge;
pub mod level;
pub mod mix;
pub mod nn;
pub mod peak;
pub mod prefetch;
pub mod quant;
pub mod rotate;
pub mod row64;
pub mod rows;
pub mod transpose;
pub mod utf8;
pub mod vector;
mod wide;
pub mod xxh3;
