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
}

impl Request<'_> {
    /// Without a filter.
    pub const fn new(k: usize, ef: usize) -> Self {
        Request { k, ef, rescore: 0, filter: Filter::All }
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
        let ef = if kind == PlanKind::Walk { spread(ef, passes, self.slots()) } else { ef }.max(keep);
        let accept = |slot: u32| self.is_live(slot) && self.passes(&request.filter, slot);
        let mut near = match kind {
            PlanKind::Exact => return self.scan(query, &target, k, &accept, scratch),
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
            return self.scan(query, &target, k, &accept, scratch);
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
        let step = if matches!(filter, Filter::Slots(_)) { 1 } else { slots.div_ceil(2048).max(1) };
        let mut passes = 0;
        for slot in (0..slots).step_by(step) {
            passes += usize::from(self.is_live(slot as u32) && self.passes(filter, slot as u32));
        }
        let passes = passes * step;
        // A hop costs as much as so many distances in a scan, whose rows come in order; the walk needs ef of them for each share that passes.
        let options = self.options();
        let two_hop = !options.form.is_qg() && passes * 4 < live;
        let hop = match (options.form.is_qg(), two_hop) {
            (true, _) => 20,
            (false, true) => 3 * options.m0,
            (false, false) => options.m0,
        };
        let walk = spread(ef, passes, slots).saturating_mul(hop);
        let kind = if passes <= 64 + 4 * ef || passes <= walk {
            PlanKind::Exact
        } else if two_hop {
            PlanKind::TwoHop
        } else {
            PlanKind::Walk
        };
        Ok(FilterPlan { passes, counted: step == 1, kind })
    }

    /// Compares every slot that is accepted.
    pub(crate) fn scan(
        &self,
        query: &Query,
        target: &Target<'_>,
        k: usize,
        accept: &dyn Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Result<Vec<Near>, Error> {
        scratch.best.reset(k);
        let mut ids = [0u32; 64];
        let mut distances = [0f32; 64];
        let mut slots = (0..self.slots() as u32).filter(|slot| accept(*slot));
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
            .and_then(|()| self.scan(&query, &query.target(self.options()), k, &accept, scratch));
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
        scratch.visited.reset(self.slots());
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

/// Candidates that a walk needs so that `ef` of them pass, and half as many again: those that pass lie farther away than those that `ef` was
/// meant for.
fn spread(ef: usize, passes: usize, slots: usize) -> usize {
    if passes == 0 || passes >= slots {
        return ef;
    }
    (ef as u64 * slots as u64 * 3 / (2 * passes as u64)).min(slots as u64).min(limits::EF_MAX as u64) as usize
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
