//! A model at work: rows go in, logits come out, keys and values stay.
//!
//! A row is one id at one position of one slot. Rows of several slots go through a step together, and share the reading of the weights; a prompt is many
//! rows of one slot. A slot may go on from any position that it has: what lies behind is forgotten.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use dolmen_base::Jobs;
use dolmen_simd::level::Level;
use dolmen_simd::row64::{self, Row64};
use dolmen_simd::{arith, nn};

use crate::error::StepError;
use crate::model::Model;
use crate::plan::{Plan, work_lens};

/// One id at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The id.
    pub id: u32,
    /// The sequence that it belongs to.
    pub slot: u32,
    /// Its place in the sequence, from 0.
    pub position: u32,
    /// The kind of its segment: 0, but for BERT.
    pub segment: u32,
    /// Whether logits are wanted of what follows it.
    pub logits: bool,
}

impl Row {
    /// A row of the first segment that wants no logits.
    pub const fn new(id: u32, slot: u32, position: u32) -> Row {
        Row { id, slot, position, segment: 0, logits: false }
    }

    /// The same, wanting logits.
    pub const fn with_logits(self) -> Row {
        Row { logits: true, ..self }
    }
}

/// Someone who looks at what happens between the layers.
pub trait Watch {
    /// The states of all rows: before the first layer (0), behind each, and behind the last norm (the last number again).
    fn states(&mut self, layer: usize, states: &[f32]) {
        let _ = (layer, states);
    }

    /// How much each position from `begin` on was attended to by a head at a row.
    fn attention(&mut self, layer: usize, head: usize, row: usize, begin: usize, weights: &[f32]) {
        let _ = (layer, head, row, begin, weights);
    }
}

/// The buffers of a step.
#[derive(Debug)]
pub(crate) struct Work<'e> {
    pub x: &'e mut [f32],
    pub normed: &'e mut [f32],
    pub query: &'e mut [f32],
    pub key: &'e mut [f32],
    pub value: &'e mut [f32],
    /// Head by head, what attention gives.
    pub mixed: &'e mut [f32],
    /// The same row by row.
    pub merged: &'e mut [f32],
    pub gate: &'e mut [f32],
    pub up: &'e mut [f32],
    /// Cosines and sines of each row.
    pub angles: &'e mut [f32],
    /// Products of many vectors, row of the matrix by row.
    pub columns: &'e mut [f32],
    pub q8_0: &'e mut [u8],
    pub q8_k: &'e mut [u8],
    pub parts: &'e mut [f32],
}

/// A model with memory.
#[derive(Debug)]
pub struct Engine<'e, 'a> {
    pub(crate) model: &'e Model<'a>,
    pub(crate) plan: Plan,
    pub(crate) level: Level,
    pub(crate) keys: &'e mut [f32],
    pub(crate) values: &'e mut [f32],
    pub(crate) work: Work<'e>,
    /// Positions that each slot has.
    filled: Vec<u32>,
    rows: usize,
}

impl<'e, 'a> Engine<'e, 'a> {
    /// A model over memory of the caller, of whatever content.
    ///
    /// # Errors
    ///
    /// [`StepError::Buffer`] if the memory has fewer blocks than planned.
    pub fn new(
        model: &'e Model<'a>,
        plan: &Plan,
        level: Level,
        memory: &'e mut [Row64],
    ) -> Result<Engine<'e, 'a>, StepError> {
        if memory.len() < plan.blocks() {
            return Err(StepError::Buffer { len: memory.len(), wanted: plan.blocks() });
        }
        let mut left = memory;
        let mut blocks = |count: usize| {
            let (taken, rest) = core::mem::take(&mut left).split_at_mut(count);
            left = rest;
            taken
        };
        let mut floats = |len: usize| &mut row64::floats_mut(blocks(row64::blocks_of_floats(len)))[..len];
        let (keys, values) = (floats(plan.keys_len), floats(plan.keys_len));
        let [x, normed, query, key, value, mixed, merged, gate, up, angles] =
            work_lens(model, plan).map(&mut floats);
        let columns = floats(plan.columns_len);
        let parts = floats(plan.part_len * plan.parts);
        let mut bytes = |len: usize| &mut row64::bytes_mut(blocks(row64::blocks_of_bytes(len)))[..len];
        let (q8_0, q8_k) = (bytes(plan.q8_0_len), bytes(plan.q8_k_len));
        let work = Work {
            x,
            normed,
            query,
            key,
            value,
            mixed,
            merged,
            gate,
            up,
            angles,
            columns,
            q8_0,
            q8_k,
            parts,
        };
        let filled = vec![0; plan.slots];
        Ok(Engine { model, plan: *plan, level, keys, values, work, filled, rows: 0 })
    }

