//! The LSM engine on threads and files.
//!
//! [`Db`] is a handle: cheap to clone, usable from every thread. Writes go through a group commit (one sync for many
//! writers); reads look at an immutable view and never wait for a sync.
//!
//! * Visibility: a write can be read once it has completed (with `SyncPolicy::Always`, once it is durable). Until then no
//!   reader sees any of it.
//! * Completion is a callback ([`Db::submit`]) or a parked thread ([`Db::write`]).
//! * A batch is atomic across column families.
//! * The directory is RocksDB's: logs, tables of format_version 5, MANIFEST and CURRENT; no OPTIONS file, so that every RocksDB opens it.
//! * Full memtables become tables of level 0 and are compacted by background threads, as the machine of `dolmen_lsm::engine` decides. With
//!   `background_threads: 0` the writer's own thread does it, so that a run depends on its inputs alone.
#![forbid(unsafe_code)]

mod api;
mod background;
mod codecs;
mod commit;
mod db;
mod jobs;
mod leading;
mod maintenance;
mod open;
mod pace;
mod snapshot;
mod tables;
mod view;

pub use api::{
    Completion, Event, Family, FamilyOptions, Listener, Options, ReadOptions, Stats, StoreError, SyncPolicy,
    WriteError, WriteOptions,
};
pub use codecs::codecs;
pub use db::Db;
pub use snapshot::Snapshot;
pub use view::{DbIter, Pinned};

pub use dolmen_base::block::ReadMode;
pub use dolmen_lsm::batch::{Savepoint, WriteBatch};
pub use dolmen_lsm::key::{FamilyId, SequenceNumber};
pub use dolmen_wal::RecoveryMode;
