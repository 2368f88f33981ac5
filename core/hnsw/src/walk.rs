//! Walks through the graph: greedy descent, the sorted pool, the walk with a filter, the walk over codes in the node.

use core::cmp::Reverse;

use dolmen_simd::prefetch;

use crate::error::Error;
use crate::pool::{Near, Scratch};
use crate::qg::LANES;
use crate::score::Target;
use crate::view::{END, NONE, View};

/// Lines of the next row that are asked for at most.
const LINES_AHEAD: usize = 56;
/// Lines of the next list of links that are asked for at most.
const LINES_OF_LINKS: usize = 4;

/// One step of a walk, for `inspect`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The layer.
    pub layer: u8,
    /// The node whose links were followed.
    pub slot: u32,
    /// Its distance.
    pub distance: f32,
    /// Neighbours that were new.
    pub fresh: u32,
}

impl View<'_> {
    /// Goes to the nearest node of each layer above `to`, beginning at the entry point.
    pub(crate) fn descend(
        &self,
        target: &Target<'_>,
        scratch: &mut Scratch,
        to: u8,
    ) -> Result<Option<Near>, Error> {
        let entry = self.meta.entry;
        if entry == NONE {
            return Ok(None);
        }
        let mut first = [0f32];
        self.check_slot(entry)?;
        self.score(target, &[entry], &mut first)?;
        scratch.stats.distances += 1;
        let mut near = Near { distance: first[0], slot: entry };
        // What was compared once was not nearer than the nearest, and need not be compared again.
        scratch.forget(self.slots());
        scratch.visited.insert(entry);
        for layer in (to + 1..=self.meta.top).rev() {
            loop {
                self.gather(scratch, near.slot, layer)?;
                scratch.distances.resize(scratch.ids.len(), 0.0);
                self.score(target, &scratch.ids, &mut scratch.distances)?;
                scratch.stats.distances += scratch.ids.len() as u64;
                scratch.stats.hops += 1;
                scratch.step(layer, near, scratch.ids.len());
                let best = scratch
                    .ids
                    .iter()
                    .zip(&scratch.distances)
                    .map(|(slot, d)| Near { distance: *d, slot: *slot })
                    .min();
                match best {
                    Some(best) if best.distance < near.distance => near = best,
                    _ => break,
                }
            }
        }
        Ok(Some(near))
    }

    #[inline]
    pub(crate) fn check_slot(&self, slot: u32) -> Result<(), Error> {
        if (slot as usize) < self.slots() { Ok(()) } else { Err(self.bad_link(slot)) }
    }

    /// The nearest `ef` nodes of a layer around `from`, left in the pool. Every node counts, dead ones too.
    pub(crate) fn walk_layer(
        &self,
        target: &Target<'_>,
        scratch: &mut Scratch,
        from: &[Near],
        ef: usize,
        layer: u8,
    ) -> Result<(), Error> {
        scratch.pool.reset(ef);
        scratch.forget(self.slots());
        for near in from {
            if scratch.visited.insert(near.slot) == Some(true) && near.distance < scratch.pool.bound() {
                scratch.pool.offer(self.level, near.distance, near.slot);
            }
        }
        scratch.pool.settle(self.level);
        while let Some(near) = scratch.pool.pop() {
            self.gather(scratch, near.slot, layer)?;
            self.ask_for_links(scratch.pool.peek(), layer);
            scratch.distances.resize(scratch.ids.len(), 0.0);
            self.score(target, &scratch.ids, &mut scratch.distances)?;
            scratch.count(layer, near);
            let bound = scratch.pool.bound();
            for (id, distance) in scratch.ids.iter().zip(&scratch.distances) {
                if *distance < bound {
                    scratch.pool.offer(self.level, *distance, *id);
                }
            }
            scratch.pool.settle(self.level);
            self.ask_for_links(scratch.pool.peek(), layer);
        }
        Ok(())
    }

    /// Asks for a list of layer 0; those above are few.
    #[inline]
    fn ask_for_links(&self, slot: Option<u32>, layer: u8) {
        let Some(slot) = slot.filter(|_| layer == 0) else { return };
        let m0 = self.options().m0;
        for line in (0..m0).step_by(16).take(LINES_OF_LINKS) {
            prefetch::read(self.links, slot as usize * m0 + line);
        }
    }

    /// The unvisited neighbours of a node, marked and put into `ids`; their rows are asked for.
    #[inline]
    fn gather(&self, scratch: &mut Scratch, slot: u32, layer: u8) -> Result<(), Error> {
        scratch.ids.clear();
        for id in self.list(slot, layer)? {
            if *id >= END {
                break;
            }
            match scratch.visited.insert(*id) {
                Some(true) => scratch.ids.push(*id),
                Some(false) => {}
                None => return Err(self.bad_link(*id)),
            }
        }
        Ok(())
    }

    /// The nearest `ef` nodes of layer 0 that `accept` lets through, left in `best`. With `two_hop`, only those are scored: a neighbour that
    /// does not pass is replaced by its own neighbours.
    pub(crate) fn walk_accept(
        &self,
        target: &Target<'_>,
        scratch: &mut Scratch,
        from: Near,
        ef: usize,
        accept: &dyn Fn(u32) -> bool,
        two_hop: bool,
    ) -> Result<(), Error> {
        scratch.best.reset(ef);
        scratch.heap.clear();
        scratch.forget(self.slots());
        scratch.visited.insert(from.slot);
        scratch.heap.push(Reverse(from));
        if accept(from.slot) {
            scratch.best.insert(from);
        }
        while let Some(Reverse(near)) = scratch.heap.pop() {
            if near.distance > scratch.best.bound() {
                break;
            }
            self.gather(scratch, near.slot, 0)?;
            if two_hop {
                self.expand_rejected(scratch, accept)?;
            }
            scratch.distances.resize(scratch.ids.len(), 0.0);
            self.score(target, &scratch.ids, &mut scratch.distances)?;
            scratch.count(0, near);
            for (id, distance) in scratch.ids.iter().zip(&scratch.distances) {
                let near = Near { distance: *distance, slot: *id };
                if near.distance < scratch.best.bound() {
                    scratch.heap.push(Reverse(near));
                    if accept(*id) {
                        scratch.best.insert(near);
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts the neighbours of gathered nodes that do not pass in their place, until as many are there as a node has links.
    fn expand_rejected(&self, scratch: &mut Scratch, accept: &dyn Fn(u32) -> bool) -> Result<(), Error> {
        let direct = scratch.ids.len();
        let room = 2 * self.options().m0;
        for at in 0..direct {
            let id = scratch.ids[at];
            if accept(id) {
                continue;
            }
            for next in self.list(id, 0)? {
                if *next >= END || scratch.ids.len() >= direct + room {
                    break;
                }
                self.check_slot(*next)?;
                if accept(*next) && scratch.visited.insert(*next) == Some(true) {
                    scratch.ids.push(*next);
                }
            }
        }
        let mut kept = 0;
        for at in 0..scratch.ids.len() {
            // Of those that do not pass, the first few stay, so that a walk is not cut off where nothing passes.
            if at >= direct || accept(scratch.ids[at]) || at < 4 {
                scratch.ids[kept] = scratch.ids[at];
                kept += 1;
            }
        }
        scratch.ids.truncate(kept);
        Ok(())
    }

    /// Walks over codes in the node with a pool of `ef` estimates; the nearest `keep` expanded nodes that pass are left in `best`, at their exact
    /// distances.
    pub(crate) fn walk_codes(
        &self,
        query: &crate::score::Query,
        target: &Target<'_>,
        scratch: &mut Scratch,
        (ef, keep): (usize, usize),
        accept: &dyn Fn(u32) -> bool,
    ) -> Result<(), Error> {
        let (layout, slots) = (self.layout(), self.slots());
        scratch.best.reset(keep);
        scratch.pool.reset(ef);
        scratch.forget(slots);
        if self.meta.entry == NONE {
            return Ok(());
        }
        self.check_slot(self.meta.entry)?;
        scratch.pool.offer(self.level, 0.0, self.meta.entry);
        scratch.pool.settle(self.level);
        let mut estimates = [0f32; LANES];
        let mut asked = NONE;
        while let Some(near) = scratch.pool.pop() {
            if scratch.visited.insert(near.slot) != Some(true) {
                continue;
            }
            // While this node is worked on, the row of the next best comes; if a better one turns up, that is asked for below.
            self.ask_for(scratch.pool.peek(), &mut asked);
            let row = self.row(near.slot)?;
            let exact = self.score_own(target, row);
            if accept(near.slot) {
                scratch.best.insert(Near { distance: exact, slot: near.slot });
            }
            scratch.stats.distances += 1;
            scratch.stats.hops += 1;
            let ids = layout.ids(row);
            let mut fresh = 0;
            for batch in 0..layout.batches() {
                // An empty lane is infinitely far, and stays out of a pool that is not full.
                let bound = scratch.pool.bound().min(f32::MAX);
                let lanes = layout.batch(row, batch);
                let mut below =
                    query.tables.estimate_below(self.level, lanes, (exact, bound), &mut estimates);
                while below != 0 {
                    let v = below.trailing_zeros() as usize;
                    below &= below - 1;
                    let id = ids[batch * LANES + v];
                    if scratch.visited.is_fresh(id, slots) {
                        scratch.pool.offer(self.level, estimates[v], id);
                        fresh += 1;
                    }
                }
                scratch.pool.settle(self.level);
            }
            self.ask_for(scratch.pool.peek(), &mut asked);
            scratch.stats.estimates += (layout.batches() * LANES) as u64;
            scratch.step(0, Near { distance: exact, ..near }, fresh);
        }
        Ok(())
    }
}

impl View<'_> {
    /// Asks for the first lines of a row, unless it was the last that was asked for; the CPU follows them by itself.
    #[inline]
    fn ask_for(&self, slot: Option<u32>, asked: &mut u32) {
        let Some(slot) = slot.filter(|slot| *slot != *asked) else { return };
        *asked = slot;
        for line in 0..(self.stride / 16).min(LINES_AHEAD) {
            prefetch::read(self.main, slot as usize * self.stride + 16 * line);
        }
    }

    /// Where a walk over codes in the node found fewer than `k`, their neighbours come in by exact distance.
    pub(crate) fn widen(
        &self,
        target: &Target<'_>,
        scratch: &mut Scratch,
        k: usize,
        accept: &dyn Fn(u32) -> bool,
    ) -> Result<(), Error> {
        let mut at = 0;
        while at < scratch.best.len() && scratch.best.len() < k {
            let near = scratch.best.entries()[at];
            for id in self.links(near.slot, 0)? {
                match scratch.visited.insert(id) {
                    Some(true) if accept(id) => {
                        let distance = self.score_own(target, self.row(id)?);
                        scratch.stats.distances += 1;
                        scratch.best.insert(Near { distance, slot: id });
                    }
                    Some(_) => {}
                    None => return Err(self.bad_link(id)),
                }
            }
            at += 1;
        }
        Ok(())
    }
}

impl Scratch {
    fn count(&mut self, layer: u8, near: Near) {
        self.stats.distances += self.ids.len() as u64;
        self.stats.hops += 1;
        self.step(layer, near, self.ids.len());
    }

    fn step(&mut self, layer: u8, near: Near, fresh: usize) {
        if let Some(trace) = &mut self.trace {
            trace.push(Step { layer, slot: near.slot, distance: near.distance, fresh: fresh as u32 });
        }
    }
}
