//! Insertion in three steps, so that any number of threads gives the same graph: vectors come into slots; candidates are searched in a frozen
//! graph; lists are changed in one order.
//!
//! A batch is at most a 32nd of what is there, so that its vectors, which do not see each other, miss little.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::change::{Change, Stored};
use crate::error::{Error, Field, Invalid};
use crate::index::Index;
use crate::limits;
use crate::metric::{Metric, Vector};
use crate::pool::{Near, Scratch};
use crate::qg;
use crate::score::{self, Query, Values};
use crate::view::{NONE, State, View};

/// Runs jobs on threads. The result must not depend on how; [`Serial`] is the plain form.
pub trait Workers {
    /// `job(worker, i)` for each i below `count`, each result at its place; `start` makes what a thread keeps.
    fn map<S, T: Send>(
        &self,
        count: usize,
        start: impl Fn() -> S + Sync,
        job: impl Fn(&mut S, usize) -> T + Sync,
    ) -> Vec<T>;
}

/// Nodes that are linked again at once.
const REFINE_GROUP: usize = 2048;

/// No threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serial;

impl Workers for Serial {
    fn map<S, T: Send>(
        &self,
        count: usize,
        start: impl Fn() -> S + Sync,
        job: impl Fn(&mut S, usize) -> T + Sync,
    ) -> Vec<T> {
        let mut state = start();
        (0..count).map(|i| job(&mut state, i)).collect()
    }
}

/// Buffers of a thread that links nodes.
#[derive(Debug, Default)]
pub(crate) struct LinkScratch {
    pub search: Scratch,
    own: (Vec<f32>, Vec<u8>),
    other: (Vec<f32>, Vec<u8>),
    distances: Vec<f32>,
    ids: Vec<u32>,
    /// Of each candidate: how near the nearest is that is kept.
    nearest: Vec<f32>,
}

/// The neighbours that a new node takes, layer by layer from 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub layers: Vec<Vec<Near>>,
}

/// What a node's list becomes, and which of those that asked to be in it are.
pub(crate) struct Relinked {
    pub slot: u32,
    pub layer: u8,
    pub list: Vec<Near>,
}

