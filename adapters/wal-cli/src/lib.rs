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
use dolmen_cli::{Out, Status, counted};
use dolmen_codec::{Cursor, varint};
use dolmen_fs::{Dir, SharedLog};
use dolmen_wal::commit::Policy;
use dolmen_wal::entry::{Lsn, TransactionId};
use dolmen_wal::follow::Follower;
use dolmen_wal::log::Options;
use dolmen_wal::scan::{Committed, LogError, Scan, ScanOptions, Transactions, read, scan};
use dolmen_wal::{LogName, RecoveryMode};
use serde_json::{Map, json};

/// Held by the process that writes.
const LOCK: &str = "LOCK";
/// Length at which a segment is followed by a new one, if nobody says.
const SEGMENT_LEN: u64 = 64 << 20;
/// How long `follow` waits before it looks again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(50);

/// Arguments of `dolmen wal`.
#[derive(clap::Args)]
#[command(
    subcommand_help_heading = "Verbs",
    after_help = "Examples:
  dolmen wal --dir log write one two
  dolmen wal --dir log read --from 2
  TX=$(dolmen wal --dir log begin); dolmen wal --dir log put $TX city Rennes; dolmen wal --dir log commit $TX
  dolmen wal dump db/000012.log

Only `write` and `begin` make a log that is not there. Exits with 1 if something is damaged, missing or held by another process."
)]
pub struct Args {
    /// The log's directory
    #[arg(
        long,
        visible_alias = "path",
        value_name = "DIR",
        global = true,
        help_heading = "Options of every verb"
    )]
    dir: Option<PathBuf>,
    /// Texts, keys and values are in hex, in arguments and in output
    #[arg(long, global = true, help_heading = "Options of every verb")]
    hex: bool,
    /// When a record counts as written [default: always]
    #[arg(long, value_enum, global = true, help_heading = "Options of verbs that write")]
    sync: Option<Sync>,
    /// Length at which a segment is followed by a new one [default: 64mb]
    #[arg(long, value_name = "SIZE", value_parser = dolmen_cli::value::size, global = true, help_heading = "Options of verbs that write")]
    segment_bytes: Option<u64>,
    /// Keep segments that a truncation gives up, as NNNNNN.old; with `read`: read them too
    #[arg(long, global = true, help_heading = "Options of verbs that write")]
    archive: bool,
    /// What to do about bytes that are no record [default: torn-tail]
    #[arg(long, value_enum, global = true, help_heading = "Options of verbs that open the log")]
    mode: Option<Mode>,
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
    #[command(
        after_help = "Examples:\n  dolmen wal --dir log write one two\n  tail -f events | dolmen wal --dir log write -"
    )]
    Write {
        /// The texts; `-`: lines of standard input
        #[arg(required = true)]
        texts: Vec<String>,
    },
    /// Print what counts, in commit order: `LSN<TAB>TEXT`, or `LSN<TAB>KEY<TAB>VALUE`
    #[command(after_help = "Example: dolmen wal --dir log read --from 2 --json")]
    Read {
        /// First LSN; a transaction counts from its commit on
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Begin a transaction and print its id
    #[command(
        after_help = "Makes the log if there is none, and says so. Example: TX=$(dolmen wal --dir log begin)"
    )]
    Begin,
    /// Write a key and a value in a transaction
    #[command(after_help = "Example: dolmen wal --dir log put $TX city Rennes")]
    Put {
        /// What `begin` printed
        transaction: u64,
        /// The key
        key: String,
        /// The value
        value: String,
    },
    /// Make a transaction's writes count
    Commit {
        /// What `begin` printed
        transaction: u64,
    },
    /// Make none of a transaction's writes count
    Abort {
        /// What `begin` printed
        transaction: u64,
    },
    /// Print segments, LSNs and open transactions
    Info,
    /// Read every byte and say what is wrong
    #[command(after_help = "Exits with 1 if a record is damaged. Example: dolmen wal --dir log verify")]
    Verify,
    /// Print what counts, and go on as more is written
    #[command(after_help = "Example: dolmen wal --dir log follow --from 10")]
    Follow {
        /// First LSN
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// End after so many records
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
    /// Give up what counts from below an LSN; print the LSN that it came to
    #[command(after_help = "Example: dolmen wal --dir log truncate 100")]
    Truncate {
        /// The first LSN that is kept
        lsn: u64,
    },
    /// Print a log as annotated bytes; RocksDB's .log and MANIFEST files too
    #[command(after_help = "Exits with 1 if the log is damaged. Example: dolmen wal dump db/000012.log")]
    Dump {
        /// The file
        file: PathBuf,
    },
}

