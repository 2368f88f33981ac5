//! The plain twins that judge: keys in one ordered map, the exponential glob, a parser that copies.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::client::{Row, State};
use crate::fault::Fault;
use crate::keyspace::{Entry, Host, Keyspace, KillFilter, Lengths, Pause};
use crate::scan::Cursors;
use crate::session::Session;
use crate::value::NewValue;

/// Keys in memory and a clock that the caller sets.
pub struct Memory {
    /// All keys, live or not.
    pub keys: BTreeMap<(u8, Vec<u8>), Entry<Vec<u8>>>,
    /// The time.
    pub now: i64,
    /// The password, if there is one.
    pub password: Option<Vec<u8>>,
    /// Whether memory has run out.
    pub full: bool,
    /// The bounds of what is set.
    pub lengths: Lengths,
    /// What `random` gives next.
    pub seed: u64,
    versions: BTreeMap<(u8, Vec<u8>), u64>,
    cursors: Cursors,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            keys: BTreeMap::new(),
            now: 1_700_000_000_000,
            password: None,
            full: false,
            lengths: Lengths::default(),
            seed: 4,
            versions: BTreeMap::new(),
            cursors: Cursors::new(1),
        }
    }
}

impl Memory {
    fn live(&self, db: u8, key: &[u8]) -> Option<&Entry<Vec<u8>>> {
        self.keys.get(&(db, key.to_vec())).filter(|e| e.expires_at.is_none_or(|at| self.now <= at))
    }

    fn touch(&mut self, db: u8, key: &[u8]) {
        *self.versions.entry((db, key.to_vec())).or_default() += 1;
    }
}

impl Keyspace for Memory {
    type Value = Vec<u8>;

    fn lengths(&self) -> Lengths {
        self.lengths
    }

    fn now(&self) -> i64 {
        self.now
    }

    fn get(&mut self, db: u8, key: &[u8]) -> Result<Option<Entry<Vec<u8>>>, Fault> {
        Ok(self.live(db, key).cloned())
    }

    fn expiry(&mut self, db: u8, key: &[u8]) -> Result<Option<Option<i64>>, Fault> {
        Ok(self.live(db, key).map(|e| e.expires_at))
    }

    fn put(&mut self, db: u8, key: &[u8], value: NewValue<'_>, expires_at: Option<i64>) -> Result<(), Fault> {
        self.lengths.pair(key, value.bytes().len())?;
        self.touch(db, key);
        self.keys.insert((db, key.to_vec()), Entry { value: value.bytes().to_vec(), expires_at });
        Ok(())
    }

    fn set_expiry(&mut self, db: u8, key: &[u8], expires_at: Option<i64>) -> Result<(), Fault> {
        self.touch(db, key);
        if let Some(entry) = self.keys.get_mut(&(db, key.to_vec())) {
            entry.expires_at = expires_at;
        }
        Ok(())
    }

    fn delete(&mut self, db: u8, key: &[u8]) -> Result<bool, Fault> {
        let live = self.live(db, key).is_some();
        if live {
            self.touch(db, key);
        }
        self.keys.remove(&(db, key.to_vec()));
        Ok(live)
    }

    fn flush(&mut self, db: u8) -> Result<(), Fault> {
        let keys: Vec<_> = self.keys.keys().filter(|(of, _)| *of == db).cloned().collect();
        for (db, key) in keys {
            self.delete(db, &key)?;
        }
        Ok(())
    }

    fn swap(&mut self, a: u8, b: u8) -> Result<(), Fault> {
        let place = |db: u8| {
            if db == a {
                b
            } else if db == b {
                a
            } else {
                db
            }
        };
        let watched: Vec<_> = self.versions.keys().filter(|(db, _)| place(*db) != *db).cloned().collect();
        for (db, key) in watched {
            if self.live(a, &key).is_some() || self.live(b, &key).is_some() {
                self.touch(db, &key);
            }
        }
        let keys = core::mem::take(&mut self.keys);
        self.keys = keys.into_iter().map(|((db, key), entry)| ((place(db), key), entry)).collect();
        Ok(())
    }

    fn len(&mut self, db: u8) -> Result<u64, Fault> {
        Ok(self.keys.keys().filter(|(of, _)| *of == db).count() as u64)
    }

    fn walk(
        &mut self,
        db: u8,
        from: &[u8],
        after: bool,
        visit: &mut dyn FnMut(&[u8], bool) -> bool,
    ) -> Result<(), Fault> {
        for (of, key) in self.keys.keys() {
            let ahead = if after { key.as_slice() > from } else { key.as_slice() >= from };
            if *of == db && ahead && !visit(key, self.live(db, key).is_some()) {
                break;
            }
        }
        Ok(())
    }

