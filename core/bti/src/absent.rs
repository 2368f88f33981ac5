//! Whether a partition that an index does not name is really not there: the indexes have no checksums, and a damaged one must not make a
//! partition disappear.
//!
//! ```text
//! index   … a ───────────▶ b …        sought, and not found, between a and b
//! data    [ a … ][ b … ]              a ends where b begins, and both have the keys that the index gives them
//! ```
//! Asked only of keys that the filter lets pass. What lies before `b` is read to find the end of `a`, if that is no more than
//! [`NEIGHBOUR_LEN_MAX`]; behind a longer partition only the keys are compared.

use alloc::vec::Vec;

use dolmen_base::block::{BlockSource, ReadMode};
use dolmen_codec::compress::Codecs;

use crate::comparable::{TERMINATOR, put_partition_key};
use crate::component::Component;
use crate::data::{Event, PartitionHead, Walk};
use crate::error::{Damage, ReadError};
use crate::limits::NEIGHBOUR_LEN_MAX;
use crate::partitioner::KeyHash;
use crate::partitions::{Candidate, Partitions, Place};
use crate::rows::RowIndex;
use crate::table::{Index, Table};
use crate::trie::Edge;

/// What a walk begins with where an index says that a partition begins; `None`: nothing there is a partition's head.
///
/// # Errors
/// What the data's own checksums say; what the source could not read.
pub(crate) fn head_of<'w, S: BlockSource<ReadError>, C: Codecs>(
    walk: &'w mut Walk<'_, S, C>,
) -> Result<Option<PartitionHead<'w>>, ReadError> {
    match walk.next_event() {
        Ok(Some(Event::Partition(head))) => Ok(Some(head)),
        Ok(_) => Ok(None),
        Err(error) if is_misread(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an error says that bytes of the data are not what is looked for at their place, and not that they are damaged or cannot be had: where
/// an index named the place, it is the index that is wrong.
pub(crate) const fn is_misread(error: &ReadError) -> bool {
    match error {
        ReadError::Corrupt { what: Damage::Checksum { .. } | Damage::Compression { .. }, .. } => false,
        ReadError::Corrupt { component, .. } | ReadError::Limit { component, .. } => {
            matches!(component, Component::Data)
        }
        _ => false,
    }
}

/// A partition beside the one that was sought, as the index has it.
#[derive(Clone, Debug)]
pub(crate) struct Neighbour {
    /// The byte-comparable form of its key.
    pub form: Vec<u8>,
    /// Where it begins in the data.
    pub position: u64,
    /// Where its entry stands in the index.
    pub entry: u64,
}

/// A look at a table for a key that was not found.
pub(crate) struct Absent<'t, S, C> {
    pub table: &'t Table,
    pub source: &'t S,
    pub codecs: &'t C,
    pub mode: ReadMode,
    /// The byte-comparable form of the key.
    pub sought: &'t [u8],
}

impl<S: BlockSource<ReadError>, C: Codecs> Absent<'_, S, C> {
    /// Checks that nothing is missing from the index around the key.
    ///
    /// # Errors
    /// Damage of the index; what the source could not read.
    pub fn check(&self) -> Result<(), ReadError> {
        let (before, after) = match &self.table.index {
            Index::Bti { .. } => {
                (self.beside_in_trie(Edge::Last, false)?, self.beside_in_trie(Edge::First, true)?)
            }
            Index::Big(index) => index.beside(self)?,
        };
        self.between(before.as_ref(), after.as_ref())
    }

    fn damaged(&self, at: u64, what: Damage) -> ReadError {
        let component = if self.table.version.is_bti() { Component::Partitions } else { Component::Index };
        ReadError::corrupt(component, at, what)
    }

    /// The byte-comparable form of a key of the index.
    pub fn form(&self, key: &[u8], at: u64) -> Result<Vec<u8>, ReadError> {
        let (mut form, key_type) = (Vec::new(), &self.table.statistics.header.key_type);
        put_partition_key(self.table.partitioner, key_type, key, TERMINATOR, &mut form)
            .map_err(|_| self.damaged(at, Damage::Text))?;
        Ok(form)
    }

    /// The data has these two partitions one behind the other.
    fn between(&self, before: Option<&Neighbour>, after: Option<&Neighbour>) -> Result<(), ReadError> {
        let at = before.or(after).map_or(0, |neighbour| neighbour.entry);
        let next = after.map_or(self.table.data.len(), |after| after.position);
        if let Some(after) = after {
            self.head(after, None)?;
        }
        let end = match before {
            None => Some(0),
            Some(before) => self.head(before, Some(next))?,
        };
        match end {
            Some(end) if end != next => {
                Err(self.damaged(at, Damage::Mismatch { expected: end, found: next }))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the partition has its key; where it ends comes back, if `next` is near.
    fn head(&self, neighbour: &Neighbour, next: Option<u64>) -> Result<Option<u64>, ReadError> {
        let &Neighbour { position, entry, .. } = neighbour;
        if position >= self.table.data.len() {
            let what = Damage::Range { found: position, max: self.table.data.len() };
            return Err(self.damaged(entry, what));
        }
        let mut walk = self.table.walk(self.source, self.codecs, self.mode, position);
        let head = head_of(&mut walk)?.ok_or(self.damaged(entry, Damage::Order))?;
        if self.form(head.key, entry)? != neighbour.form {
            return Err(self.damaged(entry, Damage::Order));
        }
        let Some(next) = next.filter(|next| next.saturating_sub(position) <= NEIGHBOUR_LEN_MAX) else {
            return Ok(None);
        };
        loop {
            match walk.next_event()? {
                Some(Event::End(end)) => return Ok(Some(end)),
                // It is longer than the index says.
                Some(Event::Row(row)) if row.position >= next => return Ok(Some(row.position + 1)),
                Some(Event::Marker(marker)) if marker.position >= next => {
                    return Ok(Some(marker.position + 1));
                }
                Some(_) => {}
                None => return Ok(Some(self.table.data.len())),
            }
        }
    }

    /// The next entry of Partitions.db in a direction, on the wanted side of the key.
    fn beside_in_trie(&self, from: Edge, is_after: bool) -> Result<Option<Neighbour>, ReadError> {
        let Index::Bti { partitions, .. } = &self.table.index else { return Ok(None) };
        let mut pages = self.table.pages(self.source, Component::Partitions, self.mode);
        let mut entries = partitions.seek(&mut pages, self.sought, from)?;
        while let Some(entry) = entries.next(&mut pages)? {
            let found = self.entry_of_trie(&entries, &entry)?;
            if found.form == self.sought {
                return Err(self.damaged(entry.node, Damage::Order));
            }
            if (found.form[..] > *self.sought) == is_after {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn entry_of_trie(&self, entries: &Partitions, entry: &Candidate) -> Result<Neighbour, ReadError> {
        let damaged = |what| self.damaged(entry.node, what);
        let mut key = Vec::new();
        let position = match entry.place {
            Place::Rows(at) => {
                let mut pages = self.table.pages(self.source, Component::Rows, self.mode);
                RowIndex::open(&mut pages, at, &mut key)?.data_position
            }
            Place::Data(at) => {
                let mut walk = self.table.walk(self.source, self.codecs, self.mode, at);
                let head = head_of(&mut walk)?.ok_or(damaged(Damage::Order))?;
                key.extend_from_slice(head.key);
                at
            }
        };
        let form = self.form(&key, entry.node)?;
        let byte = KeyHash::of(&key).filter_byte();
        if !form.starts_with(entries.prefix()) || entry.hash.is_some_and(|stored| stored != byte) {
            return Err(damaged(Damage::Order));
        }
        Ok(Neighbour { form, position, entry: entry.node })
    }
}
