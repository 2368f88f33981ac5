//! Logs on files.
//!
//! [`log`] is one partition: its folder, its segments, what was appended and what of it is durable. [`open`] finds one again. [`flush`] syncs
//! many of them on a few threads, one sync for all that wait. [`checkpoint`] holds the files that speak of all partitions.

pub mod checkpoint;
pub mod clean;
pub mod flush;
pub mod log;
pub mod open;
#[cfg(test)]
mod tests;

pub use checkpoint::Checkpoints;
pub use flush::Flusher;
pub use log::{Completion, Lost, PartitionLog, Read};