    fn last(&mut self, db: u8, from: &[u8], before: Option<&[u8]>) -> Result<Option<Vec<u8>>, Fault> {
        let inside = |key: &[u8]| key >= from && before.is_none_or(|before| key < before);
        let mut keys = self.keys.keys().rev().filter(|(of, key)| *of == db && inside(key));
        Ok(keys.find(|(_, key)| self.live(db, key).is_some()).map(|(_, key)| key.clone()))
    }

    fn watch(&mut self, db: u8, key: &[u8]) -> u64 {
        *self.versions.entry((db, key.to_vec())).or_default()
    }

    fn version(&self, db: u8, key: &[u8]) -> u64 {
        self.versions.get(&(db, key.to_vec())).copied().unwrap_or(0)
    }

    fn unwatch(&mut self, _db: u8, _key: &[u8]) {}
}

impl Host for Memory {
    fn clock_us(&self) -> u64 {
        self.now as u64 * 1000
    }

    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.seed >> 20
    }

    fn has_password(&self) -> bool {
        self.password.is_some()
    }

    fn check_password(&self, password: &[u8]) -> bool {
        self.password.as_deref() == Some(password)
    }

    fn info(&mut self, sections: &[String]) -> String {
        if sections.is_empty() { String::from("# Server\r\nredis_version:7.2.0\r\n") } else { String::new() }
    }

    fn config(&self) -> Vec<(&'static str, String)> {
        alloc::vec![("databases", String::from("16")), ("maxmemory", String::from("0"))]
    }

    fn reset_stats(&mut self) {}

    fn clients(&mut self, asking: &Session) -> Vec<Row> {
        alloc::vec![Row { id: asking.id, state: State::of(asking), ..Row::default() }]
    }

    fn kill(&mut self, _filter: &KillFilter) -> usize {
        0
    }

    fn pause(&mut self, _duration_ms: u64, _what: Pause) {}

    fn unpause(&mut self) {}

    fn configure(&mut self, name: &'static str, value: u64) {
        if name == "maxmemory" {
            self.full = value == 1;
        }
    }

    fn out_of_memory(&self) -> bool {
        self.full
    }

    fn replies_are_durable(&self) -> bool {
        true
    }

    fn last_save(&self) -> u64 {
        self.now as u64 / 1000
    }

    fn can_shut_down(&self) -> bool {
        true
    }

    fn with_cursors<R>(&mut self, with: impl FnOnce(&mut Cursors) -> R) -> R {
        with(&mut self.cursors)
    }
}

/// Glob by plain recursion, as Redis does it; only for short inputs.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, rest) => rest.is_none(),
        (Some(b'*'), _) => (0..=text.len()).any(|skip| glob(&pattern[1..], &text[skip..])),
        (Some(_), None) => false,
        (Some(b'?'), Some(_)) => glob(&pattern[1..], &text[1..]),
        (Some(b'\\'), Some(t)) if pattern.len() > 1 => pattern[1] == *t && glob(&pattern[2..], &text[1..]),
        (Some(b'['), Some(t)) => {
            let (hit, used) = class(&pattern[1..], *t);
            hit && glob(&pattern[1 + used..], &text[1..])
        }
        (Some(p), Some(t)) => p == t && glob(&pattern[1..], &text[1..]),
    }
}

/// The same by two pointers: the latest star is all that is ever gone back to. Steps are at most `pattern × text`.
pub fn glob_in_order(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut retry) = (0, 0, None);
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
            continue;
        }
        let used = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (_, None) => return false,
            (Some(b'?'), _) => Some(1),
            (Some(b'\\'), Some(byte)) if p + 1 < pattern.len() => (pattern[p + 1] == *byte).then_some(2),
            (Some(b'['), Some(byte)) => {
                let (hit, used) = class(&pattern[p + 1..], *byte);
                hit.then_some(used + 1)
            }
            (c, byte) => (c == byte).then_some(1),
        };
        match (used, retry) {
            (Some(used), _) => (p, t) = (p + used, t + 1),
            (None, Some((star, from))) => {
                retry = Some((star, from + 1));
                (p, t) = (star, from + 1);
            }
            (None, None) => return false,
        }
    }
}

fn class(mut rest: &[u8], byte: u8) -> (bool, usize) {
    let whole = rest.len();
    let negate = rest.first() == Some(&b'^');
    rest = &rest[usize::from(negate)..];
    let mut members = [false; 256];
    loop {
        match rest {
            [] => break,
            [b'\\', c, tail @ ..] => {
                members[usize::from(*c)] = true;
                rest = tail;
            }
            [b']', tail @ ..] => {
                rest = tail;
                break;
            }
            [a, b'-', b, tail @ ..] => {
                let (low, high) = if a <= b { (*a, *b) } else { (*b, *a) };
                (low..=high).for_each(|c| members[usize::from(c)] = true);
                rest = tail;
            }
            [c, tail @ ..] => {
                members[usize::from(*c)] = true;
                rest = tail;
            }
        }
    }
    (members[usize::from(byte)] != negate, whole - rest.len())
}
