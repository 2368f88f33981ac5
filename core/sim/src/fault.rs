//! Faults that strike the nth operation of a kind, once.

use alloc::vec::Vec;

use dolmen_base::io::IoError;

/// The error of a broken device, errno 5.
pub const EIO: IoError = IoError::Os(5);

/// Kinds of operations, as faults and counts tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Opening an existing file.
    Open,
    /// Creating a file.
    Create,
    /// Reading bytes.
    Read,
    /// Appending or writing bytes.
    Write,
    /// Syncing a file.
    Sync,
    /// Cutting or extending a file.
    Truncate,
    /// Reserving space.
    Preallocate,
    /// Listing the directory.
    List,
    /// Renaming a file.
    Rename,
    /// Deleting a file.
    Delete,
    /// Linking a file into another directory; counted at the source.
    Link,
    /// Syncing the directory.
    SyncDir,
}

const KINDS: usize = Op::SyncDir as usize + 1;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation does nothing and answers this error.
    Error(IoError),
    /// The operation does half: a read fills half of its buffer and answers [`IoError::UnexpectedEnd`], a write keeps the
    /// first half of its bytes and answers [`EIO`]. Any other operation does nothing and answers [`EIO`].
    Short,
}

/// Operations so far, and the faults that wait.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    counts: [u64; KINDS],
    waiting: Vec<(Op, u64, Fault)>,
}

impl Faults {
    /// Forgets what waits.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
    }

    /// Arms a fault for the `nth` operation from now; 0 never comes.
    pub(crate) fn arm(&mut self, op: Op, nth: u64, fault: Fault) {
        if nth > 0 {
            let at = self.counts[op as usize].saturating_add(nth);
            self.waiting.push((op, at, fault));
        }
    }

    /// How many operations of the kind were begun.
    pub(crate) fn count(&self, op: Op) -> u64 {
        self.counts[op as usize]
    }

    /// Counts one operation and takes the fault that waits for it.
    pub(crate) fn strike(&mut self, op: Op) -> Option<Fault> {
        let count = &mut self.counts[op as usize];
        *count += 1;
        let now = *count;
        let at = self.waiting.iter().position(|&(kind, nth, _)| kind == op && nth == now)?;
        Some(self.waiting.swap_remove(at).2)
    }

    /// As [`Faults::strike`], for operations that cannot be done by half.
    pub(crate) fn check(&mut self, op: Op) -> Result<(), IoError> {
        match self.strike(op) {
            None => Ok(()),
            Some(Fault::Error(error)) => Err(error),
            Some(Fault::Short) => Err(EIO),
        }
    }
}
