//! `dolmen kv inspect`: one file, or what a directory holds. Nothing is opened for writing, no lock is taken.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use dolmen_base::io::{Directory, Entry, FileNumber, OpenMode, read_file};
use dolmen_cli::{Out, Status, counted};
use dolmen_fs::Dir;
use dolmen_lsm::batch::BatchView;
use dolmen_lsm::edit::VersionEdit;
use dolmen_lsm::filename::{FileName, parse_current};
use dolmen_lsm::manifest::{self, Manifest, Tail};
use dolmen_lsm::table::{FileBytes, Table};
use dolmen_lsm::version::{LEVEL_COUNT, Version, VersionBuilder};
use dolmen_lsm::view;
use dolmen_wal::{RecoveryMode, recover_file};

/// Largest file that is read into memory.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// Prints a table or a MANIFEST.
pub fn file(path: &Path, entries: bool, out: &mut Out) -> Result<()> {
    let name = path.display();
    let meta = fs::metadata(path).with_context(|| name.to_string())?;
    ensure!(!meta.is_dir(), "{name} is a directory; for all of it use `dolmen kv --path {name} inspect`");
    let is_log = path.extension().is_some_and(|extension| extension == "log");
    ensure!(!is_log, "{name} is a log: use `dolmen wal dump {name}`");
    let len = meta.len();
    ensure!(len <= FILE_BYTES_MAX, "{name}: {len} bytes are more than the {FILE_BYTES_MAX} that are read");
    let bytes = fs::read(path).with_context(|| name.to_string())?;
    let mut failed = Ok(());
    let mut line = |text: &str| {
        if failed.is_ok() {
            failed = writeln!(out, "{text}");
        }
    };
    let number = file_number(path);
    if view::is_table(&bytes) {
        let source = FileBytes(&bytes);
        let table =
            Table::open(&source, number, len, &dolmen_store::codecs()).with_context(|| name.to_string())?;
        view::table(&table, &source, entries, &mut line).with_context(|| name.to_string())?;
    } else {
        let manifest = manifest::read(&bytes, number).with_context(|| name.to_string())?;
        ensure!(!manifest.edits.is_empty(), "{name}: is neither a table nor a MANIFEST with a whole edit");
        view::manifest(&manifest, &mut line);
    }
    Ok(failed?)
}

/// The digits in the file's name; 0 if there are none.
fn file_number(path: &Path) -> FileNumber {
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let digits = stem.trim_start_matches(|c: char| !c.is_ascii_digit());
    FileNumber::new(digits.parse().unwrap_or(0))
}

/// Prints what CURRENT and MANIFEST say, the tables of every family level by level, the logs, and the files that nothing names.
pub fn directory(path: &Path, out: &mut Out) -> Result<Status> {
    let dir = Dir::open(path).with_context(|| path.display().to_string())?;
    let files = dir.list().with_context(|| path.display().to_string())?;
    let current = read_file(&dir, "CURRENT", FILE_BYTES_MAX).context("CURRENT")?;
    let number = parse_current(&current).context("CURRENT")?;
    let name = FileName::Manifest(number).to_string();
    let bytes = read_file(&dir, &name, FILE_BYTES_MAX).with_context(|| name.clone())?;
    let manifest = manifest::read(&bytes, number).with_context(|| name.clone())?;
    let end = match manifest.tail {
        Tail::Whole => "whole".to_owned(),
        Tail::Torn => format!("torn behind {} bytes", manifest.whole_len),
        Tail::Damaged(error) => error.to_string(),
    };
    writeln!(out, "{name}: {} bytes, {} version edits, {end}", bytes.len(), manifest.edits.len())?;
    let families = families(&manifest).with_context(|| name.clone())?;
    for family in families.values() {
        print_family(family, out)?;
    }
    for entry in &files {
        print_rest(&dir, entry, number, &families, out)?;
    }
    let missing = missing(&families, &files);
    for table in &missing {
        out.line(format_args!("{table}: needed, and not there"))?;
    }
    Ok(if missing.is_empty() { Status::Success } else { Status::Failure })
}

/// Tables that a version needs and the directory lacks, under either of their names.
fn missing(families: &BTreeMap<u32, Family>, files: &[Entry]) -> Vec<String> {
    let there = |name: FileName| files.iter().any(|file| file.name == name.to_string());
    let tables = families
        .values()
        .flat_map(|family| (0..LEVEL_COUNT).flat_map(|level| family.version.level(level)))
        .map(|meta| meta.number);
    let lacking = tables.filter(|&n| !there(FileName::Table(n)) && !there(FileName::LevelDbTable(n)));
    lacking.map(|number| FileName::Table(number).to_string()).collect()
}

/// What the logs of a directory hold.
#[derive(Default)]
pub struct Logs {
    /// How many logs.
    pub count: u64,
    /// Batches in them.
    pub batches: u64,
    /// Records in these.
    pub records: u64,
    /// A sentence for each log that is damaged; a torn tail is none.
    pub damaged: Vec<String>,
}

