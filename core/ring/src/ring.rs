//! The ring: virtual nodes on a circle of 2^64 positions, a key belongs to the first point at or after it (Karger et al.,
//! 1997), laid out flat.
//!
//! ```text
//! hashes  [ 0x0003.. 0x0041.. 0x0100.. 0x01fe.. ... ]   8 bytes a point, ascending
//! owners  [    7        2        7        0     ... ]   4 bytes a point, beside it
//! index   [ 0, 2, 4, ... , len ]                        4 bytes a bucket: first point whose top bits are the bucket's
//! ```
//!
//! Steps of a lookup: (1) the key's top bits choose a bucket, (2) its first point is read from the index, (3) the
//! smaller ones among the next four are counted, which suffices since there are at most as many buckets as points, (4) past the end, wrap
//! to the first point.
//!
//! Invariants: points ascend by (hash, name of the owner), so equal hashes go to the smaller name whatever the order in
//! which the nodes came; a node of weight w has `max(1, round(w · vnodes))` points and none for weight 0; point i of a node
//! is the hash of `name-i`, so the set of points depends on names and weights alone.

use alloc::vec::Vec;
use core::ops::{ControlFlow, Range};

use dolmen_simd::prefetch::read;

use crate::algorithm::Algorithm;
use crate::error::RingError;
use crate::hash::HashFunction;
use crate::label::Label;
use crate::limits::{POINTS_MAX, VNODES_MAX};
use crate::members::{Members, NodeId, Weight};

/// A ring of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    hashes: Vec<u64>,
    owners: Vec<NodeId>,
    index: Vec<u32>,
    shift: u32,
    hash: HashFunction,
    vnodes: u32,
}

impl Ring {
    /// A ring of these nodes. `vnodes` points for a node of weight 1, placed by `hash` ([`HashFunction::Decimal`], which
    /// cannot hash names, is replaced by XXH3).
    ///
    /// # Errors
    /// [`RingError::Option`] for `vnodes` outside 1 to [`VNODES_MAX`], [`RingError::TooManyPoints`].
    pub fn new(members: &Members, hash: HashFunction, vnodes: u32) -> Result<Self, RingError> {
        if !(1..=VNODES_MAX).contains(&vnodes) {
            let (value, max) = (u64::from(vnodes), u64::from(VNODES_MAX));
            return Err(RingError::Option { name: "virtual nodes per node", value, min: 1, max });
        }
        let hash = if hash == HashFunction::Decimal { HashFunction::Xxh3 } else { hash };
        let total = members.iter().map(|(_, n)| u64::from(point_count(n.weight(), vnodes))).sum();
        check_points(total)?;
        let mut points = Vec::with_capacity(total as usize);
        for (id, node) in members.by_name() {
            label_points(hash, node.name(), 0..point_count(node.weight(), vnodes), |h| points.push((h, id)));
        }
        let mut ring = Ring::from_named_order(points);
        ring.hash = hash;
        ring.vnodes = vnodes;
        Ok(ring)
    }

    /// A ring of given points, in any order; of equal positions the one that comes first in the list owns.
    pub fn from_points(points: Vec<(u64, NodeId)>) -> Self {
        Ring::from_named_order(points)
    }

