//! Merge operators: how a value and its operands become one value.

use alloc::vec::Vec;

mod operators;
pub use operators::{Max, StringAppend, UInt64Add, by_name};

/// Combines a value with merge operands. Must be deterministic; called from several threads.
pub trait MergeOperator: Send + Sync {
    /// The name that RocksDB stores in table properties and checks at open.
    fn name(&self) -> &str;
    /// The value after `operands` (oldest first) on top of `existing`. `None` refuses: the read fails, nothing is lost.
    fn full_merge(&self, key: &[u8], existing: Option<&[u8]>, operands: &[&[u8]]) -> Option<Vec<u8>>;
    /// Two neighbouring operands as one, if that is possible without the value below. `left` is the older.
    fn partial_merge(&self, _key: &[u8], _left: &[u8], _right: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