/// Reads every log.
pub fn logs(path: &Path) -> Result<Logs> {
    let dir = Dir::open(path).with_context(|| path.display().to_string())?;
    let mut logs = Logs::default();
    for entry in dir.list().with_context(|| path.display().to_string())? {
        let Some(FileName::Log(number)) = FileName::parse(&entry.name) else { continue };
        logs.count += 1;
        let file = dir.open(&entry.name, OpenMode::Read).with_context(|| entry.name.clone())?;
        let mode = RecoveryMode::TornTail;
        let found = recover_file(&*file, Some(number.get() as u32), mode, &mut |_, record| {
            if let Ok(batch) = BatchView::parse(record) {
                logs.batches += 1;
                logs.records += u64::from(batch.count());
            }
        });
        if let Err(error) = found {
            logs.damaged.push(format!("{}: {error}", entry.name));
        }
    }
    Ok(logs)
}

/// A family as the version edits leave it.
struct Family {
    id: u32,
    name: String,
    log: FileNumber,
    version: Version,
}

impl Family {
    fn holds(&self, table: FileNumber) -> bool {
        (0..LEVEL_COUNT).any(|level| self.version.level(level).iter().any(|meta| meta.number == table))
    }
}

/// All families that were not dropped. A group of edits that the file cuts off is left out, as at open.
fn families(manifest: &Manifest) -> Result<BTreeMap<u32, Family>> {
    let mut found: BTreeMap<u32, (String, FileNumber, VersionBuilder)> = BTreeMap::new();
    let blank = |name: &str| (name.to_owned(), FileNumber::new(0), VersionBuilder::new(Version::default()));
    found.insert(0, blank("default"));
    for edit in whole_groups(&manifest.edits) {
        let id = edit.family.get();
        if let Some(name) = &edit.family_add {
            found.insert(id, blank(name));
        }
        if edit.family_drop {
            found.remove(&id);
        }
        // Edits of a family that was dropped mean nothing.
        let Some((_, log, version)) = found.get_mut(&id) else { continue };
        *log = edit.log_number.unwrap_or(*log);
        version.apply(edit)?;
    }
    let finish = |(id, (name, log, version)): (u32, (String, FileNumber, VersionBuilder))| {
        Ok((id, Family { id, name, log, version: version.finish()? }))
    };
    found.into_iter().map(finish).collect()
}

fn whole_groups(edits: &[VersionEdit]) -> &[VersionEdit] {
    let last = edits.iter().rposition(|e| e.atomic_group_remaining.unwrap_or(0) == 0);
    &edits[..last.map_or(0, |at| at + 1)]
}

fn print_family(family: &Family, out: &mut Out) -> Result<()> {
    writeln!(out, "column family {} {}: logs from {} on", family.id, family.name, family.log)?;
    let mut failed = Ok(());
    view::version(&family.version, &mut |line| {
        if failed.is_ok() {
            failed = writeln!(out, "  {line}");
        }
    });
    Ok(failed?)
}

/// Logs, and files that the MANIFEST in force does not name.
fn print_rest(
    dir: &Dir,
    entry: &Entry,
    manifest: FileNumber,
    families: &BTreeMap<u32, Family>,
    out: &mut Out,
) -> Result<()> {
    let Entry { name, len } = entry;
    let named = |n| families.values().any(|f| f.holds(n));
    match FileName::parse(name) {
        Some(FileName::Log(number)) => {
            let needed = families.values().any(|f| f.log <= number);
            print_log(dir, entry, number, needed, out)
        }
        Some(FileName::Table(n) | FileName::LevelDbTable(n)) if !named(n) => {
            Ok(writeln!(out, "{name}: {len} bytes, in no version")?)
        }
        Some(FileName::Manifest(n)) if n != manifest => {
            Ok(writeln!(out, "{name}: {len} bytes, not in force")?)
        }
        Some(FileName::Temp(_)) => Ok(writeln!(out, "{name}: {len} bytes, left over")?),
        None => Ok(writeln!(out, "{name}: {len} bytes, no file of a database")?),
        _ => Ok(()),
    }
}

fn print_log(dir: &Dir, entry: &Entry, number: FileNumber, needed: bool, out: &mut Out) -> Result<()> {
    let file = dir.open(&entry.name, OpenMode::Read).with_context(|| entry.name.clone())?;
    let (mut batches, mut records, mut first, mut last) = (0u64, 0u64, None, 0);
    let mode = RecoveryMode::TornTail;
    let found = recover_file(&*file, Some(number.get() as u32), mode, &mut |_, record| {
        if let Ok(batch) = BatchView::parse(record) {
            batches += 1;
            records += u64::from(batch.count());
            first.get_or_insert(batch.sequence().get());
            last = (batch.sequence().get() + u64::from(batch.count())).saturating_sub(1);
        }
    });
    let end = match found {
        Ok(report) => match report.tail {
            dolmen_wal::Tail::Whole => "whole".to_owned(),
            dolmen_wal::Tail::Torn { .. } => format!("torn behind byte {}", report.whole_len),
            _ => format!("damaged behind byte {}", report.whole_len),
        },
        Err(error) => error.to_string(),
    };
    let sequence = first.map_or(String::new(), |first| format!(", sequence {first}..={last}"));
    let needed = if needed { "" } else { ", needed no more" };
    let (name, len) = (&entry.name, entry.len);
    Ok(writeln!(
        out,
        "{name}: {len} bytes, {} in {}{sequence}, {end}{needed}",
        counted(records, "record"),
        counted(batches, "batch")
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_number_is_in_the_name() {
        let number = |name: &str| file_number(Path::new(name)).get();
        assert_eq!((number("a1/000007.sst"), number("MANIFEST-000005"), number("x")), (7, 5, 0));
    }
}