    /// Counts points per bucket, scatters them, sorts what little shares a bucket; the counts are the index. Stable.
    fn from_named_order(points: Vec<(u64, NodeId)>) -> Self {
        let len = points.len();
        let bits = index_bits(len);
        let shift = 64 - bits;
        let mut index = alloc::vec![0u32; (1usize << bits) + 1];
        for &(hash, _) in &points {
            index[bucket(hash, shift) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut index {
            sum += *start;
            *start = sum;
        }
        let mut hashes = alloc::vec![0; len];
        let mut owners = alloc::vec![NodeId::new(0); len];
        let mut next = index.clone();
        for (hash, owner) in points {
            let slot = &mut next[bucket(hash, shift)];
            hashes[*slot as usize] = hash;
            owners[*slot as usize] = owner;
            *slot += 1;
        }
        for pair in index.windows(2) {
            let range = pair[0] as usize..pair[1] as usize;
            if range.len() > 1 {
                sort_bucket(&mut hashes[range.clone()], &mut owners[range]);
            }
        }
        Ring { hashes, owners, index, shift, hash: HashFunction::Xxh3, vnodes: 1 }
    }

    /// Adds a node that `members` already holds, by a merge: nothing is sorted again.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`], [`RingError::TooManyPoints`].
    pub fn add(&mut self, members: &Members, node: NodeId) -> Result<(), RingError> {
        let weight = members.get(node).ok_or(RingError::UnknownNode)?.weight();
        self.insert_points(members, node, 0..point_count(weight, self.vnodes))
    }

    /// Takes away the points of a node that `members` still holds, with the weight that it had.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`].
    pub fn remove(&mut self, members: &Members, node: NodeId) -> Result<(), RingError> {
        let weight = members.get(node).ok_or(RingError::UnknownNode)?.weight();
        self.remove_points(members, node, 0..point_count(weight, self.vnodes));
        Ok(())
    }

    /// Moves a node from the weight `from` to the weight that `members` now says, touching only the points between.
    ///
    /// # Errors
    /// [`RingError::UnknownNode`], [`RingError::TooManyPoints`].
    pub fn reweight(&mut self, members: &Members, node: NodeId, from: Weight) -> Result<(), RingError> {
        let to = members.get(node).ok_or(RingError::UnknownNode)?.weight();
        let (old, new) = (point_count(from, self.vnodes), point_count(to, self.vnodes));
        if new > old {
            self.insert_points(members, node, old..new)
        } else {
            self.remove_points(members, node, new..old);
            Ok(())
        }
    }

    /// Index of the first point at or after `position`, wrapping to 0; the ring must not be empty.
    #[inline]
    pub fn successor(&self, position: u64) -> usize {
        self.wrapped(self.lower_bound(position))
    }

    /// Position and owner of point `index`, counted in ascending order.
    pub fn point(&self, index: usize) -> (u64, NodeId) {
        (self.hashes[index], self.owners[index])
    }

    /// The position alone.
    #[inline]
    pub(crate) fn position(&self, index: usize) -> u64 {
        self.hashes[index]
    }

    /// All points, ascending.
    pub fn points(&self) -> impl ExactSizeIterator<Item = (u64, NodeId)> + DoubleEndedIterator {
        self.hashes.iter().copied().zip(self.owners.iter().copied())
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether nobody owns anything.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The function that places the points.
    pub fn hash(&self) -> HashFunction {
        self.hash
    }

    /// The point at `at`, the first one behind the last; a product, since a branch would be mispredicted on small rings.
    #[inline]
    fn wrapped(&self, at: usize) -> usize {
        at * usize::from(at < self.hashes.len())
    }

    #[inline]
    fn lower_bound(&self, position: u64) -> usize {
        self.scan(self.index[bucket(position, self.shift)] as usize, position)
    }

    /// The first point from `start` on that is not below `position`. Points ascend beyond the bucket as well, so that the smaller ones
    /// among the next few can be counted without asking where the bucket ends, and without a branch to mispredict.
    #[inline]
    fn scan(&self, start: usize, position: u64) -> usize {
        let below = |points: &[u64]| points.iter().fold(0, |count, &h| count + usize::from(h < position));
        let Some(last) = self.len().checked_sub(WINDOW) else { return below(&self.hashes) };
        // Near the end the window begins earlier, at points that are smaller anyway.
        let start = start.min(last);
        let count = below(&self.hashes[start..start + WINDOW]);
        let more = usize::from(start < last);
        // One comparison of a sum: two of their own would be two branches, and on small rings either is often mispredicted.
        if count + more > WINDOW { self.search(start, position) } else { start + count }
    }

    /// The same in a bucket that a weak hash has filled.
    #[cold]
    fn search(&self, start: usize, position: u64) -> usize {
        let end = self.index[bucket(position, self.shift) + 1] as usize;
        start + self.hashes[start..end].partition_point(|&hash| hash < position)
    }

    fn insert_points(&mut self, members: &Members, node: NodeId, which: Range<u32>) -> Result<(), RingError> {
        check_points(self.len() as u64 + which.len() as u64)?;
        let name = members.name(node);
        let mut new = Vec::with_capacity(which.len());
        label_points(self.hash, name, which, |h| new.push(h));
        new.sort_unstable();
        let places: Vec<usize> = new.iter().map(|&h| self.insertion_place(members, name, h)).collect();
        let old = self.len();
        grow(&mut self.hashes, new.len(), 0);
        grow(&mut self.owners, new.len(), node);
        let mut end = old;
        for (k, (&hash, &place)) in new.iter().zip(&places).enumerate().rev() {
            self.hashes.copy_within(place..end, place + k + 1);
            self.owners.copy_within(place..end, place + k + 1);
            self.hashes[place + k] = hash;
            self.owners[place + k] = node;
            end = place;
        }
        self.shift_index(&new, |start, by| *start += by);
        Ok(())
    }

    fn remove_points(&mut self, members: &Members, node: NodeId, which: Range<u32>) {
        let mut gone = Vec::with_capacity(which.len());
        label_points(self.hash, members.name(node), which, |h| gone.push(h));
        gone.sort_unstable();
        let mut places: Vec<usize> = Vec::with_capacity(gone.len());
        for &hash in &gone {
            let from = places.last().map_or(0, |&last| last + 1).max(self.lower_bound(hash));
            let found =
                (from..self.len()).take_while(|&i| self.hashes[i] == hash).find(|&i| self.owners[i] == node);
            places.extend(found);
        }
        let len = self.len();
        for (k, &place) in places.iter().enumerate() {
            let end = places.get(k + 1).copied().unwrap_or(len);
            self.hashes.copy_within(place + 1..end, place - k);
            self.owners.copy_within(place + 1..end, place - k);
        }
        self.hashes.truncate(len - places.len());
        self.owners.truncate(len - places.len());
        self.shift_index(&gone, |start, by| *start -= by);
    }

    /// Behind all smaller hashes and behind equal hashes of smaller names.
    fn insertion_place(&self, members: &Members, name: &str, hash: u64) -> usize {
        let start = self.lower_bound(hash);
        let equal = self.hashes[start..].iter().zip(&self.owners[start..]);
        start + equal.take_while(|&(&h, &o)| h == hash && members.name(o) < name).count()
    }

    /// Brings the index to the changed points: `changed` are their hashes, ascending. Starts behind the k-th changed point
    /// move by k; when the number of points crosses a power of two, the index is counted anew.
    fn shift_index(&mut self, changed: &[u64], apply: impl Fn(&mut u32, u32)) {
        let bits = index_bits(self.len());
        if 64 - bits != self.shift {
            self.shift = 64 - bits;
            self.recount_index(bits);
            return;
        }
        for (k, &hash) in changed.iter().enumerate() {
            let from = bucket(hash, self.shift) + 1;
            let to = changed.get(k + 1).map_or(self.index.len(), |&next| bucket(next, self.shift) + 1);
            for start in &mut self.index[from..to] {
                apply(start, k as u32 + 1);
            }
        }
    }

    fn recount_index(&mut self, bits: u32) {
        self.index.clear();
        self.index.resize((1 << bits) + 1, 0);
        self.index.shrink_to_fit();
        for &hash in &self.hashes {
            self.index[bucket(hash, self.shift) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut self.index {
            sum += *start;
            *start = sum;
        }
    }
}

impl Algorithm for Ring {
    #[inline]
    fn owner(&self, key: u64) -> Option<NodeId> {
        if self.is_empty() {
            return None;
        }
        let start = self.index[bucket(key, self.shift)] as usize;
        // The owner's place is known but for a few bytes: it need not wait for the hashes.
        read(&self.owners, start);
        Some(self.owners[self.wrapped(self.scan(start, key))])
    }

    fn walk(&self, key: u64, visit: &mut dyn FnMut(NodeId) -> ControlFlow<()>) {
        if self.is_empty() {
            return;
        }
        let (before, after) = self.owners.split_at(self.successor(key));
        for &node in after.iter().chain(before) {
            if visit(node).is_break() {
                return;
            }
        }
    }

    fn owners(&self, keys: &[u64], out: &mut Vec<Option<NodeId>>) {
        out.clear();
        if self.is_empty() {
            out.resize(keys.len(), None);
            return;
        }
        for group in keys.chunks(BATCH) {
            let mut places = [0usize; BATCH];
            for &key in group {
                read(&self.index, bucket(key, self.shift));
            }
            for (place, &key) in places.iter_mut().zip(group) {
                *place = self.index[bucket(key, self.shift)] as usize;
                read(&self.hashes, *place);
                read(&self.owners, *place);
            }
            out.extend(
                group
                    .iter()
                    .zip(&places)
                    .map(|(&key, &start)| Some(self.owners[self.wrapped(self.scan(start, key))])),
            );
        }
    }

    fn heap_bytes(&self) -> usize {
        self.hashes.capacity() * 8 + self.owners.capacity() * 4 + self.index.capacity() * 4
    }
}

/// Points of a node of this weight: `max(1, round(weight · vnodes))`, none for weight 0.
pub fn point_count(weight: Weight, vnodes: u32) -> u32 {
    if weight.is_zero() { 0 } else { (libm::round(weight.get() * f64::from(vnodes)) as u32).max(1) }
}

fn label_points(hash: HashFunction, name: &str, which: Range<u32>, mut point: impl FnMut(u64)) {
    let mut label = Label::new(name);
    for i in which {
        point(
            hash.position(label.with(i)).expect("only decimal keys can fail and rings do not hash with it"),
        );
    }
}

fn check_points(points: u64) -> Result<(), RingError> {
    if points > POINTS_MAX { Err(RingError::TooManyPoints { points, max: POINTS_MAX }) } else { Ok(()) }
}

/// The largest power of two not above the number of points: one or two points a bucket, at most 4 bytes of index a point. Small rings
/// have 64 buckets, since a few hundred bytes are nothing and a bucket with one point needs no search.
fn index_bits(points: usize) -> u32 {
    points.max(64).ilog2()
}

#[inline]
fn bucket(hash: u64, shift: u32) -> usize {
    hash.checked_shr(shift).unwrap_or(0) as usize
}

fn sort_bucket(hashes: &mut [u64], owners: &mut [NodeId]) {
    if hashes.len() > INSERTION_MAX {
        let mut both: Vec<_> = hashes.iter().copied().zip(owners.iter().copied()).collect();
        both.sort_by_key(|&(hash, _)| hash);
        for (i, (hash, owner)) in both.into_iter().enumerate() {
            hashes[i] = hash;
            owners[i] = owner;
        }
        return;
    }
    for i in 1..hashes.len() {
        let mut at = i;
        while at > 0 && hashes[at - 1] > hashes[at] {
            hashes.swap(at - 1, at);
            owners.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Room for `more` with a sixteenth to spare: doubling would break the ring's memory bound on every addition.
fn grow<T: Clone>(vec: &mut Vec<T>, more: usize, fill: T) {
    if vec.capacity() - vec.len() < more {
        vec.reserve_exact(more + (vec.len() + more) / 16);
    }
    vec.resize(vec.len() + more, fill);
}

/// Points that are compared at once: a bucket has one or two, rarely four.
const WINDOW: usize = 4;
/// Points of a bucket that are sorted by insertion.
const INSERTION_MAX: usize = 16;
/// Keys whose memory waits overlap in a batch.
const BATCH: usize = 32;
