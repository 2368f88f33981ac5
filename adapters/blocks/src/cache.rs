//! Decoded blocks in memory, up to a budget of bytes.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dolmen_base::block::{Block, BlockId};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Bytes that a cached block costs beyond its content: its key, its counts, its place in the cache's lists.
const BLOCK_OVERHEAD: u64 = 96;
/// The usual length of a block, from which the cache guesses how many it will hold.
const BLOCK_LEN: usize = 4096;

/// A block's place, in the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    owner: u64,
    file: u64,
    offset: u64,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, Block> for Weight {
    fn weight(&self, _: &Key, block: &Block) -> u64 {
        block.memory_len() as u64 + BLOCK_OVERHEAD
    }
}

/// What a cache, or one owner's share of it, did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Blocks that were in memory when they were asked for.
    pub hits: u64,
    /// Blocks that were read and kept.
    pub misses: u64,
    /// Bytes that the whole cache holds now.
    pub bytes: u64,
    /// The most it may hold.
    pub bytes_max: u64,
}

/// Decoded blocks of every owner in the process. What is used least goes first (S3-FIFO with a frequency sketch, by `quick_cache`), so that one
/// long walk does not drive out what point reads need.
#[derive(Debug)]
pub struct BlockCache {
    blocks: Cache<Key, Block, Weight>,
    owners: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl BlockCache {
    /// A cache that keeps at most `bytes_max` bytes. 0 keeps nothing.
    pub fn new(bytes_max: u64) -> Arc<BlockCache> {
        let count = usize::try_from(bytes_max).unwrap_or(usize::MAX) / BLOCK_LEN + 16;
        Arc::new(BlockCache {
            blocks: Cache::with_weighter(count, bytes_max, Weight),
            owners: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// The part of one more owner of files, whose file numbers are its own.
    pub fn share(self: &Arc<Self>) -> Share {
        Share {
            cache: self.clone(),
            owner: self.owners.fetch_add(1, Ordering::Relaxed),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// What all owners did together.
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            bytes: self.blocks.weight(),
            bytes_max: self.blocks.capacity(),
        }
    }
}

/// One owner's part of a [`BlockCache`]. There is no budget of its own: owners compete for bytes by use.
#[derive(Debug)]
pub struct Share {
    cache: Arc<BlockCache>,
    owner: u64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Share {
    fn key(&self, id: BlockId) -> Key {
        Key { owner: self.owner, file: id.file.get(), offset: id.offset }
    }

    fn count(&self, is_hit: bool) {
        let (ours, all) =
            if is_hit { (&self.hits, &self.cache.hits) } else { (&self.misses, &self.cache.misses) };
        ours.fetch_add(1, Ordering::Relaxed);
        all.fetch_add(1, Ordering::Relaxed);
    }

    /// A block that is in memory.
    pub fn get(&self, id: BlockId) -> Option<Block> {
        let block = self.cache.blocks.get(&self.key(id))?;
        self.count(true);
        Some(block)
    }

    /// A block that is in memory, or that `read` gives, which is then kept. Of several threads that miss it at once one reads, the others wait
    /// for it.
    ///
    /// # Errors
    /// What `read` says; nothing is kept then.
    pub fn get_or_read<E>(&self, id: BlockId, read: impl FnOnce() -> Result<Block, E>) -> Result<Block, E> {
        let is_hit = Cell::new(true);
        let block = self.cache.blocks.get_or_insert_with(&self.key(id), || {
            is_hit.set(false);
            read()
        })?;
        self.count(is_hit.get());
        Ok(block)
    }

    /// Lets go of the blocks of a file that is deleted.
    pub fn forget(&self, file: dolmen_base::io::FileNumber) {
        self.cache.blocks.retain(|key, _| key.owner != self.owner || key.file != file.get());
    }

    /// What this owner did; the bytes are those of the whole cache.
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            ..self.cache.stats()
        }
    }
}
