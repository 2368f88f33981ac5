//! The words of the interface: options, errors, handles.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use dolmen_base::block::ReadMode;
use dolmen_base::io::IoError;
use dolmen_blocks::BlockCache;
use dolmen_lsm::backup::BackupError;
use dolmen_lsm::codecs::{Codecs, CompressionType};
use dolmen_lsm::error::ReadError;
use dolmen_lsm::key::{FamilyId, SequenceNumber};
use dolmen_lsm::merge::MergeOperator;
use dolmen_lsm::picker::CompactionOptions;
use dolmen_lsm::recovery::{Loss, RecoveryError};
use dolmen_wal::{RecoveryMode, WalError};

use crate::background::guarded;
use crate::snapshot::Snapshot;

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
    /// Tables of one family's level 0 at which its writers are slowed down (RocksDB's `level0_slowdown_writes_trigger`).
    pub level0_slowdown: usize,
    /// Tables of one family's level 0 at which its writers wait (RocksDB's `level0_stop_writes_trigger`).
    pub level0_stop: usize,
    /// Bytes of a data block before compression.
    pub block_bytes: usize,
    /// Files of tables that are held open at the same time.
    pub max_open_files: usize,
    /// Length of the MANIFEST at which a new one is begun (RocksDB's `max_manifest_file_size`); not before it is four times as long as what it
    /// began with.
    pub max_manifest_bytes: u64,
    /// What to make of a damaged log. How a log is read follows from what the log says: its groups tell what was synced before them, so
    /// an unsynced tail is cut and reported and damage in what was synced is an error, whatever the policy was. `None` is that
    /// ([`RecoveryMode::TornTail`]); the others are the ways out that an error names.
    pub recovery: Option<RecoveryMode>,
    /// Options of families that are not named in `families`.
    pub default_family: FamilyOptions,
    /// Options by family name.
    pub families: Vec<(String, FamilyOptions)>,
    /// Block compressions that are plugged in: by default LZ4, Zstandard, Snappy and Deflate.
    pub codecs: Codecs,
    /// Hears what happens.
    pub listener: Option<Arc<dyn Listener>>,
    /// What several databases use together; `None`: a block cache of its own, of `block_cache_bytes`.
    pub shared: Option<Arc<Shared>>,
}

/// What several databases of one process use together: the block cache.
#[derive(Debug)]
pub struct Shared {
    pub(crate) cache: Arc<BlockCache>,
}

/// Bytes of a block cache of which nothing is said.
const BLOCK_CACHE_BYTES: usize = 128 << 20;

impl Default for Shared {
    /// With a block cache as large as one database has by itself.
    fn default() -> Self {
        Shared { cache: BlockCache::new(BLOCK_CACHE_BYTES as u64) }
    }
}

impl Shared {
    /// With a block cache of so many bytes.
    pub fn new(block_cache_bytes: u64) -> Arc<Shared> {
        Shared::with_cache(BlockCache::new(block_cache_bytes))
    }

    /// With the block cache of the process.
    pub fn with_cache(cache: Arc<BlockCache>) -> Arc<Shared> {
        Arc::new(Shared { cache })
    }
}

impl Options {
    /// Whether a database can be opened with these.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] names the option, what it is and what it may be.
    pub fn validate(&self) -> Result<(), StoreError> {
        let least = [
            ("write_buffer_bytes", self.write_buffer_bytes as u64, 1 << 10),
            ("target_file_bytes", self.target_file_bytes, 1 << 10),
            ("block_bytes", self.block_bytes as u64, 64),
            ("max_open_files", self.max_open_files as u64, 4),
            ("max_manifest_bytes", self.max_manifest_bytes, 1 << 10),
            ("compaction.base_len_max", self.compaction.base_len_max, 1 << 10),
            ("compaction.multiplier", self.compaction.multiplier, 2),
            ("compaction.level0_file_count_trigger", self.compaction.level0_file_count_trigger.into(), 1),
            (
                "level0_slowdown",
                self.level0_slowdown as u64,
                self.compaction.level0_file_count_trigger.into(),
            ),
            ("level0_stop", self.level0_stop as u64, self.level0_slowdown as u64),
        ];
        for (name, found, least) in least {
            if found < least {
                return Err(StoreError::Invalid(format!(
                    "the option {name} is {found} and must be at least {least}"
                )));
            }
        }
        if self.background_threads > THREADS_MAX {
            let found = self.background_threads;
            return Err(StoreError::Invalid(format!(
                "the option background_threads is {found} and may be at most {THREADS_MAX}"
            )));
        }
        if let SyncPolicy::Interval(interval) = self.sync
            && interval.is_zero()
        {
            return Err(StoreError::Invalid(
                "the sync interval is zero; use SyncPolicy::Always to sync every write".into(),
            ));
        }
        let named = self.families.iter().map(|(name, options)| (name.as_str(), options));
        named.chain([("of families that are not named", &self.default_family)]).try_for_each(
            |(name, options)| {
                let kind = CompressionType::from_byte(options.compression);
                let has = |kind| kind == CompressionType::None || self.codecs.require(kind).is_ok();
                let is_there = kind.is_ok_and(has);
                if is_there && options.bloom_bits_per_key <= BLOOM_BITS_MAX {
                    return Ok(());
                }
                Err(StoreError::Invalid(if is_there {
                    format!(
                        "column family {name}: the option bloom_bits_per_key is {} and may be at most {BLOOM_BITS_MAX}",
                        options.bloom_bits_per_key
                    )
                } else {
                    format!(
                        "column family {name}: the option compression is {}, which no codec is there for; use 0 (none), 4 (LZ4) or 7 (Zstandard)",
                        options.compression
                    )
                }))
            },
        )
    }

