//! Threads are the caller's ([`Jobs`]). Work is cut over elements of results and never within a sum, so that results have the same bits
//! for any number of threads.

use core::ops::Range;

use dolmen_base::jobs::{Jobs, Serial};
use dolmen_simd::level::Level;
use spin::Mutex;

use crate::limits::JOBS_MAX;

/// What a step is computed with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The vector registers.
    pub level: Level,
    /// The threads.
    pub jobs: &'a dyn Jobs,
    /// What dropout draws from: the same seed, the same elements.
    pub seed: u64,
}

impl Context<'static> {
    /// The best registers of this CPU on the caller's own thread.
    pub fn new() -> Context<'static> {
        Context { level: Level::best(), jobs: &Serial, seed: 0 }
    }
}

impl Default for Context<'static> {
    fn default() -> Self {
        Context::new()
    }
}

impl Context<'_> {
    /// Jobs for so many rows, of which each job takes at least `grain`.
    fn cut(&self, rows: usize, grain: usize) -> usize {
        self.jobs.width().min(rows / grain.max(1)).clamp(1, JOBS_MAX)
    }
}

/// Some of the rows of results.
struct Tile<'a, const N: usize> {
    rows: Range<usize>,
    outs: [&'a mut [f32]; N],
    scratch: &'a mut [f32],
}

/// Cuts results, each with the length of a row, into stretches of rows, and gives each stretch to a job with a scratch of its own.
pub(crate) fn by_rows<F, const N: usize>(
    context: &Context<'_>,
    (rows, grain): (usize, usize),
    outs: [(&mut [f32], usize); N],
    (scratch, scratch_len): (&mut [f32], usize),
    body: &F,
) where
    F: Fn(Range<usize>, [&mut [f32]; N], &mut [f32]) + Sync,
{
    let jobs = context.cut(rows, grain);
    if jobs == 1 {
        body(0..rows, outs.map(|(out, _)| out), &mut scratch[..scratch_len]);
        return;
    }
    let mut tiles: heapless::Vec<Mutex<Tile<'_, N>>, JOBS_MAX> = heapless::Vec::new();
    let (mut rest, mut scratch, mut begin) = (outs, scratch, 0);
    for job in 0..jobs {
        let end = rows * (job + 1) / jobs;
        let (own, others) = scratch.split_at_mut(scratch_len);
        scratch = others;
        let mut left = [const { None }; N];
        let taken = core::array::from_fn(|at| {
            let (out, row_len) = core::mem::take(&mut rest[at]);
            let (head, tail) = out.split_at_mut((end - begin) * row_len);
            left[at] = Some((tail, row_len));
            head
        });
        rest = left.map(|left| left.expect("each was set above"));
        // A job is only called with its number: the lock, which nobody else ever takes, hands it what is its own.
        let tile = Mutex::new(Tile { rows: begin..end, outs: taken, scratch: own });
        assert!(tiles.push(tile).is_ok(), "jobs are at most {JOBS_MAX}");
        begin = end;
    }
    context.jobs.run(tiles.len(), &|nth| {
        let tile = &mut *tiles[nth].lock();
        body(tile.rows.clone(), tile.outs.each_mut().map(|out| &mut **out), tile.scratch);
    });
}
