//! What can happen to an index, as small facts: they are computed from a frozen index by any number of threads, applied in one order, and can
//! be logged and applied again.
//!
//! ```text
//! put      01 slot label level values          a vector comes into a slot
//! links    02 slot layer count ids             a node's list of links is replaced
//! lane     03 slot lane id f_add f_rescale code    a lane is filled
//! empty    04 slot lane                        a lane is emptied
//! state    05 slot state
//! entry    06 slot top
//! scale    07 low step                         codes of one scale are made anew
//! ```
//!
//! Numbers are varints, floats 4 bytes, little-endian.

use alloc::vec::Vec;

use dolmen_codec::{Cursor, DecodeError, varint};

use crate::error::{Error, Field};
use crate::qg::Edge;
use crate::view::{Scale, State};

/// A change of an index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A vector comes into a slot, unlinked.
    Put {
        /// A free slot, or the next one.
        slot: u32,
        /// Its label.
        label: u64,
        /// Its highest layer.
        level: u8,
        /// The vector.
        values: Stored,
    },
    /// A node's links in a layer.
    Links {
        /// The node.
        slot: u32,
        /// The layer.
        layer: u8,
        /// All of them.
        ids: Vec<u32>,
    },
    /// A lane is filled.
    Lane {
        /// The node.
        slot: u32,
        /// Which lane.
        lane: u32,
        /// The neighbour.
        id: u32,
        /// Its code.
        edge: Edge,
    },
    /// A lane is emptied.
    Empty {
        /// The node.
        slot: u32,
        /// Which lane.
        lane: u32,
    },
    /// A slot becomes live, dead or free.
    State {
        /// The slot.
        slot: u32,
        /// What it becomes.
        state: State,
    },
    /// Walks begin elsewhere.
    Entry {
        /// Where; [`NONE`](crate::view::NONE): nowhere.
        slot: u32,
        /// Its layer.
        top: u8,
    },
    /// One-scale codes are made anew.
    Scale(Scale),
}

/// A vector as it is kept in a log.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Values, normalised for cosine.
    F32(Vec<f32>),
    /// i8 values or bits.
    Bytes(Vec<u8>),
}

fn put_f32(out: &mut Vec<u8>, value: f32) {
    out.extend_from_slice(&value.to_le_bytes());
}

impl Change {
    /// Appends the change.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Change::Put { slot, label, level, values } => {
                out.push(1);
                varint::put_u32(out, *slot);
                varint::put_u64(out, *label);
                out.push(*level);
                match values {
                    Stored::F32(values) => {
                        varint::put_u32(out, (values.len() as u32) << 1);
                        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                    }
                    Stored::Bytes(bytes) => {
                        varint::put_u32(out, (bytes.len() as u32) << 1 | 1);
                        out.extend_from_slice(bytes);
                    }
                }
            }
            Change::Links { slot, layer, ids } => {
                out.push(2);
                varint::put_u32(out, *slot);
                out.push(*layer);
                varint::put_u32(out, ids.len() as u32);
                ids.iter().for_each(|id| varint::put_u32(out, *id));
            }
            Change::Lane { slot, lane, id, edge } => {
                out.push(3);
                for number in [*slot, *lane, *id] {
                    varint::put_u32(out, number);
                }
                put_f32(out, edge.f_add);
                put_f32(out, edge.f_rescale);
                varint::put_u32(out, edge.code.len() as u32);
                out.extend_from_slice(&edge.code);
            }
            Change::Empty { slot, lane } => {
                out.push(4);
                varint::put_u32(out, *slot);
                varint::put_u32(out, *lane);
            }
            Change::State { slot, state } => {
                out.push(5);
                varint::put_u32(out, *slot);
                out.push(*state as u8);
            }
            Change::Entry { slot, top } => {
                out.push(6);
                varint::put_u32(out, *slot);
                out.push(*top);
            }
            Change::Scale(scale) => {
                out.push(7);
                put_f32(out, scale.low);
                put_f32(out, scale.step);
            }
        }
    }

    /// Decodes the changes of a record. What they name is checked when they are applied.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the offset of what cannot be decoded.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Change>, Error> {
        let (mut cursor, mut changes) = (Cursor::new(bytes), Vec::new());
        while !cursor.rest().is_empty() {
            let at = bytes.len() - cursor.rest().len();
            let change = decode(&mut cursor).map_err(|e| Error::corrupt(Field::Change, e.at(), 0, 0))?;
            changes.push(change.ok_or(Error::corrupt(Field::Change, at, u64::from(bytes[at]), 7))?);
        }
        Ok(changes)
    }
}

fn get_f32(cursor: &mut Cursor<'_>) -> Result<f32, DecodeError> {
    cursor.get_u32_le().map(f32::from_bits)
}

/// `None` where a tag, state or count does not exist.
fn decode(cursor: &mut Cursor<'_>) -> Result<Option<Change>, DecodeError> {
    let tag = cursor.get_u8()?;
    Ok(Some(match tag {
        1 => {
            let (slot, label) = (cursor.get_varint_u32()?, cursor.get_varint_u64()?);
            let (level, size) = (cursor.get_u8()?, cursor.get_varint_u32()?);
            let values = if size & 1 == 0 {
                let bytes = cursor.get_bytes((size >> 1) as usize * 4)?;
                let read = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                Stored::F32(bytes.chunks_exact(4).map(read).collect())
            } else {
                Stored::Bytes(cursor.get_bytes((size >> 1) as usize)?.to_vec())
            };
            Change::Put { slot, label, level, values }
        }
        2 => {
            let (slot, layer, count) = (cursor.get_varint_u32()?, cursor.get_u8()?, cursor.get_varint_u32()?);
            // Each id has at least a byte, so the count cannot promise more than is there.
            if count as usize > cursor.rest().len() {
                return Ok(None);
            }
            let ids = (0..count).map(|_| cursor.get_varint_u32()).collect::<Result<_, _>>()?;
            Change::Links { slot, layer, ids }
        }
        3 => {
            let (slot, lane, id) =
                (cursor.get_varint_u32()?, cursor.get_varint_u32()?, cursor.get_varint_u32()?);
            let (f_add, f_rescale) = (get_f32(cursor)?, get_f32(cursor)?);
            let code = cursor.get_varint_slice()?.to_vec();
            Change::Lane { slot, lane, id, edge: Edge { code, f_add, f_rescale } }
        }
        4 => Change::Empty { slot: cursor.get_varint_u32()?, lane: cursor.get_varint_u32()? },
        5 => {
            let (slot, state) = (cursor.get_varint_u32()?, cursor.get_u8()?);
            let Some(state) = State::by_number(state) else { return Ok(None) };
            Change::State { slot, state }
        }
        6 => Change::Entry { slot: cursor.get_varint_u32()?, top: cursor.get_u8()? },
        7 => Change::Scale(Scale { low: get_f32(cursor)?, step: get_f32(cursor)? }),
        _ => return Ok(None),
    }))
}

impl State {
    /// The state of this number.
    pub(crate) fn by_number(number: u8) -> Option<State> {
        [State::Free, State::Live, State::Dead, State::Fresh].into_iter().find(|state| *state as u8 == number)
    }
}
