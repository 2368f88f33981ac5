//! A unit of execution: the commands of one connection that arrived together. It begins without the lock, takes it at the
//! first command that changes something, and keeps it to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dolmen_resp::fault::Fault;
use dolmen_resp::keyspace::{ClientRow, Entry, Host, Keyspace, KillFilter, Pause};
use dolmen_resp::scan::Cursors;
use dolmen_resp::session::Session;
use dolmen_store::{ReadOptions, Snapshot, SyncPolicy};
use parking_lot::MutexGuard;

use crate::engine::{Engine, Exec, Future, Group, Presence, clock_ms, clock_us, random, unreadable};
use crate::layout;

/// See the module.
pub(crate) struct Unit<'a> {
    engine: &'a Engine,
    exec: Option<MutexGuard<'a, Exec>>,
    now: i64,
    snapshot: Option<Snapshot>,
    /// Whether this unit changed something.
    pub wrote: bool,
    /// SCAN's cursors have a lock of their own, so that a walk never waits for writers.
    cursors: Option<MutexGuard<'a, Cursors>>,
}

impl<'a> Unit<'a> {
    pub fn new(engine: &'a Engine) -> Self {
        Unit { engine, exec: None, now: clock_ms(), snapshot: None, wrote: false, cursors: None }
    }

    /// Before each command: its time, the lock if it changes something, one moment for reads of several places.
    pub fn begin(&mut self, write: bool, isolated: bool) {
        self.now = clock_ms();
        if write && self.exec.is_none() {
            self.exec = Some(self.engine.lock());
        }
        self.snapshot = (isolated && self.exec.is_none()).then(|| self.engine.db.snapshot());
    }

    /// Counts a command that changed something.
    pub fn count(&mut self) {
        if let Some(exec) = &mut self.exec {
            exec.commands += u64::from(self.wrote);
        }
    }

    /// Ends it: what to wait for before its replies may leave.
    pub fn finish(mut self) -> Option<Arc<Group>> {
        let mut exec = self.exec.take()?;
        self.engine.finish(&mut exec)
    }

    fn options(&self) -> ReadOptions {
        ReadOptions { sequence: self.snapshot.as_ref().map(Snapshot::sequence), ..ReadOptions::default() }
    }

    /// The slot of a database. Private functions are given slots as `db`; those of [`Keyspace`] databases.
    fn slot(&self, db: u8) -> u8 {
        self.exec.as_ref().map_or_else(|| self.engine.slots(), |exec| exec.slots).of(db)
    }

    /// What is pending for a key; `None`: the store knows.
    fn pending(&self, db: u8, key: &[u8]) -> Option<&Future> {
        let exec = self.exec.as_deref()?;
        let at = usize::from(db);
        let found = exec.overlay[at].get(key).map(|(_, future)| future);
        found.or_else(|| exec.cleared[at].is_some().then_some(&None))
    }

    /// The key as it is for this unit, expired or not.
    fn raw(&self, db: u8, key: &[u8]) -> Result<Future, Fault> {
        match self.pending(db, key) {
            Some(future) => Ok(future.clone()),
            None => self.engine.stored(db, key, &self.options()),
        }
    }

    /// Whether the key is there for this unit, expired or not.
    fn presence(&self, db: u8, key: &[u8]) -> Result<Presence, Fault> {
        match self.pending(db, key) {
            Some(future) => Ok(future.as_ref().map(|(_, at)| *at)),
            None => self.engine.stored_presence(db, key, &self.options()),
        }
    }

    fn is_live(&self, at: Option<i64>) -> bool {
        at.is_none_or(|at| self.now <= at)
    }

    /// Puts a change into batch and overlay. `old` is what was there.
    fn change(
        &mut self,
        db: u8,
        key: &[u8],
        old: Presence,
        new: Future,
        value_changed: bool,
    ) -> Result<(), Fault> {
        let family = self.engine.ensure_family(db)?;
        let expires = self.engine.expires.id;
        let exec = self.exec.as_deref_mut().ok_or(Fault::Unreadable)?;
        let (old_at, new_at) = (old.flatten(), new.as_ref().and_then(|n| n.1));
        match &new {
            Some((value, _)) if value_changed => exec.batch.put(family.id, key, value),
            Some(_) => {}
            None => exec.batch.delete(family.id, key),
        }
        if old_at != new_at {
            if let Some(at) = old_at {
                exec.batch.delete(expires, &layout::time_key(db, at, key));
            }
            match new_at {
                Some(at) => {
                    exec.batch.put(expires, &layout::expiry_key(db, key), &at.to_be_bytes());
                    exec.batch.put(expires, &layout::time_key(db, at, key), b"");
                }
                None => exec.batch.delete(expires, &layout::expiry_key(db, key)),
            }
        }
        let counts = &mut exec.counts[usize::from(db)];
        counts.keys = counts.keys + u64::from(new.is_some()) - u64::from(old.is_some());
        counts.expires = counts.expires + u64::from(new_at.is_some()) - u64::from(old_at.is_some());
        exec.dirty |= 1 << db;
        let generation = exec.generation;
        exec.overlay[usize::from(db)].insert(key.to_vec(), (generation, new));
        if new_at.is_some() && !self.engine.may_expire[usize::from(db)].swap(true, Ordering::AcqRel) {
            self.engine.expiring.notify_one();
        }
        self.wrote = true;
        Ok(())
    }

