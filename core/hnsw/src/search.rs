//! Searches: the nearest k, with a filter and its planner, exact, in a range, one after the other.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::error::{Error, Field, Invalid};
use crate::limits;
use crate::metric::Vector;
use crate::pool::{Near, Scratch};
use crate::score::{Query, Target};
use crate::view::{NONE, View};

/// Which vectors may be found.
#[derive(Clone, Copy, Default)]
pub enum Filter<'a> {
    /// All.
    #[default]
    All,
    /// Those whose slot's bit is set.
    Slots(&'a [u64]),
    /// Those whose slot passes.
    Each(&'a (dyn Fn(u32) -> bool + Sync)),
    /// Those whose label passes.
    Labels(&'a (dyn Fn(u64) -> bool + Sync)),
}

impl core::fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Filter::All => "All",
            Filter::Slots(_) => "Slots",
            Filter::Each(_) => "Each",
            Filter::Labels(_) => "Labels",
        })
    }
}

/// What is asked of a search.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Most results.
    pub k: usize,
    /// Candidates; at least k are taken.
    pub ef: usize,
    /// Candidates that raw rows rescore, for walked codes; 0: four times k.
    pub rescore: usize,
    /// Which vectors may be found.
    pub filter: Filter<'a>,
    /// How a search with a filter is run; `None`: as the planner thinks best.
    pub plan: Option<PlanKind>,
}

impl Request<'_> {
    /// Without a filter.
    pub const fn new(k: usize, ef: usize) -> Self {
        Request { k, ef, rescore: 0, filter: Filter::All, plan: None }
    }
}

/// A vector that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Its label.
    pub label: u64,
    /// Its distance, exact but for codes of own vectors.
    pub distance: f32,
}

/// How a search with a filter is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// Every vector that passes is compared: few pass.
    Exact,
    /// The walk goes everywhere, what passes is kept.
    Walk,
    /// The walk goes over what passes and over neighbours of neighbours.
    TwoHop,
}

/// What the planner knows and chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterPlan {
    /// Vectors that pass.
    pub passes: usize,
    /// Whether they were counted; else they were estimated from a sample.
    pub counted: bool,
    /// What is done.
    pub kind: PlanKind,
}

fn at_least_one(field: Field, found: usize) -> Result<(), Error> {
    if found == 0 { Err(Invalid::TooSmall { field, found: 0, min: 1 }.into()) } else { Ok(()) }
}

fn at_most(field: Field, found: usize, max: usize) -> Result<(), Error> {
    if found > max { Err(Error::Limit { field, found: found as u64, max: max as u64 }) } else { Ok(()) }
}

