#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod api;
mod background;
mod backup;
mod codecs;
mod commit;
mod db;
mod jobs;
mod leading;
mod maintenance;
mod open;
mod pace;
mod repair;
mod snapshot;
mod sync;
mod tables;
mod view;

pub use api::{
    Completion, Event, Family, FamilyOptions, Listener, Options, ReadOptions, Shared, Stats, StoreError,
    SyncPolicy, WriteError, WriteOptions,
};
pub use codecs::codecs;
pub use db::{Db, Verified};
pub use repair::{Damaged, Repaired};
pub use snapshot::Snapshot;
pub use view::{DbIter, Pinned};

pub use dolmen_base::block::ReadMode;
pub use dolmen_lsm::batch::{Savepoint, WriteBatch};
pub use dolmen_lsm::key::{FamilyId, SequenceNumber};
pub use dolmen_lsm::recovery::{Cause, Loss, RecoveryError, Report};
pub use dolmen_wal::RecoveryMode;
