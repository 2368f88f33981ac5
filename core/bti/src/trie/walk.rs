//! Searches and iteration. A trie is an ordered map of byte strings, a prefix before what it begins; every walk goes down by the
//! strictly smaller positions of children and allocates nothing, but for the stack of a [`Cursor`].

use alloc::vec::Vec;

use dolmen_base::block::BlockSource;
use dolmen_base::trace::Trace;

use super::PAGE_LEN;
use super::node::{Node, Payload, step};
use super::pages::Pages;
use crate::error::{Damage, ReadError};
use crate::limits::TRIE_DEPTH_MAX;

/// Where a subtree is entered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Its least entry.
    First,
    /// Its greatest entry.
    Last,
}

/// The nearest entry found so far on the way down.
#[derive(Clone, Copy)]
enum Nearest {
    /// The payload of this node.
    Payload(u64),
    /// The outermost entry below this node.
    Branch(u64),
}

impl<S: BlockSource<ReadError>, T: Trace> Pages<S, T> {
    fn damaged<R>(&self, node: u64, result: Result<R, Damage>) -> Result<R, ReadError> {
        result.map_err(|what| self.corrupt(node, what))
    }

    /// The payload at exactly `key`.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn get(&mut self, root: u64, key: &[u8]) -> Result<Option<Payload<'_>>, ReadError> {
        let (stop, whole) = self.follow(root, key.iter().copied())?;
        Ok(if whole { self.node(stop)?.payload() } else { None })
    }

    /// Where the walk along `key` stops, if a whole key may stand there: at a node without children, or at the end of `key`. This is how a trie of
    /// shortest unique prefixes is asked: the payload is that of the one key that can be `key`.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn get_prefix(
        &mut self,
        root: u64,
        key: impl IntoIterator<Item = u8>,
    ) -> Result<Option<Payload<'_>>, ReadError> {
        let (stop, whole) = self.follow(root, key.into_iter())?;
        let node = self.node(stop)?;
        Ok(if whole || node.slots() == 0 { node.payload() } else { None })
    }

    /// The last node along `key`, and whether that is all of it. Within a page it borrows once.
    fn follow(&mut self, root: u64, mut key: impl Iterator<Item = u8>) -> Result<(u64, bool), ReadError> {
        let mut position = root;
        let mut next = key.next();
        loop {
            let page = self.page(position)?;
            let number = position / PAGE_LEN;
            while position / PAGE_LEN == number {
                let Some(byte) = next else { return Ok((position, true)) };
                match step(page, position, byte) {
                    Ok(Some(child)) => position = child,
                    Ok(None) => return Ok((position, false)),
                    Err(what) => return Err(self.corrupt(position, what)),
                }
                next = key.next();
            }
        }
    }

    /// The greatest entry that is at most `key`.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn floor(&mut self, root: u64, key: &[u8]) -> Result<Option<Payload<'_>>, ReadError> {
        let mut nearest = None;
        let mut position = root;
        let mut bytes = key.iter();
        loop {
            let node = self.node(position)?;
            if node.payload().is_some() {
                nearest = Some(Nearest::Payload(position));
            }
            let Some(&byte) = bytes.next() else { break };
            let (Ok(slot) | Err(slot)) = node.search(byte);
            let lesser = node.child_before(slot);
            let next = if node.search(byte).is_ok() { node.child(slot) } else { Ok(None) };
            if let Some((_, child)) = self.damaged(position, lesser)? {
                nearest = Some(Nearest::Branch(child));
            }
            match self.damaged(position, next)? {
                Some(child) => position = child,
                None => break,
            }
        }
        self.outermost(nearest, Edge::Last)
    }

    /// The least entry that is at least `key`.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn ceiling(&mut self, root: u64, key: &[u8]) -> Result<Option<Payload<'_>>, ReadError> {
        let mut nearest = None;
        let mut position = root;
        let mut bytes = key.iter();
        loop {
            let node = self.node(position)?;
            let Some(&byte) = bytes.next() else {
                nearest = Some(Nearest::Branch(position));
                break;
            };
            let (next, greater) = match node.search(byte) {
                Ok(slot) => (node.child(slot), node.child_from(slot + 1)),
                Err(slot) => (Ok(None), node.child_from(slot)),
            };
            if let Some((_, child)) = self.damaged(position, greater)? {
                nearest = Some(Nearest::Branch(child));
            }
            match self.damaged(position, next)? {
                Some(child) => position = child,
                None => break,
            }
        }
        self.outermost(nearest, Edge::First)
    }

    /// The least or greatest entry at or below a node.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn edge(&mut self, root: u64, edge: Edge) -> Result<Option<Payload<'_>>, ReadError> {
        self.outermost(Some(Nearest::Branch(root)), edge)
    }

    fn outermost(&mut self, nearest: Option<Nearest>, edge: Edge) -> Result<Option<Payload<'_>>, ReadError> {
        let mut position = match nearest {
            None => return Ok(None),
            Some(Nearest::Payload(position)) => return Ok(self.node(position)?.payload()),
            Some(Nearest::Branch(position)) => position,
        };
        loop {
            let node = self.node(position)?;
            let next = match edge {
                Edge::First if node.payload().is_some() => Ok(None),
                Edge::First => node.child_from(0),
                Edge::Last => node.child_before(node.slots()),
            };
            match self.damaged(position, next)? {
                Some((_, child)) => position = child,
                None => return Ok(self.node(position)?.payload()),
            }
        }
    }
}

