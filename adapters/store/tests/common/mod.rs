//! What the tests of the engine share: small trees, whole walks, random histories with their model.
#![allow(dead_code, reason = "no test uses all of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dolmen_base::Rng;
use dolmen_lsm::merge::{MergeOperator, StringAppend, by_name};
use dolmen_lsm::picker::CompactionOptions;
use dolmen_store::{Db, Family, FamilyOptions, Options, ReadOptions, SyncPolicy, WriteBatch};

pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// A tree that is flushed and compacted every few dozen writes, several levels deep.
pub fn options(operator: &str) -> Options {
    let merge_operator =
        (!operator.is_empty()).then(|| Arc::from(by_name(operator).expect("a known operator")));
    Options {
        default_family: FamilyOptions { merge_operator, ..Options::default().default_family },
        sync: SyncPolicy::Never,
        write_buffer_bytes: 24 << 10,
        block_cache_bytes: 1 << 20,
        target_file_bytes: 8 << 10,
        compaction: CompactionOptions { level0_file_count_trigger: 2, base_len_max: 32 << 10, multiplier: 4 },
        ..Options::default()
    }
}

/// The multiple by which a soak is longer.
pub fn soak() -> u64 {
    std::env::var("DOLMEN_SOAK").ok().and_then(|f| f.parse().ok()).unwrap_or(1)
}

/// A family by a walk in both directions, which must agree.
pub fn contents(db: &Db, family: &Family, read: &ReadOptions) -> Map {
    let mut iter = db.iter(family, read.clone()).unwrap();
    let mut out = Map::new();
    iter.seek_to_first().unwrap();
    while iter.valid() {
        assert!(out.last_key_value().is_none_or(|(k, _)| k.as_slice() < iter.key()), "keys out of order");
        out.insert(iter.key().to_vec(), iter.value().to_vec());
        iter.next().unwrap();
    }
    let mut backwards = Vec::new();
    iter.seek_to_last().unwrap();
    while iter.valid() {
        backwards.push((iter.key().to_vec(), iter.value().to_vec()));
        iter.prev().unwrap();
    }
    backwards.reverse();
    assert!(backwards.into_iter().eq(out.clone()), "backwards differs from forwards");
    out
}

pub fn all(db: &Db) -> Map {
    contents(db, &db.default_family(), &ReadOptions::default())
}

pub fn put(db: &Db, family: &Family, key: &[u8], value: &[u8]) {
    let mut batch = WriteBatch::new();
    batch.put(family.id, key, value);
    db.write(batch, Default::default()).unwrap();
}

/// What the families of a database must hold, by name.
pub type Model = BTreeMap<String, Map>;

/// Random batches over several families; merges append with commas.
pub struct Writer {
    pub names: Vec<&'static str>,
    pub key_count: u64,
    pub value_len_max: u64,
}

impl Default for Writer {
    fn default() -> Self {
        Writer { names: vec!["default", "other", "cold"], key_count: 300, value_len_max: 200 }
    }
}

impl Writer {
    pub fn empty_model(&self) -> Model {
        self.names.iter().map(|n| ((*n).to_owned(), Map::new())).collect()
    }

    /// Creates the families that are missing.
    pub fn create_families(&self, db: &Db) {
        for name in self.names.iter().filter(|n| db.family(n).is_none()) {
            db.create_family(name).unwrap();
        }
    }

    pub fn key(&self, rng: &mut Rng) -> Vec<u8> {
        format!("key{:03}", rng.below(self.key_count)).into_bytes()
    }

    /// A random batch, and the model after it. The last family is written seldom.
    pub fn batch(&self, rng: &mut Rng, db: &Db, model: &Model) -> (WriteBatch, Model) {
        let (mut batch, mut after) = (WriteBatch::new(), model.clone());
        for _ in 0..rng.range(1, 4) {
            let which = if rng.one_in(30) {
                self.names.len() - 1
            } else {
                rng.below(self.names.len() as u64 - 1) as usize
            };
            let family = db.family(self.names[which]).expect("it was created");
            self.operate(rng, &mut batch, &family, after.get_mut(self.names[which]).unwrap());
        }
        (batch, after)
    }

    fn operate(&self, rng: &mut Rng, batch: &mut WriteBatch, family: &Family, map: &mut Map) {
        let key = self.key(rng);
        let mut value = vec![0; rng.below(self.value_len_max) as usize];
        rng.fill(&mut value);
        match rng.below(24) {
            0..9 => {
                batch.put(family.id, &key, &value);
                map.insert(key, value);
            }
            9..14 => {
                batch.delete(family.id, &key);
                map.remove(&key);
            }
            14..17 => {
                batch.merge(family.id, &key, b"x");
                let existing = map.get(&key).map(Vec::as_slice);
                let merged = StringAppend::default().full_merge(&key, existing, &[b"x"]).unwrap();
                map.insert(key, merged);
            }
            // Keys of their own that are put once between two single deletions.
            17..22 => {
                let key = format!("once{}", rng.below(20)).into_bytes();
                if map.remove(&key).is_some() {
                    batch.single_delete(family.id, &key);
                } else {
                    batch.put(family.id, &key, &value);
                    map.insert(key, value);
                }
            }
            _ => {
                let end = [key.as_slice(), b"9"].concat().max(self.key(rng));
                batch.delete_range(family.id, &key, &end);
                let gone: Vec<_> = map.range(key..end).map(|(k, _)| k.clone()).collect();
                gone.iter().for_each(|k| drop(map.remove(k)));
            }
        }
    }

    /// Every family by walk.
    pub fn read(&self, db: &Db) -> Model {
        let of = |name: &&str| contents(db, &db.family(name).unwrap(), &ReadOptions::default());
        self.names.iter().map(|n| ((*n).to_owned(), of(n))).collect()
    }
}

/// Closes or just drops, and opens again.
pub fn reopen(db: Db, path: &Path, close: bool, options: Options) -> Db {
    if close {
        db.close().unwrap();
    }
    drop(db);
    // A child that another test starts holds every open file, locks included, from its fork to its exec.
    let mut tries = 0;
    loop {
        match Db::open(path, options.clone()) {
            Err(dolmen_store::StoreError::Locked { .. }) if tries < 200 => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            other => return other.unwrap(),
        }
    }
}

/// The folder of golden RocksDB directories: `DOLMEN_TESTDATA`, or `shared/data` above the crate.
pub fn testdata() -> Option<PathBuf> {
    let root = std::env::var_os("DOLMEN_TESTDATA").map(PathBuf::from).or_else(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().map(|a| a.join("shared/data")).find(|p| p.is_dir())
    });
    root.map(|r| r.join("rocksdb")).filter(|p| p.is_dir())
}
