//! Nodes and entries as they lie in memory, and every access to them.
//!
//! ```text
//! node  = ranks u64 | next | low | version u32 | skip u16 | level u16 | heads u64 × 14 | entries × 14        256 bytes, four cache lines
//!         above the lowest level: | children × 14 |                                                          384 bytes
//! ranks = slot of rank 0, of rank 1, … (14 nibbles; those behind the length are the free slots) | length (one nibble)
//! entry = key_len u32 | value_len u32 | key | value | pad to 8
//! ```
//! A slot is written while `ranks` does not name it and is published by the store of `ranks`. A slot that a split has freed may be written
//! again; a reader that still looks at it by older ranks notices that `version` has changed and looks again.
//!
//! [`Node`] and [`Entry`] are made only from memory of a list's arenas that is written whole, and are used only while the list is borrowed
//! or owned: that is the one promise on which every access below rests.

use crate::Error;
use crate::arena::Arena;
use core::ptr::{null_mut, slice_from_raw_parts};
#[cfg(not(loom))]
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
#[cfg(loom)]
use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// Entries of a node.
#[cfg(not(loom))]
pub(crate) const SLOTS: usize = 14;
/// As few as are split and written again by a handful of inserts: loom tries every order of their loads and stores.
#[cfg(loom)]
pub(crate) const SLOTS: usize = 2;
/// Where nodes begin.
pub(crate) const NODE_ALIGN: usize = 64;
/// Bytes of the largest node.
pub(crate) const NODE_LEN_MAX: usize = size_of::<Inner>();

/// Slots in the order of their keys, and how many of them count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranks(u64);

impl Ranks {
    /// Slots `0..len` in this order.
    pub(crate) const fn first(len: usize) -> Self {
        Ranks(0xdc_ba98_7654_3210 | (len as u64) << LEN_AT)
    }

    #[inline]
    pub(crate) const fn len(self) -> usize {
        (self.0 >> LEN_AT) as usize
    }

    /// The slot of a rank below `SLOTS`; always below `SLOTS`, as the nibbles are a permutation.
    #[inline]
    const fn slot(self, rank: usize) -> usize {
        (self.0 >> (4 * rank)) as usize & 15
    }

    /// The first `len` of them.
    pub(crate) const fn cut(self, len: usize) -> Self {
        Ranks((self.0 & ((1 << LEN_AT) - 1)) | ((len as u64) << LEN_AT))
    }

    /// With the first free slot, which comes back too, at `rank <= len < SLOTS`.
    #[inline]
    const fn with(self, rank: usize) -> (Self, usize) {
        let len = self.len();
        let free = self.slot(len);
        let (below, above) = ((1u64 << (4 * rank)) - 1, !((1u64 << (4 * len)) - 1) << 4);
        let moved = self.0 & !below & !(above | 15 << (4 * len));
        let nibbles = self.0 & below | (free as u64) << (4 * rank) | moved << 4 | self.0 & above;
        (Ranks(nibbles + (1 << LEN_AT)), free)
    }
}

/// What a node holds at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) ranks: Ranks,
    version: u32,
}

#[repr(C, align(64))]
struct Outer {
    ranks: AtomicU64,
    next: AtomicPtr<Outer>,
    /// The least entry that the node may hold; null: there is none less anywhere.
    low: *mut Header,
    version: AtomicU32,
    skip: u16,
    level: u16,
    heads: [AtomicU64; SLOTS],
    entries: [AtomicPtr<Header>; SLOTS],
}

#[repr(C)]
struct Inner {
    outer: Outer,
    children: [AtomicPtr<Outer>; SLOTS],
}

#[repr(C)]
struct Header {
    key_len: u32,
    value_len: u32,
    /// Stands for the plain memory of the entry, for loom to watch.
    #[cfg(loom)]
    whole: loom::cell::UnsafeCell<()>,
}

/// A key with its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry(*mut Header);

