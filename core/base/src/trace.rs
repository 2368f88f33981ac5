//! Traces of reads: what a lookup touched, for `inspect`, the console and tests. The default costs nothing.

use crate::io::FileNumber;

/// One step of a read. Offsets and lengths are bytes in the named file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A memtable was searched; `immutable` counts from the newest, `None` is the active one.
    Memtable {
        /// Which immutable memtable.
        immutable: Option<u32>,
        /// Whether it held an entry for the key.
        hit: bool,
    },
    /// A table of this level was considered.
    Table {
        /// Level of the tree.
        level: u32,
        /// The table's file.
        file: FileNumber,
    },
    /// A filter answered.
    Filter {
        /// The table's file.
        file: FileNumber,
        /// False: the key is certainly absent.
        may_match: bool,
    },
    /// A block was asked for.
    Block {
        /// The file that holds it.
        file: FileNumber,
        /// Where it starts.
        offset: u64,
        /// Stored length with its trailer.
        len: u32,
        /// Whether the cache had it.
        cached: bool,
    },
}

/// Receives the steps of a read. Implementations must not assume an order between tables of one level.
pub trait Trace {
    /// Whether anybody listens; guards work that only a listener needs.
    const ENABLED: bool = true;
    /// One step.
    fn step(&mut self, step: Step);
}

/// Listens to nothing and compiles to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    const ENABLED: bool = false;
    #[inline(always)]
    fn step(&mut self, _: Step) {}
}

#[cfg(feature = "alloc")]
impl Trace for alloc::vec::Vec<Step> {
    fn step(&mut self, step: Step) {
        self.push(step);
    }
}
