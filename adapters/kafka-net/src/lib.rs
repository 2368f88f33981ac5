//! A Kafka broker of one node: durable, transactional, in one process.
//!
//! ```text
//!   socket ─▶ server: frames ─▶ api: one handler per request ─▶ catalog: which log        ─▶ storage: segments, syncs
//!                                                            ─▶ transactions: coordinator ─▶ __transaction_state, markers
//!                                                            ─▶ groups: members, offsets  ─▶ __consumer_offsets
//! ```
//! What decides is in `dolmen-kafka`. What is here: sockets, files, threads, timers, and who waits for what.
//!
//! As a library:
//!
//! ```no_run
//! # async fn run() -> Result<(), dolmen_host::Fault> {
//! let dir = std::env::temp_dir().join("broker");
//! let broker = dolmen_kafka_net::Broker::start(&dir).await?;
//! println!("bootstrap.servers={}", broker.address());
//! broker.stop().await?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod api;
mod broker;
mod catalog;
mod groups;
mod metrics;
pub mod sasl;
mod server;
mod service;
pub mod settings;
mod storage;
mod tasks;
mod tls;
mod transactions;

pub use broker::Broker;
pub use service::Kafka;
pub use settings::Settings;