impl View<'_> {
    /// The nearest vectors, nearest first, appended to `out`. Fewer than k where fewer are live or pass.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a query or numbers that cannot be used; [`Error::Checksum`] or [`Error::Corrupt`] where a mapped file is damaged.
    pub fn search(
        &self,
        vector: Vector<'_>,
        request: &Request<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<Found>,
    ) -> Result<(), Error> {
        at_least_one(Field::K, request.k)?;
        at_least_one(Field::Ef, request.ef)?;
        at_most(Field::K, request.k, limits::K_MAX)?;
        at_most(Field::Ef, request.ef, limits::EF_MAX)?;
        scratch.stats = crate::pool::Stats::default();
        let mut query = core::mem::take(&mut scratch.query);
        let found = query.prepare(self, vector).and_then(|()| self.search_prepared(&query, request, scratch));
        scratch.query = query;
        for near in found? {
            self.touch(Field::Label, 8 * near.slot as usize, 8)?;
            let label = self.label(near.slot).ok_or_else(|| self.bad_link(near.slot))?;
            out.push(Found { label, distance: near.distance });
        }
        Ok(())
    }

    fn search_prepared(
        &self,
        query: &Query,
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<Vec<Near>, Error> {
        if self.is_empty() || self.meta.entry == NONE {
            return Ok(Vec::new());
        }
        let options = self.options();
        let target = query.target(options);
        let k = request.k;
        let ef = request.ef.max(k);
        let keep = if options.form.is_sq() {
            if request.rescore == 0 { 4 * k } else { request.rescore.max(k) }
        } else {
            k
        };
        let FilterPlan { passes, counted, kind } = self.plan_filter(&request.filter, ef)?;
        let kind = request.plan.unwrap_or(kind);
        let ef = match request.filter {
            Filter::All => ef,
            _ => self.wider(kind, ef, passes),
        };
        let ef = ef.max(keep);
        let hidden = scratch.hidden;
        let accept =
            |slot: u32| self.is_live(slot) && self.passes(&request.filter, slot) && hidden != Some(slot);
        let mut near = match kind {
            PlanKind::Exact => return self.scan(query, &target, (k, &request.filter), &accept, scratch),
            _ if options.form.is_qg() => self.search_codes(query, &target, (ef, k), &accept, scratch)?,
            PlanKind::Walk
                if matches!(request.filter, Filter::All) && self.meta.dead * 16 <= self.slots() as u64 =>
            {
                let Some(from) = self.descend(&target, scratch, 0)? else { return Ok(Vec::new()) };
                self.walk_layer(&target, scratch, &[from], ef, 0)?;
                scratch.pool.entries().filter(|near| self.is_live(near.slot)).take(keep).collect()
            }
            _ => {
                let Some(from) = self.descend(&target, scratch, 0)? else { return Ok(Vec::new()) };
                self.walk_accept(
                    &target,
                    scratch,
                    from,
                    ef.min(self.slots()),
                    &accept,
                    kind == PlanKind::TwoHop,
                )?;
                scratch.best.entries()[..scratch.best.len().min(keep)].to_vec()
            }
        };
        if near.len() < k && (!counted || near.len() < passes) {
            // The walk could not see enough: what is left is found by looking at everything.
            return self.scan(query, &target, (k, &request.filter), &accept, scratch);
        }
        if options.form.is_sq() {
            for one in &mut near {
                one.distance = self.score_exact(query, &target, one.slot)?;
            }
            scratch.stats.distances += near.len() as u64;
            near.sort_unstable();
        }
        near.truncate(k);
        Ok(near)
    }

    fn search_codes(
        &self,
        query: &Query,
        target: &Target<'_>,
        sizes: (usize, usize),
        accept: &dyn Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Result<Vec<Near>, Error> {
        let (mut ef, k) = sizes;
        self.walk_codes(query, target, scratch, (ef, k), accept)?;
        // A pool holds a node once for each estimate of it, so a small one may expand fewer than k.
        let most = ef.saturating_mul(8).min(limits::EF_MAX);
        while scratch.best.len() < k.min(self.len()) && ef < most {
            ef *= 2;
            self.walk_codes(query, target, scratch, (ef, k), accept)?;
        }
        self.widen(target, scratch, k, accept)?;
        Ok(scratch.best.entries().to_vec())
    }

    pub(crate) fn passes(&self, filter: &Filter<'_>, slot: u32) -> bool {
        match filter {
            Filter::All => true,
            Filter::Slots(bits) => {
                bits.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
            }
            Filter::Each(passes) => passes(slot),
            Filter::Labels(passes) => self.label(slot).is_some_and(passes),
        }
    }

    /// How many vectors pass, counted or estimated from a sample, and what is done about it.
    ///
    /// # Errors
    /// As [`View::search`].
    pub fn plan_filter(&self, filter: &Filter<'_>, ef: usize) -> Result<FilterPlan, Error> {
        let (live, slots) = (self.len(), self.slots());
        if matches!(filter, Filter::All) {
            return Ok(FilterPlan { passes: live, counted: true, kind: PlanKind::Walk });
        }
        if matches!(filter, Filter::Labels(_)) {
            self.touch(Field::Label, 0, 8 * slots)?;
        }
        let (step, passes) = match filter {
            Filter::Slots(bits) => (1, self.count_slots(bits)),
            _ => {
                let step = slots.div_ceil(SAMPLED).max(1);
                let sample = (0..slots as u32).step_by(step);
                (step, step * sample.filter(|slot| self.is_live(*slot) && self.passes(filter, *slot)).count())
            }
        };
        // In distances of a scan.
        let qg = self.options().form.is_qg();
        let m0 = self.options().m0 as u64;
        let walk = match qg {
            true => self.wider(PlanKind::Walk, ef, passes) as u64 * HOP_OF_CODES,
            false => {
                self.wider(PlanKind::Walk, ef, passes) as u64 * live as u64 / passes.max(1) as u64 * m0 / 2
            }
        };
        let two_hop =
            if qg { u64::MAX } else { self.wider(PlanKind::TwoHop, ef, passes) as u64 * TWO_HOPS * m0 };
        let kind = if passes <= 64 + 4 * ef || passes as u64 <= walk.min(two_hop) {
            PlanKind::Exact
        } else if two_hop < walk {
            PlanKind::TwoHop
        } else {
            PlanKind::Walk
        };
        Ok(FilterPlan { passes, counted: step == 1, kind })
    }

    /// Candidates of a walk with a filter, so that recall is what `ef` gives without one. Those that pass lie farther away than those that `ef` was
    /// meant for, where walks are less sure. A pool of estimates holds everything, so it grows as fewer pass, and more than that, since estimates
    /// of what is far are coarse; other walks keep only what passes.
    fn wider(&self, kind: PlanKind, ef: usize, passes: usize) -> usize {
        let (slots, passes) = (self.slots() as f64, passes.max(1) as f64);
        let few = (slots / passes).max(1.0);
        let times = match (kind, self.options().form.is_qg()) {
            (PlanKind::Exact, _) => 1.0,
            (_, true) => 1.5 * few * libm::sqrt((few / 2.0).max(1.0)),
            (PlanKind::Walk, false) => 1.5,
            (PlanKind::TwoHop, false) => 2.0,
        };
        ((ef as f64 * times) as usize).clamp(ef, self.slots().max(ef)).min(limits::EF_MAX)
    }

    /// Live slots whose bit is set.
    fn count_slots(&self, bits: &[u64]) -> usize {
        let slots = self.slots();
        let bits = &bits[..bits.len().min(slots.div_ceil(64))];
        let last = bits.len() == slots.div_ceil(64) && !slots.is_multiple_of(64);
        let beyond = if last { bits[bits.len() - 1] >> (slots % 64) << (slots % 64) } else { 0 };
        if self.len() == slots {
            let all: u32 = bits.iter().map(|word| word.count_ones()).sum();
            return (all - beyond.count_ones()) as usize;
        }
        let each = |(at, word): (usize, &u64)| {
            let mut word = *word;
            let mut count = 0;
            while word != 0 {
                count += usize::from(self.is_live(64 * at as u32 + word.trailing_zeros()));
                word &= word - 1;
            }
            count
        };
        bits.iter().enumerate().map(each).sum()
    }

    /// Compares every slot that is accepted.
    fn scan(
        &self,
        query: &Query,
        target: &Target<'_>,
        (k, filter): (usize, &Filter<'_>),
        accept: &dyn Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Result<Vec<Near>, Error> {
        scratch.best.reset(k);
        let mut ids = [0u32; 64];
        let mut distances = [0f32; 64];
        let mut slots = Slots::new(filter, self.slots()).filter(|slot| accept(*slot));
        loop {
            let mut count = 0;
            for (id, slot) in ids.iter_mut().zip(&mut slots) {
                *id = slot;
                count += 1;
            }
            if count == 0 {
                break;
            }
            if self.options().form.is_sq() {
                for (id, distance) in ids[..count].iter().zip(&mut distances) {
                    *distance = self.score_exact(query, target, *id)?;
                }
            } else {
                self.score(target, &ids[..count], &mut distances[..count])?;
            }
            scratch.stats.distances += count as u64;
            for (slot, distance) in ids[..count].iter().zip(distances) {
                scratch.best.insert(Near { distance, slot: *slot });
            }
        }
        Ok(scratch.best.entries().to_vec())
    }

    /// The exact answer: every vector that passes is compared.
    ///
    /// # Errors
    /// As [`View::search`].
    pub fn exact(
        &self,
        vector: Vector<'_>,
        k: usize,
        filter: &Filter<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<Found>,
    ) -> Result<(), Error> {
        at_least_one(Field::K, k)?;
        at_most(Field::K, k, limits::K_MAX)?;
        scratch.stats = crate::pool::Stats::default();
        if matches!(filter, Filter::Labels(_)) {
            self.touch(Field::Label, 0, 8 * self.slots())?;
        }
        let mut query = core::mem::take(&mut scratch.query);
        let accept = |slot: u32| self.is_live(slot) && self.passes(filter, slot);
        let found = query
            .prepare(self, vector)
            .and_then(|()| self.scan(&query, &query.target(self.options()), (k, filter), &accept, scratch));
        scratch.query = query;
        for near in found? {
            self.touch(Field::Label, 8 * near.slot as usize, 8)?;
            let label = self.label(near.slot).ok_or_else(|| self.bad_link(near.slot))?;
            out.push(Found { label, distance: near.distance });
        }
        Ok(())
    }

    /// Begins a search that gives one vector after the other, nearest first, for as long as it is asked. `ef` is how far it looks ahead.
    ///
    /// # Errors
    /// As [`View::search`].
    pub fn browse<'s>(
        &'s self,
        vector: Vector<'_>,
        ef: usize,
        filter: Filter<'s>,
    ) -> Result<Browse<'s>, Error> {
        at_least_one(Field::Ef, ef)?;
        at_most(Field::Ef, ef, limits::EF_MAX)?;
        let mut scratch = Scratch::new();
        let mut query = Query::default();
        query.prepare(self, vector)?;
        let start = if self.options().form.is_qg() {
            let entry = (self.meta.entry != NONE).then_some(Near { distance: 0.0, slot: self.meta.entry });
            if let Some(near) = entry {
                self.check_slot(near.slot)?;
            }
            entry
        } else {
            self.descend(&query.target(self.options()), &mut scratch, 0)?
        };
        if matches!(filter, Filter::Labels(_)) {
            self.touch(Field::Label, 0, 8 * self.slots())?;
        }
        scratch.forget(self.slots());
        let mut browse = Browse { view: self, filter, ef, query, scratch, ahead: Vec::new() };
        if let Some(near) = start {
            if !self.options().form.is_qg() {
                browse.scratch.visited.insert(near.slot);
                browse.offer(near)?;
            }
            browse.scratch.heap.push(Reverse(near));
        }
        Ok(browse)
    }

    /// All vectors that the walk finds no farther than `radius`, nearest first.
    ///
    /// # Errors
    /// As [`View::search`].
    pub fn range(
        &self,
        vector: Vector<'_>,
        radius: f32,
        ef: usize,
        filter: Filter<'_>,
        out: &mut Vec<Found>,
    ) -> Result<(), Error> {
        if radius.is_nan() {
            return Err(Invalid::NotFinite { position: 0 }.into());
        }
        let mut browse = self.browse(vector, ef, filter)?;
        while let Some(found) = browse.next_found()? {
            if found.distance > radius {
                break;
            }
            out.push(found);
        }
        Ok(())
    }
}

/// Slots that are looked at to estimate how many pass a closure.
const SAMPLED: usize = 2048;
/// Distances of a scan that cost as much as a hop over codes in the node: one exact distance, 32 estimates, a row of twice the length.
const HOP_OF_CODES: u64 = 8;
/// Distances of a scan, for each link of a node, that cost as much as a step over neighbours of neighbours.
const TWO_HOPS: u64 = 8;

/// The slots of a scan: all, or those whose bit is set.
struct Slots<'a> {
    bits: Option<&'a [u64]>,
    /// The slot of the lowest bit of `word`.
    at: usize,
    word: u64,
    end: usize,
}