impl View<'_> {
    /// The nearest neighbours that a node keeps: in order of distance, each unless one that is kept is nearer to it than the node, or is its equal.
    /// With `fill`, what was passed over takes the rest.
    pub(crate) fn select(
        &self,
        candidates: &[Near],
        limit: usize,
        fill: bool,
        scratch: &mut LinkScratch,
    ) -> Result<Vec<Near>, Error> {
        // Where distance 0 means equality, one of equals is enough: copies of a vector must not fill a list.
        let equal = if self.options().metric == Metric::Ip { f32::NEG_INFINITY } else { 0.0 };
        if fill {
            return self.select_filled(candidates, limit, equal, scratch);
        }
        let mut kept: Vec<Near> = Vec::with_capacity(limit);
        scratch.ids.clear();
        for candidate in candidates {
            if kept.len() >= limit {
                break;
            }
            if !self.is_covered(*candidate, equal, scratch)? {
                kept.push(*candidate);
                scratch.ids.push(candidate.slot);
            }
        }
        Ok(kept)
    }

    /// Whether one of those that are kept (`scratch.ids`) is nearer to a candidate than the node, or its equal.
    fn is_covered(&self, candidate: Near, equal: f32, scratch: &mut LinkScratch) -> Result<bool, Error> {
        if scratch.ids.is_empty() {
            return Ok(false);
        }
        let target = self.target_of(candidate.slot, &mut scratch.other.0, &mut scratch.other.1)?;
        for ids in scratch.ids.chunks(8) {
            scratch.distances.resize(ids.len(), 0.0);
            self.score(&target, ids, &mut scratch.distances)?;
            if scratch.distances.iter().any(|d| *d < candidate.distance || *d <= equal) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same, then what was passed over, the least covered first: links in as many directions as there are. Each node that is kept is compared
    /// with all candidates behind it at once.
    fn select_filled(
        &self,
        candidates: &[Near],
        limit: usize,
        equal: f32,
        scratch: &mut LinkScratch,
    ) -> Result<Vec<Near>, Error> {
        let (mut kept, mut passed) = (Vec::with_capacity(limit), Vec::new());
        let LinkScratch { ids, distances, other, nearest, .. } = scratch;
        ids.clear();
        ids.extend(candidates.iter().map(|near| near.slot));
        nearest.clear();
        nearest.resize(candidates.len(), f32::INFINITY);
        for (at, candidate) in candidates.iter().enumerate() {
            if kept.len() >= limit {
                break;
            }
            let nearest_kept = nearest[at];
            if nearest_kept <= equal {
                passed.push((0.0, *candidate));
                continue;
            }
            if nearest_kept < candidate.distance {
                // Inner products have no ratio: the nearer ones come first there.
                let ip = self.options().metric == Metric::Ip;
                let share = if ip { 0.5 } else { nearest_kept / candidate.distance };
                passed.push((share.min(1.0 - f32::EPSILON), *candidate));
                continue;
            }
            kept.push(*candidate);
            let behind = &ids[at + 1..];
            let target = self.target_of(candidate.slot, &mut other.0, &mut other.1)?;
            distances.resize(behind.len(), 0.0);
            self.score(&target, behind, distances)?;
            nearest[at + 1..].iter_mut().zip(distances.iter()).for_each(|(least, d)| *least = least.min(*d));
        }
        passed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let room = limit - kept.len();
        kept.extend(passed.into_iter().take(room).map(|(_, near)| near));
        Ok(kept)
    }

    /// Searches the neighbours of a node that is in its slot but not linked.
    pub(crate) fn plan(&self, slot: u32, scratch: &mut LinkScratch) -> Result<Plan, Error> {
        let options = *self.options();
        let mut plan = Plan::default();
        if self.meta.entry == NONE {
            return Ok(plan);
        }
        let live = |near: &Near| near.slot != slot && self.is_live(near.slot);
        if options.form.is_qg() {
            let mut candidates = self.code_candidates(slot, scratch)?;
            self.add_links(slot, &mut candidates)?;
            let kept = self.select(&candidates, options.m0, true, scratch)?;
            plan.layers.push(kept);
            return Ok(plan);
        }
        let level = self.level_of(slot);
        let (mut buffer, mut wide) = core::mem::take(&mut scratch.own);
        let target = self.target_of(slot, &mut buffer, &mut wide)?;
        let Some(near) = self.descend(&target, &mut scratch.search, level)? else { return Ok(plan) };
        let mut from = alloc::vec![near];
        for layer in (0..=level.min(self.meta.top)).rev() {
            self.walk_layer(&target, &mut scratch.search, &from, options.ef_construction, layer)?;
            from = scratch.search.pool.entries().collect();
            let candidates: Vec<Near> = from.iter().copied().filter(live).collect();
            plan.layers.push(self.select(&candidates, options.m, false, scratch)?);
        }
        plan.layers.reverse();
        scratch.own = (buffer, wide);
        Ok(plan)
    }

    /// The node's present neighbours among the candidates, for nodes that are linked again.
    fn add_links(&self, slot: u32, candidates: &mut Vec<Near>) -> Result<(), Error> {
        let mut ids: Vec<u32> = self.links(slot, 0)?.filter(|id| self.is_live(*id)).collect();
        ids.retain(|id| !candidates.iter().any(|near| near.slot == *id));
        if ids.is_empty() {
            return Ok(());
        }
        let (mut buffer, mut wide) = (Vec::new(), Vec::new());
        let target = self.target_of(slot, &mut buffer, &mut wide)?;
        let mut distances = alloc::vec![0.0; ids.len()];
        self.score(&target, &ids, &mut distances)?;
        candidates.extend(ids.into_iter().zip(distances).map(|(slot, distance)| Near { distance, slot }));
        candidates.sort_unstable();
        Ok(())
    }

    /// Live nodes around one, nearest first, at their exact distances: a walk over codes in the node.
    pub(crate) fn code_candidates(&self, slot: u32, scratch: &mut LinkScratch) -> Result<Vec<Near>, Error> {
        let options = self.options();
        let mut query = Query::default();
        self.layout().read_own(self.row(slot)?, &mut query.rotated);
        query.prepare_rotated(self.level, options.form);
        let target = query.target(options);
        let sizes = (options.ef_construction, (2 * options.ef_construction).max(3 * options.m0));
        let accept = |other: u32| other != slot && self.is_live(other);
        self.walk_codes(&query, &target, &mut scratch.search, sizes, &accept)?;
        Ok(scratch.search.best.entries().to_vec())
    }

    /// A node's list with newcomers, cut where it is too long. Links to nodes that are not live go first.
    pub(crate) fn relink(
        &self,
        slot: u32,
        layer: u8,
        newcomers: &[Near],
        scratch: &mut LinkScratch,
    ) -> Result<Relinked, Error> {
        let options = *self.options();
        let limit = if layer == 0 { options.m0 } else { options.m };
        let ids: Vec<u32> = self.links(slot, layer)?.collect();
        let mut list: Vec<Near> = ids.iter().map(|slot| Near { distance: 0.0, slot: *slot }).collect();
        let newcomers: Vec<Near> =
            newcomers.iter().copied().filter(|near| !ids.contains(&near.slot)).collect();
        if ids.len() + newcomers.len() <= limit {
            list.extend_from_slice(&newcomers);
            return Ok(Relinked { slot, layer, list });
        }
        let (mut buffer, mut wide) = core::mem::take(&mut scratch.own);
        let target = self.target_of(slot, &mut buffer, &mut wide)?;
        let mut distances = alloc::vec![0.0; ids.len()];
        self.score(&target, &ids, &mut distances)?;
        list.iter_mut().zip(distances).for_each(|(near, distance)| near.distance = distance);
        list.retain(|near| self.is_live(near.slot));
        list.extend_from_slice(&newcomers);
        list.sort_unstable();
        list.dedup_by_key(|near| near.slot);
        scratch.own = (buffer, wide);
        let list = self.select(&list, limit, options.form.is_qg(), scratch)?;
        Ok(Relinked { slot, layer, list })
    }

    /// The changes that bring a node's list to `list`: for codes in the node, only the lanes that differ.
    pub(crate) fn list_changes(
        &self,
        slot: u32,
        layer: u8,
        list: &[Near],
        out: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let options = self.options();
        if layer > 0 || !options.form.is_qg() {
            out.push(Change::Links { slot, layer, ids: list.iter().map(|near| near.slot).collect() });
            return Ok(());
        }
        let layout = self.layout();
        let row = self.row(slot)?;
        let lanes = layout.ids(row);
        let mut missing: Vec<u32> =
            list.iter().map(|near| near.slot).filter(|id| !lanes.contains(id)).collect();
        missing.reverse();
        let l2 = options.metric == Metric::L2;
        let (mut own, mut other) = (Vec::new(), Vec::new());
        layout.read_own(row, &mut own);
        for (lane, id) in lanes.iter().enumerate() {
            if *id != slot && list.iter().any(|near| near.slot == *id) {
                continue;
            }
            match missing.pop() {
                Some(id) => {
                    layout.read_own(self.row(id)?, &mut other);
                    let edge = qg::edge(self.level, l2, &own, &other);
                    out.push(Change::Lane { slot, lane: lane as u32, id, edge });
                }
                None if *id != slot => out.push(Change::Empty { slot, lane: lane as u32 }),
                None => {}
            }
        }
        Ok(())
    }
}

impl Index {
    /// Inserts vectors under new labels. All are checked first: if one cannot be used, none comes in.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what cannot be used, [`Error::Limit`] that the index is full.
    pub fn insert_batch(&mut self, workers: &impl Workers, items: &[(u64, Vector<'_>)]) -> Result<(), Error> {
        let mut stored = Vec::with_capacity(items.len());
        let mut labels: Vec<u64> = items.iter().map(|(label, _)| *label).collect();
        labels.sort_unstable();
        if let Some(pair) = labels.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Invalid::LabelExists(pair[0]).into());
        }
        for (label, vector) in items {
            if self.by_label.contains_key(label) {
                return Err(Invalid::LabelExists(*label).into());
            }
            stored.push((*label, self.check_stored(*vector)?));
        }
        let slots = self.labels.len() + items.len().saturating_sub(self.free.len());
        if slots > limits::SLOTS_MAX {
            return Err(Error::Limit {
                field: Field::Count,
                found: slots as u64,
                max: limits::SLOTS_MAX as u64,
            });
        }
        let mut rest = stored.as_slice();
        while !rest.is_empty() {
            let size = (self.len() / 32).clamp(1, limits::BATCH_MAX).min(rest.len());
            let (group, after) = rest.split_at(size);
            self.insert_group(workers, group)?;
            rest = after;
        }
        Ok(())
    }

    /// Inserts a vector under a new label.
    ///
    /// # Errors
    /// As [`Index::insert_batch`].
    pub fn insert(&mut self, label: u64, vector: Vector<'_>) -> Result<(), Error> {
        self.insert_batch(&Serial, &[(label, vector)])
    }

    /// Gives a label another vector, or a first one. The old vector is deleted, the new one takes a slot of its own.
    ///
    /// # Errors
    /// As [`Index::insert_batch`]; the old vector then stays.
    pub fn upsert(&mut self, label: u64, vector: Vector<'_>) -> Result<(), Error> {
        let stored = self.check_stored(vector)?;
        if self.slot_of(label).is_some() {
            self.delete(label)?;
        }
        self.insert_group(&Serial, &[(label, stored)])
    }

    /// Ends a bulk build: dead nodes are swept, walks begin where they should, and what no walk reaches is linked. Says how many that were.
    ///
    /// # Errors
    /// As [`Index::sweep`].
    pub fn finish(&mut self, workers: &impl Workers) -> Result<usize, Error> {
        self.sweep(workers)?;
        if self.options().form.is_qg() && !self.is_empty() {
            self.centre_entry()?;
            self.refine(workers)?;
        }
        self.repair()
    }

    /// Links every node again, now that all are there: those that came first chose among few. Codes in the node need it, since no upper layers
    /// lead their walks.
    ///
    /// # Errors
    /// As [`Index::sweep`].
    pub fn refine(&mut self, workers: &impl Workers) -> Result<(), Error> {
        let live: Vec<u32> =
            (0..self.labels.len() as u32).filter(|slot| self.view().is_live(*slot)).collect();
        live.chunks((live.len() / 16).clamp(1, REFINE_GROUP))
            .try_for_each(|group| self.refine_group(workers, group))
    }

    /// The same, little by little, for an index that grows and changes while it is used: links the next `count` nodes again, around and around. Called
    /// after each write with as many as were written, it keeps a graph as good as one that was built at once and finished. Other forms than
    /// codes in the node do not need it, and nothing is done for them.
    ///
    /// # Errors
    /// As [`Index::sweep`].
    pub fn maintain(&mut self, workers: &impl Workers, count: usize) -> Result<(), Error> {
        let (slots, view) = (self.labels.len(), self.view());
        if !self.options().form.is_qg() || self.is_empty() {
            return Ok(());
        }
        let (mut group, mut at) = (Vec::new(), self.refined as usize);
        for _ in 0..slots {
            if group.len() >= count {
                break;
            }
            at = if at < slots { at } else { 0 };
            if view.is_live(at as u32) {
                group.push(at as u32);
            }
            at += 1;
        }
        self.refined = at as u32;
        group
            .chunks((self.len() / 16).clamp(1, REFINE_GROUP))
            .try_for_each(|group| self.refine_group(workers, group))
    }

    fn refine_group(&mut self, workers: &impl Workers, group: &[u32]) -> Result<(), Error> {
        let view = self.view();
        let plans = workers.map(group.len(), LinkScratch::default, |scratch, i| {
            let (plan, mut changes) = (view.plan(group[i], scratch)?, Vec::new());
            for (layer, list) in plan.layers.iter().enumerate() {
                view.list_changes(group[i], layer as u8, list, &mut changes)?;
            }
            Ok::<_, Error>((plan, changes))
        });
        let mut wanted: BTreeMap<(u8, u32), Vec<Near>> = BTreeMap::new();
        for (slot, planned) in group.iter().zip(plans) {
            let (plan, changes) = planned?;
            for (layer, list) in plan.layers.iter().enumerate() {
                for near in list {
                    let newcomer = Near { distance: near.distance, slot: *slot };
                    wanted.entry((layer as u8, near.slot)).or_default().push(newcomer);
                }
            }
            changes.iter().try_for_each(|change| self.apply(change))?;
        }
        let (view, wanted): (_, Vec<_>) = (self.view(), wanted.into_iter().collect());
        let backward = workers.map(wanted.len(), LinkScratch::default, |scratch, i| {
            let ((layer, slot), newcomers) = &wanted[i];
            let relinked = view.relink(*slot, *layer, newcomers, scratch)?;
            let mut changes = Vec::new();
            view.list_changes(*slot, *layer, &relinked.list, &mut changes).map(|()| changes)
        });
        for changes in backward {
            changes?.iter().try_for_each(|change| self.apply(change))?;
        }
        Ok(())
    }

    fn check_stored(&self, vector: Vector<'_>) -> Result<Stored, Error> {
        Ok(match score::check_vector(self.options(), vector)? {
            Values::Bytes(bytes) => Stored::Bytes(bytes.to_vec()),
            Values::F32(values) => {
                let mut values = values.to_vec();
                if self.normalises() {
                    score::normalise(&mut values);
                }
                Stored::F32(values)
            }
        })
    }

    fn insert_group(&mut self, workers: &impl Workers, group: &[(u64, Stored)]) -> Result<(), Error> {
        let mut slots = Vec::with_capacity(group.len());
        for (label, values) in group {
            let slot = self.free.last().copied().unwrap_or(self.labels.len() as u32);
            let level = self.levels.get(slot as usize).copied().unwrap_or_else(|| self.drawn_level(slot));
            self.apply(&Change::Put { slot, label: *label, level, values: values.clone() })?;
            slots.push(slot);
        }
        self.refit(slots.len())?;
        self.link(workers, &slots)?;
        for slot in &slots {
            self.apply(&Change::State { slot: *slot, state: State::Live })?;
        }
        self.raise_entry(&slots)?;
        self.unchecked += slots.len();
        if self.unchecked >= (self.len() / 2).max(1024) {
            self.repair()?;
        }
        Ok(())
    }

    /// Links nodes that are in their slots.
    fn link(&mut self, workers: &impl Workers, slots: &[u32]) -> Result<(), Error> {
        let view = self.view();
        let plans = workers.map(slots.len(), LinkScratch::default, |scratch, i| {
            let plan = view.plan(slots[i], scratch)?;
            let mut changes = Vec::new();
            for (layer, list) in plan.layers.iter().enumerate() {
                view.list_changes(slots[i], layer as u8, list, &mut changes)?;
            }
            Ok::<_, Error>((plan, changes))
        });
        let mut wanted: BTreeMap<(u8, u32), Vec<Near>> = BTreeMap::new();
        let mut forward = Vec::new();
        let mut nearest = Vec::with_capacity(slots.len());
        for (slot, planned) in slots.iter().zip(plans) {
            let (plan, changes) = planned?;
            forward.extend(changes);
            nearest.push(plan.layers.first().and_then(|list| list.first()).copied());
            for (layer, list) in plan.layers.iter().enumerate() {
                for near in list {
                    let newcomer = Near { distance: near.distance, slot: *slot };
                    wanted.entry((layer as u8, near.slot)).or_default().push(newcomer);
                }
            }
        }
        let wanted: Vec<((u8, u32), Vec<Near>)> = wanted.into_iter().collect();
        let relinked = workers.map(wanted.len(), LinkScratch::default, |scratch, i| {
            let ((layer, slot), newcomers) = &wanted[i];
            view.relink(*slot, *layer, newcomers, scratch)
        });
        let mut relinked = relinked.into_iter().collect::<Result<Vec<_>, Error>>()?;
        give_each_a_way_in(slots, &nearest, &mut relinked);
        let backward = workers.map(
            relinked.len(),
            || (),
            |(), i| {
                let (one, mut changes) = (&relinked[i], Vec::new());
                view.list_changes(one.slot, one.layer, &one.list, &mut changes).map(|()| changes)
            },
        );
        for change in forward.iter() {
            self.apply(change)?;
        }
        for changes in backward {
            for change in changes? {
                self.apply(&change)?;
            }
        }
        Ok(())
    }

    /// The highest of new nodes becomes the entry point if it is higher than the present one.
    fn raise_entry(&mut self, slots: &[u32]) -> Result<(), Error> {
        let key = |slot: &u32| (self.levels[*slot as usize], core::cmp::Reverse(*slot));
        let Some(slot) = slots.iter().copied().max_by_key(|slot| key(slot)) else { return Ok(()) };
        let top = self.levels[slot as usize];
        if self.meta.entry == NONE || top > self.meta.top {
            self.apply(&Change::Entry { slot, top })?;
        }
        Ok(())
    }

    /// When the number of slots has doubled, codes of one scale are fitted anew and walks over codes in the node begin nearest to the mean.
    fn refit(&mut self, added: usize) -> Result<(), Error> {
        let (now, form) = (self.labels.len(), self.options().form);
        let before = now.saturating_sub(added);
        let doubled = before == 0 || now.ilog2() > before.ilog2();
        if form.is_sq() && (self.meta.scale.step == 0.0 || doubled && now <= 1 << 17) {
            let scale = self.fitted_scale();
            self.apply(&Change::Scale(scale))?;
        }
        if form.is_qg() && doubled && !self.is_empty() {
            self.centre_entry()?;
        }
        Ok(())
    }

    /// Walks begin at the live node nearest to the mean of a sample.
    pub(crate) fn centre_entry(&mut self) -> Result<(), Error> {
        let view = self.view();
        let layout = view.layout();
        let live: Vec<u32> = (0..view.slots() as u32).filter(|slot| view.is_live(*slot)).collect();
        let sample: Vec<u32> = live.iter().copied().step_by(live.len().div_ceil(4096).max(1)).collect();
        let mut mean = alloc::vec![0f64; layout.padded];
        let mut own = Vec::new();
        for slot in &sample {
            layout.read_own(view.row(*slot)?, &mut own);
            mean.iter_mut()
                .zip(&own)
                .for_each(|(sum, value)| *sum += f64::from(*value) / sample.len() as f64);
        }
        let mean: Vec<f32> = mean.iter().map(|value| *value as f32).collect();
        let mut nearest: Option<Near> = None;
        for slot in &sample {
            layout.read_own(view.row(*slot)?, &mut own);
            let near = Near { distance: dolmen_simd::vector::l2_f32(self.level, &mean, &own), slot: *slot };
            nearest = Some(nearest.map_or(near, |best| best.min(near)));
        }
        let slot = nearest.map_or(NONE, |near| near.slot);
        if slot != self.meta.entry {
            self.apply(&Change::Entry { slot, top: 0 })?;
        }
        Ok(())
    }
}

/// A new node that every neighbour's list passed over takes the last place in its nearest neighbour's list: else no walk would find it.
fn give_each_a_way_in(slots: &[u32], nearest: &[Option<Near>], relinked: &mut [Relinked]) {
    let mut found: Vec<u32> = relinked
        .iter()
        .filter(|one| one.layer == 0)
        .flat_map(|one| one.list.iter().map(|near| near.slot))
        .collect();
    found.sort_unstable();
    for (slot, nearest) in slots.iter().zip(nearest) {
        let Some(nearest) = nearest else { continue };
        if found.binary_search(slot).is_ok() {
            continue;
        }
        let list = relinked
            .iter_mut()
            .find(|one| one.layer == 0 && one.slot == nearest.slot)
            .map(|one| &mut one.list);
        let newcomer = Near { distance: nearest.distance, slot: *slot };
        let Some(list) = list else { continue };
        if let Some(last) = list.iter_mut().rev().find(|near| !slots.contains(&near.slot)) {
            *last = newcomer;
        }
    }
}
