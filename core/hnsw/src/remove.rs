//! Deletion and repair. A deleted vector is dead at once: no search finds it. Walks still pass through it until the next sweep, which comes when
//! one slot in 32 is dead: every list that names dead nodes is made anew from what is left of it and from the dead nodes' own neighbours, the
//! dead slots become free, and nodes that no walk can reach any more are linked again. After FreshDiskANN (arXiv 2105.09613).

use alloc::vec::Vec;

use crate::change::Change;
use crate::error::{Error, Invalid};
use crate::index::Index;
use crate::insert::{LinkScratch, Serial, Workers};
use crate::pool::{Near, Scratch};
use crate::score::Query;
use crate::view::{NONE, State, View};

impl View<'_> {
    fn is_dead(&self, slot: u32) -> bool {
        self.states.get(slot as usize) == Some(&(State::Dead as u8))
    }

    /// A node's list without dead nodes, with the best of their neighbours; `None` if none is dead.
    fn repaired(&self, slot: u32, layer: u8, scratch: &mut LinkScratch) -> Result<Option<Vec<Near>>, Error> {
        let ids: Vec<u32> = self.links(slot, layer)?.collect();
        if !ids.iter().any(|id| self.is_dead(*id)) {
            return Ok(None);
        }
        let options = *self.options();
        let limit = if layer == 0 { options.m0 } else { options.m };
        let mut candidates: Vec<u32> = ids.iter().copied().filter(|id| self.is_live(*id)).collect();
        for dead in ids.iter().filter(|id| self.is_dead(**id)) {
            candidates.extend(self.links(*dead, layer)?.filter(|id| *id != slot && self.is_live(*id)));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let (mut buffer, mut wide) = (Vec::new(), Vec::new());
        let target = self.target_of(slot, &mut buffer, &mut wide)?;
        let mut distances = alloc::vec![0.0; candidates.len()];
        self.score(&target, &candidates, &mut distances)?;
        let mut near: Vec<Near> =
            candidates.iter().zip(distances).map(|(slot, distance)| Near { distance, slot: *slot }).collect();
        near.sort_unstable();
        near.truncate(4 * limit);
        // As many links as before: a list that only loses wears out.
        self.select(&near, ids.len().min(limit), true, scratch).map(Some)
    }

    /// Live nodes that no walk from the entry point reaches in layer 0, and how many links lead to each slot.
    ///
    /// # Errors
    /// As searches.
    pub fn unreachable(&self) -> Result<(Vec<u32>, Vec<u32>), Error> {
        let mut reached = alloc::vec![false; self.slots()];
        let mut links_in = alloc::vec![0u32; self.slots()];
        self.flood(self.meta.entry, &mut reached, &mut links_in)?;
        let lost =
            (0..self.slots() as u32).filter(|slot| self.is_live(*slot) && !reached[*slot as usize]).collect();
        Ok((lost, links_in))
    }

    /// Marks what can be reached from a node.
    fn flood(&self, from: u32, reached: &mut [bool], links_in: &mut [u32]) -> Result<(), Error> {
        let mut open = Vec::new();
        if let Some(mark) = reached.get_mut(from as usize).filter(|mark| !**mark) {
            *mark = true;
            open.push(from);
        }
        while let Some(slot) = open.pop() {
            for id in self.links(slot, 0)? {
                let Some(mark) = reached.get_mut(id as usize) else { return Err(self.bad_link(id)) };
                links_in[id as usize] += 1;
                if !core::mem::replace(mark, true) {
                    open.push(id);
                }
            }
        }
        Ok(())
    }

    /// Reachable live nodes near a node, nearest first.
    fn near_node(&self, slot: u32, scratch: &mut LinkScratch) -> Result<Vec<Near>, Error> {
        if self.options().form.is_qg() {
            return self.code_candidates(slot, scratch);
        }
        let (mut buffer, mut wide) = (Vec::new(), Vec::new());
        let target = self.target_of(slot, &mut buffer, &mut wide)?;
        let search: &mut Scratch = &mut scratch.search;
        let Some(from) = self.descend(&target, search, 0)? else { return Ok(Vec::new()) };
        let accept = |other: u32| other != slot && self.is_live(other);
        self.walk_accept(&target, search, from, self.options().ef_construction, &accept, false)?;
        Ok(search.best.entries().to_vec())
    }
}

impl Index {
    /// Deletes a vector.
    ///
    /// # Errors
    /// [`Error::Invalid`] if no live vector has the label.
    pub fn delete(&mut self, label: u64) -> Result<(), Error> {
        let slot = self.slot_of(label).ok_or(Error::Invalid(Invalid::UnknownLabel(label)))?;
        self.apply(&Change::State { slot, state: State::Dead })?;
        if self.meta.dead as usize >= (self.labels.len() / 32).max(16) || self.is_empty() {
            self.sweep(&Serial)?;
        }
        Ok(())
    }

