#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod arena;
mod cursor;
mod node;

use arena::Arena;
use core::cell::UnsafeCell;
use core::cmp::Ordering as Cmp;
use core::hint::select_unpredictable;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use node::{AtomicNode, Entry, Look, NODE_ALIGN, NODE_LEN_MAX, Node, Plan, Ranks, SLOTS, Slot};

pub use cursor::{Iter, OwnedIter};

/// A total order of keys.
pub trait Order {
    /// Compares two keys.
    fn compare(&self, a: &[u8], b: &[u8]) -> Cmp;
    /// The part of a key that is compared first, as a byte string: where two keys' heads differ, the keys stand in the heads' order.
    fn head<'k>(&self, key: &'k [u8]) -> &'k [u8];
}

/// Keys ordered as byte strings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytewise;

impl Order for Bytewise {
    fn compare(&self, a: &[u8], b: &[u8]) -> Cmp {
        a.cmp(b)
    }
    fn head<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        key
    }
}

/// Why an insert was refused; the list's entries are as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The key is present.
    Exists,
    /// A key or value of more than `u32::MAX` bytes.
    TooLong,
    /// The allocator refused the memory.
    OutOfMemory,
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Exists => "key is present in the skiplist",
            Self::TooLong => "key or value exceeds 4 GiB",
            Self::OutOfMemory => "no memory for a skiplist node",
        })
    }
}

impl core::error::Error for Error {}

/// Which entries a search counts as being before its key, and with them which nodes.
#[derive(Clone, Copy)]
struct Side {
    /// A node that begins with the key is before it.
    nodes: bool,
    /// The key's own entry is before it.
    entries: bool,
}

/// The first entry at or after the key; the node is where the key belongs.
const AT: Side = Side { nodes: true, entries: false };
/// The first entry after the key, and before that the last one at or before it.
const BEHIND: Side = Side { nodes: true, entries: true };
/// The last entry before the key stands in front of the place that this finds.
const BEFORE: Side = Side { nodes: false, entries: false };

/// A place in a node of the lowest level, as the node was at one moment.
#[derive(Clone, Copy)]
struct Place {
    node: Node,
    look: Look,
    /// Entries of the node before the place.
    rank: usize,
}

/// A node of each level, from the lowest upwards, and where in it the way to a place goes on.
type Path = [Option<(Node, usize)>; LEVELS_MAX];

struct State {
    nodes: Arena,
    entries: Arena,
    /// The way to the last new entry's place.
    path: Path,
    /// The node that got it.
    last: Option<Node>,
    /// Whether the next entry is tried there first: the last two went into one node, or into one and the one that a run began behind it,
    /// and the path is still the way there.
    stays: bool,
}

/// The list; shared by reference between readers and the one [`Writer`].
pub struct Skiplist<O> {
    order: O,
    root: AtomicNode,
    /// The node of the least entries.
    first: Node,
    writing: AtomicBool,
    len: AtomicUsize,
    memory_used: AtomicUsize,
    memory_reserved: AtomicUsize,
    state: UnsafeCell<State>,
}

// SAFETY: nodes and entries belong to the list's own arenas, so they move between threads with it.
unsafe impl<O: Send> Send for Skiplist<O> {}
// SAFETY: `state` is touched only by the holder of `writing`; nodes and entries are published by release stores and read after acquire
// loads, and of a node only atomics change afterwards. `State` itself moves between threads with the list.
unsafe impl<O: Sync> Sync for Skiplist<O> {}

