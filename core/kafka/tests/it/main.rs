//! Judged by a real Kafka's files and by round trips.
#![allow(clippy::disallowed_methods)] // a test reads files

mod acl;
mod batches;
mod coordinator;
mod coordinator_machine;
mod coordinator_model;
mod data;
mod desk;
mod eos;
mod eos_model;
mod groups_classic;
mod groups_consumer;
mod groups_log;
mod groups_model;
mod groups_wire;
mod log;
mod log_files;
mod messages;
mod partition;
mod scram;
mod seeds;
mod topics;