    /// Takes dead nodes out of all lists and frees their slots. Deletion does this by itself.
    ///
    /// # Errors
    /// Only those of damaged links, which an index in memory does not have.
    pub fn sweep(&mut self, workers: &impl Workers) -> Result<(), Error> {
        let dead: Vec<u32> =
            (0..self.labels.len() as u32).filter(|slot| self.view().is_dead(*slot)).collect();
        if dead.is_empty() {
            return Ok(());
        }
        let view = self.view();
        let live: Vec<u32> = (0..self.labels.len() as u32).filter(|slot| view.is_live(*slot)).collect();
        let changes = workers.map(live.len(), LinkScratch::default, |scratch, i| {
            let mut changes = Vec::new();
            for layer in 0..=view.level_of(live[i]) {
                if let Some(list) = view.repaired(live[i], layer, scratch)? {
                    view.list_changes(live[i], layer, &list, &mut changes)?;
                }
            }
            Ok::<_, Error>(changes)
        });
        let entry = self.next_entry(&live);
        for changes in changes {
            for change in changes? {
                self.apply(&change)?;
            }
        }
        if let Some((slot, top)) = entry {
            self.apply(&Change::Entry { slot, top })?;
        }
        for slot in dead.iter().rev() {
            self.apply(&Change::State { slot: *slot, state: State::Free })?;
        }
        self.repair().map(drop)
    }

    /// Where walks begin once dead nodes are gone: unchanged, or a live node of the highest layer, for codes in the node a neighbour of the old one.
    fn next_entry(&self, live: &[u32]) -> Option<(u32, u8)> {
        let view = self.view();
        if view.is_live(self.meta.entry) {
            return None;
        }
        let nearby = if self.options().form.is_qg() {
            view.links(self.meta.entry, 0).ok().and_then(|mut links| links.find(|id| view.is_live(*id)))
        } else {
            None
        };
        let slot = nearby.or_else(|| {
            live.iter().copied().max_by_key(|slot| (view.level_of(*slot), core::cmp::Reverse(*slot)))
        });
        Some(slot.map_or((NONE, 0), |slot| (slot, view.level_of(slot))))
    }

    /// Finds live nodes that walks cannot reach and links each from its nearest reachable neighbours; says how many there were.
    ///
    /// # Errors
    /// As [`Index::sweep`].
    pub fn repair(&mut self) -> Result<usize, Error> {
        self.unchecked = 0;
        let mut count = 0;
        for _ in 0..8 {
            let (lost, mut links_in) = self.view().unreachable()?;
            if lost.is_empty() {
                break;
            }
            if count == 0 {
                count = lost.len();
            }
            let mut reached = alloc::vec![true; self.labels.len()];
            lost.iter().for_each(|slot| reached[*slot as usize] = false);
            let mut scratch = LinkScratch::default();
            for slot in lost {
                if !reached[slot as usize] {
                    self.relink_lost(slot, &mut links_in, &mut scratch)?;
                    self.view().flood(slot, &mut reached, &mut links_in)?;
                }
            }
        }
        Ok(count)
    }

    /// Adds a link to a node that nothing leads to: in the nearest list with room, else in place of the farthest link that is not the only one to
    /// its node.
    fn relink_lost(
        &mut self,
        slot: u32,
        links_in: &mut [u32],
        scratch: &mut LinkScratch,
    ) -> Result<(), Error> {
        let view = self.view();
        let near = view.near_node(slot, scratch)?;
        let limit = self.options().m0;
        let mut chosen = None;
        for one in near.iter().take(32) {
            let mut list: Vec<Near> =
                view.links(one.slot, 0)?.map(|slot| Near { distance: 0.0, slot }).collect();
            let newcomer = Near { distance: one.distance, slot };
            if list.len() < limit {
                list.push(newcomer);
                chosen = Some((one.slot, list));
                break;
            }
            let spare = list.iter().rposition(|near| links_in[near.slot as usize] > 1);
            if let (Some(spare), None) = (spare, &chosen) {
                links_in[list[spare].slot as usize] -= 1;
                list[spare] = newcomer;
                chosen = Some((one.slot, list));
                break;
            }
        }
        let Some((from, list)) = chosen else { return Ok(()) };
        links_in[slot as usize] += 1;
        let mut changes = Vec::new();
        view.list_changes(from, 0, &list, &mut changes)?;
        changes.iter().try_for_each(|change| self.apply(change))
    }

    /// The vector of a label as f32, if a live one has it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if no live vector has the label.
    pub fn vector(&self, label: u64) -> Result<Vec<f32>, Error> {
        let slot = self.slot_of(label).ok_or(Error::Invalid(Invalid::UnknownLabel(label)))?;
        self.view().vector(slot)
    }

    /// Prepares a query for this index, to check it.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what cannot be used.
    pub fn check_vector(&self, vector: crate::metric::Vector<'_>) -> Result<(), Error> {
        Query::default().prepare(&self.view(), vector)
    }
}
