//! The words of the interface: options, errors, handles.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use dolmen_base::io::IoError;
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::error::ReadError;
use dolmen_lsm::key::{FamilyId, SequenceNumber};
use dolmen_lsm::merge::MergeOperator;
use dolmen_lsm::picker::CompactionOptions;
use dolmen_wal::{RecoveryMode, WalError};

/// When a write counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// When the log that holds it has been synced (the default).
    Always,
    /// When the operating system has it; the log is synced at least this often.
    Interval(Duration),
    /// When the operating system has it; syncs only at rotation and close.
    Never,
}

/// How a database is opened.
#[derive(Clone)]
pub struct Options {
    /// Create the directory and the database if there is none. A directory with a missing or damaged CURRENT and other
    /// database files is never taken for an empty one.
    pub create_if_missing: bool,
    /// Default for writes that do not say.
    pub sync: SyncPolicy,
    /// Budget of the block cache in bytes.
    pub block_cache_bytes: usize,
    /// Size of all memtables together at which they are switched.
    pub write_buffer_bytes: usize,
    /// Threads for flushes and compactions; 0: the writer's own thread does them, one after the other.
    pub background_threads: usize,
    /// Whether compactions start by themselves.
    pub auto_compaction: bool,
    /// Length at which a compaction begins a new table (RocksDB's `target_file_size_base`).
    pub target_file_bytes: u64,
    /// The shape of the tree.
    pub compaction: CompactionOptions,
    /// What to make of a damaged log. `None`: with [`SyncPolicy::Always`] a torn tail is cut and other damage is an error; with the other
    /// policies, under which a crash may keep a later write and lose an earlier one, everything up to the first damage counts.
    pub recovery: Option<RecoveryMode>,
    /// Options of families that are not named in `families`.
    pub default_family: FamilyOptions,
    /// Options by family name.
    pub families: Vec<(String, FamilyOptions)>,
    /// Block compressions that are plugged in: by default LZ4, Zstandard, Snappy and Deflate.
    pub codecs: Codecs,
}

impl Options {
    /// The options of a family by its name.
    pub fn of_family(&self, name: &str) -> FamilyOptions {
        let named = self.families.iter().find(|(n, _)| n == name);
        named.map_or_else(|| self.default_family.clone(), |(_, options)| options.clone())
    }
}

/// Options of one column family.
#[derive(Clone, Default)]
pub struct FamilyOptions {
    /// How merge operands are combined; `None`: reading a key with operands is an error.
    pub merge_operator: Option<Arc<dyn MergeOperator>>,
    /// RocksDB compression type for new tables: 0 none, 4 lz4, 7 zstd.
    pub compression: u8,
    /// Bloom bits per key for new tables; 0: no filter.
    pub bloom_bits_per_key: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            create_if_missing: true,
            sync: SyncPolicy::Always,
            block_cache_bytes: 128 << 20,
            write_buffer_bytes: 64 << 20,
            background_threads: 2,
            auto_compaction: true,
            target_file_bytes: 64 << 20,
            compaction: CompactionOptions::default(),
            recovery: None,
            default_family: FamilyOptions { merge_operator: None, compression: 4, bloom_bits_per_key: 10 },
            families: Vec::new(),
            codecs: crate::codecs::codecs(),
        }
    }
}

/// A column family of one open database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its id, for batches.
    pub id: FamilyId,
    /// Its name.
    pub name: Arc<str>,
}

/// How to read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Read as of this sequence number (from a snapshot); `None`: the newest completed write.
    pub sequence: Option<SequenceNumber>,
    /// First key that an iterator may return.
    pub lower_bound: Option<Vec<u8>>,
    /// First key that it may not return any more.
    pub upper_bound: Option<Vec<u8>>,
}

/// How to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// `Some(true)`: wait for a sync, `Some(false)`: do not, `None`: as the database's policy says.
    pub sync: Option<bool>,
}

/// Called once with the outcome of a write: the sequence number of its last record. May run on any thread; must not block.
pub type Completion = Box<dyn FnOnce(Result<SequenceNumber, WriteError>) + Send>;

