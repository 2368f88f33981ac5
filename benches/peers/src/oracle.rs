//! Gate: the bytes of our batches and logs equal librocksdb's and LevelDB's for the same operations.
//!
//! A program is a list of batches drawn from a seed: puts, deletes, single deletes, merges, range deletions and log data in several
//! families, with values from nothing to several blocks of 32 KiB. Both sides run it; then each batch's wire form is compared, and the
//! log that the library wrote is compared with the frames of our batches, byte for byte. With recycled logs what an earlier life of the
//! file left stands behind.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dolmen_base::Rng;
use dolmen_lsm::batch::{BatchView, Record, WriteBatch};
use dolmen_lsm::key::{FamilyId, SequenceNumber};
use dolmen_store::{Db, Options, RecoveryMode, SyncPolicy, WriteOptions};
use dolmen_wal::{Framing, record, recover};

use crate::ffi::*;
use crate::rocks::{Batch, Rocks, Settings};

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Programs run.
    pub programs: u64,
    /// Batches whose wire forms are equal.
    pub batches: u64,
    /// Operations in them.
    pub operations: u64,
    /// Bytes of logs that are equal.
    pub log_bytes: u64,
    /// Logs of a file that had an earlier life.
    pub recycled: u64,
}

/// One operation of a program.
enum Op {
    Put(usize, Vec<u8>, Vec<u8>),
    Delete(usize, Vec<u8>),
    SingleDelete(usize, Vec<u8>),
    Merge(usize, Vec<u8>, u64),
    DeleteRange(usize, Vec<u8>, Vec<u8>),
    LogData(Vec<u8>),
}

impl Op {
    fn add_to(&self, batch: &mut WriteBatch) {
        let id = |family: &usize| FamilyId::new(*family as u32);
        match self {
            Op::Put(family, key, value) => batch.put(id(family), key, value),
            Op::Delete(family, key) => batch.delete(id(family), key),
            Op::SingleDelete(family, key) => batch.single_delete(id(family), key),
            Op::Merge(family, key, operand) => batch.merge(id(family), key, &operand.to_le_bytes()),
            Op::DeleteRange(family, begin, end) => batch.delete_range(id(family), begin, end),
            Op::LogData(blob) => batch.put_log_data(blob),
        }
    }
}

/// The families beside `default`; RocksDB gives them the ids 1, 2 and 3.
const FAMILIES: [&str; 3] = ["one", "two", "three"];

fn bytes(rng: &mut Rng, len: u64) -> Vec<u8> {
    let mut out = vec![0; len as usize];
    rng.fill(&mut out);
    out
}

fn key(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.below(8) {
        0 => 0,
        1 => 128 + rng.below(400),
        _ => 1 + rng.below(24),
    };
    bytes(rng, len)
}

fn value_len(rng: &mut Rng) -> u64 {
    match rng.below(40) {
        0 => 32_700 + rng.below(100),
        1 => rng.below(150_000),
        2..8 => rng.below(5000),
        8..12 => 0,
        _ => rng.below(200),
    }
}

/// Keys of single deletes are put by nothing else: what RocksDB makes of a mixture is undefined.
fn operation(rng: &mut Rng, family_count: u64) -> Op {
    let family = rng.below(family_count) as usize;
    match rng.below(12) {
        0 => Op::Delete(family, key(rng)),
        1 => Op::SingleDelete(family, [b"once ", &key(rng)[..]].concat()),
        2 | 3 => Op::Merge(family, [b"sum ", &key(rng)[..]].concat(), rng.next_u64()),
        4 => {
            let (a, b) = (key(rng), key(rng));
            Op::DeleteRange(family, a.clone().min(b.clone()), a.max(b))
        }
        5 => {
            let len = value_len(rng);
            Op::LogData(bytes(rng, len))
        }
        _ => {
            let (key, len) = (key(rng), value_len(rng));
            Op::Put(family, key, bytes(rng, len))
        }
    }
}

/// Both forms of one batch.
fn build(db: &Rocks, ops: &[Op], theirs: &mut Batch) -> WriteBatch {
    let mut ours = WriteBatch::new();
    theirs.clear();
    for op in ops {
        op.add_to(&mut ours);
        match op {
            Op::Put(family, key, value) => theirs.put(db, *family, key, value),
            Op::Delete(family, key) => theirs.delete(db, *family, key),
            Op::SingleDelete(family, key) => theirs.single_delete(db, *family, key),
            Op::Merge(family, key, operand) => theirs.merge(db, *family, key, &operand.to_le_bytes()),
            Op::DeleteRange(family, begin, end) => theirs.delete_range(db, *family, begin, end),
            Op::LogData(blob) => theirs.put_log_data(blob),
        }
    }
    ours
}

