//! The canonical writer: sorted keys in, the bytes that Cassandra writes for them out (`IncrementalTrieWriterPageAware.java`).
//!
//! 1. The nodes of the last key are open. A new key completes, from the deepest, those beyond the common prefix.
//! 2. *Complete*: a node whose branch fits a page stays in memory. One whose branch does not has its children *laid out*.
//! 3. *Lay out*: the biggest child that fits the rest of the page is written, and again; when none fits, the page is padded. A child with
//!    placed nodes below it is measured anew where it would stand; one that not even an empty page holds has its own children laid out.
//! 4. *Finish*: what is left is written in the same way, the root last.
//!
//! Memory: the branches of open nodes, each less than a page: depth x fan-out x page at worst. Nothing recurses. Output is drained by the caller.

use alloc::vec::Vec;

use super::PAGE_LEN;
use super::node::{Kind, put_node};
use crate::error::ValueError;
use crate::limits::TRIE_DEPTH_MAX;

/// The longest payload: a row index block's offset and its open deletion.
const PAYLOAD_LEN_MAX: usize = 19;

/// No node.
const NONE: u32 = u32::MAX;

/// A node that is not written, or was and is still known to its parent by position.
#[derive(Clone, Copy)]
struct Pending {
    /// Where it was written.
    position: Option<u64>,
    /// Bytes of the unplaced branch below, and of the node; 0 when it is placed.
    branch_size: u32,
    node_size: u32,
    first_child: u32,
    last_child: u32,
    next_sibling: u32,
    child_count: u16,
    transition: u8,
    payload_flags: u8,
    payload_len: u8,
    payload: [u8; PAYLOAD_LEN_MAX],
    /// A direct child is placed.
    placed_child: bool,
    /// Something deeper has a placed child.
    placed_below: bool,
}

const EMPTY: Pending = Pending {
    position: None,
    branch_size: 0,
    node_size: 0,
    first_child: NONE,
    last_child: NONE,
    next_sibling: NONE,
    child_count: 0,
    transition: 0,
    payload_flags: 0,
    payload_len: 0,
    payload: [0; PAYLOAD_LEN_MAX],
    placed_child: false,
    placed_below: false,
};

/// A node whose children are being laid out.
struct Layout {
    node: u32,
    /// Unplaced children, by size and transition.
    waiting: Vec<(u32, u8, u32)>,
    /// The child whose own children must be laid out first.
    returning: Option<u32>,
}

/// Writes tries, one after the other, into one file.
pub struct TrieWriter {
    nodes: Vec<Pending>,
    free: Vec<u32>,
    /// Nodes of the last key, the root first.
    open: Vec<u32>,
    last_key: Vec<u8>,
    out: Vec<u8>,
    /// Position in the file of `out`'s first byte.
    base: u64,
    /// Scratch of walks down a branch: node, its start, bytes so far, the next child.
    walk: Vec<(u32, u64, u64, u32)>,
}

impl TrieWriter {
    /// A writer whose first byte will stand at `base` of its file.
    pub fn new(base: u64) -> Self {
        let mut writer = TrieWriter {
            nodes: Vec::new(),
            free: Vec::new(),
            open: Vec::new(),
            last_key: Vec::new(),
            out: Vec::new(),
            base,
            walk: Vec::new(),
        };
        writer.start();
        writer
    }

    fn start(&mut self) {
        self.last_key.clear();
        let root = self.allocate(0);
        self.open.push(root);
    }

    /// Where the next byte will stand in the file.
    pub fn position(&self) -> u64 {
        self.base + self.out.len() as u64
    }

