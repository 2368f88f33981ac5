#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod backup;
pub mod batch;
pub mod block;
pub mod check;
pub mod codecs;
pub mod collapse;
pub mod compaction;
pub mod edit;
pub mod engine;
pub mod error;
pub mod filename;
pub mod filter;
pub mod footer;
pub mod get;
pub mod index;
pub mod iter;
pub mod key;
pub mod level;
pub mod limits;
pub mod manifest;
pub mod memtable;
pub mod merge;
pub mod merging;
pub mod naive;
pub mod picker;
pub mod properties;
pub mod range_del;
pub mod read;
pub mod recovery;
pub mod repair;
pub mod table;
pub mod version;
pub mod view;
pub mod visible;
