//! Counters: the shards of their values (`CounterContext.java`).
//!
//! ```text
//! i16 n | n × i16 index of a shard, from 8000 on: global, else local | (16 bytes id, i64 clock, i64 count)*      shards by id
//! ```
//! A shard that no index names is remote. Two values merge shard by shard: a global one wins over others, a local one over remote ones, two local ones
//! add up; otherwise the later clock wins, and of two equal ones the greater count.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

const SHARD_LEN: usize = 32;
const GLOBAL: u16 = 0x8000;

/// What a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "Cassandra's names")]
pub enum ShardKind {
    Remote,
    Local,
    Global,
}

/// One host's part of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its host's.
    pub id: [u8; 16],
    /// What it is.
    pub kind: ShardKind,
    /// How often it was written.
    pub clock: i64,
    /// What it counts.
    pub count: i64,
}

/// The shards of a value; `None` if the bytes are no counter.
pub fn shards(value: &[u8]) -> Option<impl Iterator<Item = Shard>> {
    let (count, rest) = value.split_first_chunk::<2>()?;
    let count = usize::try_from(i16::from_be_bytes(*count)).ok()?;
    let (indices, rest) = rest.split_at_checked(2 * count)?;
    let indices = indices.as_chunks::<2>().0;
    let (bodies, odd) = rest.as_chunks::<SHARD_LEN>();
    if !odd.is_empty() {
        return None;
    }
    Some(bodies.iter().enumerate().map(move |(i, body)| {
        let named =
            indices.iter().map(|index| u16::from_be_bytes(*index)).find(|n| usize::from(n & !GLOBAL) == i);
        let kind = named.map_or(ShardKind::Remote, |n| {
            if n & GLOBAL != 0 { ShardKind::Global } else { ShardKind::Local }
        });
        let word = |bytes: &[u8]| bytes.iter().fold(0i64, |word, &byte| word << 8 | i64::from(byte));
        let mut id = [0; 16];
        id.copy_from_slice(&body[..16]);
        Shard { id, kind, clock: word(&body[16..24]), count: word(&body[24..]) }
    }))
}

/// The total; `None` if the bytes are no counter.
pub fn total(value: &[u8]) -> Option<i64> {
    Some(shards(value)?.fold(0, |sum, shard| sum.wrapping_add(shard.count)))
}

/// Two values as one; `None` if either is no counter.
pub fn merge(left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
    let mut merged: BTreeMap<[u8; 16], Shard> = shards(left)?.map(|shard| (shard.id, shard)).collect();
    for shard in shards(right)? {
        let held = match merged.entry(shard.id) {
            Entry::Vacant(entry) => {
                entry.insert(shard);
                continue;
            }
            Entry::Occupied(entry) => entry.into_mut(),
        };
        if held.kind == ShardKind::Local && shard.kind == ShardKind::Local {
            held.clock = held.clock.wrapping_add(shard.clock);
            held.count = held.count.wrapping_add(shard.count);
        } else if (shard.kind, shard.clock, shard.count) > (held.kind, held.clock, held.count) {
            *held = shard;
        }
    }
    let named = merged.values().enumerate().filter(|(_, shard)| shard.kind != ShardKind::Remote);
    let named: Vec<u16> =
        named.map(|(i, shard)| i as u16 | if shard.kind == ShardKind::Global { GLOBAL } else { 0 }).collect();
    let mut out = Vec::with_capacity(2 + 2 * named.len() + SHARD_LEN * merged.len());
    out.extend_from_slice(&(named.len() as i16).to_be_bytes());
    named.iter().for_each(|index| out.extend_from_slice(&index.to_be_bytes()));
    for shard in merged.values() {
        out.extend_from_slice(&shard.id);
        out.extend_from_slice(&shard.clock.to_be_bytes());
        out.extend_from_slice(&shard.count.to_be_bytes());
    }
    Some(out)
}
