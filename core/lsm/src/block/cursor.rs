//! A position in a block. It borrows nothing, so that an iterator can own block and cursor together; every call takes the
//! block's bytes, which must be those of the last positioning call.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::builder::common_prefix_len;
use super::{Entry, Layout};
use crate::error::{Damage, Part, ReadError};
use crate::key;

/// How keys of a block compare: internal keys, or plain bytes (meta blocks).
pub type Compare = fn(&[u8], &[u8]) -> Ordering;

/// A position in a block; not valid until it is positioned.
#[derive(Clone, Debug)]
pub struct BlockCursor {
    layout: Layout,
    part: Part,
    /// The current key, rebuilt in place from entry to entry.
    key: Vec<u8>,
    at: usize,
    value_at: usize,
    /// End of the current entry; the current entry is valid while `at < end`.
    end: usize,
}

impl BlockCursor {
    /// For a block with this layout; `part` names the block in errors.
    pub const fn new(layout: Layout, part: Part) -> Self {
        BlockCursor { layout, part, key: Vec::new(), at: 0, value_at: 0, end: 0 }
    }

    /// Turns to another block, keeping the key's memory.
    pub fn reset(&mut self, layout: Layout) {
        self.layout = layout;
        self.invalidate();
    }

    /// Stands on no entry.
    pub fn invalidate(&mut self) {
        self.key.clear();
        (self.at, self.value_at, self.end) = (0, 0, 0);
    }

    /// Whether it stands on an entry.
    #[inline]
    pub const fn valid(&self) -> bool {
        self.at < self.end
    }

