//! A view of an index: slices over what an [`Index`](crate::index::Index) owns or what a mapped file holds. Every search runs on it.

use dolmen_simd::half;

use crate::Level;
use crate::error::{Error, Field};
use crate::metric::{Form, Options};
use crate::qg::Layout;
use crate::rotate::Rotation;

/// Marks the end of a list of links. Every entry with the top bit set does: what follows it is not part of the list.
pub const NONE: u32 = u32::MAX;
/// Set in entries that end a list; an imported file's left-overs keep their lower bits, so that it is written back as it was.
pub const END: u32 = 1 << 31;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Nothing; the slot can be taken.
    Free = 0,
    /// A vector that searches find.
    Live = 1,
    /// A deleted vector that walks still pass through until the next sweep.
    Dead = 2,
    /// A vector that is being linked.
    Fresh = 3,
}

/// Scale of one-scale codes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    /// The value of code 0.
    pub low: f32,
    /// The distance of neighbouring codes.
    pub step: f32,
}

/// What tuning found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tuned {
    /// Results that were asked for.
    pub k: u32,
    /// The recall that was asked for.
    pub recall: f32,
    /// Candidates that reach it.
    pub ef: u32,
    /// Candidates that are rescored, for walked codes.
    pub rescore: u32,
}

/// The small facts of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meta {
    /// Its parameters.
    pub options: Options,
    /// Where walks begin; [`NONE`] in an empty index.
    pub entry: u32,
    /// The entry point's layer.
    pub top: u8,
    /// Live vectors.
    pub live: u64,
    /// Deleted vectors that still hold their slots.
    pub dead: u64,
    /// Of codes that are walked.
    pub scale: Scale,
    /// What tuning found, if it ran.
    pub tuned: Tuned,
    /// Capacity and level factor of an imported hnswlib file, to write it back as it was.
    pub foreign: Option<(u64, f64)>,
}

/// Reads that must be allowed first: a mapped file checks blocks when they are first touched.
pub trait Guard: Sync {
    /// # Errors
    /// [`Error::Checksum`] if a block that holds these bytes of the section is damaged.
    fn touch(&self, section: Field, start: usize, len: usize) -> Result<(), Error>;
}

/// An index to search in.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(crate) level: Level,
    pub(crate) meta: &'a Meta,
    pub(crate) rotation: Option<&'a Rotation>,
    /// Vectors, codes or rows that are walked, as words.
    pub(crate) main: &'a [f32],
    /// Words of a row of `main`.
    pub(crate) stride: usize,
    /// f32 rows that rescore codes.
    pub(crate) raw: &'a [f32],
    pub(crate) raw_stride: usize,
    pub(crate) links: &'a [u32],
    pub(crate) levels: &'a [u8],
    pub(crate) upper_at: &'a [u32],
    pub(crate) upper: &'a [u32],
    pub(crate) labels: &'a [u64],
    pub(crate) states: &'a [u8],
    pub(crate) guard: Option<&'a dyn Guard>,
}

impl core::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("View").field("meta", self.meta).field("slots", &self.slots()).finish_non_exhaustive()
    }
}

