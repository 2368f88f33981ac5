//! Index files of other libraries: read into an [`Index`], written from one.

pub mod faiss;
pub mod hnswlib;
pub mod usearch;

use alloc::vec::Vec;

use dolmen_simd::row64::Row64;

use crate::Level;
use crate::error::{Error, Field};
use crate::index::{Index, strides};
use crate::limits;
use crate::metric::{Form, Options};
use crate::score;
use crate::view::{END, NONE, State, View};

/// Reads numbers from a file; what is missing is an error that names the field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    pub fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn take(&mut self, field: Field, len: usize) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let taken = rest.get(..len).ok_or(Error::corrupt(field, self.at, len as u64, rest.len() as u64))?;
        self.at += len;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self, field: Field) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    pub fn u8(&mut self, field: Field) -> Result<u8, Error> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub fn u16(&mut self, field: Field) -> Result<u16, Error> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub fn u32(&mut self, field: Field) -> Result<u32, Error> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub fn i32(&mut self, field: Field) -> Result<i32, Error> {
        self.array(field).map(i32::from_le_bytes)
    }

    pub fn u64(&mut self, field: Field) -> Result<u64, Error> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// `count` elements of `size` bytes; the product is checked against what is there.
    pub fn elements(&mut self, field: Field, count: u64, size: usize) -> Result<&'a [u8], Error> {
        let len = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(size))
            .filter(|len| *len <= self.rest());
        let len = len.ok_or(Error::corrupt(field, self.at, count, (self.rest() / size.max(1)) as u64))?;
        self.take(field, len)
    }

    /// Nothing may follow.
    pub fn end(&self) -> Result<(), Error> {
        if self.rest() == 0 {
            Ok(())
        } else {
            Err(Error::corrupt(Field::Trailing, self.at, self.rest() as u64, 0))
        }
    }
}

/// A number that must be this.
pub(crate) fn expect(field: Field, at: usize, found: u64, expected: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::corrupt(field, at, found, expected)) }
}

/// A number that may be at most this.
pub(crate) fn at_most(field: Field, at: usize, found: u64, most: u64) -> Result<(), Error> {
    if found <= most { Ok(()) } else { Err(Error::corrupt(field, at, found, most)) }
}

