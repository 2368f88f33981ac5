//! The index of a table: separators and the handles of the blocks before them, laid out flat for search.
//!
//! ```text
//! entry   = key, value = handle [slice first key]        format_version < 4: the value stands behind its length
//! key     = user key or internal key, at or behind every key of its block and before every key of the next
//! delta   = zig-zag varint (length − length of the block before); its offset follows from the block before
//! ```
//! At open the entries become parallel arrays. Most comparisons touch only `prefixes`: the eight bytes of each user key that
//! follow what all separators have in common, as one big-endian number. Keys that differ there are ordered by it; only equal
//! ones are compared in full. `samples` holds every 64th of them: one search ends in a few lines that stay near the CPU, the other looks at
//! eight lines only.

use alloc::vec::Vec;
use core::cmp::Ordering;

use dolmen_base::io::FileNumber;
use dolmen_codec::{Cursor, varint};

use crate::block::builder::common_prefix_len;
use crate::block::{Entry, Layout};
use crate::error::{Damage, Part, ReadError};
use crate::footer::BlockHandle;
use crate::key::{self, TRAILER_LEN};
use crate::limits::KEY_EXPANSION_MAX;

/// How index entries are encoded, from the properties of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexForm {
    /// Keys are user keys, otherwise internal keys.
    pub user_keys: bool,
    /// Values have no length in front, and may be a difference from the value before.
    pub delta_values: bool,
    /// A value ends with the first key of its block.
    pub first_keys: bool,
}

/// A parsed index.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Length of the prefix that all user keys share.
    common_len: usize,
    prefixes: Vec<u64>,
    /// Prefixes 0, 64, 128, …
    samples: Vec<u64>,
    /// All separators as internal keys, end to end.
    keys: Vec<u8>,
    /// Where each separator ends in `keys`.
    key_ends: Vec<u32>,
    handles: Vec<BlockHandle>,
}

impl Index {
    /// Parses an index block. `part` names it in errors.
    ///
    /// # Errors
    /// Damage, keys out of order, and keys that grow beyond what their block may hold.
    pub fn parse(block: &[u8], form: IndexForm, part: Part) -> Result<Self, ReadError> {
        let entries = &block[..Layout::parse(block, part)?.entries_len()];
        let mut index = Index::default();
        let (mut key, mut at) = (Vec::new(), 0);
        while at < entries.len() {
            let start = at as u64;
            let damaged = move |what| ReadError::corrupt(part, start, what);
            let outside = Damage::Range { found: start, max: entries.len() as u64 };
            let split = split_entry(entries, at, form.delta_values).ok_or(damaged(outside))?;
            let Split { suffix, shared, value, end } = split;
            if shared > key.len() {
                return Err(damaged(Damage::Range { found: shared as u64, max: key.len() as u64 }));
            }
            key.truncate(shared);
            key.extend_from_slice(suffix);
            let before = if form.delta_values && shared > 0 { index.handles.last() } else { None };
            let mut cursor = Cursor::new(value);
            let handle =
                decode_value(&mut cursor, before, form.first_keys).map_err(|e| damaged(Damage::Decode(e)))?;
            let handle = handle.ok_or(damaged(Damage::Order))?;
            at = end.unwrap_or(entries.len() - cursor.rest().len());
            index.push(&key, form.user_keys, handle).map_err(damaged)?;
            check_expansion(index.keys.len(), block, part)?;
        }
        index.fill_prefixes();
        Ok(index)
    }

