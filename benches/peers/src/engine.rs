//! What every engine can do here, and the engines by name. All get the same budgets and no compression; a call that fails ends the run.

mod coordinode;
mod dolmen;
mod fjall;
mod redb;
mod rocksdb;
mod surrealkv;

use std::path::Path;

/// Bytes of a memtable, and of the block cache.
pub const MEMTABLE: usize = 64 << 20;
/// As [`MEMTABLE`].
pub const CACHE: usize = 128 << 20;
/// Cache of an engine that has no memtable, for which it is both.
pub const CACHE_ALONE: usize = MEMTABLE + CACHE;

/// An open store of keys and values.
pub trait Engine: Send + Sync {
    /// Puts all entries or none; `sync`: durable when this returns, else handed to the operating system.
    fn put(&self, entries: &[(&[u8], &[u8])], sync: bool);
    /// The length of a key's value.
    fn get(&self, key: &[u8]) -> Option<usize>;
    /// How many entries from `from` on there were, at most `limit`, and the bytes of keys and values, all of which were looked at.
    fn scan(&self, from: &[u8], limit: usize) -> (usize, usize);
    /// Writes what is in memory to tables, where the engine can be told to.
    fn flush(&self);
}

/// What a contender finds again after it was closed without a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeps {
    /// Nothing that was not flushed.
    Flushed,
    /// What was put with a sync.
    Synced,
    /// Everything.
    Logged,
}

/// One contender.
#[derive(Clone, Copy)]
pub struct Contender {
    /// As in the tables.
    pub name: &'static str,
    /// What it is, its version, and how it is set where that differs from the others.
    pub about: &'static str,
    /// Opens it in an empty directory.
    pub open: fn(&Path) -> Box<dyn Engine>,
    /// What it keeps.
    pub keeps: Keeps,
}

const fn contender(name: &'static str, about: &'static str, open: fn(&Path) -> Box<dyn Engine>) -> Contender {
    Contender { name, about, open, keeps: Keeps::Logged }
}

/// All contenders, ours first.
pub const CONTENDERS: [Contender; 6] = [
    contender("dolmen", "this tree", dolmen::open),
    contender("rocksdb", "Debian's librocksdb 7.8.3 (generic build) through its C interface", rocksdb::open),
    contender("fjall", "fjall 3.1.13", fjall::open),
    Contender {
        name: "coordinode",
        about: "coordinode-lsm-tree 7.4.0: it has no log, so its puts are lost by a crash; flushed and compacted by one thread of the \
                harness",
        open: coordinode::open,
        keeps: Keeps::Flushed,
    },
    contender("surrealkv", "surrealkv 1.2.0, 4 KiB blocks (default 64 KiB)", surrealkv::open),
    Contender {
        name: "redb",
        about: "redb 4.6.0, Durability::None where no sync is asked for: it has no log, so such puts are lost by a crash",
        open: redb::open,
        keeps: Keeps::Synced,
    },
];
