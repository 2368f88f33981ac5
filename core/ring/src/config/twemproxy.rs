//! twemproxy's YAML: pools of `key: value` lines and a `servers:` list of `- host:port:weight [name]`.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::algorithm::Algorithm;
use crate::error::RingError;
use crate::ketama::{Flavour, Hash32, Ketama};
use crate::members::{Members, Node, NodeId, Weight};

/// How twemproxy spreads keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// `ketama`, the default.
    Ketama(Ketama),
    /// `modula`: the hash modulo the sum of weights; one entry a unit of weight.
    Modula(Vec<NodeId>),
}

/// A pool of servers.
#[derive(Clone, Debug, PartialEq)]
pub struct TwemproxyPool {
    /// The pool's name.
    pub name: String,
    /// The servers by the names that are hashed, shorter names first and then by their bytes: twemproxy's own order.
    pub members: Members,
    /// The hash of keys.
    pub hash: Hash32,
    /// The two characters of `hash_tag`.
    pub hash_tag: Option<(u8, u8)>,
    /// How keys are spread.
    pub distribution: Distribution,
}

impl TwemproxyPool {
    /// The owner of a key.
    pub fn owner(&self, key: &[u8]) -> Option<NodeId> {
        let key = self.hash_tag.map_or(key, |tag| tagged(key, tag));
        let hash = if key.is_empty() || self.members.len() == 1 { 0 } else { self.hash.hash(key) };
        match &self.distribution {
            Distribution::Ketama(ketama) => ketama.owner(u64::from(hash)),
            Distribution::Modula(units) => units.get(hash as usize % units.len().max(1)).copied(),
        }
    }
}

/// The part of the key between the tag's characters, if it is not empty.
fn tagged(key: &[u8], (open, close): (u8, u8)) -> &[u8] {
    let Some(start) = key.iter().position(|&b| b == open) else { return key };
    let behind = &key[start + 1..];
    match behind.iter().position(|&b| b == close) {
        Some(end) if end > 0 => &behind[..end],
        _ => key,
    }
}

/// Reads the first pool of a twemproxy configuration.
///
/// # Errors
/// [`RingError::Line`], [`RingError::Unsupported`] for `distribution: random` and the hashes hsieh and jenkins.
pub fn read_twemproxy(text: &str) -> Result<TwemproxyPool, RingError> {
    let mut fields = Fields {
        name: String::new(),
        hash: "fnv1a_64",
        distribution: "ketama",
        hash_tag: "",
        servers: Vec::new(),
    };
    let mut in_servers = false;
    for (number, line) in text.lines().enumerate() {
        let at = |expected| RingError::Line { line: number + 1, expected };
        let body = line.split(" #").next().unwrap_or("").trim_end();
        let trimmed = body.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') || trimmed == "---" {
            continue;
        }
        if let Some(item) = trimmed.strip_prefix("- ") {
            if !in_servers {
                return Err(at("a list only below servers:"));
            }
            fields.servers.push(server(unquote(item)).ok_or(at("host:port:weight [name]"))?);
            continue;
        }
        let (key, value) = trimmed.split_once(':').ok_or(at("key: value"))?;
        if body.len() == trimmed.len() {
            if !fields.name.is_empty() {
                break;
            }
            fields.name = key.to_string();
        }
        in_servers = key == "servers";
        fields.set(key, unquote(value.trim()));
    }
    fields.pool()
}

struct Fields<'t> {
    name: String,
    hash: &'t str,
    distribution: &'t str,
    hash_tag: &'t str,
    servers: Vec<(String, Weight)>,
}

impl<'t> Fields<'t> {
    fn set(&mut self, key: &str, value: &'t str) {
        match key {
            "hash" => self.hash = value,
            "distribution" => self.distribution = value,
            "hash_tag" => self.hash_tag = value,
            _ => {}
        }
    }

    fn pool(mut self) -> Result<TwemproxyPool, RingError> {
        self.servers.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then(a.cmp(b)));
        let nodes = self.servers.iter().map(|(name, weight)| Ok(Node::new(name)?.with_weight(*weight)));
        let members = Members::from_nodes(nodes.collect::<Result<Vec<_>, RingError>>()?)?;
        let hash_tag = match self.hash_tag.as_bytes() {
            [] => None,
            [open, close] => Some((*open, *close)),
            _ => return Err(RingError::Unsupported { what: "a hash_tag that is not two characters" }),
        };
        let distribution = match self.distribution {
            "ketama" => Distribution::Ketama(Ketama::new(&members, Flavour::Twemproxy)?),
            "modula" => Distribution::Modula(units(&members)?),
            _ => return Err(RingError::Unsupported { what: "a distribution other than ketama and modula" }),
        };
        let hash = Hash32::from_twemproxy_name(self.hash)?;
        Ok(TwemproxyPool { name: self.name, members, hash, hash_tag, distribution })
    }
}

fn units(members: &Members) -> Result<Vec<NodeId>, RingError> {
    let total = members.total_weight();
    if total > UNITS_MAX {
        return Err(RingError::TooManyPoints { points: total as u64, max: UNITS_MAX as u64 });
    }
    Ok(members.iter().flat_map(|(id, n)| core::iter::repeat_n(id, n.weight().get() as usize)).collect())
}

/// `host:port:weight [name]` or `/path:weight [name]`: the name that is hashed, and the weight.
fn server(item: &str) -> Option<(String, Weight)> {
    let (address, name) = item.split_once(' ').map_or((item, ""), |(a, n)| (a, n.trim()));
    let (address, weight) = address.rsplit_once(':')?;
    let weight = weight.parse::<u32>().ok().filter(|&w| w > 0)?;
    let weight = Weight::new(f64::from(weight)).ok()?;
    if !name.is_empty() {
        return Some((name.to_owned(), weight));
    }
    if address.starts_with('/') {
        return Some((address.to_owned(), weight));
    }
    let (host, port) = address.rsplit_once(':')?;
    port.parse::<u16>().ok().filter(|&p| p > 0)?;
    Some((if port == "11211" { host.to_owned() } else { address.to_owned() }, weight))
}

fn unquote(text: &str) -> &str {
    let strip = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    strip('"').or_else(|| strip('\'')).unwrap_or(text)
}

/// More units of weight than this are a mistake.
const UNITS_MAX: f64 = 1e6;
