//! Readers of other systems' configurations: what they say is who owns a key.
//!
//! | text | recognised by | owner of a key |
//! |---|---|---|
//! | twemproxy (nutcracker) YAML | a pool with `servers:` | its `distribution` and `hash`, with `hash_tag` |
//! | HAProxy | `server` lines, alone or in a backend | `hash-type consistent`: the nearest of 16 points a weight |
//! | Redis `CLUSTER SLOTS`, as redis-cli prints it | `(integer)` or bare numbers | the slot's master |
//! | `nodetool ring` | a header with `Address` and `Token` | the first token at or after the key's |
//! | node list | anything else | the algorithm that the caller chooses |
//!
//! Readers are pure and total: damaged text gives an error with its line, and memory stays within a small multiple of the
//! text.

mod cluster_slots;
mod haproxy;
mod nodetool;
mod twemproxy;

use alloc::string::{String, ToString};

pub use cluster_slots::read_cluster_slots;
pub use haproxy::{HaproxyBackend, read_haproxy};
pub use nodetool::{NodetoolRing, read_nodetool_ring};
pub use twemproxy::{Distribution, TwemproxyPool, read_twemproxy};

use crate::algorithm::Algorithm;
use crate::error::RingError;
use crate::hash::cassandra_token;
use crate::limits::CONFIG_LEN_MAX;
use crate::members::{Members, Node};
use crate::slots::{SlotMap, key_slot};

/// A configuration that was understood, by the system it comes from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Config {
    /// A twemproxy pool, the first of the file.
    Twemproxy(TwemproxyPool),
    /// An HAProxy backend, the first with servers.
    Haproxy(HaproxyBackend),
    /// Redis Cluster.
    ClusterSlots {
        /// Masters and replicas by `host:port`.
        members: Members,
        /// Who serves what.
        slots: SlotMap,
    },
    /// Cassandra.
    Nodetool(NodetoolRing),
}

impl Config {
    /// Recognises and reads a configuration.
    ///
    /// # Errors
    /// [`RingError::Line`] for text of none of these systems, and what the system's reader says.
    pub fn read(text: &str) -> Result<Self, RingError> {
        check_len(text)?;
        if text.lines().any(|l| l.contains("Address") && l.contains("Token")) {
            return Ok(Config::Nodetool(read_nodetool_ring(text)?));
        }
        if text.lines().any(|l| l.trim_start().starts_with("server ")) {
            return Ok(Config::Haproxy(read_haproxy(text)?));
        }
        if text.lines().any(|l| l.trim_end().ends_with("servers:")) {
            return Ok(Config::Twemproxy(read_twemproxy(text)?));
        }
        let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or("").trim();
        if first.contains("(integer)") || (!first.is_empty() && first.bytes().all(|b| b.is_ascii_digit())) {
            let (members, slots) = read_cluster_slots(text)?;
            return Ok(Config::ClusterSlots { members, slots });
        }
        Err(RingError::Line {
            line: 1,
            expected: "a twemproxy, HAProxy, CLUSTER SLOTS or nodetool ring configuration",
        })
    }

    /// The system's name.
    pub fn system(&self) -> &'static str {
        match self {
            Config::Twemproxy(_) => "twemproxy",
            Config::Haproxy(_) => "haproxy",
            Config::ClusterSlots { .. } => "redis-cluster",
            Config::Nodetool(_) => "cassandra",
        }
    }

    /// The name of a key's owner.
    ///
    /// # Errors
    /// [`RingError::EmptyRing`] when nobody owns it.
    pub fn owner(&self, key: &[u8]) -> Result<&str, RingError> {
        let name = match self {
            Config::Twemproxy(pool) => pool.owner(key).map(|id| pool.members.name(id)),
            Config::Haproxy(backend) => backend.owner(key),
            Config::ClusterSlots { members, slots } => {
                slots.owner(u64::from(key_slot(key).get())).map(|id| members.name(id))
            }
            Config::Nodetool(ring) => ring.tokens.owner(cassandra_token(key)).map(|id| ring.members.name(id)),
        };
        name.ok_or(RingError::EmptyRing)
    }
}

/// Reads a node list: one `name[=weight][@zone[/rack]]` a line; `#` at the start of a line or behind a
/// space begins a comment.
///
/// # Errors
/// [`RingError::Line`] with the line for whatever a node says, [`RingError::Option`] for a text that is too long.
pub fn read_node_list(text: &str) -> Result<Members, RingError> {
    check_len(text)?;
    let mut members = Members::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or("").trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = |expected| RingError::Line { line: number + 1, expected };
        let node = Node::parse(line).map_err(|_| at("name[=weight][@zone[/rack]]"))?;
        members.insert(node).map_err(|_| at("a name that no earlier line has"))?;
    }
    Ok(members)
}

/// The node list that [`read_node_list`] reads back.
pub fn write_node_list(members: &Members) -> String {
    members.iter().map(|(_, node)| node.to_string() + "\n").collect()
}

fn check_len(text: &str) -> Result<(), RingError> {
    if text.len() <= CONFIG_LEN_MAX {
        return Ok(());
    }
    let (value, max) = (text.len() as u64, CONFIG_LEN_MAX as u64);
    Err(RingError::Option { name: "length of the configuration in bytes", value, min: 0, max })
}
