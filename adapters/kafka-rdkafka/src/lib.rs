//! Exactly once on real Kafka clusters.
//!
//! ```text
//!   runner ── effects ──▶ Client ─┬─ rd::Pipe           topics ─▶ transform ─▶ topics     (librdkafka)
//!     ▲                           ├─ outbox::Relay      a table ─▶ topics                  (a store of ours, PostgreSQL)
//!     └── dolmen_kafka::eos       └─ sink::StoreSink    topics ─▶ a store of ours
//! ```
//! Every decision is [`dolmen_kafka::eos`]'s: what an error means, when a transaction is committed, aborted, begun anew, when a record is a dead
//! letter. What is here carries effects out. Everything blocks in a thread of its own; [`runner::spawn`] and `rd::producer::Producer` are the
//! ends for async programs, which never wait in the runtime.
//!
//! Errors are [`Error::Retry`], [`Error::Abort`] or [`Error::Fatal`].
#![forbid(unsafe_code)]

pub mod client;
mod error;
pub mod metrics;
pub mod outbox;
#[cfg(feature = "librdkafka")]
pub mod rd;
pub mod runner;
pub mod sink;

pub use client::{Client, Failure, Incoming, Outgoing, Partitions, Read};
pub use error::Error;
pub use runner::{Pipeline, Running, Stop, Transform, run, spawn};