    fn touch(&mut self, db: u8, key: &[u8]) {
        let Some(exec) = self.exec.as_deref_mut() else { return };
        if exec.watched.is_empty() {
            return;
        }
        if let Some((_, version)) = exec.watched.get_mut(&(db, key.to_vec())) {
            *version += 1;
        }
    }

    /// Deletes a key whose time is over, if it still is. Watchers compare times themselves.
    pub fn sweep(&mut self, db: u8, key: &[u8]) -> Result<bool, Fault> {
        let old = self.presence(db, key)?;
        let over = old.is_some_and(|at| !self.is_live(at));
        if over {
            self.change(db, key, old, None, true)?;
        }
        Ok(over)
    }

    /// Keys of `db` whose time is over and that are still in the store, oldest first, at most `max`.
    pub fn overdue(&self, db: u8, max: usize) -> Result<Vec<Vec<u8>>, Fault> {
        if !self.engine.may_expire[usize::from(db)].load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let options = ReadOptions {
            lower_bound: Some(layout::time_key(db, 0, b"")),
            upper_bound: Some(layout::time_key(db, self.now, b"")),
            ..self.options()
        };
        let mut iter = self.engine.db.iter(&self.engine.expires, options).map_err(unreadable)?;
        iter.seek_to_first().map_err(unreadable)?;
        let mut keys = Vec::new();
        while iter.valid() && keys.len() < max {
            keys.extend(layout::split_time_key(iter.key()).map(|(_, key)| key.to_vec()));
            iter.next().map_err(unreadable)?;
        }
        Ok(keys)
    }

    /// A key behind all keys of a database.
    fn end_of(&self, db: u8, family: &dolmen_store::Family) -> Result<Vec<u8>, Fault> {
        let mut iter = self.engine.db.iter(family, ReadOptions::default()).map_err(unreadable)?;
        iter.seek_to_last().map_err(unreadable)?;
        let pending = self.exec.as_ref().and_then(|e| e.overlay[usize::from(db)].keys().max());
        let last = pending.map_or(&[][..], Vec::as_slice).max(iter.key());
        Ok([last, b"\0"].concat())
    }
}

fn too_long(what: &str, max: usize) -> Fault {
    Fault::Text(format!("ERR the {what} is longer than this server allows ({max} bytes)"))
}

