//! Threads are the caller's: it runs lists of jobs, in any order, at the same time or not.
//!
//! Work is cut over elements of results and never within a sum, so that results have the same bits for any number of workers.

use core::ops::Range;

use dolmen_simd::level::Level;

use crate::limits::JOBS_MAX;

/// A piece of work.
pub trait Job: Send {
    /// Does it.
    fn run(&mut self);
}

/// Whoever runs jobs.
pub trait Workers: Sync {
    /// How many jobs can run at the same time; at least 1.
    fn count(&self) -> usize;

    /// Runs each job once and returns when all are done.
    fn run(&self, jobs: &mut [&mut dyn Job]);
}

/// The caller's own thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct InPlace;

impl Workers for InPlace {
    fn count(&self) -> usize {
        1
    }

    fn run(&self, jobs: &mut [&mut dyn Job]) {
        jobs.iter_mut().for_each(|job| job.run());
    }
}

/// What a step is computed with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The vector registers.
    pub level: Level,
    /// The threads.
    pub workers: &'a dyn Workers,
    /// What dropout draws from: the same seed, the same elements.
    pub seed: u64,
}

impl Context<'static> {
    /// The best registers of this CPU on the caller's own thread.
    pub fn new() -> Context<'static> {
        Context { level: Level::best(), workers: &InPlace, seed: 0 }
    }
}

impl Default for Context<'static> {
    fn default() -> Self {
        Context::new()
    }
}

impl Context<'_> {
    /// Jobs for so many rows, of which each job takes at least `grain`.
    fn jobs(&self, rows: usize, grain: usize) -> usize {
        self.workers.count().min(rows / grain.max(1)).clamp(1, JOBS_MAX)
    }
}

/// Some of the rows of results.
struct Tile<'a, F, const N: usize> {
    rows: Range<usize>,
    outs: [&'a mut [f32]; N],
    scratch: &'a mut [f32],
    body: &'a F,
}

impl<F, const N: usize> Job for Tile<'_, F, N>
where
    F: Fn(Range<usize>, [&mut [f32]; N], &mut [f32]) + Sync,
{
    fn run(&mut self) {
        (self.body)(self.rows.clone(), self.outs.each_mut().map(|out| &mut **out), self.scratch);
    }
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
    let jobs = context.jobs(rows, grain);
    if jobs == 1 {
        body(0..rows, outs.map(|(out, _)| out), &mut scratch[..scratch_len]);
        return;
    }
    let mut tiles: heapless::Vec<Tile<'_, F, N>, JOBS_MAX> = heapless::Vec::new();
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
        let tile = Tile { rows: begin..end, outs: taken, scratch: own, body };
        assert!(tiles.push(tile).is_ok(), "jobs are at most {JOBS_MAX}");
        begin = end;
    }
    let mut list: heapless::Vec<&mut dyn Job, JOBS_MAX> =
        tiles.iter_mut().map(|tile| tile as &mut dyn Job).collect();
    context.workers.run(&mut list);
}
