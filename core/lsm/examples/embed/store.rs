//! A durable store without an operating system: log, memtable, table and MANIFEST on the disk of `disk.rs`.
//!
//! 1. `put` hands a batch to the log's machine and carries out what it wishes; only then the entry goes into the memtable.
//! 2. `flush` makes a table of the memtable, then says so in the MANIFEST, which also names the next log.
//! 3. `open` reads the MANIFEST and replays the log that it names.

use alloc::string::ToString;
use alloc::vec::Vec;

use dolmen_base::NoTrace;
use dolmen_base::block::ReadMode;
use dolmen_base::io::{BufferId, FileDone, FileNumber, FileOp, IoError};
use dolmen_base::time::Time;
use dolmen_lsm::batch::{BatchView, WriteBatch};
use dolmen_lsm::codecs::Codecs;
use dolmen_lsm::compaction::{Job, JobOptions, Progress};
use dolmen_lsm::edit::{NewFile, VersionEdit};
use dolmen_lsm::error::ReadError;
use dolmen_lsm::get::Lookup;
use dolmen_lsm::key::{FamilyId, SequenceNumber, ValueType, put_seek_key};
use dolmen_lsm::manifest;
use dolmen_lsm::memtable::{Memtable, MemtableIter};
use dolmen_lsm::table::Table;
use dolmen_wal::commit::{Commit, CommitError, Effect, Input, Options, Refused, Submission};
use dolmen_wal::{RecoveryMode, WalError, record};

use super::disk::{Disk, Memory};

const MANIFEST: FileNumber = FileNumber::new(1);
const TABLE: FileNumber = FileNumber::new(2);
const FIRST_LOG: FileNumber = FileNumber::new(3);
const SECOND_LOG: FileNumber = FileNumber::new(4);

/// Whatever can go wrong.
#[derive(Debug)]
pub enum Error {
    Read(ReadError),
    Log(WalError),
    Refused(Refused),
    Commit(CommitError),
    Io(IoError),
    Memory(dolmen_lsm::memtable::Error),
}

macro_rules! from {
    ($($variant:ident($error:ty)),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self { Error::$variant(error) }
        })*
        impl core::fmt::Display for Error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self { $(Error::$variant(error) => error.fmt(f)),* }
            }
        }
    };
}
from!(
    Read(ReadError),
    Log(WalError),
    Refused(Refused),
    Commit(CommitError),
    Io(IoError),
    Memory(dolmen_lsm::memtable::Error)
);

/// The store. The clock stands still: the log is synced with every write, so it has no deadline.
pub struct Store<'m> {
    disk: Disk<'m>,
    log: Commit,
    memtable: Memtable,
    table: Option<Table>,
    sequence: SequenceNumber,
}

impl<'m> Store<'m> {
    /// Opens what is in `memory`; zeros are an empty store.
    pub fn open(memory: &'m mut Memory) -> Result<Self, Error> {
        let disk = Disk(memory);
        let found = manifest::read(disk.read(MANIFEST), MANIFEST)?;
        let (mut log, mut sequence, mut table) = (FIRST_LOG, SequenceNumber::new(0), None);
        for edit in &found.edits {
            log = edit.log_number.unwrap_or(log);
            sequence = edit.last_sequence.unwrap_or(sequence);
            if let Some(file) = edit.new_files.first() {
                table = Some(Table::open(&disk, file.number, file.len, &Codecs::new())?);
            }
        }
        let memtable = Memtable::new()?;
        let mut failed = None;
        let report =
            dolmen_wal::recover(disk.read(log), None, RecoveryMode::TornTail, &mut |_, batch| match enter(
                &memtable, batch,
            ) {
                Ok(last) => sequence = last,
                Err(error) => failed = Some(error),
            })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let log = Commit::new(Options::default(), log, report.whole_len);
        Ok(Store { disk, log, memtable, table, sequence })
    }

