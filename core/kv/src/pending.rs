//! Changes that are not written yet, by generation: one collects while another is in flight; each is dropped whole.
//!
//! ```text
//! tables: slot → (hash → entry)      entries: key, what was there before this generation, value, expiry      arena: keys, small values
//! journal: what to take back if the present command fails
//! ```
//! 1. A key has one entry however often it changes: what is written is what it was last. So a generation's size is bounded by its keys
//!    and values, not by its commands.
//! 2. What was there before the first change is kept with the entry: the expiry to delete from the order of time, and whether a key that
//!    is gone at the end needs a record at all.
//! 3. Clearing a slot puts its table aside. Its entries stay behind in the list, from a clearing before, and are passed over.
//! 4. Taking back undoes the journal from its end: entries that were added go, others become what they were, tables come back.

use alloc::vec::Vec;

use dolmen_base::id_type;
use dolmen_resp::value::{LARGE_LEN, NewValue, Shared};
use hashbrown::HashTable;

use crate::layout::{Counts, DATABASE_COUNT, State};
use crate::limits::SPARE_BYTES_MAX;
use crate::recent::Presence;

id_type! {
    /// Number of a generation; they rise by one.
    pub struct GenerationId(u64);
}

/// Entries from which on a table is given back instead of emptied: emptying costs its size.
const TABLE_KEPT_MAX: usize = 1 << 14;

/// A value that is pending.
#[derive(Clone)]
enum Value {
    /// What it was.
    Same,
    /// The key is deleted.
    Gone,
    /// In the arena: start and end.
    Small(usize, usize),
    Large(Shared),
}

struct Entry {
    hash: u64,
    slot: u8,
    /// Clearings of its slot before it came.
    epoch: u32,
    key: (usize, usize),
    before: Presence,
    value: Value,
    expires_at: Option<i64>,
}

/// What to take back.
enum Undo {
    /// The last entry is new.
    Added,
    Changed {
        entry: u32,
        value: Value,
        expires_at: Option<i64>,
    },
    Cleared {
        slot: u8,
        table: HashTable<u32>,
        cleared: Option<bool>,
    },
    Counts {
        slot: u8,
        counts: Counts,
        dirty: u16,
    },
    Slots(crate::layout::Slots),
}

/// What a generation knows of a key.
pub(crate) enum Look<'a> {
    /// Nothing: what was there before.
    Unknown,
    /// It is gone.
    Gone,
    /// It is there.
    There {
        /// Its expiry.
        expires_at: Option<i64>,
        /// Its value.
        value: Pending<'a>,
    },
}

/// A value in a generation.
pub(crate) enum Pending<'a> {
    Same,
    Small(&'a [u8]),
    Large(&'a Shared),
}

/// What a key becomes.
pub(crate) enum Change<'a> {
    Put(NewValue<'a>),
    Keep,
    Delete,
}

/// One key's change, to be written.
#[derive(Clone, Copy, Debug)]
pub struct KeyChange<'a> {
    /// The slot.
    pub slot: u8,
    /// The key.
    pub key: &'a [u8],
    /// Whether the key was there before this generation, and its expiry then.
    pub before: Presence,
    /// `None`: the value stays; `Some(None)`: the key is deleted.
    pub value: Option<Option<&'a [u8]>>,
    /// The new expiry.
    pub expires_at: Option<i64>,
}

/// The changes of one batch. See the [module](self).
pub struct Generation {
    id: GenerationId,
    arena: Vec<u8>,
    entries: Vec<Entry>,
    tables: [HashTable<u32>; DATABASE_COUNT],
    epochs: [u32; DATABASE_COUNT],
    /// By slot: whether it was cleared, and whether keys expired in it then.
    cleared: [Option<bool>; DATABASE_COUNT],
    before: State,
    state: State,
    dirty: u16,
    commands: u64,
    large_len: usize,
    journal: Vec<Undo>,
}

impl core::fmt::Debug for Generation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "generation {}: {} keys, {} bytes", self.id.get(), self.entries.len(), self.weight())
    }
}

impl Generation {
    /// An empty one, on top of `state`.
    pub(crate) fn new(id: GenerationId, state: State) -> Generation {
        Generation {
            id,
            arena: Vec::new(),
            entries: Vec::new(),
            tables: core::array::from_fn(|_| HashTable::new()),
            epochs: [0; DATABASE_COUNT],
            cleared: [None; DATABASE_COUNT],
            before: state,
            state,
            dirty: 0,
            commands: 0,
            large_len: 0,
            journal: Vec::new(),
        }
    }

