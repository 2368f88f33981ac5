//! Keys as commands see them: a reader sees a state that was written, a unit under the lock sees everything that is pending.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_resp::client::Row;
use dolmen_resp::fault::Fault;
use dolmen_resp::keyspace::{Entry, Host, Keyspace, KillFilter, Lengths, Pause};
use dolmen_resp::limits::RANDOM_OVERDUE_MAX;
use dolmen_resp::scan::Cursors;
use dolmen_resp::session::Session;
use dolmen_resp::value::{NewValue, Shared};

use crate::engine::Engine;
use crate::env::Env;
use crate::info;
use crate::layout::{Place, State, decode_expiry, expiry_key, split_time_key, time_key};
use crate::pending::{Change, Look, Pending};
use crate::recent::Presence;
use crate::store::Store;

/// A value that a command reads.
#[derive(Clone)]
pub enum Held<V> {
    /// From the store.
    Stored(V),
    /// A small one that is pending.
    Copied(Vec<u8>),
    /// A large one that is pending.
    Pending(Shared),
}

impl<V: AsRef<[u8]>> AsRef<[u8]> for Held<V> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Held::Stored(value) => value.as_ref(),
            Held::Copied(bytes) => bytes,
            Held::Pending(shared) => shared.as_ref().as_ref(),
        }
    }
}

/// What look-ups found since the owner last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Keys that were there.
    pub hits: u64,
    /// Keys that were not.
    pub misses: u64,
}

/// The lock, as a command holds it.
pub(crate) struct Changes<'a, T> {
    engine: &'a mut Engine<T>,
    /// Whether this command changed something.
    changed: bool,
}

impl<'a, T> Changes<'a, T> {
    pub(crate) fn new(engine: &'a mut Engine<T>) -> Self {
        Changes { engine, changed: false }
    }
}

enum Mode<'a, T> {
    Read(&'a State),
    Write(Changes<'a, T>),
}

/// One command on its keys, and the server around it.
pub struct Unit<'a, T, S: Store, E: Env> {
    mode: Mode<'a, T>,
    store: &'a S,
    env: &'a mut E,
    now: i64,
    lookups: &'a mut Lookups,
}

impl<'a, T, S: Store, E: Env> Unit<'a, T, S, E> {
    /// A command that only reads: `store` is a view of the very moment of `state`.
    pub fn reading(
        state: &'a State,
        store: &'a S,
        env: &'a mut E,
        now: i64,
        lookups: &'a mut Lookups,
    ) -> Self {
        Unit { mode: Mode::Read(state), store, env, now, lookups }
    }

    /// A command under the lock: `store` is a view of what has been written so far, of the last generation at least.
    pub fn writing(
        engine: &'a mut Engine<T>,
        store: &'a S,
        env: &'a mut E,
        now: i64,
        lookups: &'a mut Lookups,
    ) -> Self {
        Unit { mode: Mode::Write(engine.changes()), store, env, now, lookups }
    }

    /// Ends the command: what it changed stays. Whether it changed anything.
    pub fn end(self) -> bool {
        let Mode::Write(Changes { engine, changed }) = self.mode else { return false };
        engine.collecting.release();
        for place in engine.touched.drain(..) {
            if let Some((_, version)) = engine.watched.get_mut(&place) {
                *version += 1;
            }
        }
        if changed {
            engine.collecting.count_command();
        }
        changed
    }

    fn state(&self) -> &State {
        match &self.mode {
            Mode::Read(state) => state,
            Mode::Write(changes) => changes.engine.collecting.state(),
        }
    }

    fn engine(&self) -> Option<&Engine<T>> {
        match &self.mode {
            Mode::Read(_) => None,
            Mode::Write(changes) => Some(changes.engine),
        }
    }