    fn push(&mut self, separator: &[u8], is_user_key: bool, handle: BlockHandle) -> Result<(), Damage> {
        let start = self.keys.len();
        self.keys.extend_from_slice(separator);
        if is_user_key {
            // Stands behind all entries of its user key, as if it were the oldest of them.
            self.keys.extend_from_slice(&[0; TRAILER_LEN]);
        } else if separator.len() < TRAILER_LEN {
            return Err(Damage::Range { found: separator.len() as u64, max: TRAILER_LEN as u64 });
        }
        if let Some(&last_end) = self.key_ends.last() {
            let last_start = self.key_ends.len().checked_sub(2).map_or(0, |i| self.key_ends[i] as usize);
            let order = key::compare(&self.keys[last_start..last_end as usize], &self.keys[start..]);
            if order != Ordering::Less {
                return Err(Damage::Order);
            }
        }
        let end = u32::try_from(self.keys.len());
        self.key_ends.push(
            end.map_err(|_| Damage::Range { found: self.keys.len() as u64, max: u64::from(u32::MAX) })?,
        );
        self.handles.push(handle);
        Ok(())
    }

    fn fill_prefixes(&mut self) {
        let Some(last) = self.handles.len().checked_sub(1) else { return };
        self.common_len = common_prefix_len(key::user_key(self.key(0)), key::user_key(self.key(last)));
        let prefixes = (0..=last).map(|i| prefix(key::user_key(self.key(i)), self.common_len)).collect();
        self.prefixes = prefixes;
        self.samples = self.prefixes.iter().step_by(SAMPLE_STEP).copied().collect();
        self.keys.shrink_to_fit();
        self.key_ends.shrink_to_fit();
        self.handles.shrink_to_fit();
    }

    /// How many blocks.
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Whether there is no block.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// The handle of block `i`.
    #[inline]
    pub fn handle(&self, i: usize) -> Option<BlockHandle> {
        self.handles.get(i).copied()
    }

    /// All handles in order.
    pub fn handles(&self) -> &[BlockHandle] {
        &self.handles
    }

