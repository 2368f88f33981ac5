use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lsm_tree::Guard as _;
use lsm_tree::compaction::Leveled;
use lsm_tree::config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry};
use lsm_tree::{AbstractTree, AnyTree, Cache, CompressionType, Config, SeqNo, SequenceNumberCounter};

use super::{CACHE, Engine, MEMTABLE};

struct Coordinode {
    tree: AnyTree,
    sequence: SequenceNumberCounter,
    closing: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

pub fn open(dir: &Path) -> Box<dyn Engine> {
    let sequence = SequenceNumberCounter::default();
    let bloom = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0));
    let tree = Config::new(dir, sequence.clone(), SequenceNumberCounter::default())
        .use_cache(Arc::new(Cache::with_capacity_bytes(CACHE as u64)))
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
        .index_block_compression_policy(CompressionPolicy::all(CompressionType::None))
        .filter_policy(FilterPolicy::all(bloom))
        .open()
        .expect("it opens");
    let closing = Arc::new(AtomicBool::new(false));
    let worker = {
        let (tree, closing, sequence) = (tree.clone(), closing.clone(), sequence.clone());
        std::thread::spawn(move || {
            while !closing.load(Ordering::Relaxed) {
                if tree.active_memtable().size() >= MEMTABLE as u64 {
                    tree.flush_active_memtable(sequence.get()).expect("the disk has room");
                    tree.compact(Arc::new(Leveled::default()), sequence.get()).expect("the disk has room");
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    };
    Box::new(Coordinode { tree, sequence, closing, worker: Some(worker) })
}

impl Engine for Coordinode {
    fn put(&self, entries: &[(&[u8], &[u8])], _: bool) {
        for (key, value) in entries {
            self.tree.insert(*key, *value, self.sequence.next());
        }
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        self.tree.get(key, SeqNo::MAX).expect("it is whole").map(|v| v.len())
    }

    fn scan(&self, from: &[u8], limit: usize) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        for entry in self.tree.range(from.., SeqNo::MAX, None).take(limit) {
            let (key, value) = entry.into_inner().expect("it is whole");
            count += 1;
            bytes += key.len() + value.len();
        }
        (count, bytes)
    }

    fn flush(&self) {
        self.tree.flush_active_memtable(self.sequence.get()).expect("the disk has room");
        self.tree.compact(Arc::new(Leveled::default()), self.sequence.get()).expect("the disk has room");
    }
}

impl Drop for Coordinode {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            worker.join().expect("the worker ends");
        }
    }
}
