//! Who may change what at the same time: changes of one key go one after the other, and a bucket is made, changed or removed while nobody
//! changes a key in it. A lock is held from the first read of an operation until its batch is on the disk.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Locks of buckets; two buckets may share one.
const BUCKETS: usize = 64;
/// Locks of keys; two keys may share one.
const KEYS: usize = 1024;

/// All locks of a server.
pub(crate) struct Locks {
    hash: RandomState,
    buckets: Vec<Arc<RwLock<()>>>,
    keys: Vec<Arc<Mutex<()>>>,
    counts: Vec<Arc<Mutex<()>>>,
}

/// What an operation holds.
#[derive(Default)]
pub(crate) struct Held {
    _shared: Option<OwnedRwLockReadGuard<()>>,
    _alone: Option<OwnedRwLockWriteGuard<()>>,
    _keys: Vec<OwnedMutexGuard<()>>,
}

impl Locks {
    pub fn new() -> Locks {
        Locks {
            hash: RandomState::new(),
            buckets: (0..BUCKETS).map(|_| Arc::default()).collect(),
            keys: (0..KEYS).map(|_| Arc::default()).collect(),
            counts: (0..KEYS).map(|_| Arc::default()).collect(),
        }
    }

    /// A bucket, alone.
    pub async fn bucket(&self, bucket: &str) -> Held {
        let at = self.hash.hash_one(bucket) as usize % BUCKETS;
        Held { _alone: Some(self.buckets[at].clone().write_owned().await), ..Held::default() }
    }

    /// Keys of a bucket. All are taken in one order, so that nobody waits for who waits for him.
    pub async fn keys(&self, bucket: &str, keys: &[&[u8]]) -> Held {
        let at = self.hash.hash_one(bucket) as usize % BUCKETS;
        let shared = self.buckets[at].clone().read_owned().await;
        let slots = keys.iter().map(|key| self.hash.hash_one((bucket, key))).collect();
        Held { _shared: Some(shared), _alone: None, _keys: take(&self.keys, slots).await }
    }

    /// Counts of references. They are the last that an operation takes.
    pub async fn counts(&self, keys: &[&[u8]]) -> Held {
        let slots = keys.iter().map(|key| self.hash.hash_one(key)).collect();
        Held { _keys: take(&self.counts, slots).await, ..Held::default() }
    }
}

async fn take(locks: &[Arc<Mutex<()>>], hashes: Vec<u64>) -> Vec<OwnedMutexGuard<()>> {
    let mut slots: Vec<usize> = hashes.into_iter().map(|hash| hash as usize % KEYS).collect();
    slots.sort_unstable();
    slots.dedup();
    let mut held = Vec::with_capacity(slots.len());
    for slot in slots {
        held.push(locks[slot].clone().lock_owned().await);
    }
    held
}