impl Entry {
    /// Copies a key, which is given in two parts, and a value into an arena.
    #[inline]
    pub(crate) fn new(arena: &mut Arena, key: [&[u8]; 2], value: &[u8]) -> Result<Entry, Error> {
        let [first, second] = key;
        let whole_len = first.len().checked_add(second.len()).ok_or(Error::TooLong)?;
        let key_len = u32::try_from(whole_len).map_err(|_| Error::TooLong)?;
        let value_len = u32::try_from(value.len()).map_err(|_| Error::TooLong)?;
        let len = ENTRY_HEADER_LEN.checked_add(whole_len).and_then(|len| len.checked_add(value.len()));
        let at = arena.take(len.ok_or(Error::TooLong)?)?;
        // SAFETY: `take` gave so many writable bytes that nobody else knows, aligned for a header; the parts are other memory.
        unsafe {
            at.cast::<Header>().write(Header {
                key_len,
                value_len,
                #[cfg(loom)]
                whole: loom::cell::UnsafeCell::new(()),
            });
            #[cfg(loom)]
            (*at.cast::<Header>()).whole.with_mut(|_| ());
            let bytes = at.add(ENTRY_HEADER_LEN);
            bytes.copy_from_nonoverlapping(first.as_ptr(), first.len());
            bytes.add(first.len()).copy_from_nonoverlapping(second.as_ptr(), second.len());
            bytes.add(whole_len).copy_from_nonoverlapping(value.as_ptr(), value.len());
        }
        Ok(Entry(at.cast()))
    }

    /// The key and the value, for as long as the list lives.
    #[inline]
    fn parts<'a>(self) -> (&'a [u8], &'a [u8]) {
        // SAFETY: the module's promise: the header is whole, its lengths are those that `new` copied, and nothing of it changes.
        unsafe {
            let header = &*self.0;
            #[cfg(loom)]
            header.whole.with(|_| ());
            let (key_len, value_len) = (header.key_len as usize, header.value_len as usize);
            let bytes = self.0.cast::<u8>().cast_const().add(ENTRY_HEADER_LEN);
            (&*slice_from_raw_parts(bytes, key_len), &*slice_from_raw_parts(bytes.add(key_len), value_len))
        }
    }

    #[inline]
    pub(crate) fn key<'a>(self) -> &'a [u8] {
        self.parts().0
    }

    #[inline]
    pub(crate) fn value<'a>(self) -> &'a [u8] {
        self.parts().1
    }
}

/// What a new node is to be.
pub(crate) struct Plan<'a> {
    pub(crate) level: usize,
    pub(crate) skip: usize,
    /// The first of them.
    pub(crate) low: Option<Entry>,
    pub(crate) next: Option<Node>,
    pub(crate) slots: &'a [Slot],
}

/// What stands in a slot.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) head: u64,
    /// `None` before all keys.
    pub(crate) entry: Option<Entry>,
    /// Of the level below.
    pub(crate) child: Option<Node>,
}

/// A node of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node(*mut Outer);

impl Node {
    /// A node that nobody knows yet.
    pub(crate) fn new(arena: &mut Arena, plan: &Plan<'_>) -> Result<Node, Error> {
        let is_inner = plan.level > 0;
        let at = arena.take(if is_inner { size_of::<Inner>() } else { size_of::<Outer>() })?;
        let slot = |i: usize| plan.slots.get(i);
        let entry = |entry: Option<Entry>| entry.map_or(null_mut(), |e| e.0);
        let node = |node: Option<Node>| node.map_or(null_mut(), |n| n.0);
        // SAFETY: `take` gave so many writable bytes that nobody else knows, aligned to a node's alignment.
        unsafe {
            at.cast::<Outer>().write(Outer {
                ranks: AtomicU64::new(Ranks::first(plan.slots.len()).0),
                next: AtomicPtr::new(node(plan.next)),
                low: entry(plan.low),
                version: AtomicU32::new(0),
                skip: plan.skip as u16,
                level: plan.level as u16,
                heads: core::array::from_fn(|i| AtomicU64::new(slot(i).map_or(0, |s| s.head))),
                entries: core::array::from_fn(|i| AtomicPtr::new(entry(slot(i).and_then(|s| s.entry)))),
            });
            if is_inner {
                let children = core::array::from_fn(|i| AtomicPtr::new(node(slot(i).and_then(|s| s.child))));
                (&raw mut (*at.cast::<Inner>()).children).write(children);
            }
        }
        Ok(Node(at.cast()))
    }

    /// From a pointer to a list's first node.
    #[inline]
    pub(crate) fn load(from: &AtomicNode) -> Node {
        Node(from.0.load(Ordering::Acquire))
    }

    #[inline]
    fn outer<'a>(self) -> &'a Outer {
        // SAFETY: the module's promise; of a node that is known only atomics change.
        unsafe { &*self.0 }
    }

    /// Levels below it.
    #[inline]
    pub(crate) fn level(self) -> usize {
        self.outer().level.into()
    }

    /// Bytes that all keys share which the node may hold.
    #[inline]
    pub(crate) fn skip(self) -> usize {
        self.outer().skip.into()
    }

    #[inline]
    pub(crate) fn low(self) -> Option<Entry> {
        let low = self.outer().low;
        (!low.is_null()).then_some(Entry(low))
    }

    #[inline]
    pub(crate) fn next(self) -> Option<Node> {
        let next = self.outer().next.load(Ordering::Acquire);
        (!next.is_null()).then_some(Node(next))
    }

