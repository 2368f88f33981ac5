//! Finding the cheapest search that reaches a recall.

use alloc::vec::Vec;

use dolmen_base::rng::Rng;

use crate::error::{Error, Field, Invalid};
use crate::insert::Workers;
use crate::limits;
use crate::metric::{Form, Vector};
use crate::pool::Scratch;
use crate::search::{Filter, Found, Request};
use crate::view::{Tuned, View};

/// What tuning did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// What to search with.
    pub tuned: Tuned,
    /// The recall that it had on the queries.
    pub reached: f32,
    /// Distances a query.
    pub distances: f32,
}

/// Above what is asked for, so that queries that tuning did not see reach it too: of 1,000 queries each, two samples differ by about as much.
const MARGIN: f32 = 0.01;
/// The index's own rows are harder to serve than queries, since links are missing around each that is hidden: by more than this share of what may be
/// missed, in every set that was measured (`benches/record/vector.md`). Lists of codes in the node are full and lose less.
const OWN_HARDER: f32 = 0.1;
/// Rows that an index is tuned on where nobody gave queries: as many as can be compared with all in this many steps, but no fewer than `OWN_MIN`.
const OWN_STEPS: u64 = 1 << 36;
const OWN_MIN: u64 = 400;
const OWN_MAX: u64 = 1000;

/// The share of `exact` that is in `found`. A vector that is as near as the farthest of the exact ones counts: which of equals comes last is free.
pub fn recall(found: &[Found], exact: &[Found]) -> f32 {
    let Some(farthest) = exact.last() else { return 1.0 };
    let bound = farthest.distance + 1e-6 * farthest.distance.abs();
    found.iter().filter(|one| one.distance <= bound).count().min(exact.len()) as f32 / exact.len() as f32
}

fn check_recall(wanted: f32) -> Result<(), Error> {
    if wanted > 0.0 && wanted <= 1.0 { Ok(()) } else { Err(Invalid::Recall.into()) }
}

