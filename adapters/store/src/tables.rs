//! Open tables and the block cache.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use dolmen_base::block::{Block, BlockBuf, BlockId, BlockSource, Decode, ReadMode, Stored};
use dolmen_base::io::{Directory, File, FileNumber, IoError, OpenMode};
use dolmen_blocks::{BlockCache, Share};
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::edit::NewFile;
use dolmen_lsm::error::ReadError;
use dolmen_lsm::filename::FileName;
use dolmen_lsm::range_del::{Fragments, RangeTombstone};
use dolmen_lsm::read;
use dolmen_lsm::table::{Table, TableIter};

use crate::sync::RwLock;

/// An open file, and the tick of its last use.
type HeldFile = (Arc<dyn File>, AtomicU64);

/// The files of the open tables, and their blocks in memory.
pub(crate) struct Source {
    dir: Arc<dyn Directory>,
    /// By table.
    files: RwLock<BTreeMap<u64, HeldFile>>,
    files_max: usize,
    tick: AtomicU64,
    cache: Share,
    /// Tables that somebody may look at.
    open: RwLock<BTreeMap<u64, Weak<OpenTable>>>,
}

impl Source {
    pub(crate) fn new(dir: Arc<dyn Directory>, cache: &Arc<BlockCache>, files_max: usize) -> Self {
        Source {
            dir,
            files: RwLock::default(),
            files_max,
            tick: AtomicU64::new(0),
            cache: cache.share(),
            open: RwLock::default(),
        }
    }

    /// Hits and misses of this database, and the bytes of the whole cache.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let stats = self.cache.stats();
        (stats.hits, stats.misses, stats.bytes)
    }

    fn read_block(&self, id: BlockId, decode: Decode<'_, ReadError>) -> Result<Block, ReadError> {
        let mut stored = BlockBuf::zeroed(id.len as usize);
        let failed = |error| ReadError::Io { file: id.file, at: id.offset, error };
        self.file(id.file)?.read_exact_at(id.offset, &mut stored).map_err(failed)?;
        decode(Stored::Owned(stored))
    }

    fn file(&self, number: FileNumber) -> Result<Arc<dyn File>, ReadError> {
        let tick = self.tick.fetch_add(1, Ordering::Relaxed);
        if let Some((file, used)) = self.files.read().get(&number.get()) {
            used.store(tick, Ordering::Relaxed);
            return Ok(file.clone());
        }
        let failed = |error| ReadError::Io { file: number, at: 0, error };
        let names = [FileName::Table(number), FileName::LevelDbTable(number)];
        let open = |name: FileName| self.dir.open(&name.to_string(), OpenMode::Read);
        let file = open(names[0]).or_else(|first| open(names[1]).map_err(|_| first)).map_err(failed)?;
        let mut files = self.files.write();
        while files.len() >= self.files_max {
            // The least recently used; whoever reads it now holds it open until the read is done.
            let oldest = files.iter().min_by_key(|(_, (_, used))| used.load(Ordering::Relaxed));
            let Some((&oldest, _)) = oldest else { break };
            files.remove(&oldest);
        }
        files.insert(number.get(), (file.clone(), AtomicU64::new(tick)));
        Ok(file)
    }

    /// Files of tables that are open now.
    pub(crate) fn open_files(&self) -> usize {
        self.files.read().len()
    }

    /// Opens a table that a version names; its length must be the one that the MANIFEST says.
    pub(crate) fn open_table(
        self: &Arc<Self>,
        meta: Arc<NewFile>,
        codecs: &Codecs,
    ) -> Result<Arc<OpenTable>, ReadError> {
        let table = Table::open(self, meta.number, meta.len, codecs)?;
        let tombstones: Vec<_> =
            table.range_tombstones().iter().filter_map(|t| read::clip(t, &meta)).collect();
        let fragments = Arc::new(Fragments::new(&tombstones));
        let number = meta.number.get();
        let source = self.clone();
        let is_retired = AtomicBool::new(false);
        let table =
            Arc::new(OpenTable { table: Arc::new(table), fragments, tombstones, meta, source, is_retired });
        self.open.write().insert(number, Arc::downgrade(&table));
        Ok(table)
    }

    /// Deletes the file of a table that no version names, as soon as nobody looks at it.
    pub(crate) fn retire(&self, number: FileNumber) {
        // The lock goes first: the last holder of a table takes it for writing, and that may be this call.
        let open = self.open.read().get(&number.get()).and_then(Weak::upgrade);
        match open {
            Some(table) => table.is_retired.store(true, Ordering::Release),
            None => self.delete(number),
        }
    }

    /// What cannot be deleted now is deleted at the next open.
    fn delete(&self, number: FileNumber) {
        self.files.write().remove(&number.get());
        for name in [FileName::Table(number), FileName::LevelDbTable(number)] {
            if self.dir.delete(&name.to_string()).is_ok() {
                return;
            }
        }
    }
}