impl Keyspace for Unit<'_> {
    fn now(&self) -> i64 {
        self.now
    }

    fn get(&mut self, db: u8, key: &[u8]) -> Result<Option<Entry>, Fault> {
        let found = self.raw(self.slot(db), key)?.filter(|(_, at)| self.is_live(*at));
        self.engine.stats.lookup(found.is_some());
        Ok(found.map(|(value, expires_at)| Entry { value: value.to_vec(), expires_at }))
    }

    fn expiry(&mut self, db: u8, key: &[u8]) -> Result<Option<Option<i64>>, Fault> {
        Ok(self.presence(self.slot(db), key)?.filter(|at| self.is_live(*at)))
    }

    fn put(&mut self, db: u8, key: &[u8], value: &[u8], expires_at: Option<i64>) -> Result<(), Fault> {
        let limits = &self.engine.settings;
        if key.len() > limits.key_len_max {
            return Err(too_long("key", limits.key_len_max));
        }
        if value.len() > limits.value_len_max {
            return Err(too_long("value", limits.value_len_max));
        }
        let slot = self.slot(db);
        let old = self.presence(slot, key)?;
        self.touch(db, key);
        self.change(slot, key, old, Some((value.into(), expires_at)), true)
    }

    fn set_expiry(&mut self, db: u8, key: &[u8], expires_at: Option<i64>) -> Result<(), Fault> {
        let slot = self.slot(db);
        let old = self.raw(slot, key)?;
        let Some((value, at)) = old else { return Ok(()) };
        self.touch(db, key);
        self.change(slot, key, Some(at), Some((value, expires_at)), false)
    }

    fn delete(&mut self, db: u8, key: &[u8]) -> Result<bool, Fault> {
        let slot = self.slot(db);
        let old = self.presence(slot, key)?;
        let Some(at) = old else { return Ok(false) };
        let live = self.is_live(at);
        if live {
            self.touch(db, key);
        }
        self.change(slot, key, old, None, true)?;
        Ok(live)
    }

    fn flush(&mut self, db: u8) -> Result<(), Fault> {
        let watched = self.exec.as_ref().map_or_else(Vec::new, |exec| {
            exec.watched.keys().filter(|(of, _)| *of == db).map(|(_, key)| key.clone()).collect()
        });
        for key in watched {
            if self.expiry(db, &key)?.is_some() {
                self.touch(db, &key);
            }
        }
        let db = self.slot(db);
        let at = usize::from(db);
        let Some(family) = self.engine.family(db) else { return Ok(()) };
        let end = self.end_of(db, family)?;
        let expires = self.engine.expires.id;
        let exec = self.exec.as_deref_mut().ok_or(Fault::Unreadable)?;
        if exec.counts[at].keys == 0 {
            return Ok(());
        }
        exec.batch.delete_range(family.id, b"", &end);
        if exec.counts[at].expires > 0 {
            for tag in [b'k', b't'] {
                exec.batch.delete_range(expires, &[tag, db], &[tag, db + 1]);
            }
        }
        exec.counts[at] = layout::Counts::default();
        exec.overlay[at].clear();
        exec.cleared[at] = Some(exec.generation);
        exec.dirty |= 1 << db;
        self.wrote = true;
        Ok(())
    }

    fn swap(&mut self, a: u8, b: u8) -> Result<(), Fault> {
        let watched: Vec<_> = self.exec.as_ref().map_or_else(Vec::new, |exec| {
            exec.watched.keys().filter(|(db, _)| *db == a || *db == b).cloned().collect()
        });
        for (db, key) in watched {
            if a != b && (self.expiry(a, &key)?.is_some() || self.expiry(b, &key)?.is_some()) {
                self.touch(db, &key);
            }
        }
        let expires = self.engine.expires.id;
        let exec = self.exec.as_deref_mut().ok_or(Fault::Unreadable)?;
        exec.slots = exec.slots.swapped(a, b);
        exec.batch.put(expires, layout::SLOTS_KEY, &exec.slots.0.to_be_bytes());
        // The counts' record is what proves at the next open that nobody else wrote.
        exec.dirty |= 1;
        self.wrote = true;
        Ok(())
    }

    fn len(&mut self, db: u8) -> Result<u64, Fault> {
        let db = self.slot(db);
        let keys = match &self.exec {
            Some(exec) => exec.counts[usize::from(db)].keys,
            None => self.engine.completed.lock()[usize::from(db)].keys,
        };
        let mut over = 0;
        for key in self.overdue(db, usize::MAX)? {
            over += u64::from(self.presence(db, &key)?.is_some_and(|at| !self.is_live(at)));
        }
        Ok(keys.saturating_sub(over))
    }

    fn walk(
        &mut self,
        db: u8,
        from: &[u8],
        after: bool,
        visit: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Fault> {
        let db = self.slot(db);
        let Some(family) = self.engine.family(db) else { return Ok(()) };
        let options = self.options();
        let at = usize::from(db);
        let exec = self.exec.as_deref();
        let cleared = exec.is_some_and(|exec| exec.cleared[at].is_some());
        let ahead = |key: &[u8]| !after || key != from;
        let pending = exec.into_iter().flat_map(|exec| &exec.overlay[at]);
        let mut pending: Vec<_> = pending.filter(|(key, _)| key.as_slice() >= from && ahead(key)).collect();
        pending.sort_unstable_by_key(|(key, _)| *key);
        let mut pending = pending.into_iter().peekable();
        let mut iter = self.engine.db.iter(family, options.clone()).map_err(unreadable)?;
        iter.seek(from).map_err(unreadable)?;
        if iter.valid() && !ahead(iter.key()) {
            iter.next().map_err(unreadable)?;
        }
        loop {
            let stored = iter.valid() && !cleared;
            let next = pending.peek().map(|(key, _)| key.as_slice());
            if next.is_some_and(|key| !stored || key <= iter.key()) {
                let Some((key, (_, future))) = pending.next() else { return Ok(()) };
                if stored && key == iter.key() {
                    iter.next().map_err(unreadable)?;
                }
                if future.as_ref().is_some_and(|(_, at)| self.is_live(*at)) && !visit(key) {
                    return Ok(());
                }
            } else if stored {
                let live = self.is_live(self.engine.stored_expiry(db, iter.key(), &options)?);
                if live && !visit(iter.key()) {
                    return Ok(());
                }
                iter.next().map_err(unreadable)?;
            } else {
                return Ok(());
            }
        }
    }

    fn last(&mut self, db: u8, from: &[u8], before: Option<&[u8]>) -> Result<Option<Vec<u8>>, Fault> {
        let db = self.slot(db);
        let Some(family) = self.engine.family(db) else { return Ok(None) };
        let at = usize::from(db);
        let exec = self.exec.as_deref();
        let inside = |key: &[u8]| key >= from && before.is_none_or(|before| key < before);
        let live = |future: &Future| future.as_ref().is_some_and(|(_, at)| self.is_live(*at));
        let pending = exec.into_iter().flat_map(|exec| &exec.overlay[at]);
        let pending = pending.filter(|(key, (_, future))| inside(key) && live(future)).map(|(key, _)| key);
        let pending = pending.max().cloned();
        if exec.is_some_and(|exec| exec.cleared[at].is_some()) {
            return Ok(pending);
        }
        let options = ReadOptions {
            lower_bound: Some(from.to_vec()),
            upper_bound: before.map(<[u8]>::to_vec),
            ..self.options()
        };
        let mut iter = self.engine.db.iter(family, options.clone()).map_err(unreadable)?;
        iter.seek_to_last().map_err(unreadable)?;
        while iter.valid() {
            let key = iter.key();
            if pending.as_deref().is_some_and(|p| p >= key) {
                break;
            }
            // One that is pending and was not found above will be gone.
            let known = self.pending(db, key).is_some();
            if !known && self.is_live(self.engine.stored_expiry(db, key, &options)?) {
                return Ok(Some(key.to_vec()));
            }
            iter.prev().map_err(unreadable)?;
        }
        Ok(pending)
    }

    fn watch(&mut self, db: u8, key: &[u8]) -> u64 {
        let Some(exec) = self.exec.as_deref_mut() else { return 0 };
        let (watchers, version) = exec.watched.entry((db, key.to_vec())).or_default();
        *watchers += 1;
        *version
    }

    fn version(&self, db: u8, key: &[u8]) -> u64 {
        let exec = self.exec.as_deref();
        exec.and_then(|exec| exec.watched.get(&(db, key.to_vec()))).map_or(0, |(_, version)| *version)
    }

    fn unwatch(&mut self, db: u8, key: &[u8]) {
        let Some(exec) = self.exec.as_deref_mut() else { return };
        let place = (db, key.to_vec());
        if let Some((watchers, _)) = exec.watched.get_mut(&place) {
            *watchers -= 1;
            if *watchers == 0 {
                exec.watched.remove(&place);
            }
        }
    }
}