impl View<'_> {
    /// Finds the smallest `ef` (and number of rescored candidates) that reaches `wanted` on these queries.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a recall outside (0, 1], no queries, or queries that cannot be used.
    pub fn tune(
        &self,
        workers: &impl Workers,
        queries: &[Vector<'_>],
        k: usize,
        wanted: f32,
    ) -> Result<Tuning, Error> {
        let queries: Vec<(Vector<'_>, Option<u32>)> = queries.iter().map(|query| (*query, None)).collect();
        self.tune_hiding(workers, &queries, k, (wanted, MARGIN))
    }

    /// As [`View::tune`], on a sample of the index's own rows, where nobody has queries. Each is hidden while it stands for a query: found by way of
    /// itself, everything would look easier than it is.
    ///
    /// # Errors
    /// As [`View::tune`].
    pub fn tune_on_own(&self, workers: &impl Workers, k: usize, wanted: f32) -> Result<Tuning, Error> {
        check_recall(wanted)?;
        // Walks begin at the entry point, which cannot be hidden.
        let live: Vec<u32> =
            (0..self.slots() as u32).filter(|slot| self.is_live(*slot) && *slot != self.meta.entry).collect();
        if live.is_empty() {
            let tuned = Tuned { k: k as u32, recall: wanted, ef: k.max(1) as u32, rescore: 0 };
            return Ok(Tuning { tuned, reached: 1.0, distances: 0.0 });
        }
        let form = self.options().form;
        let steps = (live.len() as u64).saturating_mul(self.options().dim as u64);
        let count = (OWN_STEPS / steps).clamp(OWN_MIN, OWN_MAX).min(live.len() as u64);
        let (mut rng, mut rows, mut bytes) = (Rng::new(1), Vec::new(), Vec::new());
        for _ in 0..count {
            let slot = live[rng.below(live.len() as u64) as usize];
            if form.takes_f32() {
                rows.push((self.vector(slot)?, slot));
            } else {
                bytes.push((self.bytes(slot)?, slot));
            }
        }
        let mut queries: Vec<(Vector<'_>, Option<u32>)> =
            rows.iter().map(|(row, slot)| (Vector::F32(row), Some(*slot))).collect();
        queries.extend(bytes.iter().map(|(row, slot)| match form {
            Form::Binary => (Vector::Bits(row), Some(*slot)),
            _ => (Vector::I8(bytemuck::cast_slice(row)), Some(*slot)),
        }));
        let margin = if form.is_qg() { 0.0 } else { -OWN_HARDER * (1.0 - wanted) };
        self.tune_hiding(workers, &queries, k, (wanted, margin))
    }

    /// Tunes on queries, each with a slot that is hidden from it.
    fn tune_hiding(
        &self,
        workers: &impl Workers,
        queries: &[(Vector<'_>, Option<u32>)],
        k: usize,
        (wanted, margin): (f32, f32),
    ) -> Result<Tuning, Error> {
        check_recall(wanted)?;
        if queries.is_empty() {
            return Err(Invalid::TooSmall { field: Field::Count, found: 0, min: 1 }.into());
        }
        let exact = workers.map(queries.len(), Scratch::new, |scratch, i| {
            let ((query, hidden), mut found) = (queries[i], Vec::new());
            let others = |slot: u32| hidden != Some(slot);
            let filter = if hidden.is_some() { Filter::Each(&others) } else { Filter::All };
            self.exact(query, k, &filter, scratch, &mut found).map(|()| found)
        });
        let exact = exact.into_iter().collect::<Result<Vec<_>, Error>>()?;
        let aim = (wanted + margin.min((1.0 - wanted) / 2.0)).min(1.0);
        let measure = |ef: usize, rescore: usize| -> Result<(f32, f32), Error> {
            let each = workers.map(queries.len(), Scratch::new, |scratch, i| {
                let ((query, hidden), mut found) = (queries[i], Vec::new());
                scratch.hidden = hidden;
                let request = Request { rescore, ..Request::new(k, ef) };
                self.search(query, &request, scratch, &mut found)?;
                let work = scratch.stats.distances as f32 + scratch.stats.estimates as f32 / 16.0;
                Ok::<_, Error>((recall(&found, &exact[i]), work))
            });
            let each = each.into_iter().collect::<Result<Vec<_>, Error>>()?;
            let mean = |of: fn(&(f32, f32)) -> f32| each.iter().map(of).sum::<f32>() / each.len() as f32;
            Ok((mean(|one| one.0), mean(|one| one.1)))
        };
        let rescores: &[usize] = if self.options().form.is_sq() { &[1, 2, 4, 8] } else { &[1] };
        let mut best: Option<Tuning> = None;
        for times in rescores {
            let rescore = times * k;
            let (ef, reached, distances) = self.least_ef(k.max(rescore), aim, |ef| measure(ef, rescore))?;
            let tuned = Tuned { k: k as u32, recall: wanted, ef: ef as u32, rescore: rescore as u32 };
            let tuning = Tuning { tuned, reached, distances };
            let better = best.is_none_or(|best| {
                let (now, before) = (reached >= aim, best.reached >= aim);
                if now == before {
                    if now { distances < best.distances } else { reached > best.reached }
                } else {
                    now
                }
            });
            if better {
                best = Some(tuning);
            }
        }
        best.ok_or(Error::Invalid(Invalid::Recall))
    }

    /// The smallest ef from `least` on that reaches `aim`, found by doubling and halving; the largest that was tried if none does.
    fn least_ef(
        &self,
        least: usize,
        aim: f32,
        measure: impl Fn(usize) -> Result<(f32, f32), Error>,
    ) -> Result<(usize, f32, f32), Error> {
        let most = self.slots().clamp(least, limits::EF_MAX.min(16_384).max(least));
        let (mut low, mut high) = (least, least);
        let mut found = measure(high)?;
        while found.0 < aim && high < most {
            low = high + 1;
            high = (2 * high).min(most);
            found = measure(high)?;
        }
        while low < high && found.0 >= aim {
            let middle = low.midpoint(high);
            let tried = measure(middle)?;
            if tried.0 >= aim {
                (high, found) = (middle, tried);
            } else {
                low = middle + 1;
            }
        }
        Ok((high, found.0, found.1))
    }
}
