//! An index that owns its arrays and changes.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};

use hashbrown::HashMap;

use dolmen_simd::half;

use dolmen_simd::row64::Row64;

use crate::Level;
use crate::change::{Change, Stored};
use crate::error::{Error, Field, Invalid};
use crate::limits;
use crate::metric::{Form, Metric, Options};
use crate::qg::Layout;
use crate::rotate::{self, Rotation};
use crate::score;
use crate::view::{Meta, NONE, Scale, State, Tuned, View};

/// A 64-byte block of a row.
pub(crate) type Block = dolmen_simd::row64::Row64;

/// Values of a row of this form, in blocks of 64 bytes: what is walked, and what rescores.
pub(crate) fn strides(options: &Options) -> (usize, usize) {
    let (dim, padded) = (options.dim, rotate::padded(options.dim));
    let words = match options.form {
        Form::F32 => dim,
        Form::F16 | Form::Bf16 => dim.div_ceil(2),
        Form::I8 => dim.div_ceil(4),
        Form::Binary => dim.div_ceil(32),
        Form::Sq8 | Form::Sq7 => padded / 4,
        Form::Sq4 => padded / 8,
        Form::Qg | Form::Qg8 | Form::Qg4 => Layout::new(options.form, padded, options.m0).words(),
    };
    let raw = if options.form.is_sq() { dim.div_ceil(16) } else { 0 };
    (words.div_ceil(16), raw)
}

/// Whether vectors of the form are rotated.
pub(crate) fn rotates(form: Form) -> bool {
    form.is_sq() || form.is_qg()
}

/// Mixes labels with the index's seed, so that no order of labels makes a table slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix(u64);

impl BuildHasher for Mix {
    type Hasher = Mix;
    fn build_hasher(&self) -> Mix {
        *self
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        self.0 ^= self.0 >> 29;
    }
}

fn below(field: Field, found: u64, end: u64) -> Result<(), Error> {
    if found < end { Ok(()) } else { Err(Error::corrupt(field, 0, found, end)) }
}

/// An index in memory.
#[derive(Clone, Debug)]
pub struct Index {
    pub(crate) level: Level,
    pub(crate) meta: Meta,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) main: Vec<Block>,
    pub(crate) raw: Vec<Block>,
    pub(crate) links: Vec<u32>,
    pub(crate) levels: Vec<u8>,
    pub(crate) upper_at: Vec<u32>,
    pub(crate) upper: Vec<u32>,
    pub(crate) labels: Vec<u64>,
    pub(crate) states: Vec<u8>,
    pub(crate) by_label: HashMap<u64, u32, Mix>,
    pub(crate) free: Vec<u32>,
    pub(crate) journal: Option<Vec<u8>>,
    /// Inserts since reachability was checked.
    pub(crate) unchecked: usize,
    /// The slot at which [`Index::maintain`] goes on.
    pub(crate) refined: u32,
}

impl Index {
    /// An empty index whose kernels run at this level.
    ///
    /// # Errors
    /// As [`Options::check`].
    pub fn new(level: Level, options: Options) -> Result<Self, Error> {
        options.check()?;
        Index::read_with(level, options)
    }

    /// As [`Index::new`], with parameters that came from a file.
    pub(crate) fn read_with(level: Level, options: Options) -> Result<Self, Error> {
        options.check_read()?;
        let meta = Meta {
            options,
            entry: NONE,
            top: 0,
            live: 0,
            dead: 0,
            scale: Scale::default(),
            tuned: Tuned::default(),
            foreign: None,
        };
        Ok(Index {
            level,
            meta,
            rotation: rotates(options.form).then(|| Rotation::new(options.dim, options.seed)),
            main: Vec::new(),
            raw: Vec::new(),
            links: Vec::new(),
            levels: Vec::new(),
            upper_at: Vec::new(),
            upper: Vec::new(),
            labels: Vec::new(),
            states: Vec::new(),
            by_label: HashMap::with_hasher(Mix(options.seed ^ 0x6c61_6265_6c73)),
            free: Vec::new(),
            journal: None,
            unchecked: 0,
            refined: 0,
        })
    }

