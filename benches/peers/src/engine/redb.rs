use std::path::Path;

use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use super::{CACHE_ALONE, Engine};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("default");

struct Redb(Database);

pub fn open(dir: &Path) -> Box<dyn Engine> {
    let db = Database::builder().set_cache_size(CACHE_ALONE).create(dir.join("redb")).expect("it opens");
    let transaction = db.begin_write().expect("it is open");
    transaction.open_table(TABLE).expect("it can be made");
    transaction.commit().expect("the disk has room");
    Box::new(Redb(db))
}

impl Engine for Redb {
    fn put(&self, entries: &[(&[u8], &[u8])], sync: bool) {
        let mut transaction = self.0.begin_write().expect("it is open");
        let durability = if sync { Durability::Immediate } else { Durability::None };
        transaction.set_durability(durability).expect("nothing was modified yet");
        {
            let mut table = transaction.open_table(TABLE).expect("it is there");
            for (key, value) in entries {
                table.insert(*key, *value).expect("the disk has room");
            }
        }
        transaction.commit().expect("the disk has room");
    }

    fn get(&self, key: &[u8]) -> Option<usize> {
        let table = self.0.begin_read().expect("it is open").open_table(TABLE).expect("it is there");
        table.get(key).expect("it is whole").map(|v| v.value().len())
    }

    fn scan(&self, from: &[u8], limit: usize) -> (usize, usize) {
        let table = self.0.begin_read().expect("it is open").open_table(TABLE).expect("it is there");
        let (mut count, mut bytes) = (0, 0);
        for entry in table.range(from..).expect("it is whole").take(limit) {
            let (key, value) = entry.expect("it is whole");
            count += 1;
            bytes += key.value().len() + value.value().len();
        }
        (count, bytes)
    }

    fn flush(&self) {
        let transaction = self.0.begin_write().expect("it is open");
        transaction.commit().expect("the disk has room");
    }
}