    /// The separator behind block `i`, as an internal key.
    pub fn key(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.key_ends[i - 1] as usize };
        &self.keys[start..self.key_ends[i] as usize]
    }

    /// The first block whose separator is ≥ `target` (an internal key): the only one that can hold the first entry ≥ `target`,
    /// or the end. [`Index::len`] if there is none.
    pub fn seek(&self, target: &[u8]) -> usize {
        if self.handles.is_empty() {
            return 0;
        }
        let user_key = key::user_key(target);
        let common = &key::user_key(self.key(0))[..self.common_len];
        let head = &user_key[..user_key.len().min(self.common_len)];
        match head.cmp(common) {
            Ordering::Less => return 0,
            Ordering::Greater => return self.len(),
            Ordering::Equal => {}
        }
        let wanted = prefix(user_key, self.common_len);
        let mut low = self.first_not_below(wanted);
        let mut high = low;
        if self.prefixes.get(low) == Some(&wanted) {
            high = low + self.prefixes[low..].partition_point(|&p| p == wanted);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if key::compare(self.key(middle), target) == Ordering::Less {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The first prefix that is not below `wanted`.
    fn first_not_below(&self, wanted: u64) -> usize {
        // Between two samples there are the prefixes that one sample does not tell apart.
        let Some(before) = self.samples.partition_point(|&p| p < wanted).checked_sub(1) else { return 0 };
        let start = before * SAMPLE_STEP;
        let part = &self.prefixes[start..self.prefixes.len().min(start + SAMPLE_STEP)];
        start + part.partition_point(|&p| p < wanted)
    }

    /// Bytes of memory that it holds.
    pub fn memory_len(&self) -> usize {
        self.keys.capacity()
            + (self.prefixes.capacity() + self.samples.capacity()) * 8
            + self.key_ends.capacity() * 4
            + self.handles.capacity() * size_of::<BlockHandle>()
    }
}

/// Prefixes from one sample to the next: eight lines of memory.
const SAMPLE_STEP: usize = 64;

/// Appends a separator of the block that ends with `last` from the block that begins with `next` (internal keys): a key `s` with
/// `last ≤ s < next`, shorter where the user keys allow it. `next` is `None` behind the last block.
pub fn put_separator(out: &mut Vec<u8>, last: &[u8], next: Option<&[u8]>) {
    let user_key = key::user_key(last);
    let shorter = match next {
        Some(next) => shorter_separator(user_key, key::user_key(next)),
        None => shorter_successor(user_key),
    };
    match shorter {
        Some((keep, byte)) => {
            out.extend_from_slice(&user_key[..keep]);
            out.push(byte);
            // No entry has this user key, so any trailer serves; this one every reader can parse.
            let packed = key::pack(key::SEQUENCE_MAX, key::ValueType::Value as u8);
            out.extend_from_slice(&packed.to_le_bytes());
        }
        None => out.extend_from_slice(last),
    }
}

/// `a[..keep] ++ byte` is between `a` and `b` and shorter than `a`, if there is such a key.
fn shorter_separator(a: &[u8], b: &[u8]) -> Option<(usize, u8)> {
    let keep = common_prefix_len(a, b);
    let (&low, &high) = (a.get(keep)?, b.get(keep)?);
    let fits = keep + 1 < a.len() && low < 0xff && low + 1 < high;
    fits.then(|| (keep, low + 1))
}

/// A key behind `a` that is shorter.
fn shorter_successor(a: &[u8]) -> Option<(usize, u8)> {
    let keep = a.iter().position(|&b| b != 0xff)?;
    (keep + 1 < a.len()).then(|| (keep, a[keep] + 1))
}

/// Eight bytes of a user key from `skip` on as a number that orders as they do; short keys end in zeros.
#[inline]
fn prefix(user_key: &[u8], skip: usize) -> u64 {
    let rest = user_key.get(skip..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => rest.iter().enumerate().fold(0, |n, (i, &b)| n | u64::from(b) << (56 - 8 * i)),
    }
}

/// Refuses keys that are much larger than the block that they were read from.
pub(crate) fn check_expansion(keys_len: usize, block: &[u8], part: Part) -> Result<(), ReadError> {
    let max = block.len().saturating_mul(KEY_EXPANSION_MAX) + (1 << 16);
    if keys_len > max {
        let (file, found, max) = (FileNumber::new(0), keys_len as u64, max as u64);
        return Err(ReadError::Limit { file, part, found, max });
    }
    Ok(())
}

/// An index entry before its value is decoded.
struct Split<'a> {
    suffix: &'a [u8],
    shared: usize,
    /// The value, and whatever follows if its end is not known yet.
    value: &'a [u8],
    end: Option<usize>,
}

fn split_entry(entries: &[u8], at: usize, without_value_len: bool) -> Option<Split<'_>> {
    if !without_value_len {
        let e = Entry::decode(entries, at)?;
        let (suffix, value) = (&entries[e.suffix_at..e.value_at], &entries[e.value_at..e.end]);
        return Some(Split { suffix, shared: e.shared, value, end: Some(e.end) });
    }
    let mut cursor = Cursor::new(entries.get(at..)?);
    let shared = cursor.get_varint_u32().ok()? as usize;
    let unshared = cursor.get_varint_u32().ok()? as usize;
    let suffix = cursor.get_bytes(unshared).ok()?;
    Some(Split { suffix, shared, value: cursor.rest(), end: None })
}

/// Decodes a value; `None` if a difference leads below zero or beyond 64 bits.
fn decode_value(
    cursor: &mut Cursor<'_>,
    before: Option<&BlockHandle>,
    first_key: bool,
) -> Result<Option<BlockHandle>, dolmen_codec::DecodeError> {
    let handle = match before {
        None => Some(BlockHandle::decode(cursor)?),
        Some(before) => {
            let difference = varint::unzigzag(cursor.get_varint_u64()?);
            let len = before.len.checked_add_signed(difference);
            len.map(|len| BlockHandle { offset: before.end(), len })
        }
    };
    if first_key {
        cursor.get_varint_slice()?;
    }
    Ok(handle)
}
