//! Cursors: they move both ways and see entries that are inserted after they were made.

use crate::node::{Entry, Look, Node};
use crate::{AT, BEFORE, BEHIND, Order, Place, Side, Skiplist};
use alloc::sync::Arc;

/// An entry and where it stood when it was found.
#[derive(Clone, Copy)]
struct At {
    entry: Entry,
    node: Node,
    look: Look,
    rank: usize,
}

/// A cursor; it sees entries inserted after it was made.
pub struct Iter<'a, O> {
    list: &'a Skiplist<O>,
    at: Option<At>,
}

impl<'a, O> Iter<'a, O> {
    pub(crate) fn new(list: &'a Skiplist<O>) -> Self {
        Iter { list, at: None }
    }
}

impl<'a, O: Order> Iter<'a, O> {
    /// Whether the cursor stands on an entry.
    pub fn is_valid(&self) -> bool {
        self.at.is_some()
    }

    /// The entry's key.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.at.map(|at| at.entry.key())
    }

    /// The entry's value.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.at.map(|at| at.entry.value())
    }

    /// Moves to the first entry.
    pub fn seek_to_first(&mut self) {
        let node = self.list.first;
        loop {
            let look = node.look();
            self.at = if look.ranks.len() == 0 { None } else { read(node, look, 0) };
            if look.ranks.len() == 0 || self.at.is_some() {
                return;
            }
        }
    }

    /// Moves to the last entry.
    pub fn seek_to_last(&mut self) {
        let mut node = Node::load(&self.list.root);
        loop {
            let look = node.look();
            if let Some(next) = node.next() {
                node = next;
                continue;
            }
            let Some(last) = look.ranks.len().checked_sub(1) else {
                self.at = None;
                return;
            };
            if node.level() > 0 {
                let child = node.child(look.ranks, last);
                if node.is_as_in(look) {
                    node = child;
                }
                continue;
            }
            self.at = read(node, look, last);
            if self.at.is_some() {
                return;
            }
        }
    }

    /// Moves to the first entry at or after `key`.
    pub fn seek(&mut self, key: &[u8]) {
        let place = self.list.find(key, AT);
        self.stand(place, key, AT);
    }

    /// Moves to the last entry at or before `key`.
    pub fn seek_for_prev(&mut self, key: &[u8]) {
        self.stand_before(key, BEHIND);
    }

    /// Moves forward; behind the last entry the cursor stands nowhere.
    #[allow(clippy::should_implement_trait, reason = "a cursor moves both ways and is not an Iterator")]
    pub fn next(&mut self) {
        let Some(At { entry, node, look, rank }) = self.at else { return };
        let place = if node.look() == look {
            Place { node, look, rank: rank + 1 }
        } else {
            self.list.find(entry.key(), BEHIND)
        };
        self.stand(place, entry.key(), BEHIND);
    }

    /// Moves backward; before the first entry the cursor stands nowhere.
    pub fn prev(&mut self) {
        let Some(At { entry, node, look, rank }) = self.at else { return };
        if rank > 0
            && node.look() == look
            && let Some(at) = read(node, look, rank - 1)
        {
            self.at = Some(at);
            return;
        }
        self.stand_before(entry.key(), BEFORE);
    }

    /// Stands on the first entry at a place, which is that of `key`, or behind it.
    #[inline]
    fn stand(&mut self, mut place: Place, key: &[u8], side: Side) {
        loop {
            let Place { node, look, rank } = place;
            if rank < look.ranks.len() {
                self.at = read(node, look, rank);
            } else if let Some(next) = node.next() {
                // Split off since the look, it may begin before the key.
                let begins_before = self.list.is_before(next.low(), key, side.entries);
                self.at = if begins_before { None } else { read(next, next.look(), 0) };
            } else {
                self.at = None;
                return;
            }
            if self.at.is_some() {
                return;
            }
            place = self.list.find(key, side);
        }
    }

    /// Stands on the last entry before the place of `key`.
    fn stand_before(&mut self, key: &[u8], side: Side) {
        loop {
            let Place { node, look, rank } = self.list.find(key, side);
            self.at = rank.checked_sub(1).and_then(|before| read(node, look, before));
            if rank == 0 || self.at.is_some() {
                return;
            }
        }
    }
}

/// The entry of a rank below the length; `None`: its slot may have been written again since the look.
#[inline]
fn read(node: Node, look: Look, rank: usize) -> Option<At> {
    let entry = node.entry(look.ranks, rank)?;
    node.is_as_in(look).then_some(At { entry, node, look, rank })
}

// SAFETY: a cursor reads as `&Skiplist` does; what it stands on lives as long as that borrow.
unsafe impl<O: Sync> Send for Iter<'_, O> {}

/// A cursor that keeps its list alive.
pub struct OwnedIter<O> {
    list: Arc<Skiplist<O>>,
    at: Option<At>,
}

impl<O: Order> OwnedIter<O> {
    /// A cursor that stands nowhere yet.
    pub fn new(list: Arc<Skiplist<O>>) -> Self {
        Self { list, at: None }
    }

    /// A cursor where another one of the same list stands; nowhere if that one is of another list.
    pub fn standing(list: Arc<Skiplist<O>>, there: &Iter<'_, O>) -> Self {
        let at = there.at.filter(|_| core::ptr::eq(&*list, there.list));
        Self { list, at }
    }

    /// Whether the cursor stands on an entry.
    pub fn is_valid(&self) -> bool {
        self.at.is_some()
    }

    /// The entry's key.
    pub fn key(&self) -> Option<&[u8]> {
        self.at.map(|at| at.entry.key())
    }

    /// The entry's value.
    pub fn value(&self) -> Option<&[u8]> {
        self.at.map(|at| at.entry.value())
    }

    /// Moves to the first entry.
    pub fn seek_to_first(&mut self) {
        self.step(|iter| iter.seek_to_first());
    }

    /// Moves to the last entry.
    pub fn seek_to_last(&mut self) {
        self.step(|iter| iter.seek_to_last());
    }

    /// Moves to the first entry at or after `key`.
    pub fn seek(&mut self, key: &[u8]) {
        self.step(|iter| iter.seek(key));
    }

    /// Moves to the last entry at or before `key`.
    pub fn seek_for_prev(&mut self, key: &[u8]) {
        self.step(|iter| iter.seek_for_prev(key));
    }

    /// Moves forward, as [`Iter::next`].
    #[allow(clippy::should_implement_trait, reason = "a cursor moves both ways and is not an Iterator")]
    pub fn next(&mut self) {
        self.step(|iter| iter.next());
    }

    /// Moves backward, as [`Iter::prev`].
    pub fn prev(&mut self) {
        self.step(|iter| iter.prev());
    }

    #[inline]
    fn step(&mut self, step: impl FnOnce(&mut Iter<'_, O>)) {
        let mut iter = Iter { list: &self.list, at: self.at };
        step(&mut iter);
        self.at = iter.at;
    }
}

impl<O> Clone for OwnedIter<O> {
    fn clone(&self) -> Self {
        Self { list: self.list.clone(), at: self.at }
    }
}

// SAFETY: a cursor reads as `&Skiplist` does, and what it stands on lives as long as the list, which it holds.
unsafe impl<O: Send + Sync> Send for OwnedIter<O> {}
// SAFETY: through a shared cursor the list is only read, and its place does not change.
unsafe impl<O: Send + Sync> Sync for OwnedIter<O> {}