/// Files that end in `.log` by number, oldest first.
fn logs(dir: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(dir).expect("the database's directory is there");
    let number = |path: &Path| path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok();
    let mut found: Vec<_> =
        entries.filter_map(|e| e.ok().map(|e| e.path())).filter_map(|p| Some((number(&p)?, p))).collect();
    found.sort();
    found
}

/// One program against RocksDB: `lives` logs, each ended by a flush; with `recycle` later ones are written over earlier ones.
fn rocksdb_program(seed: u64, recycle: bool, counts: &mut Counts) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let settings = Settings { recycle_count: if recycle { 2 } else { 0 }, budgets: None };
    // librocksdb 7.8.3 crashes (`DBImpl::MarkLogsSynced`) when it flushes one of several families with recycled logs.
    let families = if recycle { &[][..] } else { &FAMILIES };
    let db = Rocks::open(dir.path(), families, settings)?;
    let (mut rng, mut sequence, mut theirs) = (Rng::new(seed), 0, Batch::default());
    for life in 0..if recycle { 5 } else { 1 } {
        if life > 0 {
            db.flush()?;
        }
        let (number, path) = logs(dir.path()).pop().ok_or("there is no log")?;
        let framing =
            if recycle { Framing::Recyclable { log_number: number as u32 } } else { Framing::Plain };
        let mut frames = Vec::new();
        for batch in 0..1 + rng.below(25) {
            let mut ops: Vec<Op> =
                (0..rng.below(12)).map(|_| operation(&mut rng, families.len() as u64 + 1)).collect();
            if batch == 0 {
                // An empty memtable would not be flushed, and its log would go on.
                ops.push(Op::Put(0, b"first".to_vec(), Vec::new()));
            }
            let mut ours = build(&db, &ops, &mut theirs);
            if ours.as_bytes() != theirs.bytes() {
                return Err(format!("seed {seed}: batch {} differs", counts.batches));
            }
            db.write(&theirs, false)?;
            ours.set_sequence(SequenceNumber::new(sequence + 1));
            sequence += u64::from(ours.count());
            let at = frames.len() as u64;
            record::append(ours.as_bytes(), at, framing, &mut frames);
            counts.batches += 1;
            counts.operations += ops.len() as u64;
        }
        let log = fs::read(&path).map_err(|e| e.to_string())?;
        let older = log.len() > frames.len();
        if !log.starts_with(&frames) || older && !recycle {
            let at = log.iter().zip(&frames).take_while(|(a, b)| a == b).count();
            let (theirs, ours) = (log.len(), frames.len());
            return Err(format!(
                "seed {seed}: log {number} differs at {at}; {theirs} bytes theirs, {ours} ours"
            ));
        }
        counts.recycled += u64::from(older);
        counts.log_bytes += frames.len() as u64;
    }
    counts.programs += 1;
    Ok(())
}

/// One program of puts and deletes against LevelDB. Its C interface does not show a batch, so the log alone is compared.
fn leveldb_program(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = c_path(dir.path());
    // SAFETY: each call takes what its create function made, alive; slices are copied by the batch.
    unsafe {
        let options = Owned::new(leveldb_options_create(), leveldb_options_destroy);
        leveldb_options_set_create_if_missing(options.get(), 1);
        let write = Owned::new(leveldb_writeoptions_create(), leveldb_writeoptions_destroy);
        let db = checked(leveldb_free, |error| leveldb_open(options.get(), path.as_ptr(), error))?;
        let db = Owned::new(db, leveldb_close);
        let (mut rng, mut sequence, mut frames) = (Rng::new(seed), 0, Vec::new());
        for _ in 0..1 + rng.below(40) {
            let theirs = Owned::new(leveldb_writebatch_create(), leveldb_writebatch_destroy);
            let mut ours = WriteBatch::new();
            for _ in 0..rng.below(10) {
                let (key, len) = (key(&mut rng), value_len(&mut rng));
                if rng.below(3) == 0 {
                    ours.delete(FamilyId::new(0), &key);
                    leveldb_writebatch_delete(theirs.get(), key.as_ptr(), key.len());
                } else {
                    let value = bytes(&mut rng, len);
                    ours.put(FamilyId::new(0), &key, &value);
                    leveldb_writebatch_put(
                        theirs.get(),
                        key.as_ptr(),
                        key.len(),
                        value.as_ptr(),
                        value.len(),
                    );
                }
                counts.operations += 1;
            }
            checked(leveldb_free, |error| leveldb_write(db.get(), write.get(), theirs.get(), error))?;
            ours.set_sequence(SequenceNumber::new(sequence + 1));
            sequence += u64::from(ours.count());
            let at = frames.len() as u64;
            record::append(ours.as_bytes(), at, Framing::Plain, &mut frames);
            counts.batches += 1;
        }
        let (_, path) = logs(dir.path()).pop().ok_or("there is no log")?;
        if fs::read(&path).map_err(|e| e.to_string())? != frames {
            return Err(format!("seed {seed}: LevelDB's log differs"));
        }
        counts.log_bytes += frames.len() as u64;
    }
    counts.programs += 1;
    Ok(())
}

