//! Where keys live in the store.
//!
//! | Family | Key | Value |
//! |---|---|---|
//! | `default` (slot 0), `dbN` | the key | the value |
//! | `expires` | `k` slot key | expiry: 8 bytes, big-endian Unix milliseconds |
//! | `expires` | `t` slot expiry key | nothing; in order of time, for the sweep |
//! | `expires` | `s` | 8 bytes big-endian: which slot each database stands in, 4 bits each; there is none before the first SWAPDB |
//! | `expires` | `m` slot | 3 × 8 bytes big-endian: sequence number of the batch that wrote this, keys, keys with expiry |
//!
//! So a scan of the database by other tools shows plain keys and values. The counts are written with every batch, so that DBSIZE is exact
//! after a restart without a scan. They are trusted at open only if no one else wrote to the directory since: the newest of them must
//! carry the store's last sequence number.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_resp::fault::Fault;
use dolmen_resp::limits::DATABASES;

use crate::pending::Generation;
use crate::store::Store;

/// Databases, and slots.
pub const DATABASE_COUNT: usize = DATABASES as usize;

/// Name of the family with expiry times and counts.
pub const EXPIRES: &str = "expires";

/// A column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Keys and values of a slot.
    Slot(u8),
    /// Expiry times and counts of all.
    Expires,
}

impl Place {
    /// The family's name.
    pub fn name(self) -> String {
        match self {
            Place::Expires => EXPIRES.into(),
            Place::Slot(0) => "default".into(),
            Place::Slot(slot) => alloc::format!("db{slot}"),
        }
    }
}

/// Where the expiry of a key stands.
pub fn expiry_key(slot: u8, key: &[u8]) -> Vec<u8> {
    [b"k", &[slot][..], key].concat()
}

/// Where a key stands in the order of time.
pub fn time_key(slot: u8, at: i64, key: &[u8]) -> Vec<u8> {
    [b"t", &[slot][..], &at.to_be_bytes(), key].concat()
}

/// The time and key in a [`time_key`].
pub fn split_time_key(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (at, key) = bytes.get(2..)?.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*at), key))
}

/// Where the counts of a slot stand.
pub fn count_key(slot: u8) -> [u8; 2] {
    [b'm', slot]
}

/// Where the order of the databases stands.
pub const SLOTS_KEY: &[u8] = b"s";

/// Which slot each database stands in. A slot is what families and keys here are named after; SWAPDB exchanges two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots(pub u64);

impl Slots {
    /// Each database in the slot of its number.
    pub const PLAIN: Slots = Slots(0xfedc_ba98_7654_3210);

    /// The slot of a database.
    pub fn of(self, db: u8) -> u8 {
        (self.0 >> (4 * db) & 15) as u8
    }

    /// The order after two databases changed places.
    pub fn swapped(self, a: u8, b: u8) -> Slots {
        let difference = u64::from(self.of(a) ^ self.of(b));
        Slots(self.0 ^ difference << (4 * a) ^ difference << (4 * b))
    }

    /// The order in a record; `None`: not every slot stands in it once.
    pub fn decode(bytes: &[u8]) -> Option<Slots> {
        let slots = Slots(u64::from_be_bytes(bytes.try_into().ok()?));
        let seen = (0..DATABASES).fold(0u16, |seen, db| seen | 1 << slots.of(db));
        (seen == u16::MAX).then_some(slots)
    }
}

/// Numbers of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys, swept or not.
    pub keys: u64,
    /// Those of them that expire.
    pub expires: u64,
}

impl Counts {
    /// The record.
    pub fn encode(self, sequence: u64) -> [u8; 24] {
        let mut out = [0; 24];
        out[..8].copy_from_slice(&sequence.to_be_bytes());
        out[8..16].copy_from_slice(&self.keys.to_be_bytes());
        out[16..].copy_from_slice(&self.expires.to_be_bytes());
        out
    }

    /// Sequence number and counts in a record.
    pub fn decode(bytes: &[u8]) -> Option<(u64, Counts)> {
        let word = |i: usize| Some(u64::from_be_bytes(bytes.get(i..i + 8)?.try_into().ok()?));
        Some((word(0)?, Counts { keys: word(8)?, expires: word(16)? }))
    }
}

/// What is known of all databases at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// The order of the databases.
    pub slots: Slots,
    /// By slot.
    pub counts: [Counts; DATABASE_COUNT],
}

impl Default for State {
    fn default() -> Self {
        State { slots: Slots::PLAIN, counts: [Counts::default(); DATABASE_COUNT] }
    }
}

impl State {
    /// Counts of a database.
    pub fn of(&self, db: u8) -> Counts {
        self.counts[usize::from(self.slots.of(db))]
    }

    /// Whether keys of a slot expire.
    pub fn expires(&self, slot: u8) -> bool {
        self.counts[usize::from(slot)].expires > 0
    }
}