    #[inline]
    pub(crate) fn look(self) -> Look {
        let version = self.outer().version.load(Ordering::Acquire);
        Look { version, ranks: Ranks(self.outer().ranks.load(Ordering::Acquire)) }
    }

    /// Whether what was read of the slots since the look is what stood there at the look.
    #[inline]
    pub(crate) fn is_as_in(self, look: Look) -> bool {
        fence(Ordering::Acquire);
        self.outer().version.load(Ordering::Relaxed) == look.version
    }

    #[inline]
    pub(crate) fn head(self, ranks: Ranks, rank: usize) -> u64 {
        let slot = ranks.slot(rank);
        debug_assert!(slot < SLOTS);
        // SAFETY: nibbles of ranks are below `SLOTS`.
        unsafe { self.outer().heads.get_unchecked(slot) }.load(Ordering::Relaxed)
    }

    /// The entry at a rank below the length; `None` before all keys.
    #[inline]
    pub(crate) fn entry(self, ranks: Ranks, rank: usize) -> Option<Entry> {
        let entry = self.outer().entries[ranks.slot(rank)].load(Ordering::Acquire);
        (!entry.is_null()).then_some(Entry(entry))
    }

    /// The child at a rank below the length of a node above the lowest level.
    #[inline]
    pub(crate) fn child(self, ranks: Ranks, rank: usize) -> Node {
        debug_assert!(self.level() > 0);
        Node(self.children()[ranks.slot(rank)].load(Ordering::Acquire))
    }

    #[inline]
    fn children<'a>(self) -> &'a [AtomicPtr<Outer>; SLOTS] {
        assert!(self.level() > 0);
        // SAFETY: a node above the lowest level is an `Inner` and was written whole by `new`.
        unsafe { &(*self.0.cast::<Inner>()).children }
    }

    pub(crate) fn slot(self, ranks: Ranks, rank: usize) -> Slot {
        let child = (self.level() > 0).then(|| self.child(ranks, rank));
        Slot { head: self.head(ranks, rank), entry: self.entry(ranks, rank), child }
    }

    /// Only for the list's writer: puts a slot at a rank of a node that is not full.
    #[inline]
    pub(crate) fn insert(self, rank: usize, slot: Slot) {
        let outer = self.outer();
        let (ranks, at) = Ranks(outer.ranks.load(Ordering::Relaxed)).with(rank);
        outer.heads[at].store(slot.head, Ordering::Relaxed);
        outer.entries[at].store(slot.entry.map_or(null_mut(), |e| e.0), Ordering::Release);
        if let Some(child) = slot.child {
            self.children()[at].store(child.0, Ordering::Release);
        }
        outer.ranks.store(ranks.0, Ordering::Release);
    }

    /// Only for the list's writer: a node to the right takes over from rank `len` on.
    pub(crate) fn cut(self, len: usize, right: Node) {
        let outer = self.outer();
        let ranks = Ranks(outer.ranks.load(Ordering::Relaxed)).cut(len);
        // Whoever sees fewer entries sees where the others are, and whoever sees the new version sees fewer.
        outer.next.store(right.0, Ordering::Release);
        outer.ranks.store(ranks.0, Ordering::Release);
        outer.version.store(outer.version.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        // Whoever sees a freed slot written again sees the new version.
        fence(Ordering::Release);
    }

    /// Asks for the lines of a child of this node.
    #[inline(always)]
    pub(crate) fn prefetch_child(self, child: Node) {
        // SAFETY: the instructions read nothing that a program can see and never fault, whatever the address.
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            core::arch::asm!(
                "prefetcht0 [{0}]", "prefetcht0 [{0} + 64]", "prefetcht0 [{0} + 128]", "prefetcht0 [{0} + 192]",
                in(reg) child.0, options(nostack, preserves_flags, readonly)
            );
            if self.level() > 1 {
                core::arch::asm!(
                    "prefetcht0 [{0} + 256]", "prefetcht0 [{0} + 320]",
                    in(reg) child.0, options(nostack, preserves_flags, readonly)
                );
            }
        }
        let _ = child;
    }
}

/// Where a list begins.
pub(crate) struct AtomicNode(AtomicPtr<Outer>);

impl AtomicNode {
    pub(crate) fn new(node: Node) -> Self {
        AtomicNode(AtomicPtr::new(node.0))
    }

    pub(crate) fn store(&self, node: Node) {
        self.0.store(node.0, Ordering::Release);
    }
}

const LEN_AT: u32 = 56;
const ENTRY_HEADER_LEN: usize = size_of::<Header>();