/// One program through the whole store, some batches synced, then closed. RocksDB is given each record of the store's log as a batch of its own,
/// the store's marks through its log-data call; the two logs must be equal.
fn store_program(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let (ours, theirs) = (dir()?, dir()?);
    let mut rng = Rng::new(seed);
    let options = Options { sync: SyncPolicy::Never, background_threads: 0, ..Options::default() };
    let db = Db::open(ours.path(), options).map_err(|e| e.to_string())?;
    for name in FAMILIES {
        db.create_family(name).map_err(|e| e.to_string())?;
    }
    for _ in 0..1 + rng.below(25) {
        let mut batch = WriteBatch::new();
        for _ in 0..rng.below(12) {
            operation(&mut rng, FAMILIES.len() as u64 + 1).add_to(&mut batch);
        }
        let sync = Some(rng.below(4) == 0);
        db.write(batch, WriteOptions { sync }).map_err(|e| e.to_string())?;
    }
    db.close().map_err(|e| e.to_string())?;
    let (_, path) = logs(ours.path()).pop().ok_or("there is no log")?;
    let ours = fs::read(path).map_err(|e| e.to_string())?;
    let rocks = Rocks::open(theirs.path(), &FAMILIES, Settings { recycle_count: 0, budgets: None })?;
    let mut batch = Batch::default();
    let mut failed = Ok(());
    let mut give = |_, record: &[u8]| {
        let told = tell(&rocks, record, &mut batch);
        counts.batches += 1;
        counts.operations += told.as_ref().map_or(0, |count| u64::from(*count));
        failed = std::mem::replace(&mut failed, Ok(())).and(told.map(drop));
    };
    recover(&ours, None, RecoveryMode::Absolute, &mut give).map_err(|e| e.to_string())?;
    failed?;
    let (_, path) = logs(theirs.path()).pop().ok_or("there is no log")?;
    let theirs = fs::read(path).map_err(|e| e.to_string())?;
    if ours != theirs {
        let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        return Err(format!(
            "seed {seed}: the logs differ at {at}; {} bytes ours, {} theirs",
            ours.len(),
            theirs.len()
        ));
    }
    counts.log_bytes += ours.len() as u64;
    counts.programs += 1;
    Ok(())
}

fn dir() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|e| e.to_string())
}

/// Has RocksDB write a record of our log; the count of its entries comes back.
fn tell(db: &Rocks, record: &[u8], batch: &mut Batch) -> Result<u32, String> {
    let view = BatchView::parse(record).map_err(|e| e.to_string())?;
    batch.clear();
    let at = |family: FamilyId| family.get() as usize;
    for record in view.records() {
        match record {
            Record::Put { family, key, value } => batch.put(db, at(family), key, value),
            Record::Delete { family, key } => batch.delete(db, at(family), key),
            Record::SingleDelete { family, key } => batch.single_delete(db, at(family), key),
            Record::Merge { family, key, operand } => batch.merge(db, at(family), key, operand),
            Record::DeleteRange { family, begin, end } => batch.delete_range(db, at(family), begin, end),
            Record::LogData(blob) => batch.put_log_data(blob),
        }
    }
    db.write(batch, false)?;
    Ok(view.count())
}

/// Runs `count` programs of each kind; the counts per kind come back: RocksDB, RocksDB with recycled logs, LevelDB, the whole store and RocksDB.
pub fn run(count: u64) -> Result<[Counts; 4], String> {
    let mut counts = [Counts::default(); 4];
    for seed in 0..count {
        rocksdb_program(seed, false, &mut counts[0])?;
        rocksdb_program(seed, true, &mut counts[1])?;
        leveldb_program(seed, &mut counts[2])?;
        store_program(seed, &mut counts[3])?;
    }
    Ok(counts)
}

/// The counts of [`run`] as a Markdown table.
pub fn table(count: u64) -> Result<String, String> {
    let mut out = "| against | programs | batches equal | operations | log bytes equal | recycled logs |\n\
                   |---|---|---|---|---|---|\n"
        .to_owned();
    let names = ["librocksdb", "librocksdb, recycled logs", "LevelDB", "librocksdb, the whole store"];
    for (name, c) in names.into_iter().zip(run(count)?) {
        let (programs, batches, operations) = (c.programs, c.batches, c.operations);
        let _ = writeln!(
            out,
            "| {name} | {programs} | {batches} | {operations} | {} | {} |",
            c.log_bytes, c.recycled
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #[test]
    fn batches_and_logs_equal_theirs() {
        let counts = super::run(120).unwrap();
        assert!(counts.iter().all(|c| c.programs == 120 && c.log_bytes > 1 << 20));
        assert!(counts[1].recycled > 100);
        println!("{counts:#?}");
    }
}
