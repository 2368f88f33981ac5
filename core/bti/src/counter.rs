//! Counters: the shards of their values (`CounterContext.java`).
//!
//! ```text
//! i16 n | n × i16 index of a shard, from 8000 on: global, else local | (16 bytes id, i64 clock, i64 count)*      shards by id
//! ```
//! A shard that no index names is remote. Two values merge shard by shard: a global one wins over others, a local one over remote ones, two local ones
//! add up; otherwise the later clock wins, and of two equal ones the greater count.

use alloc::vec::Vec;
use core::cmp::Ordering;

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
pub fn shards(value: &[u8]) -> Option<impl Iterator<Item = Shard> + Clone> {
    let (count, rest) = value.split_first_chunk::<2>()?;
    let count = usize::try_from(i16::from_be_bytes(*count)).ok()?;
    let (indices, rest) = rest.split_at_checked(2 * count)?;
    let indices = indices.as_chunks::<2>().0;
    let (bodies, odd) = rest.as_chunks::<SHARD_LEN>();
    let shard_of = |index: &[u8; 2]| usize::from(u16::from_be_bytes(*index) & !GLOBAL);
    if !odd.is_empty() || !indices.is_sorted_by(|a, b| shard_of(a) < shard_of(b)) {
        return None;
    }
    let mut named = indices.iter().peekable();
    Some(bodies.iter().enumerate().map(move |(i, body)| {
        let kind = match named.next_if(|index| shard_of(index) == i) {
            None => ShardKind::Remote,
            Some(index) if u16::from_be_bytes(*index) & GLOBAL != 0 => ShardKind::Global,
            Some(_) => ShardKind::Local,
        };
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
    let mut out = Vec::new();
    merge_into(left, right, &mut out).map(|()| out)
}

/// Two values as one in place of what `out` held; `None`, and `out` means nothing, if either is no counter or its shards do not ascend by id.
pub fn merge_into(left: &[u8], right: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    let (left, right) = (shards(left)?, shards(right)?);
    if !left.clone().is_sorted_by_key(|shard| shard.id) || !right.clone().is_sorted_by_key(|shard| shard.id) {
        return None;
    }
    let named = merged(left.clone(), right.clone()).enumerate();
    let named = named.filter(|(_, shard)| shard.kind != ShardKind::Remote);
    out.extend_from_slice(&[0; 2]);
    let mut count = 0i16;
    for (i, shard) in named {
        let index = u16::try_from(i).ok().filter(|index| index & GLOBAL == 0)?;
        let bit = if shard.kind == ShardKind::Global { GLOBAL } else { 0 };
        out.extend_from_slice(&(index | bit).to_be_bytes());
        count = count.checked_add(1)?;
    }
    out[..2].copy_from_slice(&count.to_be_bytes());
    for shard in merged(left, right) {
        out.extend_from_slice(&shard.id);
        out.extend_from_slice(&shard.clock.to_be_bytes());
        out.extend_from_slice(&shard.count.to_be_bytes());
    }
    Some(())
}

/// The shards of two values in the order of their ids, one for each.
fn merged(
    left: impl Iterator<Item = Shard>,
    right: impl Iterator<Item = Shard>,
) -> impl Iterator<Item = Shard> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    core::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => left.id.cmp(&right.id),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => left.next(),
            Ordering::Greater => right.next(),
            Ordering::Equal => Some(one_of(left.next()?, right.next()?)),
        }
    })
}

/// Two versions of one shard as one.
fn one_of(held: Shard, new: Shard) -> Shard {
    if held.kind == ShardKind::Local && new.kind == ShardKind::Local {
        let (clock, count) = (held.clock.wrapping_add(new.clock), held.count.wrapping_add(new.count));
        return Shard { clock, count, ..held };
    }
    let is_new = (new.kind, new.clock, new.count) > (held.kind, held.clock, held.count);
    if is_new { new } else { held }
}
