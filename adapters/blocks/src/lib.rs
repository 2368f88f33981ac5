//! Blocks of files for every core that reads through [`BlockSource`]: files, one cache for the process, the compression libraries.
//!
//! ```text
//!  lsm, bti, …  ── block(id, mode, decode) ──▶ Files ── in the cache? ──▶ BlockCache, one per process, with a byte budget
//!                                                │ no: pread into a BlockBuf
//!                                                ▼
//!               ◀── decode(Stored::Owned) ── raw: the buffer becomes the block
//!                        │                   compressed: Libraries expand into the block
//! ```
//! * [`BlockCache`] is made once and shared: `dolmen up` gives it to every service, a verb makes a small one. Its budget counts what blocks keep
//!   in memory, whoever reads them. Owners get numbers of their own, so that file 7 of one database is not file 7 of another.
//! * [`Files`] is the source: files are opened when they are first read and stay open until they are let go. A block that several threads miss at
//!   once is read once.
//! * [`Libraries`] is the one place where Snappy, Deflate, zlib, gzip and Zstandard are plugged in beside LZ4. Contexts are kept per thread, and
//!   so is what Zstandard makes of a dictionary.
#![forbid(unsafe_code)]

mod cache;
mod files;
mod libraries;

pub use cache::{BlockCache, CacheStats, Share};
pub use files::{Files, Opener};
pub use libraries::Libraries;

#[cfg(doc)]
use dolmen_base::block::BlockSource;