    /// The lock; a change without it is a mistake of the caller and answers as a store that cannot be used.
    fn changes(&mut self) -> Result<&mut Changes<'a, T>, Fault> {
        match &mut self.mode {
            Mode::Read(_) => Err(Fault::Unreadable),
            Mode::Write(changes) => Ok(changes),
        }
    }

    /// The slot of a database. Private functions are given slots; those of [`Keyspace`] databases.
    fn slot(&self, db: u8) -> u8 {
        self.state().slots.of(db)
    }

    fn is_live(&self, at: Option<i64>) -> bool {
        at.is_none_or(|at| self.now <= at)
    }

    /// What the store holds for a key, expired or not: read as of one moment, value first or expiry first.
    fn stored_expiry(&self, slot: u8, key: &[u8]) -> Result<Option<i64>, Fault> {
        // What the store holds is at least the state that readers see; a key that changed since is pending and was not asked for here.
        let expires = self.engine().map_or_else(|| self.state(), Engine::visible).expires(slot);
        if !expires {
            return Ok(None);
        }
        let record = self.store.get(Place::Expires, &expiry_key(slot, key))?;
        Ok(record.and_then(|bytes| decode_expiry(bytes.as_ref())))
    }

    fn stored_presence(&self, slot: u8, key: &[u8]) -> Result<Presence, Fault> {
        if !self.store.contains(Place::Slot(slot), key)? {
            return Ok(None);
        }
        self.stored_expiry(slot, key).map(Some)
    }

    /// What is pending for a key; `None`: the store knows.
    fn pending_presence(&self, hash: u64, slot: u8, key: &[u8]) -> Option<Presence> {
        let engine = self.engine()?;
        let generations = core::iter::once(&engine.collecting).chain(engine.in_flight.as_deref());
        generations.map(|generation| generation.look(hash, slot, key)).find_map(|look| match look {
            Look::Unknown => None,
            Look::Gone => Some(None),
            Look::There { expires_at, .. } => Some(Some(expires_at)),
        })
    }

    /// Whether the key is there for this command, expired or not; and its hash, under the lock.
    fn presence(&mut self, slot: u8, key: &[u8]) -> Result<(u64, Presence), Fault> {
        let Mode::Write(changes) = &self.mode else { return Ok((0, self.stored_presence(slot, key)?)) };
        let hash = changes.engine.hash(slot, key);
        if let Some(presence) = changes.engine.recent.get(hash, slot, key) {
            return Ok((hash, presence));
        }
        let presence = match self.pending_presence(hash, slot, key) {
            Some(presence) => presence,
            None => self.stored_presence(slot, key)?,
        };
        self.changes()?.engine.recent.put(hash, slot, key, presence);
        Ok((hash, presence))
    }

    fn stored(&self, slot: u8, key: &[u8]) -> Result<Option<Held<S::Value>>, Fault> {
        Ok(self.store.get(Place::Slot(slot), key)?.map(Held::Stored))
    }

    /// The key as it is for this command, expired or not.
    fn value(&self, slot: u8, key: &[u8]) -> Result<Option<Entry<Held<S::Value>>>, Fault> {
        let mut known = None;
        if let Some(engine) = self.engine() {
            let hash = engine.hash(slot, key);
            if engine.recent.get(hash, slot, key) == Some(None) {
                return Ok(None);
            }
            for generation in core::iter::once(&engine.collecting).chain(engine.in_flight.as_deref()) {
                match generation.look(hash, slot, key) {
                    Look::Unknown => {}
                    Look::Gone => return Ok(None),
                    Look::There { expires_at, value } => {
                        // The newest expiry counts, whichever generation the value stands in.
                        let expires_at = *known.get_or_insert(expires_at);
                        match value {
                            Pending::Same => {}
                            Pending::Small(bytes) => {
                                let value = Held::Copied(bytes.to_vec());
                                return Ok(Some(Entry { value, expires_at }));
                            }
                            Pending::Large(shared) => {
                                let value = Held::Pending(shared.clone());
                                return Ok(Some(Entry { value, expires_at }));
                            }
                        }
                    }
                }
            }
        }
        let Some(value) = self.stored(slot, key)? else { return Ok(None) };
        let expires_at = match known {
            Some(expires_at) => expires_at,
            None => self.stored_expiry(slot, key)?,
        };
        Ok(Some(Entry { value, expires_at }))
    }

    /// Puts a change into what collects.
    fn change(
        &mut self,
        (hash, slot, key): (u64, u8, &[u8]),
        old: Presence,
        change: Change<'_>,
        expires_at: Option<i64>,
    ) -> Result<(), Fault> {
        let presence = if matches!(change, Change::Delete) { None } else { Some(expires_at) };
        let changes = self.changes()?;
        changes.engine.collecting.change((hash, slot, key), old, change, expires_at);
        changes.engine.recent.put(hash, slot, key, presence);
        expires_at.into_iter().for_each(|at| changes.engine.will_expire(at));
        changes.changed = true;
        Ok(())
    }

    fn touch(&mut self, db: u8, key: &[u8]) {
        if let Mode::Write(Changes { engine, .. }) = &mut self.mode
            && !engine.watched.is_empty()
        {
            engine.touched.push((db, key.to_vec()));
        }
    }

    /// Watched keys of some databases that are there, in any of `of`.
    fn touch_all(&mut self, watched: impl Fn(u8) -> bool, of: &[u8]) -> Result<(), Fault> {
        let all = self.engine().map_or_else(Vec::new, |engine| {
            let mut all: Vec<_> = engine.watched.keys().filter(|(db, _)| watched(*db)).cloned().collect();
            all.sort_unstable();
            all
        });
        for (db, key) in all {
            for other in of {
                if self.expiry(*other, &key)?.is_some() {
                    self.touch(db, &key);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Deletes a key whose time is over, if it still is. Watchers compare times themselves.
    ///
    /// # Errors
    /// The store's.
    pub fn sweep(&mut self, slot: u8, key: &[u8]) -> Result<bool, Fault> {
        let (hash, old) = self.presence(slot, key)?;
        let over = old.is_some_and(|at| !self.is_live(at));
        if over {
            self.change((hash, slot, key), old, Change::Delete, None)?;
        }
        Ok(over)
    }

    /// The keys of a slot that are pending, from `from` on, in order, each with what it will be.
    fn pending_keys(&self, slot: u8, inside: impl Fn(&[u8]) -> bool) -> Vec<(Vec<u8>, Presence)> {
        let Some(engine) = self.engine() else { return Vec::new() };
        let collecting = engine.collecting.keys_of(slot);
        let cleared = engine.collecting.cleared(slot).is_some();
        let below = engine.in_flight.as_deref().filter(|_| !cleared);
        let below = below.into_iter().flat_map(|generation| generation.keys_of(slot));
        let mut all: Vec<_> = below.chain(collecting).filter(|(key, _)| inside(key)).collect();
        // Stable: of two entries for one key the one of the newer generation stands behind.
        all.sort_by(|a, b| a.0.cmp(b.0));
        let mut out: Vec<(Vec<u8>, Presence)> = Vec::with_capacity(all.len());
        for (key, presence) in all {
            match out.last_mut() {
                Some(last) if last.0 == key => last.1 = presence,
                _ => out.push((key.to_vec(), presence)),
            }
        }
        out
    }

    /// Whether nothing that the store holds for a slot counts any more.
    fn is_cleared(&self, slot: u8) -> bool {
        let Some(engine) = self.engine() else { return false };
        let generations = core::iter::once(&engine.collecting).chain(engine.in_flight.as_deref());
        generations.into_iter().any(|generation| generation.cleared(slot).is_some())
    }
}

/// When the next key of a slot will be over.
///
/// # Errors
/// The store's.
pub fn next_expiry(store: &impl Store, slot: u8) -> Result<Option<i64>, Fault> {
    let mut next = None;
    store.walk(Place::Expires, &[b't', slot], false, Some(&[b't', slot + 1]), &mut |key| {
        next = split_time_key(key).map(|(at, _)| at);
        Ok(false)
    })?;
    Ok(next)
}

/// Keys of a slot whose time is over, oldest first, at most `max`.
///
/// # Errors
/// The store's.
pub fn overdue(store: &impl Store, slot: u8, now: i64, max: usize) -> Result<Vec<Vec<u8>>, Fault> {
    let mut keys = Vec::new();
    let (from, to) = (time_key(slot, 0, b""), time_key(slot, now, b""));
    store.walk(Place::Expires, &from, false, Some(&to), &mut |key| {
        keys.extend(split_time_key(key).map(|(_, key)| key.to_vec()));
        Ok(keys.len() < max)
    })?;
    Ok(keys)
}

impl<T, S: Store, E: Env> Keyspace for Unit<'_, T, S, E> {
    type Value = Held<S::Value>;

    fn now(&self) -> i64 {
        self.now
    }

    fn lengths(&self) -> Lengths {
        self.engine().map_or_else(Lengths::default, |engine| engine.lengths)
    }

    fn get(&mut self, db: u8, key: &[u8]) -> Result<Option<Entry<Self::Value>>, Fault> {
        let found = self.value(self.slot(db), key)?.filter(|entry| self.is_live(entry.expires_at));
        *(if found.is_some() { &mut self.lookups.hits } else { &mut self.lookups.misses }) += 1;
        Ok(found)
    }

    fn expiry(&mut self, db: u8, key: &[u8]) -> Result<Presence, Fault> {
        Ok(self.presence(self.slot(db), key)?.1.filter(|at| self.is_live(*at)))
    }

    fn put(&mut self, db: u8, key: &[u8], value: NewValue<'_>, expires_at: Option<i64>) -> Result<(), Fault> {
        self.lengths().pair(key, value.bytes().len())?;
        let slot = self.slot(db);
        let (hash, old) = self.presence(slot, key)?;
        self.touch(db, key);
        self.change((hash, slot, key), old, Change::Put(value), expires_at)
    }

    fn set_expiry(&mut self, db: u8, key: &[u8], expires_at: Option<i64>) -> Result<(), Fault> {
        let slot = self.slot(db);
        let (hash, old) = self.presence(slot, key)?;
        if old.is_none() {
            return Ok(());
        }
        self.touch(db, key);
        self.change((hash, slot, key), old, Change::Keep, expires_at)
    }

    fn delete(&mut self, db: u8, key: &[u8]) -> Result<bool, Fault> {
        let slot = self.slot(db);
        let (hash, old) = self.presence(slot, key)?;
        let Some(at) = old else { return Ok(false) };
        let live = self.is_live(at);
        if live {
            self.touch(db, key);
        }
        self.change((hash, slot, key), old, Change::Delete, None)?;
        Ok(live)
    }

    fn flush(&mut self, db: u8) -> Result<(), Fault> {
        self.touch_all(|of| of == db, &[db])?;
        let slot = self.slot(db);
        if self.state().counts[usize::from(slot)].keys == 0 {
            return Ok(());
        }
        let changes = self.changes()?;
        changes.engine.collecting.clear(slot);
        changes.engine.recent.clear();
        changes.changed = true;
        Ok(())
    }

    fn swap(&mut self, a: u8, b: u8) -> Result<(), Fault> {
        if a == b {
            return Ok(());
        }
        self.touch_all(|of| of == a || of == b, &[a, b])?;
        let changes = self.changes()?;
        changes.engine.collecting.swap(a, b);
        changes.changed = true;
        Ok(())
    }

    fn len(&mut self, db: u8) -> Result<u64, Fault> {
        Ok(self.state().of(db).keys)
    }

    fn walk(
        &mut self,
        db: u8,
        from: &[u8],
        after: bool,
        visit: &mut dyn FnMut(&[u8], bool) -> bool,
    ) -> Result<(), Fault> {
        let slot = self.slot(db);
        let pending = self.pending_keys(slot, |key| key > from || !after && key == from);
        let mut pending = pending.iter().peekable();
        let mut more = true;
        if !self.is_cleared(slot) {
            self.store.walk(Place::Slot(slot), from, after, None, &mut |key| {
                while more
                    && let Some((other, presence)) = pending.next_if(|(other, _)| other.as_slice() < key)
                {
                    more = presence.is_none_or(|at| visit(other, self.is_live(at)));
                }
                let over =
                    pending.next_if(|(other, _)| other.as_slice() == key).map(|(_, presence)| *presence);
                if more {
                    let presence = match over {
                        Some(presence) => presence,
                        None => Some(self.stored_expiry(slot, key)?),
                    };
                    more = presence.is_none_or(|at| visit(key, self.is_live(at)));
                }
                Ok(more)
            })?;
        }
        while more && let Some((key, presence)) = pending.next() {
            more = presence.is_none_or(|at| visit(key, self.is_live(at)));
        }
        Ok(())
    }

    fn last(&mut self, db: u8, from: &[u8], before: Option<&[u8]>) -> Result<Option<Vec<u8>>, Fault> {
        let slot = self.slot(db);
        let pending = self.pending_keys(slot, |key| key >= from && before.is_none_or(|before| key < before));
        let live = |(_, presence): &&(Vec<u8>, Presence)| presence.is_some_and(|at| self.is_live(at));
        let mut last = pending.iter().rev().find(live).map(|(key, _)| key.clone());
        if self.is_cleared(slot) {
            return Ok(last);
        }
        let (mut found, mut overdue) = (None, 0);
        self.store.walk_back(Place::Slot(slot), from, before, &mut |key| {
            if last.as_deref().is_some_and(|last| last >= key) {
                return Ok(false);
            }
            // One that is pending and was not found above will be gone, or its time is over.
            let known = pending.binary_search_by(|(other, _)| other.as_slice().cmp(key)).is_ok();
            if !known {
                overdue += 1;
                if overdue > RANDOM_OVERDUE_MAX || self.is_live(self.stored_expiry(slot, key)?) {
                    found = Some(key.to_vec());
                }
            }
            Ok(found.is_none())
        })?;
        if found.is_some() {
            last = found;
        }
        Ok(last)
    }

    fn savepoint(&mut self) -> (usize, usize) {
        self.engine().map_or((0, 0), |engine| (engine.collecting.savepoint(), engine.touched.len()))
    }

    fn roll_back(&mut self, (changes, touched): (usize, usize)) {
        let Mode::Write(Changes { engine, changed }) = &mut self.mode else { return };
        let (collecting, recent) = (&mut engine.collecting, &mut engine.recent);
        collecting.roll_back(changes, &mut |hash, slot, key| recent.forget(hash, slot, key));
        engine.touched.truncate(touched);
        *changed &= changes > 0;
    }

    fn watch(&mut self, db: u8, key: &[u8]) -> u64 {
        let Mode::Write(Changes { engine, .. }) = &mut self.mode else { return 0 };
        let (watchers, version) = engine.watched.entry((db, key.to_vec())).or_default();
        *watchers += 1;
        *version
    }

    fn version(&self, db: u8, key: &[u8]) -> u64 {
        let found = self.engine().and_then(|engine| engine.watched.get(&(db, key.to_vec())));
        found.map_or(0, |(_, version)| *version)
    }

    fn unwatch(&mut self, db: u8, key: &[u8]) {
        let Mode::Write(Changes { engine, .. }) = &mut self.mode else { return };
        let place = (db, key.to_vec());
        if let Some((watchers, _)) = engine.watched.get_mut(&place) {
            *watchers -= 1;
            if *watchers == 0 {
                engine.watched.remove(&place);
            }
        }
    }
}

impl<T, S: Store, E: Env> Host for Unit<'_, T, S, E> {
    fn clock_us(&self) -> u64 {
        self.env.clock_us()
    }

    fn random(&mut self) -> u64 {
        self.env.random()
    }

    fn has_password(&self) -> bool {
        self.env.has_password()
    }

    fn check_password(&self, password: &[u8]) -> bool {
        self.env.check_password(password)
    }

    fn info(&mut self, sections: &[String]) -> String {
        let state = *self.engine().map_or_else(|| self.state(), Engine::visible);
        info::info(&self.env.facts(), &state, sections)
    }

    fn config(&self) -> Vec<(&'static str, String)> {
        info::config(&self.env.facts())
    }

    fn reset_stats(&mut self) {
        self.env.reset_stats();
    }

    fn clients(&mut self, asking: &Session) -> Vec<Row> {
        self.env.clients(asking)
    }

    fn kill(&mut self, filter: &KillFilter) -> usize {
        self.env.kill(filter)
    }

    fn pause(&mut self, duration_ms: u64, what: Pause) {
        self.env.pause(duration_ms, what);
    }

    fn unpause(&mut self) {
        self.env.unpause();
    }

    fn configure(&mut self, name: &'static str, value: u64) {
        self.env.configure(name, value);
    }

    fn out_of_memory(&self) -> bool {
        let pending = self.engine().map_or(0, Engine::pending_len);
        self.env.out_of_memory(pending as u64)
    }

    fn replies_are_durable(&self) -> bool {
        self.env.replies_are_durable()
    }

    fn last_save(&self) -> u64 {
        self.env.last_save()
    }

    fn can_shut_down(&self) -> bool {
        self.env.can_shut_down()
    }

    fn with_cursors<R>(&mut self, with: impl FnOnce(&mut Cursors) -> R) -> R {
        self.env.with_cursors(with)
    }
}
