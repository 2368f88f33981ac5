//! Key-value verbs, `dolmen kv`: databases in RocksDB's format.
//!
//! Verbs that only read open for reading and leave every byte of the directory as it is.

#![forbid(unsafe_code)]

mod bench;
mod inspect;
mod tour;

use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;
use dolmen_cli::{Out, Status};
use dolmen_lsm::merge::by_name;
use dolmen_store::{Db, Family, Options, ReadOptions, Stats, WriteBatch, WriteOptions};

/// Records per batch of an import.
const IMPORT_BATCH_RECORDS: u32 = 1000;

/// Arguments of `dolmen kv`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  dolmen kv --path db set city Rennes\n  dolmen kv --path db scan --from a --to n\n  \
                        dolmen kv inspect db/000007.sst --entries"
)]
pub struct Args {
    /// The database's directory
    #[arg(long, value_name = "DIR", global = true)]
    path: Option<PathBuf>,
    /// The column family
    #[arg(long, value_name = "NAME", default_value = "default", global = true)]
    cf: String,
    /// Keys and values are in hex, in arguments and in output
    #[arg(long, global = true)]
    hex: bool,
    /// How merge operands are combined: uint64add, stringappend or max, or RocksDB's names of them
    #[arg(long = "merge", value_name = "NAME", global = true)]
    operator: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Print the value of a key
    Get { key: String },
    /// Set a key to a value
    Set { key: String, value: String },
    /// Delete a key
    Delete { key: String },
    /// Add a merge operand to a key (with --merge NAME)
    Merge { key: String, value: String },
    /// Delete every key from FROM up to TO, TO left out
    DeleteRange { from: String, to: String },
    /// Print keys and values in order: `KEY<TAB>VALUE`
    Scan {
        /// First key
        #[arg(long)]
        from: Option<String>,
        /// First key that is left out
        #[arg(long)]
        to: Option<String>,
        /// Most entries
        #[arg(long)]
        limit: Option<usize>,
        /// From the last key to the first
        #[arg(long)]
        reverse: bool,
    },
    /// Print every family: `NAME<TAB>KEYHEX<TAB>VALUEHEX`
    Dump,
    /// Print every family in the form that `import` reads
    Export,
    /// Write the lines of an export (`-`: standard input)
    Import { file: PathBuf },
    /// Write what is in memory to tables
    Flush,
    /// Compact the family down to its deepest level; deleted data is gone then
    Compact {
        /// First key of the range
        #[arg(long)]
        from: Option<String>,
        /// Last key of the range
        #[arg(long)]
        to: Option<String>,
    },
    /// Make a copy in DIR2 that shares the tables by hard links
    Checkpoint { dir2: PathBuf },
    /// Read every block of every table and report damage by file and offset
    Verify,
    /// Measure one kind of work after the other in a database of its own
    Bench(bench::Args),
    /// Print numbers about the database
    Stats,
    /// Print a table, a MANIFEST, or (without FILE) the whole directory as text
    Inspect {
        /// NNNNNN.sst, NNNNNN.ldb or MANIFEST-NNNNNN
        file: Option<PathBuf>,
        /// Every entry of a table too
        #[arg(long)]
        entries: bool,
    },
}

pub use tour::{tour, tour_tables};

/// Runs `dolmen kv`.
///
/// # Errors
///
/// A sentence for the user: what is damaged, missing, held by another process, or refused.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    run_to(args, out)?;
    Ok(Status::Success)
}

