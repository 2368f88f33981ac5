//! Redis protocol server over a store.
//!
//! Connections are tasks; changes meet under one lock and become durable in groups (`engine`); all decisions about
//! commands are `dolmen-resp`'s.
#![forbid(unsafe_code)]

mod clients;
mod engine;
mod info;
mod layout;
mod server;
mod service;
mod stats;
mod unit;

use std::net::SocketAddr;

use dolmen_store::SyncPolicy;

pub use engine::Engine;
pub use server::serve;

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address that it listens on, for INFO and CONFIG GET.
    pub listen: SocketAddr,
    /// What AUTH must say; `None`: nobody needs to.
    pub password: Option<String>,
    /// Connections at once.
    pub clients_max: usize,
    /// When a write counts as done; as the store was opened.
    pub sync: SyncPolicy,
    /// The data directory, for CONFIG GET.
    pub dir: String,
    /// 40 hexadecimal digits that differ from start to start.
    pub run_id: String,
}
