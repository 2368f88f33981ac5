//! The S3 server: what comes in over HTTP becomes an operation of `dolmen_s3`, its metadata goes to the store, its bytes to files.
//!
//! | module | holds |
//! |---|---|
//! | `connection` | sockets: how many, for how long, TLS |
//! | `server` | from a request to its answer: signature, gate, body, operation |
//! | `gate` | what the one gate needs to know, and the proof that it was passed |
//! | `ops` | operations, by what they are about |
//! | `engine` | locks, the batch, what follows on it |
//! | `meta`, `blobs` | the store and the files |
//! | `intake`, `pieces` | bytes on their way in and out |
//! | `website` | buckets as websites |
//! | `worker` | rules of lifecycles |
//! | `gateway` | objects that are another store's (feature `gateway`) |
//! | `notify` | what happened, on its way to webhooks and topics |
//! | `admin` | the interface for users, keys and policies |
//! | `sweep` | files that a crash left, and the scrub |
//!
//! A 2xx answer to a write means that it is on disk.
#![forbid(unsafe_code)]

mod accounts;
pub mod admin;
mod answer;
mod blobs;
mod body;
mod call;
mod config;
mod connection;
mod engine;
mod gate;
#[cfg(feature = "gateway")]
mod gateway;
mod hashes;
mod intake;
mod locks;
mod memory;
mod meta;
mod notify;
mod numbers;
pub mod offline;
mod ops;
mod pieces;
mod reply;
mod server;
mod service;
mod sweep;
#[cfg(test)]
mod tests;
mod tls;
mod website;
mod worker;

pub use config::Config;
pub use offline::Offline;
pub use service::S3;
pub use sweep::Scrubbed;
pub use tls::connector;