    /// Puts a value. When this returns, a reboot keeps it.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let mut batch = WriteBatch::new();
        batch.set_sequence(self.sequence.next());
        batch.put(FamilyId::new(0), key, value);
        let (buffer, len) = (BufferId::new(0), batch.as_bytes().len() as u64);
        self.log.handle(Time::from_nanos(0), Input::Submit(Submission { buffer, len, sync: None }))?;
        while let Some(effect) = self.log.poll() {
            let (id, result) = match effect {
                Effect::Write(write) => {
                    let mut frames = Vec::new();
                    let framing = self.log.framing(write.name.number);
                    record::append(batch.as_bytes(), write.offset, framing, &mut frames);
                    (write.id, self.disk.write(write.name.number, write.offset, &frames))
                }
                Effect::File(effect) => match effect.op {
                    FileOp::Truncate { name, len } => (effect.id, self.disk.write(name.number, len, &[])),
                    // What is in the memory is as durable as it gets.
                    _ => (effect.id, Ok(())),
                },
                Effect::Settle { result, .. } => {
                    result?;
                    continue;
                }
                Effect::Rotated { .. } => continue,
            };
            self.log.handle(Time::from_nanos(0), Input::Done(FileDone { id, result }))?;
        }
        self.sequence = enter(&self.memtable, batch.as_bytes())?;
        Ok(())
    }

    /// Makes the table of what is in the memtable. This lesson has one table and flushes once.
    pub fn flush(&mut self) -> Result<(), Error> {
        let iter = MemtableIter::new(&self.memtable);
        let mut job =
            Job::new(iter, &self.memtable.range_tombstones(), JobOptions::default(), &Codecs::new());
        let mut bytes = Vec::new();
        let summary = loop {
            match job.step(TABLE, 64, &mut bytes)? {
                Progress::More | Progress::Table(_) => {}
                Progress::Done(None) => return Ok(()),
                Progress::Done(Some(summary)) => break summary,
            }
        };
        self.disk.write(TABLE, 0, &bytes)?;
        let file = NewFile {
            number: TABLE,
            len: summary.len,
            smallest: summary.smallest,
            largest: summary.largest,
            smallest_sequence: summary.smallest_sequence,
            largest_sequence: summary.largest_sequence,
            epoch_number: 1,
            ..NewFile::default()
        };
        let edit = VersionEdit {
            comparator: Some("leveldb.BytewiseComparator".to_string()),
            log_number: Some(SECOND_LOG),
            next_file_number: Some(SECOND_LOG.next()),
            last_sequence: Some(self.sequence),
            new_files: Vec::from([file]),
            ..VersionEdit::default()
        };
        let (mut frames, len) = (Vec::new(), self.disk.read(MANIFEST).len() as u64);
        manifest::append(&edit, len, &mut frames);
        self.disk.write(MANIFEST, len, &frames)?;
        self.table = Some(Table::open(&self.disk, TABLE, summary.len, &Codecs::new())?);
        self.log = Commit::new(Options::default(), SECOND_LOG, 0);
        self.memtable = Memtable::new()?;
        Ok(())
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let (mut lookup, mut seek_key) = (Lookup::default(), Vec::new());
        lookup.start(self.sequence);
        put_seek_key(&mut seek_key, key, self.sequence);
        let mut failed = None;
        let mut visit = |k: &[u8], v: &[u8]| {
            lookup.visit(k, v).unwrap_or_else(|error| {
                failed = Some(error);
                false
            })
        };
        self.memtable.get(&seek_key, &mut visit);
        if let Some(table) = &self.table {
            table.get(&self.disk, ReadMode::MayBlock, &seek_key, &mut NoTrace, &mut visit)?;
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        Ok(lookup.finish(key, None)?.map(<[u8]>::to_vec))
    }
}

/// Puts a batch into the memtable; gives its last sequence number.
fn enter(memtable: &Memtable, batch: &[u8]) -> Result<SequenceNumber, Error> {
    let batch = BatchView::parse(batch)?;
    let mut sequence = batch.sequence();
    let mut writer = memtable.writer().expect("nobody else writes");
    for (at, (_, key, value)) in batch.records().filter_map(|r| r.parts()).enumerate() {
        sequence = SequenceNumber::new(batch.sequence().get() + at as u64);
        writer.insert(key, sequence, ValueType::Value, value)?;
    }
    Ok(sequence)
}