    /// The options of a family by its name.
    pub fn of_family(&self, name: &str) -> FamilyOptions {
        let named = self.families.iter().find(|(n, _)| n == name);
        named.map_or_else(|| self.default_family.clone(), |(_, options)| options.clone())
    }

    /// The same, with an operator whose panics end no thread.
    pub(crate) fn guarded(&self, name: &str) -> FamilyOptions {
        let options = self.of_family(name);
        FamilyOptions { merge_operator: guarded(options.merge_operator), ..options }
    }
}

/// Most threads.
const THREADS_MAX: usize = 256;
/// Most bits per key: beyond them a bloom filter gains nothing.
const BLOOM_BITS_MAX: u32 = 100;

/// Options of one column family: LZ4 and ten bloom bits unless told otherwise.
#[derive(Clone)]
pub struct FamilyOptions {
    /// How merge operands are combined; `None`: reading a key with operands is an error.
    pub merge_operator: Option<Arc<dyn MergeOperator>>,
    /// RocksDB compression type for new tables: 0 none, 4 lz4, 7 zstd.
    pub compression: u8,
    /// Bloom bits per key for new tables; 0: no filter.
    pub bloom_bits_per_key: u32,
}

impl Default for FamilyOptions {
    fn default() -> Self {
        FamilyOptions { merge_operator: None, compression: 4, bloom_bits_per_key: 10 }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            create_if_missing: true,
            sync: SyncPolicy::Always,
            block_cache_bytes: BLOCK_CACHE_BYTES,
            write_buffer_bytes: 64 << 20,
            background_threads: 2,
            auto_compaction: true,
            target_file_bytes: 64 << 20,
            compaction: CompactionOptions::default(),
            level0_slowdown: 20,
            level0_stop: 36,
            block_bytes: 4096,
            max_open_files: 512,
            max_manifest_bytes: 64 << 20,
            recovery: None,
            default_family: FamilyOptions::default(),
            families: Vec::new(),
            codecs: crate::codecs::codecs(),
            listener: None,
            shared: None,
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
    /// Read as of this sequence number; `None`: the newest completed write. Only a number that a [`Snapshot`] holds is sure to be readable.
    pub sequence: Option<SequenceNumber>,
    /// Read as of this snapshot, which is held for as long as these options and what was opened with them; goes before `sequence`.
    pub snapshot: Option<Arc<Snapshot>>,
    /// First key that an iterator may return.
    pub lower_bound: Option<Vec<u8>>,
    /// First key that it may not return any more.
    pub upper_bound: Option<Vec<u8>>,
    /// Only keys that begin with this; narrows the bounds of an iterator.
    pub prefix: Option<Vec<u8>>,
    /// Whether a file may be read. With [`ReadMode::CacheOnly`] a read that would have to is answered [`StoreError::WouldBlock`].
    pub mode: ReadMode,
}

impl ReadOptions {
    /// As of a snapshot.
    pub fn at(snapshot: &Arc<Snapshot>) -> Self {
        ReadOptions { snapshot: Some(snapshot.clone()), ..ReadOptions::default() }
    }

    pub(crate) fn as_of(&self, newest: SequenceNumber) -> SequenceNumber {
        let held = self.snapshot.as_ref().map(|snapshot| snapshot.sequence());
        held.or(self.sequence).unwrap_or(newest)
    }
}

/// How to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// `Some(true)`: wait for a sync, `Some(false)`: do not, `None`: as the database's policy says.
    pub sync: Option<bool>,
}

/// Called once with the outcome of a write: the sequence number of its last record. May run on any thread; must not block. A panic in it is
/// caught; the write is as it is.
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
    /// A range deletion begins behind its end.
    InvertedRange {
        /// Where it begins.
        begin: Vec<u8>,
        /// Where it ends.
        end: Vec<u8>,
    },
    /// Flushes or compactions cannot go on, and there is no room for more: the reason.
    Background(Arc<StoreError>),
    /// As many writes as may wait do so already.
    QueueFull,
    /// A completion called something that waits for the completion itself; use [`Db::submit`](crate::Db::submit) there.
    Reentrant,
    /// The last sequence numbers are in use: nothing more can be written to this database.
    Exhausted,
    /// A thread panicked while it wrote; the database serves reads only until it is opened again.
    Panicked,
}