/// One node on the way to the cursor's place.
#[derive(Clone, Copy, Debug)]
struct Frame {
    position: u64,
    /// Forward: the first slot that is still to come. Backward: those before it are.
    slot: u16,
    /// Whether the node's own payload is still to come.
    payload: bool,
}

/// Iterates over a trie in order, or backwards. Its memory is the depth of the trie, which `limits::TRIE_DEPTH_MAX` bounds.
#[derive(Clone, Debug)]
pub struct Cursor {
    edge: Edge,
    stack: Vec<Frame>,
    key: Vec<u8>,
    /// Nodes that may still be entered: more than the file has bytes means that branches are shared.
    budget: u64,
}

impl Cursor {
    /// At the least entry, to go forward, or at the greatest, to go backward.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn at_edge<S: BlockSource<ReadError>, T: Trace>(
        pages: &mut Pages<S, T>,
        root: u64,
        from: Edge,
    ) -> Result<Cursor, ReadError> {
        let mut cursor = Cursor { edge: from, stack: Vec::new(), key: Vec::new(), budget: pages.file_len() };
        let whole = cursor.whole(&pages.node(root)?);
        cursor.stack.push(whole);
        Ok(cursor)
    }

    /// At `key` or what comes next to it in the direction: forward (`Edge::First`) the least entry that is at least `key`, backward the greatest that is
    /// at most `key`. With `prefixes` a forward walk also gives the entry that is a prefix of `key` and has nothing below it: in a trie of shortest
    /// unique prefixes its whole key may still be greater.
    ///
    /// # Errors
    /// Damage of a node; what the source could not read.
    pub fn seek<S: BlockSource<ReadError>, T: Trace>(
        pages: &mut Pages<S, T>,
        root: u64,
        key: &[u8],
        from: Edge,
        prefixes: bool,
    ) -> Result<Cursor, ReadError> {
        let mut cursor = Cursor { edge: from, stack: Vec::new(), key: Vec::new(), budget: pages.file_len() };
        let mut position = root;
        for &byte in key {
            let node = pages.node(position)?;
            let found = node.search(byte);
            let (Ok(slot) | Err(slot)) = found;
            let next = if found.is_ok() { node.child(slot) } else { Ok(None) };
            let leaf = prefixes && node.slots() == 0;
            let after = usize::from(from == Edge::First && found.is_ok());
            let payload = from == Edge::Last || leaf;
            cursor.stack.push(Frame { position, slot: (slot + after) as u16, payload });
            match pages.damaged(position, next)? {
                Some(child) => {
                    cursor.key.push(byte);
                    position = child;
                }
                None => return Ok(cursor),
            }
        }
        let whole = cursor.whole(&pages.node(position)?);
        // Backward, what lies below `key` is greater than it.
        let slot = if from == Edge::Last { 0 } else { whole.slot };
        cursor.stack.push(Frame { slot, ..whole });
        Ok(cursor)
    }

    fn whole(&self, node: &Node<'_>) -> Frame {
        let slot = if self.edge == Edge::Last { node.slots() as u16 } else { 0 };
        Frame { position: node.position(), slot, payload: true }
    }

    /// The key of the entry given last.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The next entry in the direction.
    ///
    /// # Errors
    /// Damage of a node, a trie deeper or larger than the limits; what the source could not read.
    pub fn next<'p, S: BlockSource<ReadError>, T: Trace>(
        &mut self,
        pages: &'p mut Pages<S, T>,
    ) -> Result<Option<Payload<'p>>, ReadError> {
        while let Some(position) = self.advance(pages)? {
            // Asked again so that the borrow of the page ends with the loop.
            if pages.node(position)?.payload().is_some() {
                return Ok(pages.node(position)?.payload());
            }
        }
        Ok(None)
    }

    /// The next node whose payload is due.
    fn advance<S: BlockSource<ReadError>, T: Trace>(
        &mut self,
        pages: &mut Pages<S, T>,
    ) -> Result<Option<u64>, ReadError> {
        loop {
            let depth = self.stack.len();
            let Some(top) = self.stack.last_mut() else { return Ok(None) };
            self.key.truncate(depth - 1);
            let position = top.position;
            if top.payload && self.edge == Edge::First {
                top.payload = false;
                return Ok(Some(position));
            }
            let node = pages.node(position)?;
            let slot = usize::from(top.slot);
            let next = match self.edge {
                Edge::First => node.child_from(slot),
                Edge::Last => node.child_before(slot),
            };
            let next = next.and_then(|found| match found {
                Some((slot, _)) if !node.ascends_at(slot) => Err(Damage::Order),
                found => Ok(found.map(|(slot, child)| (slot, node.transition(slot), child))),
            });
            let Some((slot, byte, child)) = pages.damaged(position, next)? else {
                let due = top.payload;
                top.payload = false;
                if due {
                    return Ok(Some(position));
                }
                self.stack.pop();
                continue;
            };
            top.slot = (slot + usize::from(self.edge == Edge::First)) as u16;
            if depth > TRIE_DEPTH_MAX || self.budget == 0 {
                return Err(
                    pages.corrupt(child, Damage::Range { found: depth as u64, max: TRIE_DEPTH_MAX as u64 })
                );
            }
            self.budget -= 1;
            self.key.push(byte);
            let whole = self.whole(&pages.node(child)?);
            self.stack.push(whole);
        }
    }
}
