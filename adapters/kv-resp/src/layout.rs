//! Where keys live in the store.
//!
//! | Family | Key | Value |
//! |---|---|---|
//! | `default` (database 0), `dbN` | the key | the value |
//! | `expires` | `k` db key | expiry: 8 bytes, big-endian Unix milliseconds |
//! | `expires` | `t` db expiry key | nothing; in order of time, for the sweep |
//! | `expires` | `s` | 8 bytes big-endian: which slot each database stands in, 4 bits each; there is none before the first SWAPDB |
//! | `expires` | `m` db | 3 × 8 bytes big-endian: sequence number of the batch that wrote this, keys, keys with expiry |
//!
//! The counts are written with every batch, so that DBSIZE is exact after a restart without a scan. They are trusted at
//! open only if no one else wrote to the directory since: the newest of them must carry the store's last sequence number.

use dolmen_resp::limits::DATABASES;

/// Name of the family with expiry times and counts.
pub const EXPIRES: &str = "expires";

/// Name of the family of a database.
pub fn family_name(db: u8) -> String {
    if db == 0 { "default".into() } else { format!("db{db}") }
}

/// Where the expiry of a key stands.
pub fn expiry_key(db: u8, key: &[u8]) -> Vec<u8> {
    [b"k", &[db][..], key].concat()
}

/// Where a key stands in the order of time.
pub fn time_key(db: u8, at: i64, key: &[u8]) -> Vec<u8> {
    [b"t", &[db][..], &at.to_be_bytes(), key].concat()
}

/// The time and key in a [`time_key`].
pub fn split_time_key(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (at, key) = bytes.get(2..)?.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*at), key))
}

/// Where the counts of a database stand.
pub fn count_key(db: u8) -> [u8; 2] {
    [b'm', db]
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

/// Numbers of a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys, swept or not.
    pub keys: u64,
    /// Those of them that expire.
    pub expires: u64,
}

/// Counts of all databases.
pub type AllCounts = [Counts; DATABASES as usize];

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

/// An expiry as stored.
pub fn decode_expiry(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_equal_a_plain_permutation() {
        let mut rng = dolmen_base::rng::Rng::new(5);
        let (mut slots, mut plain) = (Slots::PLAIN, std::array::from_fn::<u8, 16, _>(|i| i as u8));
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
