#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod big;
pub mod bloom;
pub mod check;
pub mod comparable;
pub mod component;
pub mod compression;
pub mod counter;
pub mod crc;
pub mod data;
pub mod deletion;
pub mod dump;
pub mod error;
pub mod inspect;
pub mod key;
pub mod limits;
pub mod literal;
pub mod memory;
pub mod merge;
pub mod metadata;
pub mod naive;
pub mod owned;
pub mod partitioner;
pub mod partitions;
pub mod rows;
pub mod schema;
pub mod slice;
pub mod statistics;
pub mod table;
pub mod trie;
pub mod types;
pub mod value;
pub mod verify;
pub mod vint;