    /// To search in.
    #[inline]
    pub fn view(&self) -> View<'_> {
        let (stride, raw_stride) = strides(&self.meta.options);
        View {
            level: self.level,
            meta: &self.meta,
            rotation: self.rotation.as_ref(),
            main: bytemuck::cast_slice(&self.main),
            stride: 16 * stride,
            raw: bytemuck::cast_slice(&self.raw),
            raw_stride: 16 * raw_stride,
            links: &self.links,
            levels: &self.levels,
            upper_at: &self.upper_at,
            upper: &self.upper,
            labels: &self.labels,
            states: &self.states,
            guard: None,
        }
    }

    /// Its parameters.
    pub fn options(&self) -> &Options {
        &self.meta.options
    }

    /// Live vectors.
    pub fn len(&self) -> usize {
        self.meta.live as usize
    }

    /// Whether there is no live vector.
    pub fn is_empty(&self) -> bool {
        self.meta.live == 0
    }

    /// The slot of a live label.
    pub fn slot_of(&self, label: u64) -> Option<u32> {
        self.by_label.get(&label).copied()
    }

    /// Remembers what tuning found.
    pub fn set_tuned(&mut self, tuned: Tuned) {
        self.meta.tuned = tuned;
    }

    /// From now on changes are kept for a log; [`Index::take_journal`] gives them.
    pub fn keep_journal(&mut self) {
        self.journal.get_or_insert_default();
    }

    /// The encoded changes since the last call.
    pub fn take_journal(&mut self) -> Vec<u8> {
        self.journal.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// The highest layer of a slot: a function of the seed and the slot alone, so that a slot that is used again keeps its room.
    pub(crate) fn drawn_level(&self, slot: u32) -> u8 {
        let options = self.options();
        if options.form.is_qg() {
            return 0;
        }
        let mut rng = dolmen_base::rng::Rng::new(options.seed ^ (u64::from(slot) << 20) ^ 0x6c65_7665_6c73);
        let drawn = -libm::log(1.0 - rng.unit_f64()) / libm::log(options.m.max(2) as f64);
        (drawn as u64).min(limits::LEVEL_MAX as u64) as u8
    }

    /// Applies a change; the way back from a log.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the change does not fit this index; it is then as before.
    pub fn apply(&mut self, change: &Change) -> Result<(), Error> {
        self.check_change(change)?;
        if let Some(journal) = &mut self.journal {
            change.encode(journal);
        }
        match change {
            Change::Put { slot, label, level, values } => self.put(*slot, *label, *level, values),
            Change::Links { slot, layer, ids } => self.set_links(*slot, *layer, ids),
            Change::Lane { slot, lane, id, edge } => {
                let layout = self.layout();
                layout.write_lane(self.row_mut(*slot), *lane as usize, *id, edge);
            }
            Change::Empty { slot, lane } => {
                let layout = self.layout();
                layout.clear_lane(self.row_mut(*slot), *lane as usize, *slot);
            }
            Change::State { slot, state } => self.set_state(*slot, *state),
            Change::Entry { slot, top } => (self.meta.entry, self.meta.top) = (*slot, *top),
            Change::Scale(scale) => self.rescale(*scale),
        }
        Ok(())
    }

    pub(crate) fn layout(&self) -> Layout {
        self.view().layout()
    }

    fn row_mut(&mut self, slot: u32) -> &mut [f32] {
        let stride = strides(&self.meta.options).0;
        let at = slot as usize * stride;
        bytemuck::cast_slice_mut(&mut self.main[at..at + stride])
    }

    fn check_put(&self, slot: u32, label: u64, level: u8, values: &Stored) -> Result<(), Error> {
        let (options, slots) = (self.options(), self.labels.len() as u64);
        below(Field::Row, u64::from(slot), slots + 1)?;
        if slots as usize >= limits::SLOTS_MAX && u64::from(slot) == slots {
            return Err(Error::Limit {
                field: Field::Count,
                found: slots + 1,
                max: limits::SLOTS_MAX as u64,
            });
        }
        if let Some(state) = self.states.get(slot as usize) {
            below(Field::State, u64::from(*state), 1)?;
            below(Field::Level, u64::from(level), u64::from(self.levels[slot as usize]) + 1)?;
        }
        below(Field::Level, u64::from(level), limits::LEVEL_MAX as u64 + 1)?;
        if self.by_label.contains_key(&label) {
            return Err(Invalid::LabelExists(label).into());
        }
        let (found, expected) = match (values, options.form) {
            (Stored::F32(values), form) if form.takes_f32() => {
                score::check_values(values)?;
                (values.len(), options.dim)
            }
            (Stored::Bytes(bytes), Form::I8) => (bytes.len(), options.dim),
            (Stored::Bytes(bytes), Form::Binary) => (bytes.len(), options.dim.div_ceil(8)),
            _ => return Err(Invalid::VectorType { form: options.form }.into()),
        };
        let invalid = Invalid::Dimension { expected: expected as u64, found: found as u64 };
        if found == expected { Ok(()) } else { Err(invalid.into()) }
    }

    fn check_change(&self, change: &Change) -> Result<(), Error> {
        let (options, slots) = (self.options(), self.labels.len() as u64);
        match change {
            Change::Put { slot, label, level, values } => self.check_put(*slot, *label, *level, values),
            Change::Links { slot, layer, ids } => {
                below(Field::Row, u64::from(*slot), slots)?;
                below(Field::Level, u64::from(*layer), u64::from(self.levels[*slot as usize]) + 1)?;
                let most = if *layer == 0 { options.m0 } else { options.m };
                below(Field::LinkCount, ids.len() as u64, most as u64 + 1)?;
                if *layer == 0 && options.form.is_qg() {
                    return Err(Invalid::Form(options.form).into());
                }
                ids.iter().try_for_each(|id| below(Field::Link, u64::from(*id), slots))
            }
            Change::Lane { slot, lane, id, edge } => {
                below(Field::Row, u64::from(*slot), slots)?;
                below(Field::Link, u64::from(*id), slots)?;
                below(Field::LinkCount, u64::from(*lane), options.m0 as u64)?;
                let (found, expected) = (edge.code.len() as u64, self.layout().padded as u64 / 8);
                let fits = options.form.is_qg() && found == expected;
                if fits { Ok(()) } else { Err(Error::corrupt(Field::Codes, 0, found, expected)) }
            }
            Change::Empty { slot, lane } => {
                below(Field::Row, u64::from(*slot), slots)?;
                below(
                    Field::LinkCount,
                    u64::from(*lane),
                    if options.form.is_qg() { options.m0 as u64 } else { 0 },
                )
            }
            Change::State { slot, .. } => below(Field::Row, u64::from(*slot), slots),
            Change::Entry { slot, top } => {
                let level = if *slot == NONE {
                    0
                } else {
                    u64::from(self.levels.get(*slot as usize).copied().unwrap_or(0))
                };
                below(Field::Entry, if *slot == NONE { 0 } else { u64::from(*slot) }, slots.max(1))?;
                below(Field::Level, u64::from(*top), level + 1)
            }
            Change::Scale(scale) => {
                if !options.form.is_sq() {
                    return Err(Invalid::Form(options.form).into());
                }
                let fits = scale.low.is_finite() && scale.step.is_finite() && scale.step > 0.0;
                if fits {
                    Ok(())
                } else {
                    Err(Error::corrupt(Field::Scale, 0, u64::from(scale.step.to_bits()), 0))
                }
            }
        }
    }

    /// Writes a vector into a slot whose lists it empties.
    fn put(&mut self, slot: u32, label: u64, level: u8, values: &Stored) {
        let (stride, raw_stride) = strides(&self.meta.options);
        let options = self.meta.options;
        let at = slot as usize;
        if at == self.labels.len() {
            self.labels.push(label);
            self.states.push(State::Free as u8);
            self.levels.push(level);
            self.upper_at.push(self.upper.len() as u32);
            self.upper.resize(self.upper.len() + usize::from(level) * options.m, NONE);
            self.main.resize(self.main.len() + stride, Row64::ZERO);
            self.raw.resize(self.raw.len() + raw_stride, Row64::ZERO);
            if !options.form.is_qg() {
                self.links.resize(self.links.len() + options.m0, NONE);
            }
        } else {
            self.take_free(slot);
            self.clear_lists(slot);
        }
        self.labels[at] = label;
        self.by_label.insert(label, slot);
        self.states[at] = State::Fresh as u8;
        match values {
            Stored::Bytes(bytes) => {
                let row: &mut [u8] = bytemuck::cast_slice_mut(self.row_mut(slot));
                row.fill(0);
                row[..bytes.len()].copy_from_slice(bytes);
            }
            Stored::F32(values) => self.put_f32(slot, values),
        }
    }

    fn put_f32(&mut self, slot: u32, values: &[f32]) {
        let options = self.meta.options;
        match options.form {
            Form::F32 => {
                let row = self.row_mut(slot);
                row.fill(0.0);
                row[..values.len()].copy_from_slice(values);
            }
            Form::F16 | Form::Bf16 => {
                let code = if options.form == Form::F16 { half::f32_to_f16 } else { half::f32_to_bf16 };
                let row: &mut [u16] = bytemuck::cast_slice_mut(self.row_mut(slot));
                row.fill(0);
                row.iter_mut().zip(values).for_each(|(half, value)| *half = code(*value));
            }
            _ => {
                let mut rotated = alloc::vec![0.0; rotate::padded(options.dim)];
                if let Some(rotation) = &self.rotation {
                    rotation.apply(self.level, values, &mut rotated);
                }
                if options.form.is_qg() {
                    let layout = self.layout();
                    layout.write_own(self.row_mut(slot), &rotated, slot);
                    return;
                }
                let raw_stride = strides(&options).1;
                let at = slot as usize * raw_stride;
                let raw: &mut [f32] = bytemuck::cast_slice_mut(&mut self.raw[at..at + raw_stride]);
                raw.fill(0.0);
                raw[..values.len()].copy_from_slice(values);
                self.put_code(slot, &rotated);
            }
        }
    }

    fn put_code(&mut self, slot: u32, rotated: &[f32]) {
        let mut codes = Vec::new();
        score::encode_sq(&self.meta.options, self.meta.scale, rotated, &mut codes);
        let four = self.meta.options.form == Form::Sq4;
        let row: &mut [u8] = bytemuck::cast_slice_mut(self.row_mut(slot));
        row.fill(0);
        if four {
            score::pack_nibbles(&codes, row);
        } else {
            row[..codes.len()].copy_from_slice(&codes);
        }
    }

    /// Makes all codes anew.
    fn rescale(&mut self, scale: Scale) {
        self.meta.scale = scale;
        let (raw_stride, dim) = (strides(&self.meta.options).1, self.meta.options.dim);
        let mut rotated = alloc::vec![0.0; rotate::padded(dim)];
        for slot in 0..self.labels.len() {
            let raw: &[f32] = bytemuck::cast_slice(&self.raw[slot * raw_stride..(slot + 1) * raw_stride]);
            if let Some(rotation) = &self.rotation {
                rotation.apply(self.level, &raw[..dim], &mut rotated);
            }
            self.put_code(slot as u32, &rotated);
        }
    }

    fn set_links(&mut self, slot: u32, layer: u8, ids: &[u32]) {
        let options = self.meta.options;
        let list = if layer == 0 {
            let at = slot as usize * options.m0;
            &mut self.links[at..at + options.m0]
        } else {
            let at = self.upper_at[slot as usize] as usize + (usize::from(layer) - 1) * options.m;
            &mut self.upper[at..at + options.m]
        };
        list[..ids.len()].copy_from_slice(ids);
        list[ids.len()..].fill(NONE);
    }

    pub(crate) fn clear_lists(&mut self, slot: u32) {
        if self.meta.options.form.is_qg() {
            let layout = self.layout();
            let row = self.row_mut(slot);
            (0..layout.degree).for_each(|lane| layout.clear_lane(row, lane, slot));
            return;
        }
        for layer in 0..=self.levels[slot as usize] {
            self.set_links(slot, layer, &[]);
        }
    }

    fn set_state(&mut self, slot: u32, state: State) {
        let at = slot as usize;
        let old = self.states[at];
        if old == state as u8 {
            return;
        }
        let count = |meta: &mut Meta, of: u8, plus: bool| {
            let number = match State::by_number(of) {
                Some(State::Live) => &mut meta.live,
                Some(State::Dead) => &mut meta.dead,
                _ => return,
            };
            *number = if plus { *number + 1 } else { number.saturating_sub(1) };
        };
        count(&mut self.meta, old, false);
        count(&mut self.meta, state as u8, true);
        self.states[at] = state as u8;
        let label = self.labels[at];
        match state {
            State::Dead | State::Free => {
                if self.by_label.get(&label) == Some(&slot) {
                    self.by_label.remove(&label);
                }
                if state == State::Free {
                    self.clear_lists(slot);
                    self.free.push(slot);
                }
            }
            State::Live | State::Fresh => {
                self.by_label.insert(label, slot);
                self.take_free(slot);
            }
        }
        self.meta.foreign = None;
    }

    /// Takes a slot from the free ones; mostly it is the last.
    fn take_free(&mut self, slot: u32) {
        if self.free.last() == Some(&slot) {
            self.free.pop();
        } else {
            self.free.retain(|free| *free != slot);
        }
    }

    /// The scale that fits what is there.
    pub(crate) fn fitted_scale(&self) -> Scale {
        let (options, view) = (self.options(), self.view());
        let mut rotated = alloc::vec![0.0; rotate::padded(options.dim)];
        let slots = view.slots();
        let step = slots.div_ceil(1024).max(1);
        let (mut count, mut sum, mut square, mut low, mut high) =
            (0f64, 0f64, 0f64, f32::INFINITY, f32::NEG_INFINITY);
        for slot in (0..slots).step_by(step).filter(|slot| self.states[*slot] != State::Free as u8) {
            let (Ok(raw), Some(rotation)) = (view.raw_row(slot as u32), &self.rotation) else { continue };
            rotation.apply(self.level, &raw[..options.dim], &mut rotated);
            for value in &rotated {
                sum += f64::from(*value);
                square += f64::from(*value) * f64::from(*value);
                (low, high) = (low.min(*value), high.max(*value));
            }
            count += rotated.len() as f64;
        }
        if count == 0.0 {
            return Scale { low: -1.0, step: 2.0 / score::sq_most(options.form) };
        }
        let mean = sum / count;
        let deviation = libm::sqrt((square / count - mean * mean).max(0.0));
        let reach = (f64::from(high) - mean).max(mean - f64::from(low));
        score::fit_scale(options, mean as f32, deviation as f32, reach as f32)
    }

    /// Whether vectors are normalised on their way in.
    pub(crate) fn normalises(&self) -> bool {
        self.options().metric == Metric::Cosine && self.options().form.takes_f32()
    }
}
