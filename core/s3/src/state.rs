//! What a store of objects knows and decides: keys and records of its metadata, and every operation as a pure function.
//!
//! ```text
//! request, now, fresh id ─┐
//!                         ├─► operation(&mut Tx) ─► answer            the adapter
//! ordered metadata ──────►│                    └─► Batch ───────────► writes it in one atomic batch,
//!   (trait Source)        ┘                         puts, deletes,    then removes the files that it names
//!                                                   dropped blobs
//! ```
//!
//! There is one mechanism for all of them: a [`Tx`] reads through a [`Source`] (what it wrote itself first) and collects writes.
//! An operation that answers an error has written nothing that counts: the caller drops the `Tx`. The caller keeps two operations
//! on the same object key (or on the same bucket, where a bucket is made, changed or removed) from running at once, from the first
//! read until the batch is in the store.

pub mod acl;
pub mod admin;
pub mod annotation;
pub mod bucket;
#[doc(hidden)]
pub mod check;
mod codec;
pub mod condition;
pub mod config;
pub mod copy;
pub mod cors;
pub mod error;
pub mod facts;
pub mod gate;
pub mod keys;
pub mod lifecycle;
pub mod list;
pub mod lock;
pub mod multipart;
pub mod notify;
pub mod object;
pub mod policy;
pub mod record;
pub mod shapes;
pub mod source;
pub mod sse;
pub mod tagging;
mod tx;
pub mod website;

pub use error::{Code, Corrupt, StateError};
pub use record::{
    Acl, Attributes, BlobId, BucketId, BucketRecord, Encryption, Extent, Grant, Grantee, ObjectRecord,
    PartRecord, Permission, UploadId, UploadRecord, Version, Versioning,
};
pub use source::{Cursor, Source, Unavailable};
pub use tx::{Batch, Entry, Env, Scan, Tx};
