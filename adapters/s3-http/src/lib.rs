//! The S3 server.
#![forbid(unsafe_code)]
#[allow(dead_code)]
mod blobs;
mod memory;
