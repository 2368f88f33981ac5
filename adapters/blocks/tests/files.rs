//! Blocks of real files through the shared cache.
#![allow(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use dolmen_base::block::{Block, BlockId, BlockSource, ReadFailed, ReadMode, Stored};
use dolmen_base::io::{Directory, FileNumber, IoError, OpenMode};
use dolmen_blocks::{BlockCache, Files};
use dolmen_fs::Dir;

fn id(file: u64, offset: u64, len: u32) -> BlockId {
    BlockId { file: FileNumber::new(file), offset, len }
}

/// A folder of files 1 and 2 of 10,000 bytes each, `fill` in all of them.
fn folder(fill: u8) -> (tempfile::TempDir, Arc<Dir>) {
    let dir = tempfile::tempdir().unwrap();
    for number in 1..=2u8 {
        std::fs::write(dir.path().join(format!("{number}")), vec![fill + number; 10_000]).unwrap();
    }
    let opened = Arc::new(Dir::open(dir.path()).unwrap());
    (dir, opened)
}

fn files(cache: &Arc<BlockCache>, dir: Arc<Dir>) -> Files {
    Files::new(cache, move |number: FileNumber| dir.open(&number.get().to_string(), OpenMode::Read))
}

fn whole(stored: Stored<'_>) -> Result<Block, ReadFailed> {
    Ok(stored.into_whole())
}

#[test]
fn a_block_is_read_once_and_owners_do_not_mix() {
    let cache = BlockCache::new(1 << 20);
    let ((_keep_a, a), (_keep_b, b)) = (folder(10), folder(20));
    let (a, b) = (files(&cache, a), files(&cache, b));
    assert_eq!(a.block(id(1, 0, 100), ReadMode::CacheOnly, &whole), Ok(None));
    let first = a.block(id(1, 0, 100), ReadMode::MayBlock, &whole).unwrap().unwrap();
    assert_eq!(&first[..], &[11; 100]);
    let again = a.block(id(1, 0, 100), ReadMode::CacheOnly, &whole).unwrap().unwrap();
    assert_eq!(again.as_ptr(), first.as_ptr(), "the same bytes, not a copy");
    let other = b.block(id(1, 0, 100), ReadMode::MayBlock, &whole).unwrap().unwrap();
    assert_eq!(&other[..], &[21; 100]);
    b.block(id(2, 50, 100), ReadMode::Bypass, &whole).unwrap().unwrap();
    assert_eq!(b.block(id(2, 50, 100), ReadMode::CacheOnly, &whole), Ok(None), "a bypass keeps nothing");
    assert_eq!((a.stats().hits, a.stats().misses), (1, 1));
    assert_eq!((b.stats().hits, b.stats().misses), (0, 1));
    assert_eq!((cache.stats().hits, cache.stats().misses), (1, 2));
    a.forget(FileNumber::new(1));
    assert_eq!(a.block(id(1, 0, 100), ReadMode::CacheOnly, &whole), Ok(None));
    assert!(b.block(id(1, 0, 100), ReadMode::CacheOnly, &whole).unwrap().is_some());
}

#[test]
fn the_budget_holds_and_counts_what_slices_keep() {
    let cache = BlockCache::new(40_000);
    let (_keep, dir) = folder(0);
    let files = files(&cache, dir);
    for offset in 0..90 {
        let half = |stored: Stored<'_>| Ok::<_, ReadFailed>(stored.into_block(0..500).expect("1,000 bytes"));
        files.block(id(1, 100 * offset, 1000), ReadMode::MayBlock, &half).unwrap();
    }
    let stats = cache.stats();
    assert!(stats.bytes <= 40_000 && stats.bytes > 20_000, "{stats:?}");
    assert_eq!(stats.bytes % (1000 + 96), 0, "a slice counts with all that it keeps: {stats:?}");
    let nothing = BlockCache::new(0);
    let (_keep, dir) = folder(0);
    let files = self::files(&nothing, dir);
    files.block(id(1, 0, 10), ReadMode::MayBlock, &whole).unwrap();
    assert_eq!(nothing.stats().bytes, 0);
}

#[test]
fn what_cannot_be_read_says_which_block_and_why() {
    let cache = BlockCache::new(1 << 20);
    let (_keep, dir) = folder(0);
    let files = files(&cache, dir);
    let missing = files.block(id(3, 0, 10), ReadMode::MayBlock, &whole);
    assert_eq!(missing, Err(ReadFailed { id: id(3, 0, 10), error: IoError::NotFound }));
    let short = files.block(id(1, 9_990, 20), ReadMode::MayBlock, &whole).unwrap_err();
    assert_eq!(short.error, IoError::UnexpectedEnd { wanted: 20, got: 10 });
    let refused = |stored: Stored<'_>| {
        assert_eq!(stored.len(), 10);
        Err::<Block, _>(ReadFailed { id: id(9, 9, 9), error: IoError::Denied })
    };
    assert!(files.block(id(1, 0, 10), ReadMode::MayBlock, &refused).is_err());
    assert_eq!(files.block(id(1, 0, 10), ReadMode::CacheOnly, &whole), Ok(None), "an error is not kept");
}

#[test]
fn threads_that_miss_together_read_once() {
    let cache = BlockCache::new(1 << 20);
    let (_keep, dir) = folder(0);
    let (files, decoded, barrier) = (files(&cache, dir), AtomicUsize::new(0), Barrier::new(4));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                barrier.wait();
                let decode = |stored: Stored<'_>| {
                    decoded.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    whole(stored)
                };
                files.block(id(1, 0, 1000), ReadMode::MayBlock, &decode).unwrap().unwrap();
            });
        }
    });
    assert_eq!(decoded.load(Ordering::Relaxed), 1);
    assert_eq!((files.stats().hits, files.stats().misses), (3, 1));
}
