//! The walk of SCAN and KEYS over ordered keys.
//!
//! Redis's cursor is a place in a hash table. Ours is a number that stands for the last key given, in a ring of
//! [`CURSORS_MAX`]: numbers rise, stay below 2^53 and are never reused while remembered. A cursor that left the ring is
//! an error, never a silent end.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::fault::{self, Fault};
use crate::glob;
use crate::keyspace::Keyspace;
use crate::limits::{CURSOR_MAX, CURSORS_MAX, SCAN_VISITS_MAX};
use crate::options::ScanOptions;

/// Remembered places, oldest first; ids are consecutive.
#[derive(Debug)]
pub struct Cursors {
    first: u64,
    ring: VecDeque<(u8, Vec<u8>)>,
}

impl Cursors {
    /// None remembered. `first` (1 or more) is the first cursor: a random one keeps cursors of an earlier life from
    /// being taken for ours.
    pub fn new(first: u64) -> Cursors {
        Cursors { first: first.clamp(1, CURSOR_MAX / 2), ring: VecDeque::new() }
    }

    /// Remembers that a walk of `db` came to `key`.
    pub fn add(&mut self, db: u8, key: &[u8]) -> u64 {
        if self.first + self.ring.len() as u64 > CURSOR_MAX {
            *self = Cursors::new(1);
        }
        if self.ring.len() == CURSORS_MAX {
            self.ring.pop_front();
            self.first += 1;
        }
        self.ring.push_back((db, key.to_vec()));
        self.first + self.ring.len() as u64 - 1
    }

    /// The key behind which the walk goes on.
    pub fn find(&self, db: u8, cursor: u64) -> Option<&[u8]> {
        let index = usize::try_from(cursor.checked_sub(self.first)?).ok()?;
        self.ring.get(index).filter(|(of, _)| *of == db).map(|(_, key)| key.as_slice())
    }
}

/// One page of keys, and the key to go on behind; `None`: the walk is complete.
pub struct Page {
    /// The keys that match.
    pub keys: Vec<Vec<u8>>,
    /// The last key visited.
    pub next: Option<Vec<u8>>,
}

/// The keys of `db` behind `after` that match, at most `count` visits. A literal prefix of the pattern bounds the walk.
pub fn page(
    keys: &mut impl Keyspace,
    db: u8,
    after: Option<&[u8]>,
    pattern: Option<&[u8]>,
    count: u64,
) -> Result<Page, Fault> {
    let prefix = pattern.map_or(&[][..], glob::literal_prefix);
    let (from, exclusive) = match after {
        Some(after) if after >= prefix => (after, true),
        _ => (prefix, false),
    };
    let mut page = Page { keys: Vec::new(), next: None };
    let mut visits = 0;
    let mut last = Vec::new();
    let mut more = false;
    keys.walk(db, from, exclusive, &mut |key| {
        if !key.starts_with(prefix) {
            return false;
        }
        if visits == count {
            more = true;
            return false;
        }
        visits += 1;
        last.clear();
        last.extend_from_slice(key);
        if pattern.is_none_or(|p| glob::matches(p, key)) {
            page.keys.push(key.to_vec());
        }
        true
    })?;
    page.next = more.then_some(last);
    Ok(page)
}

/// Runs SCAN: the next cursor and the keys.
pub fn scan(
    host: &mut impl crate::keyspace::Host,
    db: u8,
    options: &ScanOptions,
) -> Result<(u64, Vec<Vec<u8>>), Fault> {
    let after = match options.cursor {
        0 => None,
        // Larger than any that was ever given: not forgotten, so nothing is lost by ending here, as Redis does.
        cursor if cursor > CURSOR_MAX => return Ok((0, Vec::new())),
        cursor => Some(host.cursors().find(db, cursor).ok_or(fault::INVALID_CURSOR)?.to_vec()),
    };
    if !options.strings {
        return Ok((0, Vec::new()));
    }
    let count = options.count.min(SCAN_VISITS_MAX);
    let page = page(host, db, after.as_deref(), options.pattern.as_deref(), count)?;
    let cursor = page.next.map_or(0, |key| host.cursors().add(db, &key));
    Ok((cursor, page.keys))
}
