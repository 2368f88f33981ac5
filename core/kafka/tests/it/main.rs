//! Judged by a real Kafka's files and by round trips.
#![allow(clippy::disallowed_methods)] // a test reads files

mod batches;
mod coordinator;
mod coordinator_model;
mod data;
mod log;
mod log_files;
mod messages;
mod partition;