    /// The model.
    pub fn model(&self) -> &'e Model<'a> {
        self.model
    }

    /// What it was planned for.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Positions that a slot has; 0 for one that does not exist.
    pub fn filled(&self, slot: u32) -> u32 {
        self.filled.get(slot as usize).copied().unwrap_or(0)
    }

    /// Takes all rows through the model. Logits go to `logits`, `vocabulary` for each row that wants them, in the order of the rows; an encoder has
    /// none. Rows of one slot stand side by side, in the order of their positions; an encoder's slot begins at 0 and has all of its rows in one step.
    ///
    /// # Errors
    ///
    /// [`StepError`]; nothing has been changed then.
    pub fn step(&mut self, jobs: &dyn Jobs, rows: &[Row], logits: &mut [f32]) -> Result<(), StepError> {
        self.watched_step(jobs, rows, logits, None)
    }

    /// [`Engine::step`] with someone who looks.
    ///
    /// # Errors
    ///
    /// As [`Engine::step`].
    pub fn watched_step(
        &mut self,
        jobs: &dyn Jobs,
        rows: &[Row],
        logits: &mut [f32],
        watch: Option<&mut dyn Watch>,
    ) -> Result<(), StepError> {
        self.check(rows, logits.len())?;
        for row in rows {
            self.filled[row.slot as usize] = row.position + 1;
        }
        self.rows = rows.len();
        self.forward(jobs, rows, logits, watch);
        Ok(())
    }

    fn check(&self, rows: &[Row], logits_len: usize) -> Result<(), StepError> {
        let config = self.model.config();
        if rows.is_empty() || rows.len() > self.plan.batch {
            return Err(StepError::Batch { rows: rows.len(), max: self.plan.batch });
        }
        let mut wanted = 0;
        for (nth, row) in rows.iter().enumerate() {
            if row.id as usize >= config.vocabulary {
                return Err(StepError::UnknownId { id: row.id, row: nth, vocabulary: config.vocabulary });
            }
            if row.slot as usize >= self.plan.slots {
                return Err(StepError::UnknownSlot { slot: row.slot, slots: self.plan.slots });
            }
            if row.position as usize >= self.plan.context {
                return Err(StepError::Context { position: row.position, context: self.plan.context });
            }
            if row.segment as usize >= config.token_types.max(1) {
                return Err(StepError::UnknownSegment { segment: row.segment, row: nth });
            }
            let before =
                nth.checked_sub(1).map(|before| rows[before]).filter(|before| before.slot == row.slot);
            let filled = match before {
                Some(before) => before.position + 1,
                None if config.architecture.is_encoder() => 0,
                None => self.filled(row.slot),
            };
            let again = before.is_none() && rows[..nth].iter().any(|before| before.slot == row.slot);
            // Behind a row of the same slot exactly the next position; else any that the slot has.
            let follows = if before.is_some() { row.position == filled } else { row.position <= filled };
            if again || !follows {
                return Err(StepError::Gap { row: nth, position: row.position, filled });
            }
            wanted += usize::from(row.logits);
        }
        if config.architecture.is_encoder() && wanted > 0 {
            return Err(StepError::Kind);
        }
        let wanted = wanted * config.vocabulary;
        if logits_len != wanted {
            return Err(StepError::Buffer { len: logits_len, wanted });
        }
        Ok(())
    }

