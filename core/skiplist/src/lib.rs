#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod arena;

use alloc::alloc::Layout;
use alloc::sync::Arc;
use arena::Arena;
use core::cell::UnsafeCell;
use core::cmp::Ordering as Cmp;
use core::ptr::null_mut;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// A total order of keys.
pub trait Order {
    /// Compares two keys.
    fn compare(&self, a: &[u8], b: &[u8]) -> Cmp;
    /// A number that never decreases as keys ascend: `a < b` implies `prefix(a) <= prefix(b)`, and equal keys
    /// have equal prefixes.
    fn prefix(&self, key: &[u8]) -> u64;
}

/// Keys ordered as byte strings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytewise;

impl Order for Bytewise {
    fn compare(&self, a: &[u8], b: &[u8]) -> Cmp {
        a.cmp(b)
    }
    fn prefix(&self, key: &[u8]) -> u64 {
        prefix_be(key)
    }
}

/// The first eight bytes of `key` as a big-endian number, padded with zeros: an order-preserving prefix for
/// every order that compares these bytes first.
#[must_use]
pub fn prefix_be(key: &[u8]) -> u64 {
    if let Some(head) = key.first_chunk::<8>() {
        return u64::from_be_bytes(*head);
    }
    let mut head = [0; 8];
    head[..key.len()].copy_from_slice(key);
    u64::from_be_bytes(head)
}

/// Why an insert was refused; the list is unchanged.
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

/// A complete node of a list that outlives every use of the pointer.
type Node = *mut u8;

struct State {
    arena: Arena,
    /// Values lie apart, so that nodes are small and a search walks through less memory.
    values: Arena,
    /// The last node of each level at or before the last inserted node.
    splice: [Node; HEIGHT_MAX],
    random: u64,
}

/// The list; shared by reference between readers and the one [`Writer`].
pub struct Skiplist<O> {
    order: O,
    head: Node,
    writing: AtomicBool,
    len: AtomicUsize,
    memory_used: AtomicUsize,
    memory_reserved: AtomicUsize,
    state: UnsafeCell<State>,
}

// SAFETY: the nodes belong to the list's own arena, so they move between threads with it.
unsafe impl<O: Send> Send for Skiplist<O> {}
// SAFETY: `state` is touched only by the holder of `writing`; nodes are published by release stores and read
// after acquire loads, and only their atomic links change afterwards. `State` itself is `Send`.
unsafe impl<O: Sync> Sync for Skiplist<O> {}

