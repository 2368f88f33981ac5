//! A database made openable again: its tables and logs under a new MANIFEST.
//!
//! Nothing is deleted that was not read: what is damaged is kept beside under `NAME.lost`, as are the old MANIFEST and what of the logs does not
//! count. What decides stands in `dolmen_lsm::repair` and `dolmen_lsm::recovery`.

use std::sync::Arc;

use dolmen_base::io::{Directory, Entry, FileNumber, OpenMode, read_file};
use dolmen_blocks::BlockCache;
use dolmen_lsm::filename::{FileName, parse_current};
use dolmen_lsm::manifest;
use dolmen_lsm::recovery::{self, Cause, RecoveryError, Report, State};
use dolmen_lsm::repair::{Rebuild, Survey, survey};
use dolmen_lsm::table::{Table, TableBuilder, TableOptions};
use dolmen_wal::RecoveryMode;

use crate::api::{Options, StoreError};
use crate::db::Db;
use crate::open::{Lock, META_LEN_MAX, list, names, open_state, take_lock};
use crate::tables::{Source, Spans};

/// What a repair found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Repaired {
    /// Tables that are part of the database now, before it was compacted.
    pub table_count: u64,
    /// Entries in them.
    pub entry_count: u64,
    /// Tables that the old MANIFEST had given up, and that are empty: they went.
    pub left_over_count: u64,
    /// What is damaged, and what became of it.
    pub damaged: Vec<Damaged>,
    /// What the logs held, and what of it does not count.
    pub report: Report,
}

/// A file that cannot be read whole; it is kept as `NAME.lost`.
#[derive(Clone, Debug)]
pub struct Damaged {
    /// Its name.
    pub file: String,
    /// The first thing that is wrong with it.
    pub error: String,
    /// Its blocks that cannot be read; 0: nothing of it can.
    pub block_count: u64,
    /// Entries of it that could be read and are kept.
    pub kept_entry_count: u64,
}

/// Bytes of a salvaged table that are written at a time.
const PIECE_LEN: usize = 1 << 20;

/// Repairs the database in `dir`.
pub(crate) fn repair(dir: &Arc<dyn Directory>, options: &Options) -> Result<Repaired, StoreError> {
    let mut repairing = Repairing::begin(dir, options)?;
    for entry in list(&**dir)? {
        match FileName::parse(&entry.name) {
            Some(FileName::Table(number) | FileName::LevelDbTable(number)) => {
                repairing.table(&entry, number)?
            }
            Some(FileName::Log(number)) => repairing.log(&entry, number)?,
            _ => {}
        }
    }
    let Repairing { rebuild, found, manifest, lock, .. } = repairing;
    if let Some(name) = manifest {
        put_aside(&**dir, &name)?;
    }
    let failed = |error| StoreError::from(RecoveryError::Version { manifest: FileNumber::new(0), error });
    let state = rebuild.finish().map_err(failed)?;
    let report = fill(dir, options, lock, state)?;
    Ok(Repaired { report, ..found })
}

/// A repair under way.
struct Repairing<'a> {
    dir: &'a Arc<dyn Directory>,
    options: &'a Options,
    source: Arc<Source>,
    rebuild: Rebuild,
    found: Repaired,
    /// The old MANIFEST, if it is damaged.
    manifest: Option<String>,
    lock: Lock,
}

impl<'a> Repairing<'a> {
    fn begin(dir: &'a Arc<dyn Directory>, options: &'a Options) -> Result<Self, StoreError> {
        let lock = take_lock(&**dir)?;
        let files = names(&list(&**dir)?);
        let is_data = |name: &FileName| {
            matches!(name, FileName::Table(_) | FileName::LevelDbTable(_) | FileName::Log(_))
        };
        if !files.iter().any(is_data) {
            return Err(StoreError::NoDatabase { dir: dir.display(), orphans: 0 });
        }
        let source = Arc::new(Source::new(dir.clone(), &BlockCache::new(0), options.max_open_files));
        let (rebuild, found) = (Rebuild::new(&files), Repaired::default());
        let mut repairing = Repairing { dir, options, source, rebuild, found, manifest: None, lock };
        repairing.believe_manifest(&files)?;
        Ok(repairing)
    }

    fn believe_manifest(&mut self, files: &[FileName]) -> Result<(), StoreError> {
        let Some(number) = named_manifest(&**self.dir, files) else { return Ok(()) };
        let name = FileName::Manifest(number).to_string();
        let bytes = read_file(&**self.dir, &name, META_LEN_MAX)
            .map_err(|error| StoreError::Io { file: name.clone(), error })?;
        self.rebuild.believe(&manifest::salvage(&bytes));
        if let Err(error) = State::read(&bytes, number, files) {
            self.damaged(&name, error.to_string(), 0, 0);
            self.manifest = Some(name);
        }
        Ok(())
    }

    fn damaged(&mut self, file: &str, error: String, block_count: u64, kept_entry_count: u64) {
        self.found.damaged.push(Damaged { file: file.to_owned(), error, block_count, kept_entry_count });
    }

