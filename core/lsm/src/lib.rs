//! Log-structured merge tree in RocksDB's formats.
//!
//! | part | modules |
//! |---|---|
//! | formats | [`key`], [`batch`], block, index, filter, footer, properties, table, edit, manifest, filename |
//! | reads | [`iter`], memtable, merging, visible (snapshot, tombstones, merge operands), get |
//! | machine | version, picker, compaction, engine |
//!
//! Never here: a clock, a file, a thread, a lock. Blocks come through `dolmen_base::block::BlockSource`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod batch;
pub mod block;
pub mod check;
pub mod codecs;
pub mod edit;
pub mod error;
pub mod filename;
pub mod filter;
pub mod footer;
pub mod index;
pub mod iter;
pub mod key;
pub mod limits;
pub mod manifest;
pub mod merge;
pub mod naive;
pub mod properties;
pub mod range_del;
pub mod table;