impl<O: Order> Skiplist<O> {
    /// An empty list; `seed` draws the heights of nodes. Fails only for want of memory.
    ///
    /// # Errors
    /// There is no memory.
    pub fn new(order: O, seed: u64) -> Result<Self, Error> {
        let mut arena = Arena::new();
        let head = make_node(&mut arena, HEIGHT_MAX, 0, b"", null_mut())?;
        let (used, reserved) = (arena.used(), arena.reserved());
        Ok(Self {
            order,
            head,
            writing: AtomicBool::new(false),
            len: AtomicUsize::new(0),
            memory_used: AtomicUsize::new(used),
            memory_reserved: AtomicUsize::new(reserved),
            state: UnsafeCell::new(State {
                arena,
                values: Arena::new(),
                splice: [head; HEIGHT_MAX],
                random: seed,
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
        Iter { list: self, at: null_mut() }
    }

    /// Entries inserted.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Whether nothing was inserted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all nodes, the head's and padding included.
    pub fn memory_used(&self) -> usize {
        self.memory_used.load(Ordering::Relaxed)
    }

    /// Bytes of all chunks asked of the allocator.
    pub fn memory_reserved(&self) -> usize {
        self.memory_reserved.load(Ordering::Relaxed)
    }

    #[inline]
    fn compare(&self, node: Node, prefix: u64, key: &[u8]) -> Cmp {
        // SAFETY: callers pass complete nodes of this list, never the head or null.
        let (at, bytes) = unsafe { (prefix_of(node), key_of(node)) };
        at.cmp(&prefix).then_with(|| self.order.compare(bytes, key))
    }

    /// Last node before `key` (at or before it if `or_equal`) per level, reported from the top downwards.
    fn search(&self, key: &[u8], or_equal: bool, mut each: impl FnMut(usize, Node)) -> Node {
        let prefix = self.order.prefix(key);
        let (mut at, mut bound) = (self.head, null_mut());
        for level in (0..HEIGHT_MAX).rev() {
            loop {
                // SAFETY: `at` is the head or was reached at this level or above, so it has this link and those below.
                let next = unsafe {
                    // Where the walk goes if this step does not: its way to the CPU overlaps the comparison's.
                    prefetch(next(at, level.saturating_sub(1)));
                    next(at, level)
                };
                if next.is_null() || next == bound {
                    break;
                }
                let order = self.compare(next, prefix, key);
                if order.is_gt() || (order.is_eq() && !or_equal) {
                    bound = next;
                    break;
                }
                at = next;
            }
            each(level, at);
        }
        at
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
    /// [`Error::Exists`], [`Error::TooLong`], [`Error::OutOfMemory`]; the list is as before then.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let list = self.list;
        let prefix = list.order.prefix(key);
        // SAFETY: this handle alone holds `writing`, and `&mut self` excludes a second borrow; the user's `Order`
        // cannot reach the state, for `writer` refuses while this handle lives.
        let state = unsafe { &mut *list.state.get() };
        let mut splice = state.splice;
        if !follows(list, splice[0], prefix, key) {
            list.search(key, false, |level, node| splice[level] = node);
        }
        // SAFETY: every splice node is the head or a complete node with level 0.
        let after = unsafe { next(splice[0], 0) };
        if !after.is_null() && list.compare(after, prefix, key).is_eq() {
            return Err(Error::Exists);
        }
        let height = draw_height(&mut state.random);
        let value = store_value(&mut state.values, value)?;
        let node = make_node(&mut state.arena, height, prefix, key, value)?;
        for (level, prev) in splice.iter_mut().enumerate().take(height) {
            // SAFETY: `prev` has a link at `level` (it was reached there), as `node` does below `height`; the node
            // is complete, so the release store publishes it.
            unsafe {
                link(node, level).store(next(*prev, level), Ordering::Relaxed);
                link(*prev, level).store(node, Ordering::Release);
            }
            *prev = node;
        }
        state.splice = splice;
        list.memory_used.store(state.arena.used() + state.values.used(), Ordering::Relaxed);
        list.memory_reserved.store(state.arena.reserved() + state.values.reserved(), Ordering::Relaxed);
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

/// Whether `key` belongs directly behind `last`: then the splice of `last` is the key's own.
fn follows<O: Order>(list: &Skiplist<O>, last: Node, prefix: u64, key: &[u8]) -> bool {
    if last == list.head || list.compare(last, prefix, key).is_ge() {
        return false;
    }
    // SAFETY: `last` is a complete node, and every node has level 0.
    let after = unsafe { next(last, 0) };
    after.is_null() || list.compare(after, prefix, key).is_ge()
}

/// A cursor; it sees entries inserted after it was made.
pub struct Iter<'a, O> {
    list: &'a Skiplist<O>,
    at: Node,
}

impl<'a, O: Order> Iter<'a, O> {
    /// Whether the cursor stands on an entry.
    pub fn is_valid(&self) -> bool {
        !self.at.is_null()
    }

    /// The entry's key.
    pub fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: a cursor's node is null or a complete node that lives as long as the list's borrow `'a`.
        self.is_valid().then(|| unsafe { key_of(self.at) })
    }

    /// The entry's value.
    pub fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: as in `key`.
        self.is_valid().then(|| unsafe { value_of(self.at) })
    }

    /// Moves to the first entry.
    pub fn seek_to_first(&mut self) {
        // SAFETY: the head has every level.
        self.at = unsafe { next(self.list.head, 0) };
    }

    /// Moves to the last entry.
    pub fn seek_to_last(&mut self) {
        let mut at = self.list.head;
        for level in (0..HEIGHT_MAX).rev() {
            loop {
                // SAFETY: `at` is the head or was reached at this level or above.
                let node = unsafe { next(at, level) };
                if node.is_null() {
                    break;
                }
                at = node;
            }
        }
        self.stand(at);
    }

    /// Moves to the first entry at or after `key`.
    pub fn seek(&mut self, key: &[u8]) {
        let before = self.list.search(key, false, |_, _| ());
        // SAFETY: `before` is the head or a complete node, and both have level 0.
        let mut at = unsafe { next(before, 0) };
        let prefix = self.list.order.prefix(key);
        // An entry below `key` may have been linked since the search.
        while !at.is_null() && self.list.compare(at, prefix, key).is_lt() {
            // SAFETY: `at` is a complete node.
            at = unsafe { next(at, 0) };
        }
        self.at = at;
    }

    /// Moves to the last entry at or before `key`.
    pub fn seek_for_prev(&mut self, key: &[u8]) {
        let at = self.list.search(key, true, |_, _| ());
        self.stand(at);
    }

    /// Moves forward; behind the last entry the cursor stands nowhere.
    #[allow(clippy::should_implement_trait, reason = "a cursor moves both ways and is not an Iterator")]
    pub fn next(&mut self) {
        if self.is_valid() {
            // SAFETY: a valid cursor's node is complete.
            self.at = unsafe { next(self.at, 0) };
        }
    }

    /// Moves backward by a search, as nodes have no back links.
    pub fn prev(&mut self) {
        if let Some(key) = self.key() {
            let at = self.list.search(key, false, |_, _| ());
            self.stand(at);
        }
    }

    fn stand(&mut self, at: Node) {
        self.at = if at == self.list.head { null_mut() } else { at };
    }
}

// SAFETY: a cursor reads as `&Skiplist` does; its node lives as long as that borrow.
unsafe impl<O: Sync> Send for Iter<'_, O> {}

/// A cursor that keeps its list alive.
pub struct OwnedIter<O> {
    list: Arc<Skiplist<O>>,
    at: Node,
}

impl<O: Order> OwnedIter<O> {
    /// A cursor that stands nowhere yet.
    pub fn new(list: Arc<Skiplist<O>>) -> Self {
        Self { list, at: null_mut() }
    }

    /// Whether the cursor stands on an entry.
    pub fn is_valid(&self) -> bool {
        !self.at.is_null()
    }

    /// The entry's key.
    pub fn key(&self) -> Option<&[u8]> {
        self.iter().key()
    }

    /// The entry's value.
    pub fn value(&self) -> Option<&[u8]> {
        self.iter().value()
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

    fn iter(&self) -> Iter<'_, O> {
        Iter { list: &self.list, at: self.at }
    }

    fn step(&mut self, step: impl FnOnce(&mut Iter<'_, O>)) {
        let mut iter = self.iter();
        step(&mut iter);
        self.at = iter.at;
    }
}

impl<O> Clone for OwnedIter<O> {
    fn clone(&self) -> Self {
        Self { list: self.list.clone(), at: self.at }
    }
}

// SAFETY: a cursor reads as `&Skiplist` does, and its node lives as long as the list, which it holds.
unsafe impl<O: Send + Sync> Send for OwnedIter<O> {}
// SAFETY: through a shared cursor the list is only read, and its place does not change.
unsafe impl<O: Send + Sync> Sync for OwnedIter<O> {}

#[inline]
fn draw_height(random: &mut u64) -> usize {
    // SplitMix64 (Steele, Lea, Flood 2014): two bits a level give a branching of four.
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut x = *random;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    (1 + x.trailing_zeros() as usize / 2).min(HEIGHT_MAX)
}

/// Copies a value behind its length.
#[inline]
fn store_value(arena: &mut Arena, value: &[u8]) -> Result<*mut u8, Error> {
    let len = u32::try_from(value.len()).map_err(|_| Error::TooLong)?;
    let at = arena.take(value.len().checked_add(VALUE_AT).ok_or(Error::TooLong)?)?;
    // SAFETY: `take` gave so many writable bytes aligned to 8 that nobody else knows, and `value` is other memory.
    unsafe {
        at.cast::<u32>().write(len);
        at.add(VALUE_AT).copy_from_nonoverlapping(value.as_ptr(), value.len());
    }
    Ok(at)
}

/// `value` is what [`store_value`] gave, or null for the head.
#[inline]
fn make_node(
    arena: &mut Arena,
    height: usize,
    prefix: u64,
    key: &[u8],
    value: *mut u8,
) -> Result<Node, Error> {
    let key_len = u32::try_from(key.len()).map_err(|_| Error::TooLong)?;
    let keys_at = LINKS_AT + height * size_of::<AtomicPtr<u8>>();
    let node = arena.take(keys_at.checked_add(key.len()).ok_or(Error::TooLong)?)?;
    // SAFETY: `take` gave so many writable bytes aligned to 8 that nobody else knows; every field below lies within
    // them at its own alignment, and `key` is other memory.
    unsafe {
        node.cast::<Header>().write(Header {
            prefix,
            value,
            keys_at: keys_at as u32,
            key_len,
            #[cfg(loom)]
            whole: loom::cell::UnsafeCell::new(()),
        });
        #[cfg(loom)]
        (*node.cast::<Header>()).whole.with_mut(|_| ());
        for level in 0..height {
            node.add(LINKS_AT).cast::<AtomicPtr<u8>>().add(level).write(AtomicPtr::new(null_mut()));
        }
        node.add(keys_at).copy_from_nonoverlapping(key.as_ptr(), key.len());
    }
    Ok(node)
}

#[repr(C)]
struct Header {
    prefix: u64,
    value: *mut u8,
    keys_at: u32,
    key_len: u32,
    /// Stands for the plain memory of the node and its value, for loom to watch.
    #[cfg(loom)]
    whole: loom::cell::UnsafeCell<()>,
}

/// # Safety
/// `node` is complete and has more than `level` links.
#[inline]
unsafe fn link<'a>(node: Node, level: usize) -> &'a AtomicPtr<u8> {
    // SAFETY: the link lies in the node, aligned, and was initialised by `make_node`.
    unsafe { &*node.add(LINKS_AT).cast::<AtomicPtr<u8>>().add(level) }
}

/// # Safety
/// As [`link`].
#[inline]
unsafe fn next(node: Node, level: usize) -> Node {
    // SAFETY: the caller's promise.
    unsafe { link(node, level).load(Ordering::Acquire) }
}

/// Asks for the first two lines of a node: header, links and, of most, the key.
#[inline(always)]
fn prefetch(node: Node) {
    // SAFETY: the instruction reads nothing that a program can see and never faults, whatever the address.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        core::arch::asm!("prefetcht0 [{0}]", "prefetcht0 [{0} + 64]", in(reg) node, options(nostack, preserves_flags, readonly));
    }
    let _ = node;
}

/// # Safety
/// `node` is complete.
#[inline]
unsafe fn prefix_of(node: Node) -> u64 {
    // SAFETY: a complete node begins with its header.
    unsafe {
        #[cfg(loom)]
        (*node.cast::<Header>()).whole.with(|_| ());
        (*node.cast::<Header>()).prefix
    }
}

/// # Safety
/// `node` is complete and outlives `'a`.
#[inline]
unsafe fn key_of<'a>(node: Node) -> &'a [u8] {
    // SAFETY: the header's lengths are those that `make_node` copied, and the bytes never change.
    unsafe {
        let head = &*node.cast::<Header>();
        #[cfg(loom)]
        head.whole.with(|_| ());
        core::slice::from_raw_parts(node.add(head.keys_at as usize), head.key_len as usize)
    }
}

/// # Safety
/// As [`key_of`], and `node` is not the head.
#[inline]
unsafe fn value_of<'a>(node: Node) -> &'a [u8] {
    // SAFETY: a node that is not the head has what `store_value` gave; it never changes and goes with the list, as the node does.
    unsafe {
        let value = (*node.cast::<Header>()).value;
        core::slice::from_raw_parts(value.add(VALUE_AT), *value.cast::<u32>() as usize)
    }
}

/// Levels: a branching of four over twelve levels keeps 16 M entries at a few steps a level.
#[cfg(not(loom))]
const HEIGHT_MAX: usize = 12;
/// As few as have a level above the lowest: loom tries every order of their loads and stores.
#[cfg(loom)]
const HEIGHT_MAX: usize = 2;
const LINKS_AT: usize = Layout::new::<Header>().size();
/// Bytes of the length before a value.
const VALUE_AT: usize = size_of::<u32>();