/// Bytes for people: text where they are, else hex.
fn shown(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 64;
    let (head, dots) = (&bytes[..bytes.len().min(SHOWN_MAX)], if bytes.len() > SHOWN_MAX { "…" } else { "" });
    match core::str::from_utf8(head) {
        Ok(text) if !text.chars().any(char::is_control) => format!("\"{text}{dots}\""),
        _ => {
            let hex: String = head.iter().map(|b| format!("{b:02x}")).collect();
            format!("0x{hex}{dots}")
        }
    }
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
            WriteError::InvertedRange { begin, end } => write!(
                f,
                "the range from {} to {} begins behind its end; give the smaller key first",
                shown(begin),
                shown(end)
            ),
            WriteError::Background(error) => write!(f, "flushes or compactions cannot go on: {error}"),
            WriteError::QueueFull => f.write_str("too many writes wait already; try again when some have ended"),
            WriteError::Reentrant => f.write_str(
                "a completion waits for the group that calls it; write from there with submit, or from another thread",
            ),
            WriteError::Exhausted => {
                f.write_str("the last sequence numbers are in use; copy the data to a new database")
            }
            WriteError::Panicked => f.write_str(
                "a thread panicked while it wrote; the database is read-only until it is opened again",
            ),
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
    /// What the MANIFEST and the logs say does not fit together.
    Recovery(RecoveryError),
    /// The list of a backup cannot be read.
    Backup {
        /// The list.
        file: String,
        /// What is wrong.
        error: BackupError,
    },
    /// A file of a backup is damaged.
    BackupChecksum {
        /// Which.
        file: String,
        /// The CRC-32C that the backup's list says.
        expected: u32,
        /// That of its bytes.
        found: u32,
    },
    /// The family was dropped, or is one of another database.
    NoSuchFamily(String),
    /// A file would have to be read, and [`ReadMode::CacheOnly`] was asked for.
    WouldBlock,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Read { file, error } if file == "CURRENT" || file.starts_with("MANIFEST") => write!(
                f,
                "{file}: {error}; restore it from a backup, or make it again from the tables and logs: dolmen kv --path DIR repair"
            ),
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
                 Restore CURRENT (its text is the name of the newest MANIFEST and a line end), or make both again from the tables and logs: \
                 dolmen kv --path DIR repair"
            ),
            StoreError::Invalid(text) => f.write_str(text),
            StoreError::Write(error) => error.fmt(f),
            StoreError::Recovery(error) => error.fmt(f),
            StoreError::Backup { file, error } => write!(f, "{file}: {error}; restore an older backup"),
            StoreError::BackupChecksum { file, expected, found } => write!(
                f,
                "{file}: its CRC-32C is {found:08x}, the backup's list says {expected:08x}: it is damaged; restore an older backup"
            ),
            StoreError::NoSuchFamily(name) => write!(f, "there is no column family {name}; it was dropped"),
            StoreError::WouldBlock => {
                f.write_str("the answer is not in memory; ask again on a thread that may read files")
            }
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
    /// What of the logs did not count when the database was opened.
    pub losses: Vec<Loss>,
    /// Files in which what was left out, now or at an earlier open, is kept: delete them when they are of no more use.
    pub lost_files: Vec<String>,
    /// Files of tables that are open now.
    pub open_table_files: u64,
    /// The last error of the log, if writing is refused now.
    pub write_error: Option<WriteError>,
}

impl Stats {
    /// Why the database cannot do all of its work now, for probes and people: writes that are refused, a flush or compaction that failed.
    pub fn trouble(&self) -> Option<String> {
        let refused = self.write_error.as_ref().map(|error| format!("writes are refused: {error}"));
        let failed =
            || self.background_error.as_ref().map(|error| format!("a flush or compaction failed: {error}"));
        refused.or_else(failed)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Memtables became tables.
    Flushed {
        /// How many tables.
        tables: usize,
        /// Their bytes.
        bytes: u64,
        /// How long it took.
        took: Duration,
    },
    /// Tables were merged.
    Compacted {
        /// The family.
        family: &'a str,
        /// The level that was written.
        level: usize,
        /// Tables and bytes that were read.
        read: (usize, u64),
        /// Tables and bytes that were written.
        written: (usize, u64),
        /// How long it took.
        took: Duration,
    },
    /// Something in a log did not count when the database was opened.
    Lost(&'a Loss),
    /// A flush or compaction failed. It is tried again, unless a table is damaged.
    BackgroundError(&'a StoreError),
    /// Writers to a family wait, because flushes or compactions fall behind.
    Stalled,
}

/// Hears what happens in a database; called on its own threads and on those of writers. Must not block.
pub trait Listener: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}
