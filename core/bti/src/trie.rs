//! The tries of Partitions.db and Rows.db: byte strings to small payloads, in pages of 4,096 bytes (`TrieNode.java`, `Walker.java`,
//! `IncrementalTrieWriterPageAware.java`).
//!
//! [`node`] is one node, read and written; [`Pages`] serves nodes from a source of blocks; [`walk`] searches and iterates; [`writer`] packs.

mod census;
pub mod node;
mod pages;
pub mod walk;
pub mod writer;

pub use census::Census;
pub use node::{NODE_LEN_MAX, Node, Payload};
pub use pages::Pages;
pub use walk::{Cursor, Edge};
pub use writer::TrieWriter;

/// Bytes of a page. A node with its payload lies within one, counted from the start of the file; nothing else is aligned.
pub const PAGE_LEN: u64 = 4096;
