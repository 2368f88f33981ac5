//! One vocabulary of file effects, used by every machine that keeps files, and the small synchronous traits that carry
//! them out.
//!
//! ```text
//!   machine (wal, lsm, ...)            driver (adapters)                       world
//!   poll() -> FileEffect{id, op}  -->  looks up the buffer by id  -->  Directory / File
//!   handle(Done{id, result})      <--  result of the call         <--  adapters/fs: the operating system
//!                                                                      core/sim:    a disk that crashes
//! ```
//!
//! Payloads bypass machines: an effect names a caller-owned buffer by [`BufferId`] and says how long it is.
//! Names are the machine's own type `N` (a log number, a table number); the driver turns it into a file name by `Display`.

use core::fmt;

crate::id_type! {
    /// Number of a file among its kind, as the owner of the directory counts (RocksDB's file number).
    pub struct FileNumber(u64);
}
crate::id_type! {
    /// Names one effect of one machine until its completion came back. Never reused within a machine's life.
    pub struct EffectId(u64);
}
crate::id_type! {
    /// Names a buffer that the driver holds for a machine.
    pub struct BufferId(u64);
}

/// One request to the file system, within the machine's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileOp<N> {
    /// Create a new empty file; it must not exist.
    Create {
        /// The new file.
        name: N,
    },
    /// Append the buffer's `len` bytes at the end of the file. All of them, or an error; after an error the file may hold
    /// any prefix of them.
    Append {
        /// The file.
        name: N,
        /// The buffer, held by the driver.
        buffer: BufferId,
        /// Its length in bytes.
        len: u64,
    },
    /// Write the buffer at a byte offset.
    Write {
        /// The file.
        name: N,
        /// First byte to write.
        offset: u64,
        /// The buffer, held by the driver.
        buffer: BufferId,
        /// Its length in bytes.
        len: u64,
    },
    /// Make the file's data and length durable (fdatasync). A failed sync is final: what was written since the last good
    /// sync may or may not be on the disk, and a second sync that succeeds proves nothing.
    Sync {
        /// The file.
        name: N,
    },
    /// Make creations, renames and deletions in the directory durable.
    SyncDir,
    /// Rename, replacing the target if it exists.
    Rename {
        /// The present name.
        from: N,
        /// The new name.
        to: N,
    },
    /// Delete the file; it is an error if it is missing.
    Delete {
        /// The file.
        name: N,
    },
    /// Cut or extend (with zeros) to `len` bytes.
    Truncate {
        /// The file.
        name: N,
        /// The new length.
        len: u64,
    },
    /// Reserve space up to `len` bytes without changing the length that readers see.
    Preallocate {
        /// The file.
        name: N,
        /// Bytes to reserve from the start of the file.
        len: u64,
    },
    /// Write zeros, so that later writes there change the file's data alone, and a sync of them need not wait for a journal.
    Zero {
        /// The file.
        name: N,
        /// Where they begin.
        offset: u64,
        /// How many.
        len: u64,
    },
}

/// A request with the id under which its answer comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEffect<N> {
    /// Chosen by the machine.
    pub id: EffectId,
    /// What to do.
    pub op: FileOp<N>,
}

/// The answer to one effect. Answers may come in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileDone {
    /// Which effect.
    pub id: EffectId,
    /// How it went.
    pub result: Result<(), IoError>,
}

/// Why the file system said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IoError {
    /// The disk or the quota is full (ENOSPC, EDQUOT). Writing may succeed again when space returns.
    NoSpace,
    /// There is no such file.
    NotFound,
    /// The file exists already.
    AlreadyExists,
    /// The file is locked by another process.
    Locked,
    /// Not allowed (EACCES, EPERM).
    Denied,
    /// The file system is mounted for reading only, or has become so after an error (EROFS).
    ReadOnly,
    /// The file ended before the bytes that were asked for.
    UnexpectedEnd {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes there were.
        got: u64,
    },
    /// Any other error, by its errno (5 is EIO).
    Os(i32),
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IoError::NoSpace => f.write_str("No space left on device"),
            IoError::NotFound => f.write_str("No such file or directory"),
            IoError::AlreadyExists => f.write_str("File exists"),
            IoError::Locked => f.write_str("locked by another process"),
            IoError::Denied => f.write_str("Permission denied"),
            IoError::ReadOnly => f.write_str("Read-only file system"),
            IoError::UnexpectedEnd { wanted, got } => {
                write!(f, "the file ends after {got} of the {wanted} bytes that were expected")
            }
            IoError::Os(5) => f.write_str("Input/output error"),
            IoError::Os(20) => f.write_str("Not a directory"),
            IoError::Os(21) => f.write_str("Is a directory"),
            IoError::Os(24) => f.write_str("Too many open files; raise the limit with `ulimit -n`"),
            IoError::Os(30) => f.write_str("Read-only file system"),
            IoError::Os(code) => write!(f, "operating system error {code}"),
        }
    }
}