    /// Families of which only a log knows.
    fn log(&mut self, entry: &Entry, number: FileNumber) -> Result<(), StoreError> {
        let failed = |error| StoreError::Io { file: entry.name.clone(), error };
        let file = self.dir.open(&entry.name, OpenMode::Read).map_err(failed)?;
        for family in recovery::families_in(number, &*file)? {
            self.rebuild.add_family(family, format!("family-{family}"));
        }
        Ok(())
    }

    fn table(&mut self, entry: &Entry, number: FileNumber) -> Result<(), StoreError> {
        let opened = Table::open(&self.source, number, entry.len, &self.options.codecs);
        let table = match opened {
            Ok(table) => table,
            // A table that was given up may be anything: it is not asked.
            Err(_) if self.rebuild.is_given_up(number) => {
                self.found.left_over_count += 1;
                return Ok(());
            }
            Err(error) => {
                self.damaged(&entry.name, error.to_string(), 0, 0);
                self.rebuild.lose_table();
                return put_aside(&**self.dir, &entry.name);
            }
        };
        let held = survey(&table, Spans::new(&self.source, entry.len), &mut |_, _| {});
        if self.rebuild.is_given_up(number) || (held.entry_count == 0 && held.damage.is_none()) {
            self.found.left_over_count += 1;
            return Ok(());
        }
        match held.damage {
            None => self.take(held),
            Some((error, block_count)) => {
                self.damaged(&entry.name, error.to_string(), block_count, held.entry_count);
                self.rebuild.lose_table();
                if held.entry_count > 0 {
                    let rest = self.salvage(&table, &held)?;
                    self.take(rest);
                }
                put_aside(&**self.dir, &entry.name)?;
            }
        }
        Ok(())
    }

    /// Copies what can be read of a table into a new one.
    fn salvage(&mut self, table: &Table, held: &Survey) -> Result<Survey, StoreError> {
        let number = self.rebuild.take_number();
        let name = FileName::Table(number).to_string();
        let failed = |error| StoreError::Io { file: name.clone(), error };
        let file = self.dir.open(&name, OpenMode::CreateNew).map_err(failed)?;
        let options = TableOptions {
            family: held.family,
            family_name: held.family_name.clone().unwrap_or_default(),
            file: number,
            ..TableOptions::default()
        };
        let mut builder = TableBuilder::new(options, &self.options.codecs);
        for tombstone in table.range_tombstones() {
            builder.add_range_tombstone(tombstone.clone());
        }
        let (mut out, mut result) = (Vec::new(), Ok(()));
        survey(table, Spans::new(&self.source, table.file_len()), &mut |key, value| {
            if result.is_ok() {
                let added = builder.add(key, value, &mut out);
                result = added.map_err(|error| StoreError::Read { file: name.clone(), error });
            }
            if result.is_ok() && out.len() >= PIECE_LEN {
                result = file.append(&out).map_err(failed);
                out.clear();
            }
        });
        result?;
        let summary = builder.finish(&mut out);
        file.append(&out).and_then(|()| file.sync()).map_err(failed)?;
        let (entry_count, file) = (summary.entry_count, summary.into_file(number));
        Ok(Survey { file, entry_count, damage: None, ..held.clone() })
    }

    fn take(&mut self, table: Survey) {
        self.found.table_count += 1;
        self.found.entry_count += table.entry_count;
        self.rebuild.add(table);
    }
}

/// Keeps a file beside.
fn put_aside(dir: &dyn Directory, name: &str) -> Result<(), StoreError> {
    dir.rename(name, &format!("{name}.lost")).map_err(|error| StoreError::Io { file: name.into(), error })
}

/// The MANIFEST of CURRENT, else the newest one.
fn named_manifest(dir: &dyn Directory, files: &[FileName]) -> Option<FileNumber> {
    let named = read_file(dir, "CURRENT", META_LEN_MAX).ok().and_then(|text| parse_current(&text).ok());
    let there = |number: &FileNumber| files.contains(&FileName::Manifest(*number));
    let newest = || {
        let numbers = files.iter().filter_map(|file| match file {
            FileName::Manifest(number) => Some(*number),
            _ => None,
        });
        numbers.max()
    };
    named.filter(there).or_else(newest)
}

/// Opens the database with everything that its logs can give, and brings its tables into the order that point reads need.
fn fill(dir: &Arc<dyn Directory>, options: &Options, lock: Lock, state: State) -> Result<Report, StoreError> {
    let options = Options {
        recovery: Some(RecoveryMode::SkipAnyCorrupted),
        background_threads: 0,
        auto_compaction: false,
        ..options.clone()
    };
    let files = list(&**dir)?;
    let db = Db::of(open_state(dir.clone(), options, Some(lock), files, state)?);
    for family in db.families() {
        db.compact(&family, None, None)?;
    }
    let mut report = db.recovery().clone();
    // The last sequence number before the first log stood in the MANIFEST; tables can only tell one that is too small.
    let mut is_first = true;
    report.losses.retain(|loss| !(std::mem::take(&mut is_first) && matches!(loss.cause, Cause::Hole { .. })));
    db.close()?;
    Ok(report)
}