/// An expiry as stored.
pub fn decode_expiry(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// What a store holds, at its opening: the counts as they were written, or counted anew if someone else wrote since. `newest` is the store's
/// last sequence number.
///
/// # Errors
/// The store's; [`Fault::Text`] for an order of the databases that cannot be.
pub fn load(store: &impl Store, newest: u64) -> Result<State, Fault> {
    let mut state = State::default();
    if let Some(record) = store.get(Place::Expires, SLOTS_KEY)? {
        let damaged =
            || Fault::Text("the order of the databases is damaged (key s of family expires)".into());
        state.slots = Slots::decode(record.as_ref()).ok_or_else(damaged)?;
    }
    let mut written = 0;
    for slot in 0..DATABASES {
        let record = store.get(Place::Expires, &count_key(slot))?;
        if let Some((sequence, counts)) = record.and_then(|record| Counts::decode(record.as_ref())) {
            state.counts[usize::from(slot)] = counts;
            written = written.max(sequence);
        }
    }
    if written != newest {
        for slot in 0..DATABASES {
            let keys = count(store, Place::Slot(slot), &[], None)?;
            let expires = count(store, Place::Expires, &[b'k', slot], Some(&[b'k', slot + 1]))?;
            state.counts[usize::from(slot)] = Counts { keys, expires };
        }
    }
    Ok(state)
}

fn count(store: &impl Store, place: Place, from: &[u8], to: Option<&[u8]>) -> Result<u64, Fault> {
    let mut count = 0;
    store.walk(place, from, false, to, &mut |_| {
        count += 1;
        Ok(true)
    })?;
    Ok(count)
}

/// Where a generation's changes are written: a batch of the store that is written whole or not at all.
pub trait Batch {
    /// Sets a key.
    fn put(&mut self, place: Place, key: &[u8], value: &[u8]);

    /// Deletes a key.
    fn delete(&mut self, place: Place, key: &[u8]);

    /// Deletes the keys in `begin..end`.
    fn delete_range(&mut self, place: Place, begin: &[u8], end: &[u8]);

    /// Deletes all keys that the store holds there now.
    fn clear(&mut self, place: Place);

    /// Records so far: each takes a sequence number.
    fn count(&self) -> u64;
}

/// Writes a generation into a batch whose first record will have the sequence number behind `last`.
pub fn encode(generation: &Generation, last: u64, batch: &mut impl Batch) {
    for slot in 0..DATABASES {
        if let Some(had_expires) = generation.cleared(slot) {
            batch.clear(Place::Slot(slot));
            if had_expires {
                for tag in [b'k', b't'] {
                    batch.delete_range(Place::Expires, &[tag, slot], &[tag, slot + 1]);
                }
            }
        }
    }
    for change in generation.changes() {
        let (slot, key) = (change.slot, change.key);
        match change.value {
            Some(Some(value)) => batch.put(Place::Slot(slot), key, value),
            Some(None) if change.before.is_some() => batch.delete(Place::Slot(slot), key),
            _ => {}
        }
        let before = change.before.flatten();
        if before == change.expires_at {
            continue;
        }
        if let Some(at) = before {
            batch.delete(Place::Expires, &time_key(slot, at, key));
        }
        match change.expires_at {
            Some(at) => {
                batch.put(Place::Expires, &expiry_key(slot, key), &at.to_be_bytes());
                batch.put(Place::Expires, &time_key(slot, at, key), b"");
            }
            None => batch.delete(Place::Expires, &expiry_key(slot, key)),
        }
    }
    let state = generation.state();
    if generation.swapped() {
        batch.put(Place::Expires, SLOTS_KEY, &state.slots.0.to_be_bytes());
    }
    let dirty = generation.dirty();
    let last = last + batch.count() + u64::from(dirty.count_ones());
    for slot in (0..DATABASES).filter(|slot| dirty >> slot & 1 == 1) {
        batch.put(Place::Expires, &count_key(slot), &state.counts[usize::from(slot)].encode(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_equal_a_plain_permutation() {
        let mut rng = dolmen_base::rng::Rng::new(5);
        let (mut slots, mut plain) = (Slots::PLAIN, core::array::from_fn::<u8, 16, _>(|i| i as u8));
        for _ in 0..1000 {
            let (a, b) = (rng.below(16) as u8, rng.below(16) as u8);
            slots = slots.swapped(a, b);
            plain.swap(a.into(), b.into());
            assert!((0..DATABASES).all(|db| slots.of(db) == plain[usize::from(db)]));
            assert_eq!(Slots::decode(&slots.0.to_be_bytes()), Some(slots));
        }
        assert_eq!(Slots::decode(&[0; 8]), None);
        assert_eq!(Slots::decode(&[0; 7]), None);
    }
}