fn run_to(args: Args, out: &mut Out) -> Result<()> {
    if let Verb::Inspect { file: Some(file), entries } = &args.verb {
        return inspect::file(file, *entries, out);
    }
    let path = args.path.as_deref().context("this verb needs --path DIR")?;
    let text = Text { hex: args.hex };
    let options = options(args.operator.as_deref())?;
    match args.verb {
        Verb::Get { .. } | Verb::Scan { .. } | Verb::Dump | Verb::Export | Verb::Stats | Verb::Verify => {
            let db = Db::open_read_only(path, options)?;
            read(&db, &args.cf, &args.verb, text, out)
        }
        Verb::Inspect { .. } => inspect::directory(path, out),
        Verb::Merge { .. } if args.operator.is_none() => {
            bail!("merge needs --merge uint64add, stringappend or max")
        }
        Verb::Bench(bench) => bench::run(path, &bench, out),
        _ => {
            // Whoever asks for a compaction waits for it: this thread does the work.
            let threads =
                if matches!(args.verb, Verb::Compact { .. }) { 0 } else { options.background_threads };
            let db = Db::open(path, Options { background_threads: threads, ..options })?;
            write(&db, &args.cf, &args.verb, text)?;
            Ok(db.close()?)
        }
    }
}

fn options(operator: Option<&str>) -> Result<Options> {
    let mut options = Options::default();
    if let Some(name) = operator {
        let found = by_name(name).with_context(|| {
            format!("there is no merge operator {name}; there are uint64add, stringappend and max")
        })?;
        options.default_family.merge_operator = Some(found.into());
    }
    Ok(options)
}

fn read(db: &Db, cf: &str, verb: &Verb, text: Text, out: &mut Out) -> Result<()> {
    match verb {
        Verb::Get { key } => {
            let value = db.get(&family(db, cf)?, &text.parse(key)?, &ReadOptions::default())?;
            let value = value.with_context(|| format!("there is no key {key}"))?;
            out.write_all(&text.show(&value))?;
            Ok(writeln!(out)?)
        }
        Verb::Scan { from, to, limit, reverse } => {
            let bound = |b: &Option<String>| b.as_deref().map(|b| text.parse(b)).transpose();
            let options =
                ReadOptions { lower_bound: bound(from)?, upper_bound: bound(to)?, ..ReadOptions::default() };
            scan(db, &family(db, cf)?, options, *reverse, limit.unwrap_or(usize::MAX), &mut |key, value| {
                out.write_all(&text.show(key))?;
                out.write_all(b"\t")?;
                out.write_all(&text.show(value))?;
                out.write_all(b"\n")
            })
        }
        Verb::Verify => Ok(writeln!(out, "ok: {} entries in tables", db.verify()?)?),
        Verb::Stats => stats(&db.stats(), out),
        _ => dump(db, out),
    }
}

/// One number per line; levels of every family first.
fn stats(stats: &Stats, out: &mut Out) -> Result<()> {
    for (family, level, tables, bytes) in &stats.levels {
        writeln!(out, "column family {family}, level {level}: {tables} tables, {bytes} bytes")?;
    }
    for (name, number) in [
        ("bytes in memtables", stats.memtable_bytes),
        ("bytes in the log", stats.wal_bytes),
        ("syncs of the log", stats.wal_syncs),
        ("batches", stats.batches),
        ("records", stats.records),
        ("flushes", stats.flushes),
        ("compactions", stats.compactions),
        ("bytes read by compactions", stats.compaction_read_bytes),
        ("bytes written by compactions", stats.compaction_written_bytes),
        ("bytes that wait for a compaction", stats.compaction_pending_bytes),
        ("writes delayed", stats.delays),
        ("writes stopped", stats.stops),
        ("block cache hits", stats.cache_hits),
        ("block cache misses", stats.cache_misses),
        ("block cache bytes", stats.cache_bytes),
    ] {
        writeln!(out, "{name}: {number}")?;
    }
    if let Some(error) = &stats.background_error {
        writeln!(out, "last error of a flush or compaction: {error}")?;
    }
    if let Some(error) = &stats.write_error {
        writeln!(out, "writing is refused: {error}")?;
    }
    Ok(())
}

fn dump(db: &Db, out: &mut Out) -> Result<()> {
    for family in db.families() {
        scan(db, &family, ReadOptions::default(), false, usize::MAX, &mut |key, value| {
            writeln!(out, "{}\t{}\t{}", family.name, hex(key), hex(value))
        })?;
    }
    Ok(())
}

/// Takes a key and its value.
type Entry<'a> = dyn FnMut(&[u8], &[u8]) -> io::Result<()> + 'a;

