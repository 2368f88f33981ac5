//! Redis protocol server over a store.
//!
//! Connections are tasks (`server`). What they do to keys is the machine of `dolmen-kv` behind one lock (`engine`), over views of the store
//! (`views`); all decisions are its and `dolmen-resp`'s. What is here: sockets, buffers, timers, threads, counters.
#![forbid(unsafe_code)]

mod clients;
pub mod config;
mod engine;
mod events;
mod gate;
mod pool;
mod server;
mod service;
mod stats;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dolmen_store::SyncPolicy;

pub use engine::Engine;
pub use events::listener;
pub use server::serve;
pub use service::Kv;

/// Stops the process, or whatever holds the server; called once by SHUTDOWN.
#[derive(Clone)]
pub struct Shutdown(pub Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shutdown")
    }
}

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address that it listens on, for INFO and CONFIG GET.
    pub listen: SocketAddr,
    /// What AUTH must say; `None`: nobody needs to.
    pub password: Option<String>,
    /// Connections at once.
    pub clients_max: u32,
    /// Seconds without a command after which a connection is closed; 0 = never.
    pub idle_timeout_s: u32,
    /// Bytes of memtables, block cache, receive buffers and changes that are not written yet, over which commands that grow are refused;
    /// 0 = no limit.
    pub memory_max: u64,
    /// Bytes of a key.
    pub key_len_max: usize,
    /// Bytes of a value.
    pub value_len_max: usize,
    /// When a write counts as done; as the store was opened.
    pub sync: SyncPolicy,
    /// The data directory, for INFO and CONFIG GET.
    pub dir: String,
    /// 40 hexadecimal digits that differ from start to start.
    pub run_id: String,
    /// How long a reader may take nothing before it is dropped.
    pub send_timeout: Duration,
    /// What SHUTDOWN does; `None`: it is refused.
    pub shutdown: Option<Shutdown>,
}

impl Settings {
    /// The defaults, for a server that listens on `listen` over a store opened with `sync`.
    pub fn new(listen: SocketAddr, sync: SyncPolicy) -> Settings {
        Settings {
            listen,
            password: None,
            clients_max: 10_000,
            idle_timeout_s: 0,
            memory_max: 0,
            key_len_max: 64 << 10,
            value_len_max: 512 << 20,
            sync,
            dir: String::new(),
            run_id: "0".repeat(40),
            send_timeout: Duration::from_secs(60),
            shutdown: None,
        }
    }
}
