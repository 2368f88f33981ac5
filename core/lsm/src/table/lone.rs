//! Which blocks of a table hold one large entry alone: a property of this engine's own, `dolmen.lone.blocks`, which others pass over.
//!
//! ```text
//! (varint64 distance from the offset before)*        offsets of the blocks, ascending, the first one as it is
//! ```
//! The separator behind such a block is the entry's whole internal key. So whether a key is there can be told from the index, whose checksum covers
//! it, without the block: a value of 100 MiB is not read to say that it exists.

use alloc::vec::Vec;

use dolmen_codec::{Cursor, varint};

use crate::error::{Damage, Part, ReadError};

pub(super) fn encode(offsets: &[u64]) -> Vec<u8> {
    let (mut out, mut before) = (Vec::new(), 0);
    for &offset in offsets {
        varint::put_u64(&mut out, offset - before);
        before = offset;
    }
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<u64>, ReadError> {
    let damaged = |what| ReadError::corrupt(Part::Properties, 0, what);
    let mut cursor = Cursor::new(bytes);
    let mut out: Vec<u64> = Vec::new();
    while !cursor.is_empty() {
        let step = cursor.get_varint_u64().map_err(|e| damaged(Damage::Decode(e)))?;
        let last = out.last().copied();
        let offset =
            last.unwrap_or(0).checked_add(step).filter(|offset| last.is_none_or(|last| *offset > last));
        out.push(offset.ok_or(damaged(Damage::Order))?);
    }
    Ok(out)
}