impl Verb {
    /// What the verb is called, and the options of the log that mean nothing to it.
    fn ignores(&self) -> (&'static str, &'static [&'static str]) {
        const READS: &[&str] = &["--sync", "--segment-bytes"];
        match self {
            Verb::Write { .. } => ("write", &[]),
            Verb::Begin => ("begin", &["--hex"]),
            Verb::Put { .. } => ("put", &[]),
            Verb::Commit { .. } => ("commit", &["--hex"]),
            Verb::Abort { .. } => ("abort", &["--hex"]),
            Verb::Truncate { .. } => ("truncate", &["--hex"]),
            Verb::Read { .. } => ("read", READS),
            Verb::Verify => ("verify", &["--sync", "--segment-bytes", "--hex"]),
            Verb::Info => ("info", &["--sync", "--segment-bytes", "--hex"]),
            Verb::Follow { .. } => ("follow", &["--sync", "--segment-bytes", "--archive"]),
            Verb::Dump { .. } => {
                ("dump", &["--dir", "--sync", "--segment-bytes", "--archive", "--mode", "--hex"])
            }
        }
    }
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
    refuse_ignored(args)?;
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

/// An option that is accepted and does nothing would be taken for one that did something.
fn refuse_ignored(args: &Args) -> Result<()> {
    let (verb, ignored) = args.verb.ignores();
    let given = [
        ("--dir", args.dir.is_some()),
        ("--sync", args.sync.is_some()),
        ("--mode", args.mode.is_some()),
        ("--segment-bytes", args.segment_bytes.is_some()),
        ("--archive", args.archive),
        ("--hex", args.hex),
    ];
    match given.iter().find(|(name, is_given)| *is_given && ignored.contains(name)) {
        Some((name, _)) => bail!("{name} means nothing to `dolmen wal {verb}`; leave it out"),
        None => Ok(()),
    }
}

/// The verbs that write.
fn write(args: &Args, path: &Path, out: &mut Out) -> Result<()> {
    let may_create = matches!(args.verb, Verb::Write { .. } | Verb::Begin);
    let dir = if may_create { Dir::create(path) } else { Dir::open(path) };
    let dir = Arc::new(dir.map_err(|error| match error {
        IoError::NotFound => {
            anyhow!("{}: there is no log; `dolmen wal --dir DIR write TEXT` makes one", path.display())
        }
        error => anyhow!("{}: {error}", path.display()),
    })?);
    let files = dir.list().with_context(|| path.display().to_string())?;
    ensure!(
        !files.iter().any(|e| e.name == "CURRENT"),
        "{} holds a database (there is a CURRENT file); its log is not written by hand",
        path.display()
    );
    ensure!(
        may_create || files.iter().any(|e| LogName::parse(&e.name).is_some()),
        "{} holds no log; `dolmen wal --dir DIR write TEXT` makes one",
        path.display()
    );
    if !files.iter().any(|e| LogName::parse(&e.name).is_some()) {
        out.note(format_args!("{}: a new log", path.display()));
    }
    let _lock = dir.lock(LOCK).map_err(|error| locked(&dir, path, error))?;
    let (log, found) = SharedLog::open(dir, options(args)).map_err(|error| at(path, error))?;
    warn(&found, out);
    let sync = || match args.sync {
        Some(Sync::Never) => Ok(()),
        _ => log.sync().map(drop).with_context(|| path.display().to_string()),
    };
    let id = TransactionId::new;
    let (name, number) = match &args.verb {
        Verb::Write { texts } => {
            append(&log, texts, args.hex, out)?;
            // Under `interval` the last records have not waited for a sync; the process that ends must.
            return sync();
        }
        Verb::Begin => ("transaction", log.begin().map(|id| Lsn::new(id.get()))),
        Verb::Put { transaction, key, value } => {
            ("lsn", log.write(id(*transaction), &pair(&text(args.hex, key)?, &text(args.hex, value)?)))
        }
        Verb::Commit { transaction } => ("lsn", log.commit(id(*transaction))),
        Verb::Abort { transaction } => ("lsn", log.abort(id(*transaction))),
        Verb::Truncate { lsn } => ("low_lsn", log.truncate_below(Lsn::new(*lsn))),
        _ => bail!("this verb only reads"),
    };
    let number = number.with_context(|| path.display().to_string())?;
    sync()?;
    print_number(name, number, out)
}

fn print_number(name: &str, number: Lsn, out: &mut Out) -> Result<()> {
    if out.is_json() {
        Ok(out.object(&Map::from_iter([(name.to_owned(), number.get().into())]))?)
    } else {
        Ok(out.line(number)?)
    }
}

fn append(log: &SharedLog, texts: &[String], hex: bool, out: &mut Out) -> Result<()> {
    let mut one = |bytes: &[u8]| -> Result<()> {
        print_number("lsn", log.append(bytes, None)?, out)?;
        Ok(out.flush()?)
    };
    for text_ in texts {
        if text_ == "-" {
            io::stdin().lock().split(b'\n').try_for_each(|line| {
                let line = line?;
                if hex { one(&text(hex, &String::from_utf8_lossy(&line))?) } else { one(&line) }
            })?;
        } else {
            one(&text(hex, text_)?)?;
        }
    }
    Ok(())
}

fn pair(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::put_slice(&mut bytes, key);
    bytes.extend_from_slice(value);
    bytes
}

/// An argument's bytes.
fn text(hex: bool, text: &str) -> Result<Vec<u8>> {
    if hex {
        dolmen_cli::value::hex(text).map_err(|error| anyhow!(error))
    } else {
        Ok(text.as_bytes().to_vec())
    }
}

fn options(args: &Args) -> Options {
    Options {
        policy: match args.sync.unwrap_or(Sync::Always) {
            Sync::Always => Policy::Always,
            Sync::Interval => Policy::Interval(Duration::from_millis(100)),
            Sync::Never => Policy::Never,
        },
        segment_len: args.segment_bytes.unwrap_or(SEGMENT_LEN),
        archive: args.archive,
        // The verbs of one transaction are processes of their own.
        keep_transactions: true,
        mode: mode(args),
        ..Options::default()
    }
}

fn mode(args: &Args) -> RecoveryMode {
    match args.mode.unwrap_or(Mode::TornTail) {
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
    let shown = path.display();
    ensure!(
        !files.iter().any(|e| e.name == "CURRENT"),
        "{shown} holds a RocksDB database; look with `dolmen kv --path {shown} verify`, or at one file with `dolmen wal dump {shown}/NNNNNN.log`"
    );
    ensure!(files.iter().any(named), "{shown} holds no log");
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

fn warn(found: &Scan, out: &Out) {
    for dropped in &found.dropped {
        out.warn(dropped);
    }
    for name in &found.unread {
        out.warn(format_args!(
            "{name}: not read: it stands behind damage, or is no file of this log; writing renames it to {name}.lost"
        ));
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
    warn(&found.map_err(|error| at(path, error))?, out);
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
        if out.is_json() {
            out.object(&json!({
                "segment": segment.name.to_string(), "first_lsn": segment.first_lsn.get(), "entry_count": segment.entry_count,
                "whole_bytes": segment.whole_len, "file_bytes": segment.file_len,
            }))?;
        } else {
            writeln!(
                out,
                "{}  from LSN {}  {}  {} of {} bytes",
                segment.name,
                segment.first_lsn,
                counted(segment.entry_count, "entry"),
                segment.whole_len,
                segment.file_len
            )?;
        }
    }
    let open: Vec<_> = found.open.iter().map(|(id, writes)| (id.get(), *writes)).collect();
    if out.is_json() {
        let open: Vec<_> =
            open.iter().map(|(id, writes)| json!({"transaction": id, "write_count": writes})).collect();
        out.object(
            &json!({"next_lsn": found.next_lsn.get(), "low_lsn": found.low.get(), "open_transactions": open}),
        )?;
    } else {
        writeln!(out, "next LSN {}", found.next_lsn)?;
        writeln!(out, "truncated below LSN {}", found.low)?;
        for (id, writes) in open {
            writeln!(out, "open transaction {id} with {writes} writes")?;
        }
    }
    warn(&found, out);
    Ok(())
}

fn verify(args: &Args, path: &Path, out: &mut Out) -> Result<()> {
    let found = read(&open(path)?, scan_options(args), &mut |_| {}).map_err(|error| at(path, error))?;
    let entries: u64 = found.segments.iter().map(|s| s.entry_count).sum();
    let is_whole = found.dropped.is_empty() && found.unread.is_empty();
    if out.is_json() {
        let left_out: Vec<String> = found.dropped.iter().map(ToString::to_string).collect();
        let unread: Vec<String> = found.unread.iter().map(ToString::to_string).collect();
        out.object(&json!({
            "whole": is_whole, "entry_count": entries, "segment_count": found.segments.len(),
            "next_lsn": found.next_lsn.get(), "left_out": left_out, "unread": unread,
        }))?;
    } else {
        let torn = if is_whole { "ok" } else { "ok, but for what was left out" };
        writeln!(
            out,
            "{torn}: {} in {}, next LSN {}",
            counted(entries, "entry"),
            counted(found.segments.len() as u64, "segment"),
            found.next_lsn
        )?;
    }
    warn(&found, out);
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
