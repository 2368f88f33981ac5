//! Section `[kv]` of the settings file.

use std::net::SocketAddr;

use serde::Deserialize;

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// When it is on disk (one sync for many writers).
    #[default]
    Always,
    /// When the operating system has it; synced every second.
    Interval,
    /// When the operating system has it.
    Never,
}

/// What the file says; what it leaves out is `None`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    /// Address and port.
    pub listen: Option<SocketAddr>,
    /// When a write counts as done.
    pub sync: Option<Sync>,
    /// What AUTH must say.
    pub password: Option<String>,
    /// Connections at once.
    pub max_clients: Option<u32>,
    /// Seconds without a command after which a connection is closed.
    pub idle_timeout_s: Option<u32>,
    /// Bytes of memory over which writes that grow are refused.
    pub max_memory_bytes: Option<u64>,
    /// Bytes of a key.
    pub max_key_bytes: Option<usize>,
    /// Bytes of a value.
    pub max_value_bytes: Option<usize>,
}
