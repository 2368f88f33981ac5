use std::path::Path;

use dolmen_store::{Db, Family, FamilyOptions, Options, ReadOptions, SyncPolicy, WriteBatch, WriteOptions};

use super::{CACHE, Engine, MEMTABLE};

struct Dolmen {
    db: Db,
    family: Family,
}

pub fn open(dir: &Path) -> Box<dyn Engine> {
    let options = Options {
        sync: SyncPolicy::Never,
        block_cache_bytes: CACHE,
        write_buffer_bytes: MEMTABLE,
        default_family: FamilyOptions { compression: 0, bloom_bits_per_key: 10, ..FamilyOptions::default() },
        ..Options::default()
    };
    let db = Db::open(dir, options).expect("it opens");
    let family = db.default_family();
    Box::new(Dolmen { db, family })
}

impl Engine for Dolmen {
    fn put(&self, entries: &[(&[u8], &[u8])], sync: bool) {
        let mut batch = WriteBatch::new();
        entries.iter().for_each(|(key, value)| batch.put(self.family.id, key, value));
        self.db.write(batch, WriteOptions { sync: Some(sync) }).expect("the disk has room");
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        let value = self.db.get(&self.family, key, &ReadOptions::default()).expect("it is whole");
        value.map(|v| v.len())
    }

    fn scan(&self, from: &[u8], limit: usize) -> (usize, usize) {
        let mut iter = self.db.iter(&self.family, ReadOptions::default()).expect("the family is there");
        let (mut count, mut bytes) = (0, 0);
        iter.seek(from).expect("it is whole");
        while iter.valid() {
            count += 1;
            bytes += iter.key().len() + iter.value().len();
            if count == limit {
                break;
            }
            iter.next().expect("it is whole");
        }
        (count, bytes)
    }

    fn flush(&self) {
        self.db.flush().expect("the disk has room");
    }
}
