//! Write-ahead log verbs: `dolmen wal`.
//!
//! Verbs that read take no lock and change nothing, so they work beside a writer. Texts are entries of their own; `put` writes a key
//! and a value in a transaction (varint length of the key, key, value).

#![forbid(unsafe_code)]

mod dump;
mod tour;

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Subcommand, ValueEnum};
use dolmen_base::io::{Directory, IoError};
use dolmen_cli::{Out, Status};
use dolmen_codec::{Cursor, varint};
use dolmen_fs::{Dir, SharedLog};
use dolmen_wal::commit::Policy;
use dolmen_wal::entry::{Lsn, TransactionId};
use dolmen_wal::follow::Follower;
use dolmen_wal::log::Options;
use dolmen_wal::scan::{Committed, LogError, Scan, ScanOptions, Transactions, read, scan};
use dolmen_wal::{LogName, RecoveryMode};
use serde_json::Map;

/// Held by the process that writes.
const LOCK: &str = "LOCK";
/// How long `follow` waits before it looks again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(50);

/// Arguments of `dolmen wal`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  dolmen wal --dir log write one two\n  dolmen wal --dir log read --from 2\n  \
                  TX=$(dolmen wal --dir log begin); dolmen wal --dir log put $TX city Rennes; dolmen wal --dir log commit $TX\n  \
                  dolmen wal dump db/000012.log"
)]
pub struct Args {
    /// The log's directory
    #[arg(long, value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// When a record counts as written
    #[arg(long, value_enum, default_value_t = Sync::Always, global = true)]
    sync: Sync,
    /// What to do about bytes that are no record
    #[arg(long, value_enum, default_value_t = Mode::TornTail, global = true)]
    mode: Mode,
    /// Length at which a segment is followed by a new one
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, global = true)]
    segment_bytes: u64,
    /// Keep segments that a truncation gives up, as NNNNNN.old; with `read`: read them too
    #[arg(long, global = true)]
    archive: bool,
    /// Print payloads in hex
    #[arg(long, global = true)]
    hex: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sync {
    /// When it is synced
    Always,
    /// When the operating system has it; synced ten times a second
    Interval,
    /// When the operating system has it
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Cut a torn tail, refuse damage
    TornTail,
    /// As RocksDB's kTolerateCorruptedTailRecords
    TolerateTail,
    /// As RocksDB's kAbsoluteConsistency
    Absolute,
    /// As RocksDB's kPointInTimeRecovery
    PointInTime,
    /// As RocksDB's kSkipAnyCorruptedRecords; for verbs that read
    SkipAny,
}

