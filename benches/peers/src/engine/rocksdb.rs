use std::cell::RefCell;
use std::path::Path;

use super::{CACHE, Engine, MEMTABLE};
use crate::rocks::{Batch, Rocks, Settings};

thread_local! {
    static BATCH: RefCell<Batch> = RefCell::default();
}

pub fn open(dir: &Path) -> Box<dyn Engine> {
    let settings = Settings { budgets: Some((MEMTABLE, CACHE)), ..Settings::default() };
    Box::new(Rocks::open(dir, &[], settings).expect("it opens"))
}

impl Engine for Rocks {
    fn put(&self, entries: &[(&[u8], &[u8])], sync: bool) {
        BATCH.with_borrow_mut(|batch| {
            batch.clear();
            entries.iter().for_each(|(key, value)| batch.put_default(key, value));
            self.write(batch, sync).expect("the disk has room");
        });
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        Rocks::get(self, key, <[u8]>::len).expect("it is whole")
    }

    fn scan(&self, from: &[u8], limit: usize) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        Rocks::scan(self, from, &mut |key, value| {
            count += 1;
            bytes += key.len() + value.len();
            count < limit
        });
        (count, bytes)
    }

    fn flush(&self) {
        Rocks::flush(self).expect("the disk has room");
        let busy = |name| self.number(name).unwrap_or(0) > 0;
        while busy("rocksdb.num-running-compactions") || busy("rocksdb.compaction-pending") {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