    /// Nodes in memory.
    pub fn nodes_held(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Moves what is written so far to the end of `out`.
    pub fn drain(&mut self, out: &mut Vec<u8>) {
        self.base = self.position();
        out.append(&mut self.out);
    }

    /// Appends bytes that are no trie; only between one trie's end and the first key of the next.
    pub fn put_raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Adds a key, greater than the last one (the first may be empty), with a payload of 1..=15 as flags and at most 19 bytes.
    ///
    /// # Errors
    /// [`ValueError::Order`]: a key that does not come after the one before; a key or payload over the limits.
    pub fn add(&mut self, key: &[u8], flags: u8, payload: &[u8]) -> Result<(), ValueError> {
        if key.len() > TRIE_DEPTH_MAX || payload.len() > PAYLOAD_LEN_MAX {
            return Err(ValueError::Length { found: key.len() as u64, expected: TRIE_DEPTH_MAX as u64 });
        }
        let common = key.iter().zip(&self.last_key).take_while(|(a, b)| a == b).count();
        let root = self.nodes[self.open[0] as usize];
        let first = root.payload_flags == 0 && root.child_count == 0;
        if !first && key.get(common) <= self.last_key.get(common) {
            return Err(ValueError::Order);
        }
        while self.open.len() > common + 1 {
            self.complete_last();
        }
        self.last_key.truncate(common);
        for &byte in &key[common..] {
            let parent = self.open[self.open.len() - 1];
            let node = self.allocate(byte);
            self.link(parent, node);
            self.open.push(node);
            self.last_key.push(byte);
        }
        let node = self.open[self.open.len() - 1];
        let node = &mut self.nodes[node as usize];
        node.payload_flags = flags & 15;
        node.payload_len = payload.len() as u8;
        node.payload[..payload.len()].copy_from_slice(payload);
        Ok(())
    }

    /// Ends the trie and gives the position of its root. The next key begins another.
    pub fn finish(&mut self) -> u64 {
        while !self.open.is_empty() {
            let root = self.open[0];
            self.complete_last();
            if self.open.is_empty() {
                self.place_root(root);
                let position = self.nodes[root as usize].position.unwrap_or(0);
                self.nodes.clear();
                self.free.clear();
                self.start();
                return position;
            }
        }
        self.position()
    }

    fn place_root(&mut self, root: u32) {
        let mut size = self.measure(root, self.position());
        if size > self.page_left() {
            if size <= PAGE_LEN {
                self.pad();
                size = self.measure(root, self.position());
            }
            if size > self.page_left() {
                self.lay_out(root);
                if u64::from(self.nodes[root as usize].node_size) > self.page_left() {
                    self.pad();
                    self.measure(root, self.position());
                }
            }
        }
        self.write(root);
    }

    fn allocate(&mut self, transition: u8) -> u32 {
        let node = Pending { transition, ..EMPTY };
        if let Some(id) = self.free.pop() {
            self.nodes[id as usize] = node;
            return id;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }

    fn link(&mut self, parent: u32, child: u32) {
        let last = self.nodes[parent as usize].last_child;
        if last == NONE {
            self.nodes[parent as usize].first_child = child;
        } else {
            self.nodes[last as usize].next_sibling = child;
        }
        let parent = &mut self.nodes[parent as usize];
        parent.last_child = child;
        parent.child_count += 1;
    }

    fn children(&self, node: u32) -> Children<'_> {
        let node = &self.nodes[node as usize];
        Children { nodes: &self.nodes, next: node.first_child, left: usize::from(node.child_count) }
    }

    fn page_left(&self) -> u64 {
        PAGE_LEN - self.position() % PAGE_LEN
    }

    fn pad(&mut self) {
        let left = self.page_left();
        if left < PAGE_LEN {
            self.out.resize(self.out.len() + left as usize, 0);
        }
    }

    /// Completes the deepest open node.
    fn complete_last(&mut self) {
        let Some(node) = self.open.pop() else { return };
        let of = &mut self.nodes[node as usize];
        if of.child_count == 0 {
            of.node_size = 1 + u32::from(of.payload_len);
            return;
        }
        let (mut branch, mut placed_child, mut placed_below) = (0u32, false, false);
        for (_, child) in self.children(node) {
            branch += child.branch_size + child.node_size;
            placed_child |= child.position.is_some();
            placed_below |= child.placed_child || child.placed_below;
        }
        self.nodes[node as usize].branch_size = branch;
        let size = self.size_at(node, self.position());
        if u64::from(size + branch) >= PAGE_LEN {
            return self.lay_out(node);
        }
        let node = &mut self.nodes[node as usize];
        node.node_size = size;
        node.placed_child = placed_child;
        node.placed_below = placed_below;
    }

    /// The largest distance to a child from `position`: of the first unplaced one, once the branch is written before the node, and of those placed.
    fn distance_max(&self, node: u32, position: u64) -> u64 {
        let branch = self.nodes[node as usize].branch_size;
        let mut unplaced = None;
        let mut placed = 0;
        for (_, child) in self.children(node) {
            match child.position {
                Some(at) => placed = placed.max(position - at),
                None => unplaced = unplaced.or(Some(branch - child.branch_size)),
            }
        }
        placed.max(u64::from(unplaced.unwrap_or(0)))
    }

    fn kind_at(&self, node: u32, position: u64) -> Kind {
        let of = &self.nodes[node as usize];
        if of.child_count == 0 {
            return Kind::PayloadOnly;
        }
        let first = self.nodes[of.first_child as usize].transition;
        let last = self.nodes[of.last_child as usize].transition;
        let distance = self.distance_max(node, position);
        Kind::choose(usize::from(of.child_count), first, last, distance, of.payload_flags != 0)
    }

    /// Bytes of the node with its payload if it stood at `position`.
    fn size_at(&self, node: u32, position: u64) -> u32 {
        let of = &self.nodes[node as usize];
        let span = match (self.nodes.get(of.first_child as usize), self.nodes.get(of.last_child as usize)) {
            (Some(first), Some(last)) => usize::from(last.transition - first.transition) + 1,
            _ => 0,
        };
        let kind = self.kind_at(node, position);
        (kind.len(usize::from(of.child_count), span) + usize::from(of.payload_len)) as u32
    }

    /// Measures a branch anew as if its first byte stood at `position`: distances to what is placed depend on it.
    fn measure(&mut self, top: u32, position: u64) -> u64 {
        let mut walk = core::mem::take(&mut self.walk);
        walk.push((top, position, 0, self.first_to_measure(top)));
        let mut total = 0;
        while let Some(&mut (node, start, ref mut size, ref mut next)) = walk.last_mut() {
            if *next != NONE {
                let child = *next;
                *next = self.nodes[child as usize].next_sibling;
                let child_start = start + *size;
                let first = self.first_to_measure(child);
                walk.push((child, child_start, 0, first));
                continue;
            }
            let size = *size;
            walk.pop();
            if self.nodes[node as usize].placed_below {
                self.nodes[node as usize].branch_size = size as u32;
            }
            let of = &self.nodes[node as usize];
            if of.placed_child || of.placed_below {
                self.nodes[node as usize].node_size = self.size_at(node, start + u64::from(of.branch_size));
            }
            let of = &self.nodes[node as usize];
            let whole = u64::from(of.branch_size + of.node_size);
            match walk.last_mut() {
                Some(parent) => parent.2 += whole,
                None => total = whole,
            }
        }
        self.walk = walk;
        total
    }

    /// Only below such a node can sizes have changed.
    fn first_to_measure(&self, node: u32) -> u32 {
        let of = &self.nodes[node as usize];
        if of.placed_below { of.first_child } else { NONE }
    }

    fn layout(&self, node: u32) -> Layout {
        let unplaced = self.children(node).filter(|(_, child)| child.position.is_none());
        let mut waiting: Vec<_> =
            unplaced.map(|(id, child)| (child.branch_size + child.node_size, child.transition, id)).collect();
        waiting.sort_unstable();
        Layout { node, waiting, returning: None }
    }

    /// Writes all children of a node.
    fn lay_out(&mut self, node: u32) {
        let mut stack = Vec::from([self.layout(node)]);
        while let Some(mut top) = stack.pop() {
            if let Some(inner) = self.lay_out_some(&mut top) {
                top.returning = Some(inner);
                stack.push(top);
                stack.push(self.layout(inner));
                continue;
            }
            let position = self.position();
            let of = &mut self.nodes[top.node as usize];
            of.branch_size = 0;
            of.placed_child = true;
            of.placed_below = false;
            self.nodes[top.node as usize].node_size = self.size_at(top.node, position);
        }
    }

    /// Writes children until all are, or one is met whose own children must be laid out first.
    fn lay_out_some(&mut self, layout: &mut Layout) -> Option<u32> {
        if let Some(child) = layout.returning.take() {
            let of = self.nodes[child as usize];
            layout.put_back(of.branch_size + of.node_size, of.transition, child);
        }
        while let Some(largest) = layout.waiting.len().checked_sub(1) {
            let left = self.page_left();
            let fitting = layout.waiting.partition_point(|waiting| u64::from(waiting.0) <= left);
            let taken = match fitting.checked_sub(1) {
                Some(fits) => fits,
                None => {
                    self.pad();
                    largest
                }
            };
            let left = self.page_left();
            let (_, transition, child) = layout.waiting.remove(taken);
            let of = &self.nodes[child as usize];
            if of.placed_child || of.placed_below {
                let actual = self.measure(child, self.position());
                if actual > left {
                    if left == PAGE_LEN {
                        return Some(child);
                    }
                    layout.put_back(actual as u32, transition, child);
                    continue;
                }
            }
            self.write(child);
        }
        None
    }

    /// Writes a branch: below each node its unplaced children in order, then the node.
    fn write(&mut self, top: u32) {
        let mut walk = core::mem::take(&mut self.walk);
        walk.push((top, 0, 0, self.nodes[top as usize].first_child));
        while let Some(&mut (node, _, _, ref mut next)) = walk.last_mut() {
            if *next == NONE {
                walk.pop();
                self.write_node(node);
                continue;
            }
            let child = *next;
            *next = self.nodes[child as usize].next_sibling;
            if self.nodes[child as usize].position.is_none() {
                walk.push((child, 0, 0, self.nodes[child as usize].first_child));
            }
        }
        self.walk = walk;
    }

    fn write_node(&mut self, node: u32) {
        let position = self.position();
        let kind = self.kind_at(node, position);
        let of = self.nodes[node as usize];
        let nodes = &self.nodes;
        let children = Children { nodes, next: of.first_child, left: usize::from(of.child_count) };
        let distances =
            children.map(|(_, child)| (child.transition, position - child.position.unwrap_or(position)));
        put_node(kind, of.payload_flags, distances, &mut self.out);
        self.out.extend_from_slice(&of.payload[..usize::from(of.payload_len)]);
        debug_assert_eq!(self.position() - position, u64::from(of.node_size), "a size that was foreseen");
        let mut child = of.first_child;
        while child != NONE {
            self.free.push(child);
            child = self.nodes[child as usize].next_sibling;
        }
        let transition = of.transition;
        let next_sibling = of.next_sibling;
        self.nodes[node as usize] = Pending { position: Some(position), transition, next_sibling, ..EMPTY };
    }
}

impl Layout {
    fn put_back(&mut self, size: u32, transition: u8, child: u32) {
        let entry = (size, transition, child);
        let at = self.waiting.partition_point(|waiting| (waiting.0, waiting.1) < (size, transition));
        self.waiting.insert(at, entry);
    }
}

/// The children of a node, by ascending transition.
#[derive(Clone)]
struct Children<'n> {
    nodes: &'n [Pending],
    next: u32,
    left: usize,
}

impl<'n> Iterator for Children<'n> {
    type Item = (u32, &'n Pending);

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.next;
        let node = self.nodes.get(id as usize)?;
        self.next = node.next_sibling;
        self.left -= 1;
        Some((id, node))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Children<'_> {}