#[derive(Subcommand)]
enum Verb {
    /// Append texts, one record each; print their LSNs as they count as written
    Write {
        /// The texts; `-`: lines of standard input
        #[arg(required = true)]
        texts: Vec<String>,
    },
    /// Print what counts, in commit order: `LSN<TAB>TEXT`, or `LSN<TAB>KEY<TAB>VALUE`
    Read {
        /// First LSN; a transaction counts from its commit on
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Begin a transaction and print its id
    Begin,
    /// Write a key and a value in a transaction
    Put { transaction: u64, key: String, value: String },
    /// Make a transaction's writes count
    Commit { transaction: u64 },
    /// Make none of a transaction's writes count
    Abort { transaction: u64 },
    /// Print segments, LSNs and open transactions
    Info,
    /// Read every byte and say what is wrong
    Verify,
    /// Print what counts, and go on as more is written
    Follow {
        /// First LSN
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// End after so many records
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
    /// Give up what counts from below an LSN; print the LSN that it came to
    Truncate { lsn: u64 },
    /// Print a log as annotated bytes; RocksDB's .log and MANIFEST files too
    Dump {
        /// The file
        file: PathBuf,
    },
}

pub use tour::tour;

/// Runs `dolmen wal`.
///
/// # Errors
///
/// A sentence for the user: what is damaged, missing, held by another process, or refused.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    run_to(&args, out)?;
    Ok(Status::Success)
}

fn run_to(args: &Args, out: &mut Out) -> Result<()> {
    if let Verb::Dump { file } = &args.verb {
        return dump::dump(file, out);
    }
    let path = args.dir.as_deref().context("this verb needs --dir DIR")?;
    match &args.verb {
        Verb::Read { from } => print_from(args, path, *from, out),
        Verb::Info => info(args, path, out),
        Verb::Verify => verify(args, path, out),
        Verb::Follow { from, count } => follow(args, path, *from, *count, out),
        _ => write(args, path, out),
    }
}

/// The verbs that write.
fn write(args: &Args, path: &Path, out: &mut Out) -> Result<()> {
    let dir = Arc::new(Dir::create(path).with_context(|| path.display().to_string())?);
    ensure!(
        !dir.list().with_context(|| path.display().to_string())?.iter().any(|e| e.name == "CURRENT"),
        "{} holds a database (there is a CURRENT file); its log is not written by hand",
        path.display()
    );
    let _lock = dir.lock(LOCK).map_err(|error| locked(&dir, path, error))?;
    let (log, found) = SharedLog::open(dir, options(args)).map_err(|error| at(path, error))?;
    warn(&found);
    let id = TransactionId::new;
    let lsn = match &args.verb {
        Verb::Write { texts } => return append(&log, texts, out),
        Verb::Begin => log.begin().map(|id| Lsn::new(id.get())),
        Verb::Put { transaction, key, value } => log.write(id(*transaction), &pair(key, value)),
        Verb::Commit { transaction } => log.commit(id(*transaction)),
        Verb::Abort { transaction } => log.abort(id(*transaction)),
        Verb::Truncate { lsn } => log.truncate_below(Lsn::new(*lsn)),
        _ => bail!("this verb only reads"),
    };
    let lsn = lsn.with_context(|| path.display().to_string())?;
    if !matches!(args.sync, Sync::Never) {
        log.sync().with_context(|| path.display().to_string())?;
    }
    Ok(writeln!(out, "{lsn}")?)
}

fn append(log: &SharedLog, texts: &[String], out: &mut Out) -> Result<()> {
    let mut one = |bytes: &[u8]| -> Result<()> {
        writeln!(out, "{}", log.append(bytes, None)?)?;
        Ok(out.flush()?)
    };
    for text in texts {
        if text == "-" {
            io::stdin().lock().split(b'\n').try_for_each(|line| one(&line?))?;
        } else {
            one(text.as_bytes())?;
        }
    }
    Ok(())
}

fn pair(key: &str, value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::put_slice(&mut bytes, key.as_bytes());
    bytes.extend_from_slice(value.as_bytes());
    bytes
}

fn options(args: &Args) -> Options {
    Options {
        policy: match args.sync {
            Sync::Always => Policy::Always,
            Sync::Interval => Policy::Interval(Duration::from_millis(100)),
            Sync::Never => Policy::Never,
        },
        segment_len: args.segment_bytes,
        archive: args.archive,
        // The verbs of one transaction are processes of their own.
        keep_transactions: true,
        mode: mode(args),
        ..Options::default()
    }
}

fn mode(args: &Args) -> RecoveryMode {
    match args.mode {
        Mode::TornTail => RecoveryMode::TornTail,
        Mode::TolerateTail => RecoveryMode::TolerateCorruptedTail,
        Mode::Absolute => RecoveryMode::Absolute,
        Mode::PointInTime => RecoveryMode::PointInTime,
        Mode::SkipAny => RecoveryMode::SkipAnyCorrupted,
    }
}

fn scan_options(args: &Args) -> ScanOptions {
    ScanOptions { mode: mode(args), archived: args.archive }
}

fn open(path: &Path) -> Result<Dir> {
    let dir = Dir::open(path).with_context(|| path.display().to_string())?;
    let named = |e: &dolmen_base::io::Entry| LogName::parse(&e.name).is_some();
    let files = dir.list().with_context(|| path.display().to_string())?;
    ensure!(files.iter().any(named), "{} holds no log", path.display());
    Ok(dir)
}

fn locked(dir: &Dir, path: &Path, error: IoError) -> anyhow::Error {
    match (error, dir.lock_holder(LOCK)) {
        (IoError::Locked, Some(pid)) => anyhow!("{} is open for writing in process {pid}", path.display()),
        (IoError::Locked, None) => anyhow!("{} is open for writing in another process", path.display()),
        (error, _) => anyhow!("{}: {error}", path.join(LOCK).display()),
    }
}

/// An error with the path of the file that it names.
fn at(path: &Path, error: LogError) -> anyhow::Error {
    match error {
        LogError::Io { name: None, .. } | LogError::Missing { .. } | LogError::Limit { .. } => {
            anyhow!("{}: {error}", path.display())
        }
        error => anyhow!("{}", path.join(error.to_string()).display()),
    }
}

fn warn(found: &Scan) {
    for dropped in &found.dropped {
        eprintln!("warning: {dropped}");
    }
    for name in &found.unread {
        eprintln!(
            "warning: {name}: not read: it stands behind damage, or is no file of this log; writing renames it to {name}.lost"
        );
    }
}

fn print_from(args: &Args, path: &Path, from: u64, out: &mut Out) -> Result<()> {
    let mut printed = Ok(());
    let found = read(&open(path)?, scan_options(args), &mut |record| {
        if printed.is_ok() && record.commit_lsn.get() >= from {
            printed = print(args, record, out);
        }
    });
    printed?;
    warn(&found.map_err(|error| at(path, error))?);
    Ok(())
}

fn print(args: &Args, record: Committed<'_>, out: &mut Out) -> io::Result<()> {
    let show = |bytes: &[u8]| if args.hex { hex(bytes).into_bytes() } else { bytes.to_vec() };
    let fields = match record.transaction {
        Some(_) => {
            let mut cursor = Cursor::new(record.bytes);
            match cursor.get_varint_slice() {
                Ok(key) => vec![("key", show(key)), ("value", show(cursor.rest()))],
                Err(_) => vec![("bytes", show(record.bytes))],
            }
        }
        None => vec![("text", show(record.bytes))],
    };
    if out.is_json() {
        let mut object = Map::from_iter([
            ("lsn".to_owned(), record.lsn.get().into()),
            ("commit_lsn".to_owned(), record.commit_lsn.get().into()),
        ]);
        if let Some(id) = record.transaction {
            object.insert("transaction".to_owned(), id.get().into());
        }
        for (name, bytes) in &fields {
            object.insert((*name).to_owned(), String::from_utf8_lossy(bytes).into());
        }
        return out.object(&object);
    }
    write!(out, "{}", record.lsn)?;
    for (_, bytes) in &fields {
        out.write_all(b"\t")?;
        out.write_all(bytes)?;
    }
    writeln!(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn info(args: &Args, path: &Path, out: &mut Out) -> Result<()> {
    let found = scan(&open(path)?, scan_options(args), &mut |_, _, _| {}).map_err(|error| at(path, error))?;
    for segment in &found.segments {
        writeln!(
            out,
            "{}  from LSN {}  {} entries  {} of {} bytes",
            segment.name, segment.first_lsn, segment.entry_count, segment.whole_len, segment.file_len
        )?;
    }
    writeln!(out, "next LSN {}", found.next_lsn)?;
    writeln!(out, "truncated below LSN {}", found.low)?;
    for (id, writes) in &found.open {
        writeln!(out, "open transaction {id} with {writes} writes")?;
    }
    warn(&found);
    Ok(())
}

fn verify(args: &Args, path: &Path, out: &mut Out) -> Result<()> {
    let found = read(&open(path)?, scan_options(args), &mut |_| {}).map_err(|error| at(path, error))?;
    let entries: u64 = found.segments.iter().map(|s| s.entry_count).sum();
    let torn = if found.dropped.is_empty() { "ok" } else { "ok, but for what was left out" };
    writeln!(
        out,
        "{torn}: {entries} entries in {} segments, next LSN {}",
        found.segments.len(),
        found.next_lsn
    )?;
    warn(&found);
    Ok(())
}

fn follow(args: &Args, path: &Path, from: u64, count: Option<u64>, out: &mut Out) -> Result<()> {
    let dir = open(path)?;
    let low = scan(&dir, ScanOptions { mode: mode(args), archived: false }, &mut |_, _, _| {})
        .map_err(|error| at(path, error))?
        .low;
    let from = from.max(low.get());
    let (mut follower, mut transactions) = (Follower::new(), Transactions::new());
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        let mut printed = Ok(());
        let mut failed = Ok(());
        let new = follower.poll(&dir, &mut |_, _, entry| {
            let outcome = transactions.entry(entry, &mut |record| {
                if record.commit_lsn.get() >= from && left > 0 && printed.is_ok() {
                    printed = print(args, record, out);
                    left -= 1;
                }
            });
            if failed.is_ok() {
                failed = outcome;
            }
        });
        printed?;
        out.flush()?;
        let new = new.and_then(|new| failed.map(|()| new)).map_err(|error| at(path, error))?;
        if new == 0 && left > 0 {
            thread::sleep(FOLLOW_PAUSE);
        }
    }
    Ok(())
}