impl<O: Order> Skiplist<O> {
    /// An empty list. Fails only for want of memory.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(order: O) -> Result<Self, Error> {
        let mut nodes = Arena::new(NODE_ALIGN);
        let first = Node::new(&mut nodes, &Plan { level: 0, skip: 0, low: None, next: None, slots: &[] })?;
        let (used, reserved) = (nodes.used(), nodes.reserved());
        Ok(Self {
            order,
            root: AtomicNode::new(first),
            first,
            writing: AtomicBool::new(false),
            len: AtomicUsize::new(0),
            memory_used: AtomicUsize::new(used),
            memory_reserved: AtomicUsize::new(reserved),
            state: UnsafeCell::new(State {
                nodes,
                entries: Arena::new(ENTRY_ALIGN),
                path: [None; LEVELS_MAX],
                last: None,
                stays: false,
            }),
        })
    }

    /// The writer's handle, or `None` while another one lives.
    pub fn writer(&self) -> Option<Writer<'_, O>> {
        let free = self.writing.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        free.is_ok().then_some(Writer { list: self })
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let mut iter = self.iter();
        iter.seek(key);
        let found = iter.key().is_some_and(|at| self.order.compare(at, key).is_eq());
        if found { iter.value() } else { None }
    }

    /// A cursor that stands nowhere yet.
    pub fn iter(&self) -> Iter<'_, O> {
        Iter::new(self)
    }

    /// Entries inserted.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Whether nothing was inserted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all nodes and entries, padding included.
    pub fn memory_used(&self) -> usize {
        self.memory_used.load(Ordering::Relaxed)
    }

    /// Bytes of all chunks asked of the allocator.
    pub fn memory_reserved(&self) -> usize {
        self.memory_reserved.load(Ordering::Relaxed)
    }

    /// Whether an entry is before `key`, or at it where that counts.
    #[inline]
    fn is_before(&self, entry: Option<Entry>, key: &[u8], or_equal: bool) -> bool {
        let Some(entry) = entry else { return true };
        let order = self.order.compare(entry.key(), key);
        order.is_lt() || (or_equal && order.is_eq())
    }

    /// How many entries of a node are before `key`. All keys of the node, and `key`, share the bytes that it skips.
    #[inline]
    fn rank(&self, node: Node, ranks: Ranks, key: &[u8], or_equal: bool) -> usize {
        let len = ranks.len();
        let head = head_behind(self.order.head(key), node.skip());
        let mut rank = 0;
        for step in STEPS {
            let next = rank + step;
            // A rank beyond the length is looked up like the last: no branch, and no slot that is not there.
            let probe = next.min(len).wrapping_sub(1).min(SLOTS - 1);
            let is_before = next <= len && node.head(ranks, probe) < head;
            rank = select_unpredictable(is_before, next, rank);
        }
        if rank < len && node.head(ranks, rank) == head {
            return self.rank_among_equal(node, ranks, rank, head, (key, or_equal));
        }
        rank
    }

    /// The same from `rank` on, whose head is the key's.
    #[inline]
    fn rank_among_equal(
        &self,
        node: Node,
        ranks: Ranks,
        rank: usize,
        head: u64,
        (key, or_equal): (&[u8], bool),
    ) -> usize {
        let (mut low, mut high) = (rank, ranks.len());
        // Mostly it is the only one.
        let mut probe = rank;
        while low < high {
            let of_probe = node.head(ranks, probe);
            if of_probe == head && self.is_before(node.entry(ranks, probe), key, or_equal) {
                low = probe + 1;
            } else {
                high = probe;
            }
            probe = low.midpoint(high);
        }
        low
    }

    /// The place of `key`.
    #[inline]
    fn find(&self, key: &[u8], side: Side) -> Place {
        self.walk(key, side, true, |_, _, _| ())
    }

    /// The place of `key`; `each` hears of the way to it, from the top downwards. Beside a writer a node may have lost its end to a new
    /// one since the node above was read.
    #[inline]
    fn walk(
        &self,
        key: &[u8],
        side: Side,
        beside_writer: bool,
        mut each: impl FnMut(usize, Node, usize),
    ) -> Place {
        let mut node = Node::load(&self.root);
        loop {
            let look = node.look();
            let is_lowest = node.level() == 0;
            let or_equal = if is_lowest { side.entries } else { side.nodes };
            let rank = self.rank(node, look.ranks, key, or_equal);
            if beside_writer
                && rank == look.ranks.len()
                && let Some(next) = node.next()
                && self.is_before(next.low(), key, side.nodes)
            {
                node = next;
                continue;
            }
            if is_lowest {
                if node.is_as_in(look) {
                    each(0, node, rank);
                    return Place { node, look, rank };
                }
                continue;
            }
            // A node begins with an entry that is not behind any key that is sought in it.
            let rank = rank.saturating_sub(1);
            let child = node.child(look.ranks, rank);
            if node.is_as_in(look) {
                node.prefetch_child(child);
                each(node.level(), node, rank);
                node = child;
            }
        }
    }
}

/// The only handle that inserts.
pub struct Writer<'a, O> {
    list: &'a Skiplist<O>,
}