    /// Makes it empty again and keeps its memory, if that is not much.
    pub(crate) fn reset(mut self, id: GenerationId, state: State) -> Generation {
        if self.arena.capacity() + self.entries.capacity() * size_of::<Entry>() > SPARE_BYTES_MAX {
            return Generation::new(id, state);
        }
        self.arena.clear();
        self.entries.clear();
        for table in &mut self.tables {
            if table.capacity() > TABLE_KEPT_MAX {
                *table = HashTable::new();
            } else if !table.is_empty() {
                table.clear();
            }
        }
        self.release();
        Generation {
            id,
            epochs: [0; DATABASE_COUNT],
            cleared: [None; DATABASE_COUNT],
            before: state,
            state,
            dirty: 0,
            commands: 0,
            large_len: 0,
            ..self
        }
    }

    /// Its number.
    pub fn id(&self) -> GenerationId {
        self.id
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.swapped() && self.cleared.iter().all(Option::is_none)
    }

    /// Bytes of memory that it needs.
    pub fn weight(&self) -> usize {
        self.arena.len() + self.large_len + self.entries.len() * size_of::<Entry>()
    }

    /// Bytes of memory that it holds, in use or not.
    pub(crate) fn capacity(&self) -> usize {
        let tables: usize = self.tables.iter().map(|table| table.capacity() * (size_of::<u32>() + 1)).sum();
        let journal = self.journal.capacity() * size_of::<Undo>();
        self.arena.capacity() + self.entries.capacity() * size_of::<Entry>() + tables + journal
    }

    /// Commands that changed something.
    pub fn commands(&self) -> u64 {
        self.commands
    }

    pub(crate) fn count_command(&mut self) {
        self.commands += 1;
    }

    /// Databases and counts with all its changes.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether databases changed places.
    pub fn swapped(&self) -> bool {
        self.state.slots != self.before.slots
    }

    /// Bit per slot that it changes.
    pub fn dirty(&self) -> u16 {
        self.dirty | u16::from(self.dirty == 0)
    }

    /// Whether a slot was cleared; and if so, whether keys expired in it.
    pub fn cleared(&self, slot: u8) -> Option<bool> {
        self.cleared[usize::from(slot)]
    }

