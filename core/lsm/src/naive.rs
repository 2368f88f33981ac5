//! The plain twins that judge: everything in lists, searched from end to end.

use alloc::vec::Vec;

use dolmen_codec::Cursor;

use crate::key::{self, SequenceNumber, ValueType};
use crate::merge::MergeOperator;
use crate::range_del::RangeTombstone;

/// All entries of one column family, wherever they come from.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    points: Vec<(Vec<u8>, Vec<u8>)>,
    tombstones: Vec<RangeTombstone>,
}

impl Entries {
    /// Adds a point entry under its internal key. One that was added before is no news (a log may repeat what a table has).
    pub fn add(&mut self, internal_key: &[u8], value: &[u8]) {
        self.points.push((internal_key.to_vec(), value.to_vec()));
    }

    /// Adds a range tombstone.
    pub fn add_tombstone(&mut self, tombstone: RangeTombstone) {
        self.tombstones.push(tombstone);
    }

    /// What a reader at `sequence` sees: keys and values in order. `None` if a key has merge operands and there is no operator,
    /// or it refuses.
    pub fn visible(
        &self,
        sequence: SequenceNumber,
        operator: Option<&dyn MergeOperator>,
    ) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut points: Vec<_> = self.points.iter().collect();
        points.sort_by(|a, b| key::compare(&a.0, &b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        let mut out = Vec::new();
        for same_key in points.chunk_by(|a, b| key::user_key(&a.0) == key::user_key(&b.0)) {
            let user_key = key::user_key(&same_key[0].0);
            let deleted = covering(&self.tombstones, user_key, sequence);
            let seen = same_key.iter().map(|(k, v)| (key::packed_trailer(k), v)).filter(|(trailer, _)| {
                let of_entry = SequenceNumber::new(trailer >> 8);
                of_entry <= sequence && deleted.is_none_or(|d| of_entry > d)
            });
            if let Some(value) = fold(user_key, seen, operator)? {
                out.push((user_key.to_vec(), value));
            }
        }
        Some(out)
    }
}

/// The value of a key from its entries, newest first; `None` outside if a merge fails, inside if there is no value.
fn fold<'a>(
    user_key: &[u8],
    newest_first: impl Iterator<Item = (u64, &'a Vec<u8>)>,
    operator: Option<&dyn MergeOperator>,
) -> Option<Option<Vec<u8>>> {
    let (mut operands, mut base): (Vec<&[u8]>, Option<&[u8]>) = (Vec::new(), None);
    for (trailer, value) in newest_first {
        match trailer as u8 {
            t if t == ValueType::Merge as u8 => operands.push(value),
            t => {
                base = (t == ValueType::Value as u8).then_some(value.as_slice());
                break;
            }
        }
    }
    if operands.is_empty() {
        return Some(base.map(<[u8]>::to_vec));
    }
    operands.reverse();
    operator?.full_merge(user_key, base, &operands).map(Some)
}

/// The newest range tombstone over `user_key` that a reader at `max` sees.
pub fn covering(
    tombstones: &[RangeTombstone],
    user_key: &[u8],
    max: SequenceNumber,
) -> Option<SequenceNumber> {
    let over = |t: &&RangeTombstone| t.begin.as_slice() <= user_key && user_key < t.end.as_slice();
    tombstones.iter().filter(over).map(|t| t.sequence).filter(|&s| s <= max).max()
}

/// All entries of a block in order, read from the front without restarts. `None` if the block is damaged.
pub fn block_entries(block: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (rest, footer) = block.split_last_chunk::<4>()?;
    let restart_count = u32::from_le_bytes(*footer) as usize;
    let mut cursor = Cursor::new(rest.get(..rest.len().checked_sub(restart_count.checked_mul(4)?)?)?);
    let (mut out, mut key) = (Vec::new(), Vec::new());
    while !cursor.is_empty() {
        let shared = cursor.get_varint_u32().ok()? as usize;
        let unshared = cursor.get_varint_u32().ok()? as usize;
        let value_len = cursor.get_varint_u32().ok()? as usize;
        if shared > key.len() {
            return None;
        }
        key.truncate(shared);
        key.extend_from_slice(cursor.get_bytes(unshared).ok()?);
        out.push((key.clone(), cursor.get_bytes(value_len).ok()?.to_vec()));
    }
    Some(out)
}
