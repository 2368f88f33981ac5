//! What a replay enters, when it wants tables of it, and what the state says then.

use std::collections::BTreeMap;

use dolmen_base::Rng;
use dolmen_base::io::FileNumber;
use dolmen_lsm::batch::{self, BatchView, SyncMark, WriteBatch};
use dolmen_lsm::edit::NewFile;
use dolmen_lsm::filename::FileName;
use dolmen_lsm::key::{FamilyId, SequenceNumber, ValueType, put_internal_key};
use dolmen_lsm::recovery::{RecoveryError, Replay, State, Take};
use dolmen_wal::{Framing, RecoveryMode, record};

/// Keeps keys, and makes a table of nothing but their bounds.
#[derive(Default)]
struct Keys {
    /// By family, with their sequence numbers.
    memory: BTreeMap<FamilyId, Vec<(Vec<u8>, u64)>>,
    len: u64,
    len_max: u64,
    /// All keys of each table.
    tables: Vec<Vec<(Vec<u8>, u64)>>,
    writes: u32,
    fails_at: Option<u32>,
}

impl Take for Keys {
    type Error = RecoveryError;

    fn enter(
        &mut self,
        batch: &BatchView<'_>,
        wanted: &dyn Fn(FamilyId) -> bool,
    ) -> Result<u64, RecoveryError> {
        let before = self.len;
        for (record, sequence) in batch.records().filter_map(|r| r.parts()).zip(batch.sequence().get()..) {
            let (family, key, _) = record;
            if wanted(family) {
                self.memory.entry(family).or_default().push((key.to_vec(), sequence));
                self.len += key.len() as u64;
            }
        }
        self.len_max = self.len_max.max(self.len);
        Ok(self.len - before)
    }

    fn write(&mut self, next_file: &mut FileNumber) -> Result<Vec<(FamilyId, NewFile)>, RecoveryError> {
        self.writes += 1;
        if self.fails_at == Some(self.writes) {
            return Err(RecoveryError::EmptyManifest(FileNumber::new(1)));
        }
        let mut made = Vec::new();
        for (family, mut keys) in std::mem::take(&mut self.memory) {
            keys.sort();
            let mut file = NewFile { number: *next_file, ..NewFile::default() };
            *next_file = next_file.next();
            let put = |out: &mut Vec<u8>, (key, sequence): &(Vec<u8>, u64)| {
                put_internal_key(out, key, SequenceNumber::new(*sequence), ValueType::Value);
            };
            put(&mut file.smallest, &keys[0]);
            put(&mut file.largest, keys.last().unwrap());
            self.tables.push(keys);
            made.push((family, file));
        }
        self.len = 0;
        Ok(made)
    }
}

/// Three logs with keys of two families; the next sequence number comes back.
fn logs(rng: &mut Rng) -> (Vec<(FileNumber, Vec<u8>)>, u64) {
    let (mut logs, mut sequence) = (Vec::new(), 1u64);
    for number in [4, 6, 9] {
        let mut bytes = Vec::new();
        for _ in 0..rng.below(60) {
            let mut batch = WriteBatch::new();
            for _ in 0..rng.range(1, 4) {
                let family = FamilyId::new(rng.below(2) as u32);
                batch.put(family, &rng.next_u64().to_be_bytes(), b"");
            }
            let mark = SyncMark { synced_len: bytes.len() as u64, logs_before_synced: true }.encode();
            let header = batch::header(SequenceNumber::new(sequence), batch.count());
            let at = bytes.len() as u64;
            record::append_parts(&[&header, &mark, batch.body()], at, Framing::Plain, &mut bytes);
            sequence += u64::from(batch.count());
        }
        logs.push((FileNumber::new(number), bytes));
    }
    (logs, sequence)
}

fn state() -> State {
    let mut state =
        State { next_file: FileNumber::new(20), family_max: FamilyId::new(1), ..State::default() };
    let mut other = state.families[&FamilyId::new(0)].clone();
    // It has what the first log holds in tables.
    (other.name, other.log_number) = ("other".into(), FileNumber::new(6));
    state.families.insert(FamilyId::new(1), other);
    state
}

fn replay(logs: &[(FileNumber, Vec<u8>)], len_max: u64, into: &mut Keys, state: &mut State) -> bool {
    let names: Vec<_> = logs.iter().map(|(number, _)| FileName::Log(*number)).collect();
    let numbers = Replay::logs(state, &names);
    assert_eq!(numbers.len(), logs.len());
    let mut replay = Replay::within(len_max, RecoveryMode::TornTail, state);
    for (number, bytes) in logs {
        if replay.log_bytes(*number, bytes, state, into).is_err() {
            return false;
        }
    }
    replay.finish(state, into).is_ok()
}

/// Within any bound: no more in memory than that and one batch, all of it in memory or all of it in tables, in order.
#[test]
fn all_of_it_is_in_memory_or_all_of_it_in_tables() {
    let mut spilled = 0;
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let (logs, next) = logs(&mut rng);
        let (mut all, mut whole) = (Keys::default(), state());
        assert!(replay(&logs, u64::MAX, &mut all, &mut whole));
        assert_eq!((whole.next_file, whole.sequence.get()), (FileNumber::new(20), next - 1));
        assert!(all.tables.is_empty() && whole.families.values().all(|f| f.version.files().count() == 0));

        let len_max = rng.range(8, 400);
        let (mut into, mut found) = (Keys::default(), state());
        assert!(replay(&logs, len_max, &mut into, &mut found), "seed {seed}");
        assert!(into.len_max < len_max + 4 * 8, "seed {seed}: {} of {len_max}", into.len_max);
        let is_spilled = !into.tables.is_empty();
        assert_eq!(is_spilled, all.len >= len_max, "seed {seed}");
        assert!(!is_spilled || into.memory.is_empty(), "seed {seed}: a part is in memory");
        spilled += u32::from(is_spilled);
        let mut keys: Vec<_> = into.tables.iter().chain(into.memory.values()).flatten().cloned().collect();
        let mut expected: Vec<_> = all.memory.values().flatten().cloned().collect();
        keys.sort();
        expected.sort();
        assert_eq!(keys, expected, "seed {seed}");
        // The state has each table once, the newest first.
        assert_eq!(found.sequence, whole.sequence);
        assert_eq!(found.next_file.get(), 20 + into.tables.len() as u64);
        let mut numbers = Vec::new();
        for family in found.families.values() {
            let of: Vec<_> = family.version.level(0).iter().map(|f| f.number.get()).collect();
            assert!(of.is_sorted_by(|a, b| a > b), "seed {seed}: {of:?}");
            numbers.extend(of);
        }
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(20..found.next_file.get()), "seed {seed}");
    }
    assert!(spilled > 200, "{spilled}");
}

/// Tables that cannot be made leave the state as it was.
#[test]
fn a_table_that_cannot_be_made_ends_the_replay() {
    let (logs, _) = logs(&mut Rng::new(1));
    let mut whole = Keys::default();
    assert!(replay(&logs, 100, &mut whole, &mut state()));
    assert!(whole.writes > 3, "{}", whole.writes);
    for fails_at in 1..=whole.writes {
        let (mut into, mut found) = (Keys { fails_at: Some(fails_at), ..Keys::default() }, state());
        assert!(!replay(&logs, 100, &mut into, &mut found));
        assert_eq!((into.writes, found), (fails_at, state()));
    }
}
