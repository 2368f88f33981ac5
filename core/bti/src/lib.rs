#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bloom;
pub mod check;
pub mod comparable;
pub mod component;
pub mod deletion;
pub mod error;
pub mod limits;
pub mod naive;
pub mod partitioner;
pub mod partitions;
pub mod rows;
pub mod trie;
pub mod types;
pub mod vint;