impl Host for Unit<'_> {
    fn clock_us(&self) -> u64 {
        clock_us()
    }

    fn random(&mut self) -> u64 {
        random()
    }

    fn has_password(&self) -> bool {
        self.engine.settings.password.is_some()
    }

    fn check_password(&self, password: &[u8]) -> bool {
        let right = self.engine.settings.password.as_deref().unwrap_or("");
        dolmen_host::same(password, right.as_bytes())
    }

    fn info(&mut self, sections: &[String]) -> String {
        crate::info::info(self.engine, sections)
    }

    fn config(&self) -> Vec<(&'static str, String)> {
        crate::info::config(self.engine)
    }

    fn reset_stats(&mut self) {
        self.engine.stats.reset();
    }

    fn clients(&mut self, asking: &Session) -> Vec<ClientRow> {
        self.engine.clients.update(asking);
        self.engine.clients.rows()
    }

    fn kill(&mut self, filter: &KillFilter) -> usize {
        self.engine.clients.kill(filter)
    }

    fn pause(&mut self, until_ms: i64, what: Pause) {
        let new = until_ms.max(0) as u64 * 2 + u64::from(what == Pause::All);
        let now = self.now as u64;
        let widen = |old: u64| if old / 2 > now { (old.max(new) & !1) | (old | new) & 1 } else { new };
        let _ = self.engine.paused.fetch_update(Ordering::AcqRel, Ordering::Acquire, |old| Some(widen(old)));
    }

    fn unpause(&mut self) {
        self.engine.paused.store(0, Ordering::Release);
    }

    fn configure(&mut self, name: &'static str, value: u64) {
        let place = match name {
            "maxclients" => &self.engine.clients_max,
            "maxmemory" => &self.engine.memory_max,
            _ => &self.engine.idle_timeout_s,
        };
        place.store(value, Ordering::Relaxed);
    }

    fn out_of_memory(&self) -> bool {
        self.engine.out_of_memory()
    }

    fn replies_are_durable(&self) -> bool {
        self.engine.settings.sync == SyncPolicy::Always
    }

    fn cursors(&mut self) -> &mut Cursors {
        let engine = self.engine;
        self.cursors.get_or_insert_with(|| engine.cursors.lock())
    }
}