impl BlockSource<ReadError> for Source {
    fn block(
        &self,
        id: BlockId,
        mode: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        match mode {
            ReadMode::CacheOnly => Ok(self.cache.get(id)),
            ReadMode::MayBlock => self.cache.get_or_read(id, || self.read_block(id, decode)).map(Some),
            ReadMode::Bypass => self.read_block(id, decode).map(Some),
        }
    }
}

/// Bytes that a walk over a whole table reads at a time.
pub(crate) const SPAN: usize = 256 << 10;

/// Reads the blocks of one table one after the other, in spans: many of them with one call of the disk. What is asked for out of order is read by
/// itself, as is a block that is longer than a span. Only for [`ReadMode::Bypass`]: otherwise it is the source's.
pub(crate) struct Spans {
    source: Arc<Source>,
    file_len: u64,
    window: RefCell<Window>,
}

/// Bytes of a file.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn get(&self, id: BlockId) -> Option<&[u8]> {
        let at = usize::try_from(id.offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..at.checked_add(id.len as usize)?)
    }

    /// Goes on to the span that begins with a block.
    fn move_to(&mut self, id: BlockId, file: &dyn File, file_len: u64) -> Result<(), IoError> {
        let len = file_len.saturating_sub(id.offset).min(SPAN as u64) as usize;
        self.start = id.offset;
        self.bytes.resize(len, 0);
        let read = file.read_exact_at(id.offset, &mut self.bytes);
        if read.is_err() {
            self.bytes.clear();
        }
        read
    }
}

impl Spans {
    pub(crate) fn new(source: &Arc<Source>, file_len: u64) -> Self {
        Spans { source: source.clone(), file_len, window: RefCell::default() }
    }
}

impl BlockSource<ReadError> for Spans {
    fn block(
        &self,
        id: BlockId,
        mode: ReadMode,
        decode: Decode<'_, ReadError>,
    ) -> Result<Option<Block>, ReadError> {
        if mode != ReadMode::Bypass {
            return self.source.block(id, mode, decode);
        }
        let mut window = self.window.borrow_mut();
        let (start, end) = (window.start, window.end());
        if window.get(id).is_none() && (start..end + SPAN as u64).contains(&id.offset) {
            if id.len as usize > SPAN {
                *window = Window { start: id.offset + u64::from(id.len), bytes: Vec::new() };
            } else {
                // What cannot be read in one piece may be readable block by block.
                let _ = window.move_to(id, &*self.source.file(id.file)?, self.file_len);
            }
        }
        match window.get(id) {
            Some(stored) => decode(Stored::Borrowed(stored)).map(Some),
            None => self.source.read_block(id, decode).map(Some),
        }
    }
}

/// A walk over a whole table.
pub(crate) type Scan = TableIter<Arc<Table>, Spans>;

impl OpenTable {
    /// A walk over all of it, in spans of [`SPAN`] bytes; nothing of it goes to the cache.
    pub(crate) fn scan(&self, source: &Arc<Source>) -> Scan {
        let spans = Spans::new(source, self.table.file_len());
        TableIter::new(self.table.clone(), spans, ReadMode::Bypass)
    }
}

/// A table of a version.
pub(crate) struct OpenTable {
    pub(crate) table: Arc<Table>,
    /// Its range tombstones, within the table's bounds.
    pub(crate) fragments: Arc<Fragments>,
    /// The same as they were written.
    pub(crate) tombstones: Vec<RangeTombstone>,
    pub(crate) meta: Arc<NewFile>,
    source: Arc<Source>,
    is_retired: AtomicBool,
}

impl Drop for OpenTable {
    fn drop(&mut self) {
        let number = self.meta.number;
        self.source.open.write().remove(&number.get());
        if self.is_retired.load(Ordering::Acquire) {
            self.source.delete(number);
        } else {
            self.source.files.write().remove(&number.get());
        }
    }
}