/// Why a write failed. Nothing of it is visible; after a reopen nothing of it is there either, unless a sync failed ([`WriteError::Io`] without
/// `retry`): then the write may have reached the disk, and whether it did only a reopen can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// The file system refused; `NoSpace` heals when space returns, a failed sync needs a reopen.
    Io {
        /// The file's name.
        file: String,
        /// The reason.
        error: IoError,
        /// Whether later writes may succeed without a reopen.
        retry: bool,
    },
    /// An earlier sync failed; the database serves reads only until it is reopened.
    Poisoned(IoError),
    /// The family was dropped or never existed.
    NoSuchFamily(FamilyId),
    /// A key, value or batch is over its limit.
    TooLarge {
        /// Bytes found.
        found: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The database was opened for reading.
    ReadOnly,
    /// The database is closing.
    Closed,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::Io { file, error, .. } => write!(f, "cannot write {file}: {error}"),
            WriteError::Poisoned(error) => {
                write!(
                    f,
                    "an earlier sync failed ({error}); the database is read-only until it is opened again"
                )
            }
            WriteError::NoSuchFamily(id) => write!(f, "there is no column family with id {id}"),
            WriteError::TooLarge { found, max } => {
                write!(f, "{found} bytes are more than the {max} that are allowed")
            }
            WriteError::ReadOnly => f.write_str("the database is open for reading only"),
            WriteError::Closed => f.write_str("the database is closing"),
        }
    }
}

impl std::error::Error for WriteError {}

/// Why a database could not be opened or read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// Damaged, unsupported or unreadable; `file` is the file's name in the directory.
    Read {
        /// The file's name.
        file: String,
        /// What is wrong.
        error: ReadError,
    },
    /// A log is damaged in a way that is no torn tail.
    Log {
        /// The log's name.
        file: String,
        /// What is wrong.
        error: WalError,
    },
    /// A call to the file system failed.
    Io {
        /// The file's name.
        file: String,
        /// The reason.
        error: IoError,
    },
    /// Another process has the database open.
    Locked {
        /// The directory.
        dir: String,
    },
    /// The directory holds no database and `create_if_missing` is off, or it holds database files without a usable CURRENT.
    NoDatabase {
        /// The directory.
        dir: String,
        /// Database files that were found without a CURRENT.
        orphans: usize,
    },
    /// The database has a different merge operator or comparator, or the request makes no sense for it.
    Invalid(String),
    /// A write that the operation needed failed.
    Write(WriteError),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Read { file, error } => write!(f, "{file}: {error}"),
            StoreError::Io { file, error } => write!(f, "{file}: {error}"),
            StoreError::Log { file, error } => write!(f, "{file}: {error}"),
            StoreError::Locked { dir } => {
                write!(f, "{dir} is open in another process; stop it, or open a checkpoint")
            }
            StoreError::NoDatabase { dir, orphans: 0 } => write!(f, "{dir} holds no database"),
            StoreError::NoDatabase { dir, orphans } => write!(
                f,
                "{dir} holds {orphans} database files but no CURRENT file; it is not opened as a new database. \
                 Restore CURRENT (its text is the name of the newest MANIFEST and a line end)"
            ),
            StoreError::Invalid(text) => f.write_str(text),
            StoreError::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for StoreError {}

/// Numbers about a database, for INFO, /metrics and `dolmen kv stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Syncs of the log since open.
    pub wal_syncs: u64,
    /// Batches written since open.
    pub batches: u64,
    /// Records written since open.
    pub records: u64,
    /// Bytes in the present log.
    pub wal_bytes: u64,
    /// Flushes done since open.
    pub flushes: u64,
    /// Compactions done since open, moves of a table included.
    pub compactions: u64,
    /// Bytes of tables that compactions read since open.
    pub compaction_read_bytes: u64,
    /// Bytes of tables that compactions wrote since open.
    pub compaction_written_bytes: u64,
    /// Bytes that wait for a compaction.
    pub compaction_pending_bytes: u64,
    /// Writes that were slowed down because flushes or compactions fell behind.
    pub delays: u64,
    /// Writes that were stopped for the same reason.
    pub stops: u64,
    /// Why the last flush or compaction failed, if it did.
    pub background_error: Option<StoreError>,
    /// Bytes in memtables, those that wait for their flush included.
    pub memtable_bytes: u64,
    /// Block cache: hits since open.
    pub cache_hits: u64,
    /// Block cache: misses since open.
    pub cache_misses: u64,
    /// Block cache: bytes held.
    pub cache_bytes: u64,
    /// Files and bytes per level and family: (family, level, files, bytes).
    pub levels: Vec<(String, u32, u64, u64)>,
    /// The last error of the log, if writing is refused now.
    pub write_error: Option<WriteError>,
}
