//! The walk of SCAN and KEYS over ordered keys.
//!
//! Redis's cursor is a place in a hash table. Ours is a number that stands for the last key given: numbers rise, stay below 2^53 and are
//! never reused while remembered. At most [`CURSORS_MAX`] places of [`CURSOR_BYTES_MAX`] bytes are remembered, of one connection
//! [`CURSORS_PER_CLIENT_MAX`]: it forgets its own oldest ones before anybody else loses one, and the same place asked for twice has one
//! number. A cursor that is no longer remembered is an error, never a silent end.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::fault::{self, Fault};
use crate::glob::Pattern;
use crate::keyspace::{Host, Keyspace};
use crate::limits::{CURSOR_BYTES_MAX, CURSOR_MAX, CURSORS_MAX, CURSORS_PER_CLIENT_MAX, SCAN_VISITS_MAX};
use crate::options::ScanOptions;
use crate::reply::put_bulk;

/// A remembered place.
#[derive(Debug)]
struct Place {
    db: u8,
    key: Arc<[u8]>,
    owner: u64,
}

/// Remembered places.
#[derive(Debug)]
pub struct Cursors {
    next: u64,
    places: BTreeMap<u64, Place>,
    /// Cursor by owner, database and key.
    known: BTreeMap<(u64, u8, Arc<[u8]>), u64>,
    /// Cursors by owner, oldest first.
    owned: BTreeMap<(u64, u64), ()>,
    counts: BTreeMap<u64, usize>,
    bytes: usize,
}

impl Cursors {
    /// None remembered. `first` (1 or more) is the first cursor: a random one keeps cursors of an earlier life from
    /// being taken for ours.
    pub fn new(first: u64) -> Cursors {
        Cursors {
            next: first.clamp(1, CURSOR_MAX / 2),
            places: BTreeMap::new(),
            known: BTreeMap::new(),
            owned: BTreeMap::new(),
            counts: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Remembers that a walk of connection `owner` over `db` came to `key`.
    pub fn add(&mut self, owner: u64, db: u8, key: &[u8]) -> u64 {
        let key: Arc<[u8]> = key.into();
        let place = (owner, db, key.clone());
        if let Some(cursor) = self.known.get(&place) {
            return *cursor;
        }
        if self.next > CURSOR_MAX {
            *self = Cursors::new(1);
        }
        if self.counts.get(&owner).is_some_and(|count| *count >= CURSORS_PER_CLIENT_MAX) {
            let oldest =
                self.owned.range((owner, 0)..=(owner, u64::MAX)).next().map(|((_, cursor), ())| *cursor);
            oldest.into_iter().for_each(|cursor| self.forget(cursor));
        }
        while self.places.len() >= CURSORS_MAX
            || self.bytes + key.len() > CURSOR_BYTES_MAX && !self.places.is_empty()
        {
            let oldest = self.places.first_key_value().map(|(cursor, _)| *cursor);
            oldest.into_iter().for_each(|cursor| self.forget(cursor));
        }
        let cursor = self.next;
        self.next += 1;
        self.bytes += key.len();
        self.known.insert(place, cursor);
        self.owned.insert((owner, cursor), ());
        *self.counts.entry(owner).or_default() += 1;
        self.places.insert(cursor, Place { db, key, owner });
        cursor
    }

    fn forget(&mut self, cursor: u64) {
        let Some(Place { db, key, owner }) = self.places.remove(&cursor) else { return };
        self.bytes -= key.len();
        self.known.remove(&(owner, db, key));
        self.owned.remove(&(owner, cursor));
        if let Some(count) = self.counts.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&owner);
            }
        }
    }

    /// The key behind which the walk goes on.
    pub fn find(&self, db: u8, cursor: u64) -> Option<&[u8]> {
        self.places.get(&cursor).filter(|place| place.db == db).map(|place| &*place.key)
    }

    /// Bytes of keys that are held.
    pub fn weight(&self) -> usize {
        self.bytes
    }
}

/// Keys found so far, as bulk strings, and the place to go on behind.
#[derive(Debug, Default)]
pub struct Page {
    /// The keys that match, as bulk strings.
    pub bulks: Vec<u8>,
    /// How many.
    pub count: usize,
    /// The last key visited, if keys are left; `None`: the walk is complete.
    pub next: Option<Vec<u8>>,
}

impl Page {
    /// Goes on with the keys of `db` behind `next`, at most `visits` of them, those whose time is over counted too. The first bytes of the
    /// pattern bound the walk.
    ///
    /// # Errors
    /// The keyspace's.
    pub fn go_on(
        &mut self,
        keys: &mut impl Keyspace,
        db: u8,
        pattern: Option<&Pattern>,
        visits: u64,
    ) -> Result<(), Fault> {
        let prefix = pattern.map_or(&[][..], Pattern::prefix);
        let after = self.next.take();
        let (from, exclusive) = match &after {
            Some(after) if after.as_slice() >= prefix => (after.as_slice(), true),
            _ => (prefix, false),
        };
        let mut left = visits;
        let mut last = Vec::new();
        let mut more = false;
        keys.walk(db, from, exclusive, &mut |key, live| {
            if !key.starts_with(prefix) {
                return false;
            }
            if left == 0 {
                more = true;
                return false;
            }
            left -= 1;
            if left == 0 {
                last.extend_from_slice(key);
            }
            if live && pattern.is_none_or(|p| p.matches(key)) {
                put_bulk(&mut self.bulks, key);
                self.count += 1;
            }
            true
        })?;
        self.next = more.then_some(last);
        Ok(())
    }
}

/// Runs SCAN for connection `owner`: the next cursor and the keys.
///
/// # Errors
/// [`fault::INVALID_CURSOR`] for one that is not remembered, and the keyspace's.
pub fn scan(owner: u64, host: &mut impl Host, db: u8, options: &ScanOptions) -> Result<(u64, Page), Fault> {
    let mut page = Page::default();
    match options.cursor {
        0 => {}
        // Larger than any that was ever given: not forgotten, so nothing is lost by ending here, as Redis does.
        cursor if cursor > CURSOR_MAX => return Ok((0, page)),
        cursor => {
            let found = host.with_cursors(|cursors| cursors.find(db, cursor).map(<[u8]>::to_vec));
            page.next = Some(found.ok_or(fault::INVALID_CURSOR)?);
        }
    }
    if !options.strings {
        return Ok((0, Page::default()));
    }
    page.go_on(host, db, options.pattern.as_ref(), options.count.min(SCAN_VISITS_MAX))?;
    let cursor = page.next.as_ref().map_or(0, |key| host.with_cursors(|cursors| cursors.add(owner, db, key)));
    Ok((cursor, page))
}
