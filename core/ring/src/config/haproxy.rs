//! HAProxy's `server` lines with their ids and weights, the backend's `hash-type` and `hash-balance-factor`.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::RingError;
use crate::haproxy::{HaproxyRing, KeyFunction, KeyHash, Server};

/// A backend.
#[derive(Clone, Debug, PartialEq)]
pub struct HaproxyBackend {
    /// Server names in the order of the configuration.
    pub names: Vec<String>,
    /// How keys are hashed.
    pub key_hash: KeyHash,
    /// Its ring.
    pub ring: HaproxyRing,
}

impl HaproxyBackend {
    /// The name of the server that a key goes to when nothing is served yet.
    pub fn owner(&self, key: &[u8]) -> Option<&str> {
        self.ring.owner(self.key_hash.hash(key)).and_then(|i| self.names.get(i)).map(String::as_str)
    }
}

/// Reads the first section that has servers; lines of other sections count as settings only before it. `hash-type consistent`
/// without a function means sdbm with the avalanche, with one it means no avalanche unless said. A bare list of `server` lines, outside
/// of any section, is taken as consistent; a backend that does not say so is not, since HAProxy would then hash by its map.
///
/// # Errors
/// [`RingError::Line`], [`RingError::DuplicateName`], [`RingError::Unsupported`] for map-based hashing and other functions.
pub fn read_haproxy(text: &str) -> Result<HaproxyBackend, RingError> {
    let mut backend = Backend::default();
    let mut in_section = false;
    for (number, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
        let at = |expected| RingError::Line { line: number + 1, expected };
        match words.as_slice() {
            ["backend" | "listen" | "frontend" | "defaults" | "global", ..] => {
                if !backend.names.is_empty() {
                    break;
                }
                backend = Backend::default();
                in_section = true;
            }
            ["hash-type", rest @ ..] => backend.key_hash = Some(key_hash(rest)?),
            ["hash-balance-factor", factor] => {
                backend.factor = factor.parse().map_err(|_| at("a factor above 100, or 0"))?;
            }
            ["server", name, _address, options @ ..] => {
                let server = server(options).ok_or(at("weight 0 to 256 and id above 0"))?;
                if server.id != 0 && backend.servers.iter().any(|s| s.id == server.id) {
                    return Err(at("an id that no earlier server has"));
                }
                if backend.names.iter().any(|n| n == name) {
                    return Err(RingError::DuplicateName { index: backend.names.len() });
                }
                backend.names.push((*name).to_string());
                backend.servers.push(server);
            }
            ["server", ..] => return Err(at("server name address [weight N] [id N]")),
            _ => {}
        }
    }
    backend.assign_ids();
    let ring = HaproxyRing::new(backend.servers, backend.factor)?;
    let key_hash = match backend.key_hash {
        None if !in_section => key_hash(&["consistent"])?,
        said => said.ok_or(RingError::Unsupported { what: "a backend without hash-type consistent" })?,
    };
    Ok(HaproxyBackend { names: backend.names, key_hash, ring })
}

#[derive(Default)]
struct Backend {
    names: Vec<String>,
    servers: Vec<Server>,
    key_hash: Option<KeyHash>,
    factor: u32,
}

impl Backend {
    /// Servers without an id (0 until then) get, as in HAProxy, the lowest free one from their place in the list on, places
    /// counted from 1.
    fn assign_ids(&mut self) {
        let mut used: BTreeSet<u32> = self.servers.iter().map(|s| s.id).collect();
        for (server, place) in self.servers.iter_mut().zip(1u32..) {
            if server.id == 0 {
                server.id = (place..).find(|id| !used.contains(id)).unwrap_or(place);
                used.insert(server.id);
            }
        }
    }
}

fn key_hash(words: &[&str]) -> Result<KeyHash, RingError> {
    let ["consistent", rest @ ..] = words else {
        return Err(RingError::Unsupported { what: "a hash-type other than consistent" });
    };
    let function = match rest.first().copied() {
        None => return Ok(KeyHash { function: KeyFunction::Sdbm, avalanche: true }),
        Some("sdbm") => KeyFunction::Sdbm,
        Some("djb2") => KeyFunction::Djb2,
        Some("wt6") => KeyFunction::Wt6,
        Some("crc32") => KeyFunction::Crc32,
        Some(_) => {
            return Err(RingError::Unsupported {
                what: "a hash function other than sdbm, djb2, wt6 and crc32",
            });
        }
    };
    Ok(KeyHash { function, avalanche: rest.get(1) == Some(&"avalanche") })
}

fn server(options: &[&str]) -> Option<Server> {
    let mut server = Server { id: 0, weight: 1 };
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match *word {
            "weight" => server.weight = words.next()?.parse().ok().filter(|&w| w <= 256)?,
            "id" => server.id = words.next()?.parse().ok().filter(|&id| id > 0)?,
            _ => {}
        }
    }
    Some(server)
}