    /// What it changes, each key once, in the order of their first changes.
    pub fn changes(&self) -> impl Iterator<Item = KeyChange<'_>> {
        let current = self.entries.iter().filter(|e| e.epoch == self.epochs[usize::from(e.slot)]);
        current.map(|entry| KeyChange {
            slot: entry.slot,
            key: self.key(entry),
            before: entry.before,
            value: match &entry.value {
                Value::Same => None,
                Value::Gone => Some(None),
                Value::Small(start, end) => Some(Some(&self.arena[*start..*end])),
                Value::Large(shared) => Some(Some(shared.as_ref().as_ref())),
            },
            expires_at: entry.expires_at,
        })
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        &self.arena[entry.key.0..entry.key.1]
    }

    fn find(&self, hash: u64, slot: u8, key: &[u8]) -> Option<u32> {
        let table = &self.tables[usize::from(slot)];
        table.find(hash, |&at| self.key(&self.entries[at as usize]) == key).copied()
    }

    /// What is known of a key.
    pub(crate) fn look(&self, hash: u64, slot: u8, key: &[u8]) -> Look<'_> {
        let Some(at) = self.find(hash, slot, key) else {
            return if self.cleared(slot).is_some() { Look::Gone } else { Look::Unknown };
        };
        let entry = &self.entries[at as usize];
        let value = match &entry.value {
            Value::Gone => return Look::Gone,
            Value::Same => Pending::Same,
            Value::Small(start, end) => Pending::Small(&self.arena[*start..*end]),
            Value::Large(shared) => Pending::Large(shared),
        };
        Look::There { expires_at: entry.expires_at, value }
    }

    /// Keys of a slot with what they will be, in no order.
    pub(crate) fn keys_of(&self, slot: u8) -> impl Iterator<Item = (&[u8], Presence)> {
        self.tables[usize::from(slot)].iter().map(|&at| {
            let entry = &self.entries[at as usize];
            let gone = matches!(entry.value, Value::Gone);
            (self.key(entry), (!gone).then_some(entry.expires_at))
        })
    }

    /// Changes a key. `now` is what it is before this.
    pub(crate) fn change(
        &mut self,
        (hash, slot, key): (u64, u8, &[u8]),
        now: Presence,
        change: Change<'_>,
        expires_at: Option<i64>,
    ) {
        let value = match change {
            Change::Keep => Value::Same,
            Change::Delete => Value::Gone,
            Change::Put(NewValue::Hold(shared)) if shared.as_ref().as_ref().len() >= LARGE_LEN => {
                Value::Large(shared)
            }
            Change::Put(value) => {
                let start = self.arena.len();
                self.arena.extend_from_slice(value.bytes());
                Value::Small(start, self.arena.len())
            }
        };
        self.large_len += len_of(&value);
        let after = if matches!(value, Value::Gone) { None } else { Some(expires_at) };
        self.count(slot, now, after);
        let Some(at) = self.find(hash, slot, key) else {
            return self.add((hash, slot, key), now, value, expires_at);
        };
        let entry = &mut self.entries[at as usize];
        let keeps = matches!(value, Value::Same);
        let old = if keeps { entry.value.clone() } else { core::mem::replace(&mut entry.value, value) };
        if !keeps {
            self.large_len -= len_of(&old);
        }
        let expires_at = core::mem::replace(&mut entry.expires_at, expires_at);
        self.journal.push(Undo::Changed { entry: at, value: old, expires_at });
    }

    fn add(
        &mut self,
        (hash, slot, key): (u64, u8, &[u8]),
        now: Presence,
        value: Value,
        expires_at: Option<i64>,
    ) {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        let epoch = self.epochs[usize::from(slot)];
        let key = (start, self.arena.len());
        let at = self.entries.len() as u32;
        self.entries.push(Entry { hash, slot, epoch, key, before: now, value, expires_at });
        let entries = &self.entries;
        self.tables[usize::from(slot)].insert_unique(hash, at, |&at| entries[at as usize].hash);
        self.journal.push(Undo::Added);
    }

    fn count(&mut self, slot: u8, before: Presence, after: Presence) {
        let counts = &mut self.state.counts[usize::from(slot)];
        self.journal.push(Undo::Counts { slot, counts: *counts, dirty: self.dirty });
        self.dirty |= 1 << slot;
        counts.keys = counts.keys + u64::from(after.is_some()) - u64::from(before.is_some());
        let expires = |presence: Presence| u64::from(presence.flatten().is_some());
        counts.expires = counts.expires + expires(after) - expires(before);
    }

    /// Deletes all keys of a slot.
    pub(crate) fn clear(&mut self, slot: u8) {
        let at = usize::from(slot);
        let counts = core::mem::take(&mut self.state.counts[at]);
        self.journal.push(Undo::Counts { slot, counts, dirty: self.dirty });
        self.dirty |= 1 << slot;
        let table = core::mem::take(&mut self.tables[at]);
        self.journal.push(Undo::Cleared { slot, table, cleared: self.cleared[at] });
        self.epochs[at] += 1;
        self.cleared[at] =
            Some(self.cleared[at] == Some(true) || counts.expires > 0 || self.before.expires(slot));
    }

    /// Lets two databases change places.
    pub(crate) fn swap(&mut self, a: u8, b: u8) {
        self.journal.push(Undo::Slots(self.state.slots));
        self.state.slots = self.state.slots.swapped(a, b);
    }

    /// A place to come back to until [`Generation::release`].
    pub(crate) fn savepoint(&self) -> usize {
        self.journal.len()
    }

    /// Takes back what was changed since; `changed` hears of every key concerned.
    pub(crate) fn roll_back(&mut self, to: usize, changed: &mut dyn FnMut(u64, u8, &[u8])) {
        while self.journal.len() > to {
            let Some(undo) = self.journal.pop() else { return };
            match undo {
                Undo::Added => {
                    let Some(entry) = self.entries.pop() else { return };
                    changed(entry.hash, entry.slot, &self.arena[entry.key.0..entry.key.1]);
                    let index = self.entries.len() as u32;
                    let found =
                        self.tables[usize::from(entry.slot)].find_entry(entry.hash, |&at| at == index);
                    if let Ok(found) = found {
                        found.remove();
                    }
                    self.large_len -= len_of(&entry.value);
                    self.arena.truncate(entry.key.0);
                }
                Undo::Changed { entry, value, expires_at } => {
                    let entry = &mut self.entries[entry as usize];
                    self.large_len = self.large_len + len_of(&value) - len_of(&entry.value);
                    (entry.value, entry.expires_at) = (value, expires_at);
                    changed(entry.hash, entry.slot, &self.arena[entry.key.0..entry.key.1]);
                }
                Undo::Cleared { slot, table, cleared } => {
                    let at = usize::from(slot);
                    self.tables[at] = table;
                    self.epochs[at] -= 1;
                    self.cleared[at] = cleared;
                }
                Undo::Counts { slot, counts, dirty } => {
                    self.state.counts[usize::from(slot)] = counts;
                    self.dirty = dirty;
                }
                Undo::Slots(slots) => self.state.slots = slots,
            }
        }
    }

    /// What was changed stays: places to come back to are forgotten.
    pub(crate) fn release(&mut self) {
        if self.journal.capacity() > TABLE_KEPT_MAX {
            self.journal = Vec::new();
        } else {
            self.journal.clear();
        }
    }
}

fn len_of(value: &Value) -> usize {
    if let Value::Large(shared) = value { shared.as_ref().as_ref().len() } else { 0 }
}