impl<O: Order> Writer<'_, O> {
    /// Inserts an entry; readers see it whole or not at all.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::TooLong`], [`Error::OutOfMemory`]; the list's entries are as before then.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.insert_joined([key, &[]], value)
    }

    /// The same with a key whose two parts lie apart.
    ///
    /// # Errors
    /// As [`Writer::insert`].
    #[inline]
    pub fn insert_joined(&mut self, key: [&[u8]; 2], value: &[u8]) -> Result<(), Error> {
        let list = self.list;
        // SAFETY: this handle alone holds `writing`, and `&mut self` excludes a second borrow; the user's `Order`
        // cannot reach the state, for `writer` refuses while this handle lives.
        let state = unsafe { &mut *list.state.get() };
        // A split of every level needs a node for each.
        state.nodes.ensure(NODE_LEN_MAX * (LEVELS_MAX + 1))?;
        let before = state.entries.mark();
        let entry = Entry::new(&mut state.entries, key, value)?;
        let key = entry.key();
        let place = list.place_of(state, key);
        let ranks = place.look.ranks;
        let head = head_behind(list.order.head(key), place.node.skip());
        // A key is looked at only where its head is the same: it is far away in memory.
        if place.rank < ranks.len()
            && place.node.head(ranks, place.rank) == head
            && let Some(there) = place.node.entry(ranks, place.rank)
            && list.order.compare(there.key(), key).is_eq()
        {
            state.entries.give_back(before);
            return Err(Error::Exists);
        }
        list.add(state, place, Slot { head, entry: Some(entry), child: None })?;
        list.memory_used.store(state.nodes.used() + state.entries.used(), Ordering::Relaxed);
        list.memory_reserved.store(state.nodes.reserved() + state.entries.reserved(), Ordering::Relaxed);
        // Only the writer changes the count, so that a load and a store serve.
        list.len.store(list.len.load(Ordering::Relaxed) + 1, Ordering::Release);
        Ok(())
    }
}

impl<O> Drop for Writer<'_, O> {
    fn drop(&mut self) {
        self.list.writing.store(false, Ordering::Release);
    }
}

impl<O: Order> Skiplist<O> {
    /// Where a new key belongs, with the way to it in the state.
    #[inline]
    fn place_of(&self, state: &mut State, key: &[u8]) -> Place {
        if state.stays
            && let Some(node) = state.last
            && let Some(rank) = self.rank_within(node, key)
        {
            state.path[0] = Some((node, rank));
            return Place { node, look: node.look(), rank };
        }
        let path = &mut state.path;
        let place = self.walk(key, AT, false, |level, node, rank| {
            if let Some(of_level) = path.get_mut(level) {
                *of_level = Some((node, rank));
            }
        });
        state.stays = state.last == Some(place.node);
        state.last = Some(place.node);
        place
    }

    /// The rank of a key that most likely is behind all entries of a node; `None`: it belongs into another one.
    #[inline]
    fn rank_within(&self, node: Node, key: &[u8]) -> Option<usize> {
        let ranks = node.look().ranks;
        let len = ranks.len();
        if node.next().is_some_and(|next| self.is_before(next.low(), key, true)) {
            return None;
        }
        if len > 0 && self.is_before(node.entry(ranks, len - 1), key, false) {
            return Some(len);
        }
        self.is_before(node.low(), key, true).then(|| self.rank(node, ranks, key, false))
    }

    /// Puts an entry where it belongs, and what splits into the levels above.
    #[inline]
    fn add(&self, state: &mut State, place: Place, new: Slot) -> Result<(), Error> {
        if place.look.ranks.len() < SLOTS {
            place.node.insert(place.rank, new);
            return Ok(());
        }
        self.add_splitting(state, new)
    }

    #[inline(never)]
    fn add_splitting(&self, state: &mut State, mut new: Slot) -> Result<(), Error> {
        let runs = state.stays;
        let mut begins = true;
        for level in 0..LEVELS_MAX {
            let Some((node, at)) = state.path[level] else { return self.grow(state, level, new) };
            // Above the lowest level the new node stands behind the one that it was split from.
            let rank = at + usize::from(level > 0);
            new.head = head_behind(new.entry.map_or(&[], |e| self.order.head(e.key())), node.skip());
            if node.look().ranks.len() < SLOTS {
                node.insert(rank, new);
                state.path[level] = Some((node, rank));
                return Ok(());
            }
            begins &= rank == SLOTS && (runs || node.next().is_none());
            let (right, holder) = self.split(&mut state.nodes, node, rank, new, begins)?;
            if level == 0 {
                state.last = Some(holder);
            }
            // Only behind a run the path is known without a search.
            state.stays = begins;
            state.path[level] = Some((right, 0));
            new = Slot { head: 0, entry: right.low(), child: Some(right) };
        }
        Ok(())
    }