    /// The states behind the last layer and norm of the last step's rows, one after another.
    pub fn states(&self) -> &[f32] {
        let len = self.rows * self.model.config().width;
        if self.model.norm.is_some() { &self.work.normed[..len] } else { &self.work.x[..len] }
    }

    /// The mean of the states of one slot's rows of the last step, made as long as 1: the embedding of its text.
    ///
    /// # Errors
    ///
    /// [`StepError::Buffer`] if `out` is not as wide as the model, [`StepError::Batch`] if the last step had no such rows.
    pub fn embedding(&self, rows: Range<usize>, out: &mut [f32]) -> Result<(), StepError> {
        let width = self.model.config().width;
        if out.len() != width {
            return Err(StepError::Buffer { len: out.len(), wanted: width });
        }
        if rows.is_empty() || rows.end > self.rows {
            return Err(StepError::Batch { rows: rows.end, max: self.rows });
        }
        out.fill(0.0);
        let count = rows.len() as f32;
        for state in self.states()[rows.start * width..rows.end * width].chunks_exact(width) {
            arith::add_assign(self.level, out, state);
        }
        arith::scale(self.level, out, 1.0 / count);
        let len = libm::sqrtf(arith::sum_squares(self.level, out));
        // As PyTorch has it: a vector of zeros stays one.
        arith::scale(self.level, out, 1.0 / len.max(1e-12));
        Ok(())
    }

    /// BERT's summary of one row of the last step, which should be the first of its text: the hyperbolic tangent of a product.
    ///
    /// # Errors
    ///
    /// [`StepError::Kind`] if the model has no pooler, else as [`Engine::embedding`].
    pub fn pooled(&self, row: usize, out: &mut [f32]) -> Result<(), StepError> {
        let (pooler, width) = (self.model.pooler.as_ref().ok_or(StepError::Kind)?, self.model.config().width);
        if out.len() != width {
            return Err(StepError::Buffer { len: out.len(), wanted: width });
        }
        if row >= self.rows {
            return Err(StepError::Batch { rows: row, max: self.rows });
        }
        let state = &self.states()[row * width..(row + 1) * width];
        pooler.of_one(self.level, state, out);
        nn::tanh(self.level, out);
        Ok(())
    }

    /// Gives a slot the first positions of another one, which must have them.
    ///
    /// # Errors
    ///
    /// [`StepError::UnknownSlot`], or [`StepError::Gap`] if there are fewer positions.
    pub fn copy_slot(&mut self, from: u32, to: u32, positions: u32) -> Result<(), StepError> {
        for slot in [from, to] {
            if slot as usize >= self.plan.slots {
                return Err(StepError::UnknownSlot { slot, slots: self.plan.slots });
            }
        }
        let filled = self.filled(from);
        if positions > filled {
            return Err(StepError::Gap { row: 0, position: positions, filled });
        }
        self.filled[to as usize] = positions;
        if from == to {
            return Ok(());
        }
        let head_len = self.model.config().head_len;
        let (stride, slot_len) =
            (self.plan.context * head_len, self.plan.context * self.model.config().kv_len());
        let len = positions as usize * head_len;
        for cache in [&mut *self.keys, &mut *self.values] {
            for layer in cache.chunks_exact_mut(slot_len * self.plan.slots) {
                for begin in (0..slot_len).step_by(stride) {
                    let source = from as usize * slot_len + begin;
                    layer.copy_within(source..source + len, to as usize * slot_len + begin);
                }
            }
        }
        Ok(())
    }

    /// Forgets what a slot has behind some of its first positions.
    pub fn truncate(&mut self, slot: u32, positions: u32) {
        if let Some(filled) = self.filled.get_mut(slot as usize) {
            *filled = (*filled).min(positions);
        }
    }
}