impl<'a> View<'a> {
    /// Its parameters.
    pub fn options(&self) -> &'a Options {
        &self.meta.options
    }

    /// Its small facts.
    pub fn meta(&self) -> &'a Meta {
        self.meta
    }

    /// Slots, free ones included.
    pub fn slots(&self) -> usize {
        self.labels.len()
    }

    /// Live vectors.
    pub fn len(&self) -> usize {
        self.meta.live as usize
    }

    /// Whether there is no live vector.
    pub fn is_empty(&self) -> bool {
        self.meta.live == 0
    }

    /// The label in a slot.
    pub fn label(&self, slot: u32) -> Option<u64> {
        self.labels.get(slot as usize).copied()
    }

    /// Whether a slot holds a vector that searches may return.
    #[inline]
    pub fn is_live(&self, slot: u32) -> bool {
        self.states.get(slot as usize) == Some(&(State::Live as u8))
    }

    /// The highest layer of a node.
    pub fn level_of(&self, slot: u32) -> u8 {
        self.levels.get(slot as usize).copied().unwrap_or(0)
    }

    /// How the kernels run.
    pub(crate) fn layout(&self) -> Layout {
        let options = self.options();
        Layout::new(options.form, crate::rotate::padded(options.dim), options.m0)
    }

    #[inline]
    pub(crate) fn touch(&self, section: Field, start: usize, len: usize) -> Result<(), Error> {
        match self.guard {
            None => Ok(()),
            Some(guard) => guard.touch(section, start, len),
        }
    }

    /// The row of a slot.
    #[inline]
    pub(crate) fn row(&self, slot: u32) -> Result<&'a [f32], Error> {
        let at = slot as usize * self.stride;
        self.touch(Field::Vectors, 4 * at, 4 * self.stride)?;
        self.main.get(at..at + self.stride).ok_or_else(|| self.bad_link(slot))
    }

    /// The f32 row that rescores a slot's code.
    pub(crate) fn raw_row(&self, slot: u32) -> Result<&'a [f32], Error> {
        let at = slot as usize * self.raw_stride;
        self.touch(Field::Raw, 4 * at, 4 * self.raw_stride)?;
        self.raw.get(at..at + self.raw_stride).ok_or_else(|| self.bad_link(slot))
    }

    /// A link that leads beyond the last slot.
    #[cold]
    pub(crate) fn bad_link(&self, slot: u32) -> Error {
        Error::corrupt(Field::Link, 0, u64::from(slot), self.slots() as u64)
    }

    /// The list of a node's links in a layer, with what follows its end. Codes in the node: lanes, an empty one has the node's own id.
    #[inline]
    pub(crate) fn list(&self, slot: u32, layer: u8) -> Result<&'a [u32], Error> {
        let options = self.options();
        if layer == 0 && options.form.is_qg() {
            return Ok(self.layout().ids(self.row(slot)?));
        }
        if layer == 0 {
            let at = slot as usize * options.m0;
            self.touch(Field::Links, 4 * at, 4 * options.m0)?;
            return self.links.get(at..at + options.m0).ok_or_else(|| self.bad_link(slot));
        }
        if layer > self.level_of(slot) {
            return Ok(&[]);
        }
        self.touch(Field::UpperAt, 4 * slot as usize, 4)?;
        let start = self.upper_at.get(slot as usize).copied().ok_or_else(|| self.bad_link(slot))?;
        let at = start as usize + (usize::from(layer) - 1) * options.m;
        self.touch(Field::Upper, 4 * at, 4 * options.m)?;
        self.upper.get(at..at + options.m).ok_or_else(|| self.bad_link(slot))
    }

    /// A node's neighbours in a layer.
    ///
    /// # Errors
    /// A list that leads outside the file.
    #[inline]
    pub fn links(&self, slot: u32, layer: u8) -> Result<impl Iterator<Item = u32> + 'a, Error> {
        let qg = layer == 0 && self.options().form.is_qg();
        let list = self.list(slot, layer)?;
        Ok(list.iter().copied().take_while(|id| *id < END).filter(move |id| !qg || *id != slot))
    }

    /// A slot's vector as f32: as it came in, normalised for cosine, decoded where only codes are kept.
    ///
    /// # Errors
    /// [`Error::Checksum`] in a damaged file, [`Error::Corrupt`] beyond the last slot.
    pub fn vector(&self, slot: u32) -> Result<alloc::vec::Vec<f32>, Error> {
        let (options, mut out) = (self.options(), alloc::vec::Vec::new());
        match options.form {
            Form::F32 => out.extend_from_slice(&self.row(slot)?[..options.dim]),
            Form::F16 | Form::Bf16 => {
                let halves: &[u16] = bytemuck::cast_slice(self.row(slot)?);
                let decode = if options.form == Form::F16 { half::f16_to_f32 } else { half::bf16_to_f32 };
                out.extend(halves[..options.dim].iter().map(|half| decode(*half)));
            }
            Form::I8 => {
                let bytes: &[i8] = bytemuck::cast_slice(self.row(slot)?);
                out.extend(bytes[..options.dim].iter().map(|value| f32::from(*value)));
            }
            Form::Binary => {
                let bytes: &[u8] = bytemuck::cast_slice(self.row(slot)?);
                out.extend((0..options.dim).map(|i| f32::from(bytes[i / 8] >> (7 - i % 8) & 1)));
            }
            Form::Sq8 | Form::Sq7 | Form::Sq4 => out.extend_from_slice(&self.raw_row(slot)?[..options.dim]),
            Form::Qg | Form::Qg8 | Form::Qg4 => {
                self.layout().read_own(self.row(slot)?, &mut out);
                if let Some(rotation) = self.rotation {
                    out = rotation.invert(self.level, &out);
                }
            }
        }
        Ok(out)
    }

    /// The bytes of a slot's row, for the forms I8 and Binary.
    ///
    /// # Errors
    /// As [`View::vector`].
    pub fn bytes(&self, slot: u32) -> Result<&'a [u8], Error> {
        let options = self.options();
        let len = match options.form {
            Form::Binary => options.dim.div_ceil(8),
            _ => options.dim,
        };
        let bytes: &[u8] = bytemuck::cast_slice(self.row(slot)?);
        Ok(bytes.get(..len).unwrap_or(bytes))
    }
}
