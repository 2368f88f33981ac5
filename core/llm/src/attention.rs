//! Attention over the cache: for each head the scores of all positions, their softmax, and the values weighted by it.
//!
//! One row at a time, keys are read once, then values once. Many rows of one slot go through matrix products, [`SCORE_ROWS`] at a time.

use core::ops::Range;

use dolmen_simd::gemm::{self, View, ViewMut};
use dolmen_simd::level::Level;
use dolmen_simd::{arith, gemv, nn};

use crate::config::Config;
use crate::engine::Row;
use crate::limits::DRAFT_MAX;
use crate::plan::{Plan, SCORE_ROWS};

/// Rows of one slot that are looked at one by one: an id and what is guessed to follow it have the bits that they have alone.
const FEW: usize = DRAFT_MAX + 1;

/// Rows of one slot, side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// The first one.
    pub row: usize,
    pub len: usize,
    pub slot: usize,
    /// The position of the first one.
    pub position: usize,
}

/// The rows of a step, slot by slot.
pub(crate) fn runs(rows: &[Row]) -> impl Iterator<Item = Run> + '_ {
    let mut at = 0;
    core::iter::from_fn(move || {
        let first = rows.get(at)?;
        let len = rows[at..].iter().take_while(|row| row.slot == first.slot).count();
        let run = Run { row: at, len, slot: first.slot as usize, position: first.position as usize };
        at += len;
        Some(run)
    })
}

/// What attention reads in one layer.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'s> {
    pub config: &'s Config,
    pub plan: &'s Plan,
    pub level: Level,
    /// Queries row by row.
    pub query: &'s [f32],
    /// Keys and values of the layer.
    pub keys: &'s [f32],
    pub values: &'s [f32],
}

impl Attention<'_> {
    fn cached<'c>(&self, cache: &'c [f32], slot: usize, head: usize, positions: Range<usize>) -> &'c [f32] {
        let kv_head = head / (self.config.heads / self.config.kv_heads);
        let head_len = self.config.head_len;
        let begin = (slot * self.config.kv_heads + kv_head) * self.plan.context * head_len;
        &cache[begin + positions.start * head_len..begin + positions.end * head_len]
    }

    /// The positions that a row of a run attends to.
    fn reach(&self, run: &Run, nth: usize) -> Range<usize> {
        if self.config.architecture.is_encoder() {
            return 0..run.len;
        }
        let end = run.position + nth + 1;
        end - self.config.window.unwrap_or(end).min(end)..end
    }

    fn scale(&self) -> f32 {
        1.0 / libm::sqrtf(self.config.head_len as f32)
    }

    fn query_of(&self, row: usize, head: usize) -> &[f32] {
        let head_len = self.config.head_len;
        &self.query[row * self.config.query_len() + head * head_len..][..head_len]
    }

    /// The weights of one row, and the position of the first.
    pub fn weights<'w>(
        &self,
        run: &Run,
        nth: usize,
        head: usize,
        scores: &'w mut [f32],
    ) -> (usize, &'w [f32]) {
        let reach = self.reach(run, nth);
        let begin = reach.start;
        let scores = &mut scores[..reach.len()];
        let keys = self.cached(self.keys, run.slot, head, reach);
        let query = self.query_of(run.row + nth, head);
        gemv::dot_f32(self.level, keys, self.config.head_len, query, scores);
        arith::scale(self.level, scores, self.scale());
        nn::softmax(self.level, scores);
        (begin, scores)
    }

    /// Some heads of all rows: `out` has them head by head, in each row by row.
    pub fn heads(&self, rows: &[Row], heads: Range<usize>, out: &mut [f32], scratch: &mut [f32]) {
        let head_len = self.config.head_len;
        for (head, out) in heads.zip(out.chunks_exact_mut(rows.len() * head_len)) {
            for run in runs(rows) {
                let out = &mut out[run.row * head_len..][..run.len * head_len];
                if run.len <= FEW {
                    for (nth, out) in out.chunks_exact_mut(head_len).enumerate() {
                        let (begin, weights) = self.weights(&run, nth, head, scratch);
                        let values = self.cached(self.values, run.slot, head, begin..begin + weights.len());
                        out.fill(0.0);
                        gemv::add_f32(self.level, values, head_len, weights, out);
                    }
                } else {
                    for (nth, out) in out.chunks_mut(SCORE_ROWS * head_len).enumerate() {
                        self.block(&run, nth * SCORE_ROWS, head, out, scratch);
                    }
                }
            }
        }
    }

    /// Rows of a run from `first` on, as many as `out` has.
    fn block(&self, run: &Run, first: usize, head: usize, out: &mut [f32], scratch: &mut [f32]) {
        let (head_len, level) = (self.config.head_len, self.level);
        let count = out.len() / head_len;
        let begin = self.reach(run, first).start;
        let end = self.reach(run, first + count - 1).end;
        let width = end - begin;
        let (scores, scratch) = scratch.split_at_mut(count * width);
        let queries = &self.query[(run.row + first) * self.config.query_len() + head * head_len..];
        let queries = View::new(queries, count, head_len, self.config.query_len());
        let keys = View::new(self.cached(self.keys, run.slot, head, begin..end), width, head_len, head_len);
        let to = ViewMut::new(scores, count, width, width);
        gemm::gemm(level, self.scale(), queries, keys.transposed(), 0.0, to, scratch);
        for (nth, scores) in scores.chunks_exact_mut(width).enumerate() {
            let reach = self.reach(run, first + nth);
            let (before, rest) = scores.split_at_mut(reach.start - begin);
            let (seen, behind) = rest.split_at_mut(reach.len());
            before.fill(0.0);
            behind.fill(0.0);
            nn::softmax(level, seen);
        }
        let weights = View::new(scores, count, width, width);
        let values =
            View::new(self.cached(self.values, run.slot, head, begin..end), width, head_len, head_len);
        gemm::gemm(level, 1.0, weights, values, 0.0, ViewMut::new(out, count, head_len, head_len), scratch);
    }
}
