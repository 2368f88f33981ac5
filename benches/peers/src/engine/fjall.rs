use std::path::Path;
use std::time::Duration;

use fjall::config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{CACHE, Engine, MEMTABLE};

struct Fjall {
    db: Database,
    keyspace: Keyspace,
}

pub fn open(dir: &Path) -> Box<dyn Engine> {
    let db = Database::builder(dir).cache_size(CACHE as u64).worker_threads(2).open().expect("it opens");
    let options = || {
        let bloom = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0));
        KeyspaceCreateOptions::default()
            .max_memtable_size(MEMTABLE as u64)
            .data_block_compression_policy(CompressionPolicy::all(CompressionType::None))
            .index_block_compression_policy(CompressionPolicy::all(CompressionType::None))
            .filter_policy(FilterPolicy::all(bloom))
    };
    let keyspace = db.keyspace("default", options).expect("it can be made");
    Box::new(Fjall { db, keyspace })
}

impl Engine for Fjall {
    fn put(&self, entries: &[(&[u8], &[u8])], sync: bool) {
        if let ([(key, value)], false) = (entries, sync) {
            self.keyspace.insert(*key, *value).expect("the disk has room");
            return;
        }
        let mut batch = self.db.batch().durability(sync.then_some(PersistMode::SyncData));
        entries.iter().for_each(|(key, value)| batch.insert(&self.keyspace, *key, *value));
        batch.commit().expect("the disk has room");
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        self.keyspace.get(key).expect("it is whole").map(|v| v.len())
    }

    fn scan(&self, from: &[u8], limit: usize) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        for entry in self.keyspace.range(from..).take(limit) {
            let (key, value) = entry.into_inner().expect("it is whole");
            count += 1;
            bytes += key.len() + value.len();
        }
        (count, bytes)
    }

    fn flush(&self) {
        self.keyspace.rotate_memtable_and_wait().expect("the disk has room");
        while self.db.outstanding_flushes() > 0 || self.db.active_compactions() > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
