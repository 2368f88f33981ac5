//! The LSM engine on threads and files.
//!
//! [`Db`] is a handle: cheap to clone, usable from every thread. Writes go through a group commit (one sync for many
//! writers); reads look at an immutable view and never wait for a sync.
//!
//! * Visibility: a write can be read once it has completed (with `SyncPolicy::Always`, once it is durable). Until then no
//!   reader sees any of it.
//! * Completion is a callback ([`Db::submit`]) or a parked thread ([`Db::write`]).
//! * A batch is atomic across column families.
#![forbid(unsafe_code)]

mod api;
mod model;

pub use api::{
    Completion, Family, FamilyOptions, Options, ReadOptions, Stats, StoreError, SyncPolicy, WriteError,
    WriteOptions,
};
pub use model::{Db, DbIter, Snapshot};

pub use dolmen_lsm::batch::WriteBatch;
pub use dolmen_lsm::key::{FamilyId, SequenceNumber};