pub(crate) fn f32s(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

pub(crate) fn u32s(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

pub(crate) fn u64s(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks_exact(8).map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
}

/// An index that grows from the parts of a file.
pub(crate) struct Import {
    index: Index,
}

impl Import {
    /// For `count` nodes. The caller has checked that the file has as many.
    pub fn new(level: Level, options: Options, count: usize) -> Result<Self, Error> {
        let mut index = Index::read_with(level, options)?;
        if count > limits::SLOTS_MAX {
            return Err(Error::Limit {
                field: Field::Count,
                found: count as u64,
                max: limits::SLOTS_MAX as u64,
            });
        }
        let stride = strides(&options).0;
        index.main.resize(count * stride, Row64::ZERO);
        index.links.resize(count * options.m0, NONE);
        index.labels.resize(count, 0);
        index.states.resize(count, State::Free as u8);
        index.levels.resize(count, 0);
        Ok(Import { index })
    }

    /// The bytes of a slot's row.
    pub fn row(&mut self, slot: usize) -> &mut [u8] {
        let stride = strides(&self.index.meta.options).0;
        bytemuck::cast_slice_mut(&mut self.index.main[slot * stride..(slot + 1) * stride])
    }

    /// f32 values into a slot, which must be finite; normalised where the metric asks for it and they are not.
    pub fn put_f32(
        &mut self,
        slot: usize,
        at: usize,
        values: impl Iterator<Item = f32>,
        normalise: bool,
    ) -> Result<(), Error> {
        let dim = self.index.meta.options.dim;
        let row: &mut [f32] = bytemuck::cast_slice_mut(self.row(slot));
        row.iter_mut().zip(values).for_each(|(to, from)| *to = from);
        let position = row.iter().position(|value| !value.is_finite() || value.abs() > limits::VALUE_MAX);
        if let Some(position) = position {
            return Err(Error::corrupt(
                Field::Vectors,
                at + 4 * position,
                u64::from(row[position].to_bits()),
                0,
            ));
        }
        if normalise {
            score::normalise(&mut row[..dim]);
        }
        Ok(())
    }

    /// The layers of a slot; slots come in order.
    pub fn set_level(&mut self, slot: usize, level: usize, at: usize) -> Result<(), Error> {
        at_most(Field::Level, at, level as u64, limits::LEVEL_MAX as u64)?;
        self.index.levels[slot] = level as u8;
        self.index.upper_at.push(self.index.upper.len() as u32);
        let more = self.index.upper.len() + level * self.index.meta.options.m;
        if more >= END as usize {
            return Err(Error::Limit { field: Field::Upper, found: more as u64, max: u64::from(END) });
        }
        self.index.upper.resize(more, NONE);
        Ok(())
    }

    /// A list of links: `count` of `ids` are in it, what follows is kept as it is.
    pub fn set_list(
        &mut self,
        slot: usize,
        layer: usize,
        at: usize,
        count: usize,
        ids: impl Iterator<Item = u32>,
    ) -> Result<(), Error> {
        let (m, m0, slots) = (self.index.meta.options.m, self.index.meta.options.m0, self.index.labels.len());
        let list = if layer == 0 {
            &mut self.index.links[slot * m0..(slot + 1) * m0]
        } else {
            let start = self.index.upper_at[slot] as usize + (layer - 1) * m;
            &mut self.index.upper[start..start + m]
        };
        at_most(Field::LinkCount, at, count as u64, list.len() as u64)?;
        for (i, (to, id)) in list.iter_mut().zip(ids).enumerate() {
            if i < count && id as usize >= slots {
                return Err(Error::corrupt(Field::Link, at + 4 * i, u64::from(id), slots as u64));
            }
            *to = if i < count { id } else { id | END };
        }
        Ok(())
    }

    pub fn set_label(&mut self, slot: usize, label: u64, dead: bool) {
        self.index.labels[slot] = label;
        self.index.states[slot] = if dead { State::Dead } else { State::Live } as u8;
    }

    /// Checks what only the whole shows: links lead to nodes of their layer, labels are unique, the entry point is the highest.
    pub fn finish(mut self, entry: u32, top: usize, foreign: Option<(u64, f64)>) -> Result<Index, Error> {
        let index = &mut self.index;
        for (slot, label) in index.labels.iter().enumerate() {
            if index.states[slot] == State::Dead as u8 {
                index.meta.dead += 1;
                continue;
            }
            index.meta.live += 1;
            if index.by_label.insert(*label, slot as u32).is_some() {
                return Err(Error::corrupt(Field::Label, 0, *label, 0));
            }
        }
        if index.labels.is_empty() {
            return Ok(self.index);
        }
        at_most(Field::Entry, 0, u64::from(entry), index.labels.len() as u64 - 1)?;
        expect(Field::Level, 0, top as u64, u64::from(index.levels[entry as usize]))?;
        let highest = index.levels.iter().copied().max().unwrap_or(0);
        at_most(Field::Level, 0, u64::from(highest), top as u64)?;
        (index.meta.entry, index.meta.top) = (entry, top as u8);
        index.meta.foreign = foreign;
        let view = index.view();
        for slot in 0..view.slots() as u32 {
            for layer in 1..=view.level_of(slot) {
                for id in view.links(slot, layer)? {
                    let below = view.level_of(id) < layer;
                    if below {
                        return Err(Error::corrupt(Field::Link, 0, u64::from(id), u64::from(layer)));
                    }
                }
            }
        }
        Ok(self.index)
    }
}

/// What a library's file holds: slots that are not free, numbered anew where some are.
pub(crate) struct Export<'a> {
    pub view: View<'a>,
    /// The slot of each number.
    pub slots: Vec<u32>,
    numbers: Vec<u32>,
}

impl<'a> Export<'a> {
    pub fn new(view: View<'a>) -> Self {
        let slots: Vec<u32> = (0..view.slots() as u32)
            .filter(|slot| view.states.get(*slot as usize) != Some(&(State::Free as u8)))
            .collect();
        let mut numbers = alloc::vec![NONE; view.slots()];
        for (number, slot) in slots.iter().enumerate() {
            numbers[*slot as usize] = number as u32;
        }
        Export { view, slots, numbers }
    }

    /// The number of a slot.
    pub fn number(&self, slot: u32) -> u32 {
        self.numbers.get(slot as usize).copied().unwrap_or(NONE)
    }

    /// A node's list as numbers, and what an imported file had behind it.
    pub fn list(&self, slot: u32, layer: u8) -> Result<(Vec<u32>, Vec<u32>), Error> {
        let list: Vec<u32> =
            self.view.links(slot, layer)?.map(|id| self.number(id)).filter(|id| *id != NONE).collect();
        let stored = self.view.list(slot, layer)?;
        let qg = layer == 0 && self.view.options().form.is_qg();
        let left = if qg { &[][..] } else { stored.get(list.len()..).unwrap_or(&[]) };
        Ok((list, left.iter().map(|id| if *id == NONE { 0 } else { id & !END }).collect()))
    }
}

/// An index without dead nodes to write from: the same, or a copy that was swept.
pub(crate) fn swept(index: &Index) -> Result<Option<Index>, Error> {
    if index.meta.dead == 0 {
        return Ok(None);
    }
    let mut copy = index.clone();
    copy.journal = None;
    copy.sweep(&crate::insert::Serial)?;
    Ok(Some(copy))
}

/// Forms that are written as f32.
pub(crate) fn writes_f32(form: Form) -> bool {
    form.takes_f32()
}