impl core::error::Error for IoError {}

/// What a directory holds under one name.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file's name within the directory.
    pub name: alloc::string::String,
    /// Its length in bytes.
    pub len: u64,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist; only reads.
    Read,
    /// It must exist; reads and writes, appends at its end.
    Write,
    /// It must not exist; reads and writes.
    CreateNew,
}

/// One open file. Calls may come from several threads; appends are the caller's to order.
pub trait File: Send + Sync {
    /// Fills `out` from `offset`, or fails: a short file is [`IoError::UnexpectedEnd`].
    ///
    /// # Errors
    /// The file is shorter ([`IoError::UnexpectedEnd`]), or cannot be read.
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<(), IoError>;
    /// Appends all of `bytes` at the end.
    ///
    /// # Errors
    /// No room, or another failure; any prefix may have been appended.
    fn append(&self, bytes: &[u8]) -> Result<(), IoError>;
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// No room, or another failure; any part may have been written.
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError>;
    /// Makes data and length durable.
    ///
    /// # Errors
    /// What was written since the last sync may be lost; asking again proves nothing.
    fn sync(&self) -> Result<(), IoError>;
    /// The present length in bytes.
    ///
    /// # Errors
    /// The file system does not say.
    fn len(&self) -> Result<u64, IoError>;
    /// Whether it holds no byte.
    ///
    /// # Errors
    /// As [`File::len`].
    fn is_empty(&self) -> Result<bool, IoError> {
        self.len().map(|n| n == 0)
    }
    /// Cuts or extends with zeros.
    ///
    /// # Errors
    /// No room, or another failure.
    fn truncate(&self, len: u64) -> Result<(), IoError>;
    /// Reserves space; the length stays. A file system that cannot reserve answers `Ok`.
    ///
    /// # Errors
    /// No room, or another failure.
    fn preallocate(&self, len: u64) -> Result<(), IoError>;
}

/// One directory. Names are plain file names without separators.
#[cfg(feature = "alloc")]
pub trait Directory: Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// It is missing, exists already, or may not be opened, as `mode` asks.
    fn open(&self, name: &str, mode: OpenMode) -> Result<alloc::sync::Arc<dyn File>, IoError>;
    /// All files, sorted by name; other kinds of entries are left out.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&self) -> Result<alloc::vec::Vec<Entry>, IoError>;
    /// Renames, replacing the target.
    ///
    /// # Errors
    /// `from` is missing, or the file system refuses.
    fn rename(&self, from: &str, to: &str) -> Result<(), IoError>;
    /// Deletes a file.
    ///
    /// # Errors
    /// It is missing, or the file system refuses.
    fn delete(&self, name: &str) -> Result<(), IoError>;
    /// Makes the directory's entries durable.
    ///
    /// # Errors
    /// The entries may be lost.
    fn sync(&self) -> Result<(), IoError>;
    /// Hard-links (or copies, where links are impossible) a file into another directory of the same kind.
    ///
    /// # Errors
    /// The target is a directory of another kind, exists already, or there is no room.
    fn link_into(&self, name: &str, target: &dyn Directory, target_name: &str) -> Result<(), IoError>;
    /// The path, for messages only; empty for a simulated directory.
    fn display(&self) -> alloc::string::String;
    /// Takes the directory's lock file for the life of the returned guard; [`IoError::Locked`] if another holder lives.
    ///
    /// # Errors
    /// [`IoError::Locked`], or the lock file cannot be made.
    fn lock(&self, name: &str) -> Result<alloc::boxed::Box<dyn Send + Sync>, IoError>;
    /// For [`Directory::link_into`] between directories of one implementation.
    fn as_any(&self) -> &dyn core::any::Any;
}

/// Reads a whole file, at most `limit` bytes ([`IoError::UnexpectedEnd`] with `got` = `limit` beyond it).
///
/// # Errors
/// It is missing, longer than `limit`, or cannot be read.
#[cfg(feature = "alloc")]
pub fn read_file(dir: &dyn Directory, name: &str, limit: u64) -> Result<alloc::vec::Vec<u8>, IoError> {
    let file = dir.open(name, OpenMode::Read)?;
    let len = file.len()?;
    if len > limit {
        return Err(IoError::UnexpectedEnd { wanted: len, got: limit });
    }
    let len = usize::try_from(len).map_err(|_| IoError::UnexpectedEnd { wanted: len, got: limit })?;
    let mut out = alloc::vec![0; len];
    file.read_exact_at(0, &mut out)?;
    Ok(out)
}
