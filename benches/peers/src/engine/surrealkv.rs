use std::path::Path;

use surrealkv::{Durability, LSMIterator, Mode, Tree, TreeBuilder};
use tokio::runtime::Runtime;

use super::{CACHE, Engine, MEMTABLE};

struct Surreal {
    // Before the runtime, on which its background work runs.
    tree: Tree,
    runtime: Runtime,
}

pub fn open(dir: &Path) -> Box<dyn Engine> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("threads can be made");
    let within = runtime.enter();
    let tree = TreeBuilder::new()
        .with_path(dir.to_owned())
        .with_block_size(4096)
        .with_max_memtable_size(MEMTABLE)
        .with_block_cache_capacity(CACHE as u64)
        .without_compression()
        .with_flush_on_close(false)
        .build()
        .expect("it opens");
    drop(within);
    Box::new(Surreal { tree, runtime })
}

impl Engine for Surreal {
    fn put(&self, entries: &[(&[u8], &[u8])], sync: bool) {
        let mut transaction = self.tree.begin_with_mode(Mode::WriteOnly).expect("it is open");
        if sync {
            transaction.set_durability(Durability::Immediate);
        }
        for (key, value) in entries {
            transaction.set(*key, *value).expect("the batch has room");
        }
        self.runtime.block_on(transaction.commit()).expect("the disk has room");
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        let transaction = self.tree.begin_with_mode(Mode::ReadOnly).expect("it is open");
        transaction.get(key).expect("it is whole").map(|v| v.len())
    }

    fn scan(&self, from: &[u8], limit: usize) -> (usize, usize) {
        let transaction = self.tree.begin_with_mode(Mode::ReadOnly).expect("it is open");
        let mut iter = transaction.scan(from..).expect("it is whole");
        let (mut count, mut bytes) = (0, 0);
        iter.seek_first().expect("it is whole");
        while iter.valid() {
            count += 1;
            bytes += iter.key().user_key().len() + iter.value_ref().expect("it is whole").len();
            if count == limit {
                break;
            }
            iter.next().expect("it is whole");
        }
        (count, bytes)
    }

    fn flush(&self) {}
}
