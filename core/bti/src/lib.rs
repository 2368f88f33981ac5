#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | module | what |
//! |---|---|
//! | [`component`] | the files of an SSTable, their names and versions |
//! | [`table`] | one SSTable, opened: find a partition, walk, read |
//! | [`data`] | Data.db: views of rows, the walk, the builder of rows |
//! | [`mod@slice`], [`merge`] | rows of one partition between two bounds; several SSTables as one |
//! | [`partitions`], [`rows`], [`trie`] | the indexes of the trie format, read and written, and their tries |
//! | [`big`] | the index of the big format |
//! | [`statistics`], [`compression`], [`crc`], [`bloom`] | the small components |
//! | [`partitioner`], [`key`], [`comparable`] | tokens, keys, byte-comparable forms |
//! | [`types`], [`value`], [`literal`], [`schema`] | CQL: types, values as text and back, CREATE TABLE |
//! | [`deletion`], [`counter`], [`vint`] | what stands in cells and headers |
//! | [`verify`], [`inspect`], [`metadata`], [`dump`] | every byte checked; shown; as `sstablemetadata` and `sstabledump` print it |
//! | [`memory`] | an SSTable in memory, as a source of blocks |
//! | [`error`], [`limits`] | what can be wrong; every limit with its reason |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod absent;
pub mod big;
pub mod bloom;
#[doc(hidden)]
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
#[doc(hidden)]
pub mod naive;
#[doc(hidden)]
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

pub use component::{Component, Descriptor, Version};
pub use data::{Event, Events, Row, Walk};
pub use error::{ReadError, ValueError};
pub use memory::MemoryFiles;
pub use merge::Merge;
pub use partitioner::Partitioner;
pub use slice::{Bound, PartitionReader, Slice};
pub use table::{Components, Found, Table};
pub use types::CqlType;