    /// A level more, with what the highest level was split into.
    fn grow(&self, state: &mut State, level: usize, right: Slot) -> Result<(), Error> {
        let left = Slot { head: 0, entry: None, child: Some(Node::load(&self.root)) };
        let head = right.entry.map_or(0, |e| head_behind(self.order.head(e.key()), 0));
        let slots = [left, Slot { head, ..right }];
        let root =
            Node::new(&mut state.nodes, &Plan { level, skip: 0, low: None, next: None, slots: &slots })?;
        self.root.store(root);
        state.path[level] = Some((root, 1));
        Ok(())
    }

    /// Puts a slot into a full node, and the upper part of its slots into a new one behind it, or begins a new one with the slot: that one, and
    /// which of both has the new slot.
    fn split(
        &self,
        nodes: &mut Arena,
        node: Node,
        rank: usize,
        new: Slot,
        begins: bool,
    ) -> Result<(Node, Node), Error> {
        let (ranks, next, level) = (node.look().ranks, node.next(), node.level());
        let plan = Plan { level, skip: node.skip(), low: new.entry, next, slots: &[new] };
        if begins {
            // Keys that ascend leave full nodes behind.
            let right = Node::new(nodes, &plan)?;
            node.cut(SLOTS, right);
            return Ok((right, right));
        }
        let mut slots = [new; SLOTS + 1];
        let mut count = 0;
        for from in SLOTS / 2..SLOTS {
            if from == rank && from > SLOTS / 2 {
                slots[count] = new;
                count += 1;
            }
            slots[count] = node.slot(ranks, from);
            count += 1;
        }
        if rank == SLOTS {
            count += 1;
        }
        let slots = &mut slots[..count];
        let skip = self.skip_of(node, slots, next);
        if skip != node.skip() {
            for slot in slots.iter_mut() {
                slot.head = slot.entry.map_or(0, |e| head_behind(self.order.head(e.key()), skip));
            }
        }
        let right = Node::new(nodes, &Plan { skip, low: slots[0].entry, slots, ..plan })?;
        node.cut(SLOTS / 2, right);
        if rank > SLOTS / 2 {
            return Ok((right, right));
        }
        node.insert(rank, new);
        Ok((right, node))
    }

    /// Bytes that the keys of `slots` and all that may come between them and `next` share: as many as are known, or as serve.
    fn skip_of(&self, node: Node, slots: &[Slot], next: Option<Node>) -> usize {
        let (Some(first), Some(last), Some(next)) = (slots.first(), slots.last(), next) else {
            return node.skip();
        };
        let (Some(low), Some(end)) = (first.entry, next.low()) else { return node.skip() };
        if (first.head ^ last.head).leading_zeros() < HEAD_BITS_USED_MIN {
            return node.skip();
        }
        let (low, end) = (self.order.head(low.key()), self.order.head(end.key()));
        let shared = low.iter().zip(end).take_while(|(a, b)| a == b).count();
        shared.min(SKIP_MAX).max(node.skip())
    }
}

/// The eight bytes of `key` behind `skip` as a big-endian number, padded with zeros: it never decreases as keys ascend that share the bytes
/// before.
#[inline]
fn head_behind(key: &[u8], skip: usize) -> u64 {
    let len = key.len();
    if let Some(head) = key.get(skip..).and_then(<[u8]>::first_chunk::<8>) {
        return u64::from_be_bytes(*head);
    }
    if len <= skip {
        return 0;
    }
    if let Some(end) = key.last_chunk::<8>() {
        // The end of the key, without what is skipped of it.
        return u64::from_be_bytes(*end) << (8 * (8 + skip - len));
    }
    let mut head = [0; 8];
    head[..len - skip].copy_from_slice(&key[skip..]);
    u64::from_be_bytes(head)
}

/// Levels at most: with half full nodes enough for more entries than an address space holds. A list that would need more is searched
/// sideways at the top.
const LEVELS_MAX: usize = 16;
/// How a search among the heads of a node goes on: their sum is at least `SLOTS`.
#[cfg(not(loom))]
const STEPS: [usize; 4] = [8, 4, 2, 1];
#[cfg(loom)]
const STEPS: [usize; 2] = [2, 1];
/// Entries lie at addresses that are multiples of it.
const ENTRY_ALIGN: usize = 8;
/// A new node's heads skip more bytes than those of the node from which it was split if more than this many first bits of them are alike.
const HEAD_BITS_USED_MIN: u32 = 32;
/// Bytes that a node skips, at most.
const SKIP_MAX: usize = u16::MAX as usize;
