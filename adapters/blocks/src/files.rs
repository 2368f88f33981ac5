//! Numbered files as a source of blocks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use dolmen_base::block::{Block, BlockBuf, BlockId, BlockSource, Decode, ReadFailed, ReadMode, Stored};
use dolmen_base::io::{File, FileNumber, IoError};
use parking_lot::RwLock;

use crate::cache::{BlockCache, CacheStats, Share};

/// How a file of a number is opened for reading.
pub trait Opener: Send + Sync {
    /// Opens it.
    ///
    /// # Errors
    /// Why it cannot be opened.
    fn open(&self, file: FileNumber) -> Result<Arc<dyn File>, IoError>;
}

impl<F: Fn(FileNumber) -> Result<Arc<dyn File>, IoError> + Send + Sync> Opener for F {
    fn open(&self, file: FileNumber) -> Result<Arc<dyn File>, IoError> {
        self(file)
    }
}

/// The files of one owner (a database, an SSTable) and its share of the block cache. It serves every core whose error can be made of a
/// [`ReadFailed`].
pub struct Files {
    open: RwLock<BTreeMap<u64, Arc<dyn File>>>,
    opener: Box<dyn Opener>,
    share: Share,
}

impl Files {
    /// Files that `opener` opens, whose blocks `cache` keeps.
    pub fn new(cache: &Arc<BlockCache>, opener: impl Opener + 'static) -> Files {
        Files { open: RwLock::default(), opener: Box::new(opener), share: cache.share() }
    }

    /// A file, opened if this is the first that is asked of it.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn file(&self, number: FileNumber) -> Result<Arc<dyn File>, IoError> {
        if let Some(file) = self.open.read().get(&number.get()) {
            return Ok(file.clone());
        }
        let file = self.opener.open(number)?;
        Ok(self.open.write().entry(number.get()).or_insert(file).clone())
    }

    /// Closes a file, as soon as nobody reads it. Its blocks stay as long as they are used.
    pub fn close(&self, number: FileNumber) {
        self.open.write().remove(&number.get());
    }

    /// Closes a file that is deleted and lets go of its blocks.
    pub fn forget(&self, number: FileNumber) {
        self.close(number);
        self.share.forget(number);
    }

    /// What was found in memory and what was read.
    pub fn stats(&self) -> CacheStats {
        self.share.stats()
    }

    fn read<E: From<ReadFailed>>(&self, id: BlockId, decode: Decode<'_, E>) -> Result<Block, E> {
        let failed = |error| E::from(ReadFailed { id, error });
        let file = self.file(id.file).map_err(failed)?;
        let mut buffer = BlockBuf::zeroed(id.len as usize);
        file.read_exact_at(id.offset, &mut buffer).map_err(failed)?;
        decode(Stored::Owned(buffer))
    }
}

impl<E: From<ReadFailed>> BlockSource<E> for Files {
    fn block(&self, id: BlockId, mode: ReadMode, decode: Decode<'_, E>) -> Result<Option<Block>, E> {
        match mode {
            ReadMode::CacheOnly => Ok(self.share.get(id)),
            ReadMode::MayBlock => self.share.get_or_read(id, || self.read(id, decode)).map(Some),
            ReadMode::Bypass => self.read(id, decode).map(Some),
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open: Vec<u64> = self.open.read().keys().copied().collect();
        f.debug_struct("Files").field("open", &open).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