/// Calls `entry` for each key and value of a family, at most `limit` times.
fn scan(
    db: &Db,
    family: &Family,
    options: ReadOptions,
    reverse: bool,
    limit: usize,
    entry: &mut Entry<'_>,
) -> Result<()> {
    let mut iter = db.iter(family, options)?;
    if reverse {
        iter.seek_to_last()?
    } else {
        iter.seek_to_first()?
    }
    let mut left = limit;
    while iter.valid() && left > 0 {
        entry(iter.key(), iter.value())?;
        left -= 1;
        if reverse { iter.prev()? } else { iter.next()? }
    }
    Ok(())
}

fn write(db: &Db, cf: &str, verb: &Verb, text: Text) -> Result<()> {
    let mut batch = WriteBatch::new();
    let id = || family(db, cf).map(|f| f.id);
    match verb {
        Verb::Set { key, value } => batch.put(id()?, &text.parse(key)?, &text.parse(value)?),
        Verb::Delete { key } => batch.delete(id()?, &text.parse(key)?),
        Verb::DeleteRange { from, to } => batch.delete_range(id()?, &text.parse(from)?, &text.parse(to)?),
        Verb::Import { file } => return import(db, file),
        Verb::Merge { key, value } => batch.merge(id()?, &text.parse(key)?, &text.parse(value)?),
        Verb::Checkpoint { dir2 } => return Ok(db.checkpoint(dir2)?),
        Verb::Compact { from, to } => {
            let bound = |b: &Option<String>| b.as_deref().map(|b| text.parse(b)).transpose();
            let (from, to) = (bound(from)?, bound(to)?);
            return Ok(db.compact(&family(db, cf)?, from.as_deref(), to.as_deref())?);
        }
        _ => return Ok(db.flush()?),
    }
    db.write(batch, WriteOptions::default())?;
    Ok(())
}

/// Lines `NAME<TAB>KEYHEX<TAB>VALUEHEX`; families are created as needed, lines that begin with `#` are comments.
fn import(db: &Db, file: &Path) -> Result<()> {
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(fs::File::open(file).with_context(|| file.display().to_string())?)
    };
    let mut batch = WriteBatch::new();
    for (i, line) in io::BufReader::new(source).lines().enumerate() {
        let line = line?;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = || format!("{}, line {}", file.display(), i + 1);
        let mut fields = line.split('\t');
        let (Some(name), Some(key), Some(value), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            bail!("{}: expected NAME<TAB>KEYHEX<TAB>VALUEHEX", at());
        };
        let family = db.family(name).map_or_else(|| db.create_family(name), Ok)?;
        batch.put(family.id, &unhex(key).with_context(at)?, &unhex(value).with_context(at)?);
        if batch.count() >= IMPORT_BATCH_RECORDS {
            db.write(std::mem::take(&mut batch), WriteOptions::default())?;
        }
    }
    db.write(batch, WriteOptions::default())?;
    Ok(())
}

fn family(db: &Db, name: &str) -> Result<Family> {
    db.family(name).with_context(|| format!("there is no column family {name}"))
}

/// How keys and values are written.
#[derive(Clone, Copy)]
struct Text {
    hex: bool,
}

impl Text {
    fn parse(self, text: &str) -> Result<Vec<u8>> {
        if self.hex { unhex(text) } else { Ok(text.as_bytes().to_vec()) }
    }

    fn show(self, bytes: &[u8]) -> Vec<u8> {
        if self.hex { hex(bytes).into_bytes() } else { bytes.to_vec() }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    ensure!(text.is_ascii() && text.len().is_multiple_of(2), "{text} is not hex");
    let pair =
        |i: usize| u8::from_str_radix(&text[i..i + 2], 16).with_context(|| format!("{text} is not hex"));
    (0..text.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways_and_refuses_the_rest() {
        assert_eq!(unhex("00ffA0").unwrap(), [0, 255, 160]);
        assert_eq!(hex(&[0, 255, 160]), "00ffa0");
        for bad in ["0", "0g", "é"] {
            assert!(unhex(bad).is_err(), "{bad}");
        }
    }
}
