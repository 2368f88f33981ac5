//! K-way merge of ordered walks, in both directions: a binary heap of children with cached 8-byte key prefixes.
//!
//! Invariants: every valid child is in the heap exactly once; in direction `Forward` each child stands at its first entry
//! at or behind the current one, in `Backward` at its last entry at or before it. Equal internal keys come out in the order of
//! the children, so that a walk backwards is the exact mirror of the walk forwards. Nothing is allocated per step.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::error::ReadError;
use crate::iter::InternalIterator;
use crate::key::{compare, user_key};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

struct Child<I> {
    iter: I,
    /// First eight bytes of the user key, big-endian, padded with zeros: where two differ, so do the keys, in that order.
    prefix: u64,
}

/// The merge of several walks. Where internal keys are equal, the child that was given first comes first.
pub struct Merging<I> {
    children: Vec<Child<I>>,
    heap: Vec<u32>,
    direction: Direction,
    turn_key: Vec<u8>,
}

impl<I: InternalIterator> Merging<I> {
    /// Merges `children`, newest first by custom.
    pub fn new(children: impl IntoIterator<Item = I>) -> Self {
        let children: Vec<_> = children.into_iter().map(|iter| Child { iter, prefix: 0 }).collect();
        let heap = Vec::with_capacity(children.len());
        Merging { children, heap, direction: Direction::Forward, turn_key: Vec::new() }
    }

    fn top(&self) -> Option<&Child<I>> {
        self.heap.first().map(|&i| &self.children[i as usize])
    }

    /// Whether child `a` comes out before child `b` in the present direction.
    fn before(&self, a: u32, b: u32) -> bool {
        let (x, y) = (&self.children[a as usize], &self.children[b as usize]);
        let order = x.prefix.cmp(&y.prefix).then_with(|| compare(x.iter.key(), y.iter.key())).then(a.cmp(&b));
        match self.direction {
            Direction::Forward => order == Ordering::Less,
            Direction::Backward => order == Ordering::Greater,
        }
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let mut best = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.heap.len() && self.before(self.heap[child], self.heap[best]) {
                    best = child;
                }
            }
            if best == at {
                return;
            }
            self.heap.swap(at, best);
            at = best;
        }
    }

    fn position(
        &mut self,
        direction: Direction,
        mut place: impl FnMut(usize, &mut I) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.direction = direction;
        self.heap.clear();
        for (index, child) in self.children.iter_mut().enumerate() {
            if let Err(error) = place(index, &mut child.iter) {
                self.heap.clear();
                return Err(error);
            }
            if child.iter.valid() {
                child.prefix = prefix(child.iter.key());
                self.heap.push(index as u32);
            }
        }
        for at in (0..self.heap.len() / 2).rev() {
            self.sift_down(at);
        }
        Ok(())
    }

    /// Moves one child towards `target`, unless it is there already.
    fn catch_up(direction: Direction, iter: &mut I, target: &[u8]) -> Result<(), ReadError> {
        let order = if iter.valid() { compare(iter.key(), target) } else { Ordering::Equal };
        match (direction, order) {
            (Direction::Forward, Ordering::Less) => iter.seek(target),
            (Direction::Backward, Ordering::Greater) => iter.seek_for_prev(target),
            _ => Ok(()),
        }
    }

    /// Places all children around the current entry for the other direction; the current child stays.
    fn turn(&mut self, direction: Direction) -> Result<(), ReadError> {
        let Some(&current) = self.heap.first() else { return Ok(()) };
        let mut key = core::mem::take(&mut self.turn_key);
        key.clear();
        key.extend_from_slice(self.children[current as usize].iter.key());
        let result = self.position(direction, |index, iter| {
            let passed = match direction {
                _ if index == current as usize => return Ok(()),
                Direction::Forward => {
                    iter.seek(&key)?;
                    index < current as usize
                }
                Direction::Backward => {
                    iter.seek_for_prev(&key)?;
                    index > current as usize
                }
            };
            if passed && iter.valid() && iter.key() == key.as_slice() {
                return step(iter, direction);
            }
            Ok(())
        });
        self.turn_key = key;
        result
    }

    fn advance(&mut self, direction: Direction) -> Result<(), ReadError> {
        if self.direction != direction {
            self.turn(direction)?;
        }
        let Some(&top) = self.heap.first() else { return Ok(()) };
        let child = &mut self.children[top as usize];
        if let Err(error) = step(&mut child.iter, direction) {
            self.heap.clear();
            return Err(error);
        }
        if child.iter.valid() {
            child.prefix = prefix(child.iter.key());
        } else {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
        Ok(())
    }
}

fn step(iter: &mut impl InternalIterator, direction: Direction) -> Result<(), ReadError> {
    match direction {
        Direction::Forward => iter.next(),
        Direction::Backward => iter.prev(),
    }
}

fn prefix(internal: &[u8]) -> u64 {
    let key = user_key(internal);
    if let Some(first) = key.first_chunk::<8>() {
        return u64::from_be_bytes(*first);
    }
    let mut bytes = [0; 8];
    bytes[..key.len()].copy_from_slice(key);
    u64::from_be_bytes(bytes)
}

impl<I: InternalIterator> InternalIterator for Merging<I> {
    fn valid(&self) -> bool {
        !self.heap.is_empty()
    }

    fn key(&self) -> &[u8] {
        self.top().map_or(&[], |c| c.iter.key())
    }

    fn value(&self) -> &[u8] {
        self.top().map_or(&[], |c| c.iter.value())
    }

    fn seek_to_first(&mut self) -> Result<(), ReadError> {
        self.position(Direction::Forward, |_, i| i.seek_to_first())
    }

    fn seek_to_last(&mut self) -> Result<(), ReadError> {
        self.position(Direction::Backward, |_, i| i.seek_to_last())
    }

    fn seek(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.position(Direction::Forward, |_, i| i.seek(target))
    }

    fn seek_for_prev(&mut self, target: &[u8]) -> Result<(), ReadError> {
        self.position(Direction::Backward, |_, i| i.seek_for_prev(target))
    }

    fn next(&mut self) -> Result<(), ReadError> {
        self.advance(Direction::Forward)
    }

    fn prev(&mut self) -> Result<(), ReadError> {
        self.advance(Direction::Backward)
    }

    fn skip_behind(&mut self, source: usize, target: &[u8]) -> Result<(), ReadError> {
        let direction = self.direction;
        self.position(direction, |index, iter| match index > source {
            true => Self::catch_up(direction, iter, target),
            false => Ok(()),
        })
    }
}
