//! The S3 server.
#![forbid(unsafe_code)]
#![allow(dead_code)]

mod answer;
mod blobs;
mod connection;
mod engine;
mod locks;
mod memory;
mod intake;
mod meta;
mod pieces;
mod reply;
mod config;
mod sweep;
mod numbers;
mod tls;