impl<'a> Slots<'a> {
    fn new(filter: &Filter<'a>, end: usize) -> Self {
        let bits = if let Filter::Slots(bits) = filter { Some(*bits) } else { None };
        let mut slots = Slots { bits, at: 0, word: 0, end };
        slots.word = slots.word_at(0);
        slots
    }

    fn word_at(&self, at: usize) -> u64 {
        self.bits.map_or(u64::MAX, |bits| bits.get(at / 64).copied().unwrap_or(0))
    }
}

impl Iterator for Slots<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.word == 0 {
            self.at += 64;
            if self.at >= self.end {
                return None;
            }
            self.word = self.word_at(self.at);
        }
        let slot = self.at + self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        (slot < self.end).then_some(slot as u32)
    }
}

/// A search that can be asked for more.
#[derive(Debug)]
pub struct Browse<'a> {
    view: &'a View<'a>,
    filter: Filter<'a>,
    ef: usize,
    query: Query,
    scratch: Scratch,
    /// What was found and not given yet, farthest first.
    ahead: Vec<Near>,
}

impl Browse<'_> {
    fn offer(&mut self, near: Near) -> Result<(), Error> {
        let view = self.view;
        if !view.is_live(near.slot) || !view.passes(&self.filter, near.slot) {
            return Ok(());
        }
        let mut near = near;
        if view.options().form.is_sq() {
            near.distance = view.score_exact(&self.query, &self.query.target(view.options()), near.slot)?;
        }
        let at = self.ahead.partition_point(|other| *other > near);
        self.ahead.insert(at, near);
        Ok(())
    }

    /// The next vector; `None` when there are no more.
    ///
    /// # Errors
    /// As [`View::search`].
    pub fn next_found(&mut self) -> Result<Option<Found>, Error> {
        let view = self.view;
        while let Some(Reverse(next)) = self.scratch.heap.peek().copied() {
            let bound = self.ahead.len().checked_sub(self.ef).and_then(|at| self.ahead.get(at));
            if bound.is_some_and(|bound| next.distance > bound.distance) {
                break;
            }
            self.scratch.heap.pop();
            if view.options().form.is_qg() { self.expand_codes(next)? } else { self.expand(next)? }
        }
        let Some(near) = self.ahead.pop() else { return Ok(None) };
        view.touch(Field::Label, 8 * near.slot as usize, 8)?;
        let label = view.label(near.slot).ok_or_else(|| view.bad_link(near.slot))?;
        Ok(Some(Found { label, distance: near.distance }))
    }

    fn expand(&mut self, near: Near) -> Result<(), Error> {
        let view = self.view;
        let mut ids = Vec::new();
        for id in view.links(near.slot, 0)? {
            match self.scratch.visited.insert(id) {
                Some(true) => ids.push(id),
                Some(false) => {}
                None => return Err(view.bad_link(id)),
            }
        }
        let mut distances = alloc::vec![0.0; ids.len()];
        view.score(&self.query.target(view.options()), &ids, &mut distances)?;
        for (slot, distance) in ids.into_iter().zip(distances) {
            let near = Near { distance, slot };
            self.scratch.heap.push(Reverse(near));
            self.offer(near)?;
        }
        Ok(())
    }

    fn expand_codes(&mut self, near: Near) -> Result<(), Error> {
        let view = self.view;
        if self.scratch.visited.insert(near.slot) != Some(true) {
            return Ok(());
        }
        let (layout, row) = (view.layout(), view.row(near.slot)?);
        let exact = view.score_own(&self.query.target(view.options()), row);
        let ids = layout.ids(row);
        let mut estimates = [0f32; crate::qg::LANES];
        for batch in 0..layout.batches() {
            self.query.tables.estimate(view.level, layout.batch(row, batch), exact, &mut estimates);
            for (estimate, id) in estimates.iter().zip(&ids[batch * crate::qg::LANES..]) {
                if estimate.is_finite()
                    && (*id as usize) < view.slots()
                    && !self.scratch.visited.contains(*id)
                {
                    self.scratch.heap.push(Reverse(Near { distance: *estimate, slot: *id }));
                }
            }
        }
        self.offer(Near { distance: exact, slot: near.slot })
    }
}
