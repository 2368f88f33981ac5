//! Every node of a trie counted, and its bytes accounted for. No checksum guards an index: that nothing overlaps, that only zeros lie between, and
//! only before the border of a page, is what structure can show.

use alloc::vec::Vec;

use dolmen_base::block::BlockSource;
use dolmen_base::trace::Trace;

use super::node::{Kind, Payload};
use super::pages::Pages;
use super::{NODE_LEN_MAX, PAGE_LEN};
use crate::error::{Damage, ReadError};

/// What a trie consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Nodes of each type, by its number.
    pub nodes: [u64; 16],
    /// Nodes with a payload.
    pub entries: u64,
    /// Zero bytes before borders of pages.
    pub padding: u64,
}

impl Census {
    /// Nodes of a type.
    pub const fn of(&self, kind: Kind) -> u64 {
        self.nodes[kind as usize]
    }

    /// Visits every node of the trie that lies in `start..end` of the file with its root last, and checks that they fill it. `payload_len` gives how
    /// many bytes a payload has. Memory: 16 bytes for each node.
    ///
    /// # Errors
    /// Damage of a node, or bytes that no node fills.
    pub fn take<S: BlockSource<ReadError>, T: Trace>(
        pages: &mut Pages<S, T>,
        start: u64,
        root: u64,
        end: u64,
        payload_len: impl Fn(Payload<'_>) -> Result<usize, Damage>,
    ) -> Result<Census, ReadError> {
        let mut census = Census::default();
        let mut waiting = Vec::from([root]);
        let mut extents: Vec<(u64, u64)> = Vec::new();
        while let Some(position) = waiting.pop() {
            // A node has a byte at least: more of them than bytes are shared ones.
            if (extents.len() + waiting.len()) as u64 > end.saturating_sub(start) {
                return Err(pages.corrupt(position, Damage::Order));
            }
            let node = pages.node(position)?;
            census.nodes[node.kind() as usize] += 1;
            let mut len = node.size() as u64;
            let mut damage = None;
            if let Some(payload) = node.payload() {
                census.entries += 1;
                match payload_len(payload) {
                    Ok(bytes) if bytes <= payload.bytes.len() => len += bytes as u64,
                    Ok(_) => damage = Some(Damage::PageCrossed),
                    Err(what) => damage = Some(what),
                }
            }
            for slot in 0..node.slots() {
                match node.child(slot) {
                    _ if !node.ascends_at(slot) => damage = Some(Damage::Order),
                    Ok(child) => waiting.extend(child),
                    Err(what) => damage = Some(what),
                }
            }
            if let Some(what) = damage {
                return Err(pages.corrupt(position, what));
            }
            extents.push((position, position + len));
        }
        extents.sort_unstable();
        let mut at = start;
        for (from, to) in extents {
            census.padding += check_gap(pages, at, from)?;
            at = to;
        }
        if at != end {
            return Err(pages.corrupt(at, Damage::Mismatch { expected: end, found: at }));
        }
        Ok(census)
    }
}

/// Between two nodes there are zeros up to the border of a page, or nothing. Gives how many.
fn check_gap<S: BlockSource<ReadError>, T: Trace>(
    pages: &mut Pages<S, T>,
    from: u64,
    to: u64,
) -> Result<u64, ReadError> {
    let Some(len) = to.checked_sub(from) else {
        return Err(pages.corrupt(to, Damage::Mismatch { expected: from, found: to }));
    };
    if len == 0 {
        return Ok(0);
    }
    // What is filled up is less than what did not fit: a node.
    if !to.is_multiple_of(PAGE_LEN) || len >= PAGE_LEN {
        return Err(pages.corrupt(from, Damage::Range { found: len, max: NODE_LEN_MAX as u64 }));
    }
    let mut bytes = Vec::new();
    pages.read(from, len as usize, &mut bytes)?;
    match bytes.iter().position(|&byte| byte != 0) {
        Some(at) => Err(pages.corrupt(from + at as u64, Damage::Tag(u64::from(bytes[at])))),
        None => Ok(len),
    }
}