    /// The key, empty while not valid.
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The value, empty while not valid.
    #[inline]
    pub fn value<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        block.get(self.value_at..self.end).unwrap_or_default()
    }

    /// To the first entry.
    ///
    /// # Errors
    /// Damage in the block.
    pub fn seek_to_first(&mut self, block: &[u8]) -> Result<(), ReadError> {
        self.invalidate();
        self.step(block)
    }

    /// To the last entry.
    ///
    /// # Errors
    /// Damage in the block.
    pub fn seek_to_last(&mut self, block: &[u8]) -> Result<(), ReadError> {
        self.invalidate();
        if self.layout.restart_count() == 0 {
            return Ok(());
        }
        self.go_to_restart(block, self.layout.restart_count() - 1)?;
        while self.end < self.layout.entries_len() {
            self.step(block)?;
        }
        Ok(())
    }

    /// To the next entry; not valid behind the last.
    ///
    /// # Errors
    /// Damage in the block.
    #[inline]
    pub fn next(&mut self, block: &[u8]) -> Result<(), ReadError> {
        self.step(block)
    }

    /// To the entry before; not valid before the first.
    ///
    /// # Errors
    /// Damage in the block.
    pub fn prev(&mut self, block: &[u8]) -> Result<(), ReadError> {
        let target = self.at;
        if target == 0 || !self.valid() {
            self.invalidate();
            return Ok(());
        }
        let interval = self.last_restart(|c, i| Ok(c.layout.restart(block, i) < target))?;
        self.go_to_restart(block, interval)?;
        while self.end < target {
            self.step(block)?;
        }
        if self.end == target { Ok(()) } else { Err(self.damaged(target)) }
    }

    /// To the first entry with a key ≥ `target`.
    ///
    /// # Errors
    /// Damage in the block.
    pub fn seek(&mut self, block: &[u8], target: &[u8], compare: Compare) -> Result<(), ReadError> {
        self.invalidate();
        if self.layout.restart_count() == 0 {
            return Ok(());
        }
        let interval =
            self.last_restart(|c, i| Ok(compare(c.restart_key(block, i)?, target) == Ordering::Less))?;
        self.go_to_restart(block, interval)?;
        while self.valid() && compare(&self.key, target) == Ordering::Less {
            self.step(block)?;
        }
        Ok(())
    }

    /// To the first entry with an internal key ≥ `target`: [`BlockCursor::seek`] in the order of internal keys, in fewer steps.
    ///
    /// # Errors
    /// Damage in the block.
    pub fn seek_internal(&mut self, block: &[u8], target: &[u8]) -> Result<(), ReadError> {
        self.invalidate();
        if self.layout.restart_count() == 0 {
            return Ok(());
        }
        let interval =
            self.last_restart(|c, i| Ok(key::compare(c.restart_key(block, i)?, target) == Ordering::Less))?;
        self.seek_in_interval(block, interval, target)
    }

    /// To the first entry of a restart interval or behind it with an internal key ≥ `target`, as a hash index promises.
    pub(crate) fn seek_in_interval(
        &mut self,
        block: &[u8],
        interval: u32,
        target: &[u8],
    ) -> Result<(), ReadError> {
        self.invalidate();
        self.go_to_restart(block, interval)?;
        while self.valid() && key::compare(&self.key, target) == Ordering::Less {
            if let Some(at) = mismatch(key::user_key(&self.key), key::user_key(target)) {
                self.pass(block, at)?;
            }
            self.step(block)?;
        }
        Ok(())
    }

    /// Passes over entries that are below a target because this one is: its user key differs from the target's at byte `mismatch_at`, and
    /// they share more bytes with it than that. (In a sorted block those bytes are of the user key.)
    #[inline]
    fn pass(&mut self, block: &[u8], mismatch_at: usize) -> Result<(), ReadError> {
        let entries = block.get(..self.layout.entries_len()).unwrap_or_default();
        let (mut end, mut key_len) = (self.end, self.key.len());
        while end < entries.len() {
            let entry = Entry::decode(entries, end).filter(|e| e.shared <= key_len);
            let entry = entry.ok_or_else(|| self.damaged(end))?;
            if entry.shared <= mismatch_at {
                break;
            }
            key_len = entry.shared + (entry.value_at - entry.suffix_at);
            end = entry.end;
        }
        self.end = end;
        Ok(())
    }

    /// To the last entry with a key ≤ `target`.
    ///
    /// # Errors
    /// Damage in the block.
    pub fn seek_for_prev(&mut self, block: &[u8], target: &[u8], compare: Compare) -> Result<(), ReadError> {
        self.seek(block, target, compare)?;
        if !self.valid() {
            return self.seek_to_last(block);
        }
        if compare(&self.key, target) == Ordering::Greater { self.prev(block) } else { Ok(()) }
    }

    /// The last restart interval for which `before` holds, by binary search; the first one if it holds for none.
    fn last_restart(&self, before: impl Fn(&Self, u32) -> Result<bool, ReadError>) -> Result<u32, ReadError> {
        let (mut low, mut high) = (0, self.layout.restart_count());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if before(self, middle)? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The key at a restart, which stands whole in the block.
    #[inline]
    fn restart_key<'b>(&self, block: &'b [u8], index: u32) -> Result<&'b [u8], ReadError> {
        let at = self.layout.restart(block, index);
        let entries = block.get(..self.layout.entries_len()).unwrap_or_default();
        match Entry::decode(entries, at) {
            Some(entry) if entry.shared == 0 => Ok(&entries[entry.suffix_at..entry.value_at]),
            _ => Err(self.damaged(at)),
        }
    }

    fn go_to_restart(&mut self, block: &[u8], index: u32) -> Result<(), ReadError> {
        self.key.clear();
        self.end = self.layout.restart(block, index);
        if self.end >= self.layout.entries_len() && self.layout.entries_len() != 0 {
            return Err(self.damaged(self.end));
        }
        self.step(block)
    }

    /// Decodes the entry at `end`.
    #[inline]
    fn step(&mut self, block: &[u8]) -> Result<(), ReadError> {
        let entries = block.get(..self.layout.entries_len()).unwrap_or_default();
        self.at = self.end;
        if self.at == entries.len() {
            self.invalidate();
            (self.at, self.end) = (entries.len(), entries.len());
            return Ok(());
        }
        match Entry::decode(entries, self.at) {
            Some(e) if e.shared <= self.key.len() => {
                self.key.truncate(e.shared);
                self.key.extend_from_slice(&entries[e.suffix_at..e.value_at]);
                (self.value_at, self.end) = (e.value_at, e.end);
                Ok(())
            }
            _ => {
                let error = self.damaged(self.at);
                self.invalidate();
                Err(error)
            }
        }
    }

    #[cold]
    fn damaged(&self, at: usize) -> ReadError {
        let max = self.layout.entries_len() as u64;
        ReadError::corrupt(self.part, at as u64, Damage::Range { found: at as u64, max })
    }
}

/// Where two keys differ first; `None` if one begins with the other.
#[inline]
fn mismatch(a: &[u8], b: &[u8]) -> Option<usize> {
    let at = common_prefix_len(a, b);
    (at < a.len() && at < b.len()).then_some(at)
}
