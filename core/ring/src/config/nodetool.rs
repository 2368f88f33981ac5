//! `nodetool ring`: a block a data centre (`Datacenter: dc1`), then lines of address, rack, status, state, load, ownership and
//! token. The line that holds only the last token of the ring, above the first node, is skipped.

use alloc::vec::Vec;

use crate::cassandra::TokenRing;
use crate::error::RingError;
use crate::members::{Members, Node};

/// Cassandra's nodes with their places, and their tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodetoolRing {
    /// Addresses; data centres as zones, racks as racks.
    pub members: Members,
    /// Their tokens.
    pub tokens: TokenRing,
}

/// Reads the ring.
///
/// # Errors
/// [`RingError::Line`] for a line that is neither, a token that is no signed 64-bit number, a token of two nodes.
pub fn read_nodetool_ring(text: &str) -> Result<NodetoolRing, RingError> {
    let mut ring = NodetoolRing::default();
    let mut centre = "";
    for (number, line) in text.lines().enumerate() {
        let at = |expected| RingError::Line { line: number + 1, expected };
        let line = line.trim();
        if let Some(name) = line.strip_prefix("Datacenter:") {
            centre = name.trim();
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_node = words.len() >= 5 && matches!(words[2], "Up" | "Down");
        if !is_node {
            continue;
        }
        let (address, rack) = (words[0], words[1]);
        let token = words[words.len() - 1].parse().map_err(|_| at("a token, a signed 64-bit number"))?;
        let node = Node::new(address).and_then(|n| n.with_place(centre, rack));
        let node = node.map_err(|_| at("an address and a rack"))?;
        let id = match ring.members.find(address) {
            Some(id) => id,
            None => ring.members.insert(node)?,
        };
        if !ring.tokens.insert(token, id) {
            return Err(at("a token that no other node has"));
        }
    }
    if ring.tokens.is_empty() {
        return Err(RingError::Line { line: 1, expected: "a node with a token" });
    }
    Ok(ring)
}
