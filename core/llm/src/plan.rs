//! The memory of a model at work, computed before it starts.
//!
//! ```text
//! cache    keys:   layer · slot · head · position · element      values the same
//! work     the state and what a layer makes of it, for the rows of one step
//! parts    scores of attention and packed matrices, for each thread its own
//! ```
//!
//! All of it is one block that the caller owns; a step takes nothing else.

use dolmen_simd::quant::Format;
use dolmen_simd::{gemm, row64};

use crate::error::StepError;
use crate::limits::{BATCH_MAX, PARTS_MAX, SLOTS_MAX};
use crate::model::Model;

/// What a model is to be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Sequences that are kept at a time.
    pub slots: usize,
    /// Positions of each; 0 means all that the model has.
    pub context: usize,
    /// Rows of one step at most.
    pub batch: usize,
    /// Parts that work is cut into: as many as there are threads.
    pub parts: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { slots: 1, context: 0, batch: 256, parts: 1 }
    }
}

/// How the block of memory is divided; lengths in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub(crate) slots: usize,
    pub(crate) context: usize,
    pub(crate) batch: usize,
    pub(crate) parts: usize,
    /// Floats of all keys; the values take as many.
    pub(crate) keys_len: usize,
    pub(crate) columns_len: usize,
    pub(crate) q8_0_len: usize,
    pub(crate) q8_k_len: usize,
    pub(crate) part_len: usize,
    blocks: usize,
    cache_blocks: usize,
}

/// Rows of queries whose scores are computed at a time.
pub(crate) const SCORE_ROWS: usize = 32;
/// Rows whose results over the whole vocabulary are computed at a time.
pub(crate) const LOGIT_ROWS: usize = 16;
/// From how many vectors on a matrix of floats is packed instead of passed by each.
pub(crate) const MANY: usize = 4;

/// The floats of each buffer of [`Plan`]'s work, in their order.
pub(crate) fn work_lens(model: &Model<'_>, plan: &Plan) -> [usize; 10] {
    let config = model.config();
    let (rows, query, kv) = (plan.batch, config.query_len(), config.kv_len());
    [
        rows * config.width,
        rows * config.width,
        rows * query,
        rows * kv,
        rows * kv,
        rows * query,
        rows * query,
        rows * config.inner,
        rows * config.inner,
        rows * config.rope.as_ref().map_or(0, |rope| rope.dimensions),
    ]
}

impl Plan {
    /// The memory that a model takes.
    ///
    /// # Errors
    ///
    /// [`StepError::Batch`], [`StepError::UnknownSlot`] or [`StepError::Context`] if the options ask for none or too much of something,
    /// [`StepError::Memory`] if all of it is more than there can be.
    pub fn new(model: &Model<'_>, options: Options) -> Result<Plan, StepError> {
        let config = model.config();
        let context = if options.context == 0 { config.context } else { options.context };
        if options.batch == 0 || options.batch > BATCH_MAX {
            return Err(StepError::Batch { rows: options.batch, max: BATCH_MAX });
        }
        if options.slots == 0 || options.slots > SLOTS_MAX {
            return Err(StepError::UnknownSlot { slot: options.slots as u32, slots: SLOTS_MAX });
        }
        if context > config.context {
            return Err(StepError::Context { position: context as u32, context: config.context });
        }
        let batch = options.batch.min(context.saturating_mul(options.slots));
        let layers = if config.architecture.is_encoder() { 1 } else { config.layers };
        let keys_len = [layers, options.slots, config.kv_len(), context];
        let keys_len = keys_len.into_iter().try_fold(1usize, usize::checked_mul).ok_or(StepError::Memory)?;
        let mut plan = Plan {
            slots: options.slots,
            context,
            batch,
            parts: options.parts.clamp(1, PARTS_MAX),
            keys_len,
            columns_len: 0,
            q8_0_len: 0,
            q8_k_len: 0,
            part_len: 0,
            blocks: 0,
            cache_blocks: 0,
        };
        plan.measure(model);
        plan.sum(model)?;
        Ok(plan)
    }

    fn measure(&mut self, model: &Model<'_>) {
        let config = model.config();
        let batch = self.batch;
        let head = model.norm.as_ref().map(|_| model.head.as_ref().unwrap_or(&model.embedding));
        let inner = model.blocks.iter().flat_map(|block| block.matrices()).map(|matrix| (matrix, batch));
        for (matrix, rows) in inner.chain(head.map(|head| (head, LOGIT_ROWS.min(batch)))) {
            if rows > 1 {
                self.columns_len = self.columns_len.max(matrix.rows() * rows);
                self.part_len = self.part_len.max(matrix.scratch_len(rows));
            }
            let bytes = |format: Format| format.row_bytes(matrix.columns()).unwrap_or(0) * rows;
            match matrix.activations() {
                Some(Format::Q8K) => self.q8_k_len = self.q8_k_len.max(bytes(Format::Q8K)),
                Some(format) => self.q8_0_len = self.q8_0_len.max(bytes(format)),
                None => {}
            }
        }
        let rows = SCORE_ROWS.min(self.batch);
        let gemms = gemm::scratch_len(rows, self.context, config.head_len).max(gemm::scratch_len(
            rows,
            config.head_len,
            self.context,
        ));
        let attention = rows * self.context + if rows > 1 { gemms } else { 0 };
        self.part_len = self.part_len.max(attention).next_multiple_of(16);
    }

    fn sum(&mut self, model: &Model<'_>) -> Result<(), StepError> {
        let add = |sum: usize, blocks: usize| sum.checked_add(blocks).ok_or(StepError::Memory);
        let cache = row64::blocks_of_floats(self.keys_len).checked_mul(2).ok_or(StepError::Memory)?;
        let mut blocks = cache;
        for len in work_lens(model, self) {
            blocks = add(blocks, row64::blocks_of_floats(len))?;
        }
        blocks = add(blocks, row64::blocks_of_floats(self.columns_len))?;
        blocks = add(blocks, row64::blocks_of_bytes(self.q8_0_len))?;
        blocks = add(blocks, row64::blocks_of_bytes(self.q8_k_len))?;
        let parts = self.part_len.checked_mul(self.parts).ok_or(StepError::Memory)?;
        blocks = add(blocks, row64::blocks_of_floats(parts))?;
        (self.blocks, self.cache_blocks) = (blocks, cache);
        blocks.checked_mul(64).filter(|&bytes| isize::try_from(bytes).is_ok()).ok_or(StepError::Memory)?;
        Ok(())
    }

    /// Blocks of 64 bytes that the caller brings.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Bytes of keys and values.
    pub fn cache_bytes(&self) -> usize {
        self.cache_blocks * 64
    }

    /// Bytes of everything else.
    pub fn work_bytes(&self) -> usize {
        (self.blocks - self.cache_blocks) * 64
    }

    /// Sequences.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Positions of each.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Rows of one step at most.
    pub fn batch(&self) -> usize {
        self.batch
    }
}
