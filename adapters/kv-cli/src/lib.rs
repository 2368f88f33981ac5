//! Key-value verbs, `dolmen kv`: databases in RocksDB's format.
//!
//! Verbs that only read open for reading and leave every byte of the directory as it is. Only `set`, `import` and `bench` make a
//! database that is not there: a mistyped path must not "succeed".
#![forbid(unsafe_code)]

mod bench;
mod inspect;
mod open;
mod read;
mod tour;
mod write;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use dolmen_cli::{Out, Status};

pub use tour::{tour, tour_server, tour_tables};

/// Arguments of `dolmen kv`.
#[derive(clap::Args)]
#[command(
    subcommand_help_heading = "Verbs",
    after_help = "Examples:
  dolmen kv --path db set city Rennes
  dolmen kv --path db scan --from a --to n
  dolmen kv --path dolmen-data/kv stats                 the database of `dolmen up`
  dolmen kv inspect db/000007.sst --entries

Only set, import and bench make a database that is not there. Exits with 1 if something is damaged, missing or refused."
)]
pub struct Args {
    /// The database's directory
    #[arg(
        long,
        visible_alias = "dir",
        value_name = "DIR",
        global = true,
        help_heading = "Options of every verb"
    )]
    path: Option<PathBuf>,
    /// The column family [default: default]
    #[arg(long, value_name = "NAME", global = true, help_heading = "Options of every verb")]
    cf: Option<String>,
    /// Keys and values are in hex, in arguments (with or without 0x) and in output
    #[arg(long, global = true, help_heading = "Options of every verb")]
    hex: bool,
    /// How merge operands are combined: uint64add, stringappend or max, or RocksDB's names of them [default: as the OPTIONS file says]
    #[arg(long = "merge", value_name = "NAME", global = true, help_heading = "Options of every verb")]
    operator: Option<String>,
    /// What to make of a damaged log [default: cut a torn tail, refuse damage]
    #[arg(long, value_enum, value_name = "MODE", global = true, help_heading = "Options of every verb")]
    recovery: Option<Recovery>,
    #[command(subcommand)]
    verb: Verb,
}

/// How logs are read.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Recovery {
    /// Cut a torn tail, refuse damage
    TornTail,
    /// As RocksDB's kTolerateCorruptedTailRecords
    TolerateTail,
    /// As RocksDB's kAbsoluteConsistency: refuse a torn tail too
    Absolute,
    /// As RocksDB's kPointInTimeRecovery: keep what stands before the damage
    PointInTime,
    /// As RocksDB's kSkipAnyCorruptedRecords: keep everything that can be read
    #[value(alias = "skip-any")]
    SkipDamaged,
}

#[derive(Subcommand)]
enum Verb {
    /// Print the value of a key, or keys and values of several: `KEY<TAB>VALUE`
    #[command(after_help = "Exits with 1 if a key is not there. Example: dolmen kv --path db get city")]
    Get {
        /// The keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Set a key to a value
    #[command(
        after_help = "Makes the database if there is none. Example: dolmen kv --path db set city Rennes"
    )]
    Set {
        /// The key
        key: String,
        /// Its value
        value: String,
    },
    /// Delete a key
    #[command(after_help = "Example: dolmen kv --path db delete city")]
    Delete {
        /// The key; that it is not there is no error
        key: String,
    },
    /// Add a merge operand to a key (with --merge NAME)
    #[command(after_help = "Example: dolmen kv --path db --merge uint64add --hex merge 6e 0100000000000000")]
    Merge {
        /// The key
        key: String,
        /// What is merged into its value
        value: String,
    },
    /// Delete every key from FROM up to TO, TO left out
    #[command(after_help = "Example: dolmen kv --path db delete-range user:1 user:2")]
    DeleteRange {
        /// First key
        from: String,
        /// First key that is left
        to: String,
    },
    /// Print keys and values in order: `KEY<TAB>VALUE`
    #[command(after_help = "Example: dolmen kv --path db scan --prefix user: --limit 10")]
    Scan {
        /// First key
        #[arg(long)]
        from: Option<String>,
        /// First key that is left out
        #[arg(long)]
        to: Option<String>,
        /// Only keys that begin so
        #[arg(long, conflicts_with_all = ["from", "to"])]
        prefix: Option<String>,
        /// Most entries
        #[arg(long)]
        limit: Option<usize>,
        /// From the last key to the first
        #[arg(long)]
        reverse: bool,
        /// Keys alone
        #[arg(long)]
        no_value: bool,
    },
    /// Print how many entries there are, and their bytes
    #[command(after_help = "Example: dolmen kv --path db count --prefix user:")]
    Count {
        /// First key
        #[arg(long)]
        from: Option<String>,
        /// First key that is left out
        #[arg(long)]
        to: Option<String>,
        /// Only keys that begin so
        #[arg(long, conflicts_with_all = ["from", "to"])]
        prefix: Option<String>,
    },
    /// Print every family, or the one of --cf: `NAME<TAB>KEYHEX<TAB>VALUEHEX`
    Dump,
    /// Print every family, or the one of --cf, in the form that `import` reads
    #[command(after_help = "Example: dolmen kv --path db export | dolmen kv --path copy import -")]
    Export,
    /// Write the lines of an export (`-`: standard input)
    #[command(
        after_help = "Makes the database and its families if there are none. Example: dolmen kv --path db import lines.tsv"
    )]
    Import {
        /// Lines `NAME<TAB>KEYHEX<TAB>VALUEHEX`; those that begin with # are comments
        file: PathBuf,
    },
    /// Print the column families; with --json the tables and bytes of each too
    Families,
    /// Make a column family
    CreateFamily {
        /// Its name
        name: String,
    },
    /// Delete a column family with everything in it
    DropFamily {
        /// Its name
        name: String,
    },
    /// Write what is in memory to tables
    Flush,
    /// Compact the family down to its deepest level; deleted data is gone then
    #[command(after_help = "Example: dolmen kv --path db compact --from a --to n")]
    Compact {
        /// First key of the range
        #[arg(long)]
        from: Option<String>,
        /// Last key of the range
        #[arg(long)]
        to: Option<String>,
    },
    /// Make a copy in DIR2 that shares the tables by hard links
    #[command(after_help = "Example: dolmen kv --path db checkpoint backup/monday")]
    Checkpoint {
        /// A directory that is not there yet
        dir2: PathBuf,
    },
    /// Add a backup to DIR2, in RocksDB's form; tables that an earlier backup there has are not copied again
    #[command(after_help = "Example: dolmen kv --path db backup /mnt/backups")]
    Backup {
        /// The directory of the backups
        dir2: PathBuf,
    },
    /// Make the database from the newest backup in DIR2
    #[command(
        after_help = "The directory of --path must be missing or empty. Example: dolmen kv --path db restore /mnt/backups"
    )]
    Restore {
        /// The directory of the backups
        dir2: PathBuf,
    },
    /// Make a database that does not open, or has damaged tables, openable again from its tables and logs
    #[command(
        after_help = "What is damaged is kept beside as NAME.lost; the blocks of a table that can be read stay. Exits with 1 if something is lost. Example: dolmen kv --path db repair"
    )]
    Repair,
    /// Read every block of every table and every record of every log, and report damage by file and offset
    #[command(
        after_help = "Exits with 1 if something is damaged or missing. Example: dolmen kv --path db verify"
    )]
    Verify,
    /// Measure one kind of work after the other in a database of its own
    #[command(
        after_help = "Example: dolmen kv --path /tmp/bench bench --n 1000000 --workload fillrandom,readrandom"
    )]
    Bench(bench::Args),
    /// Print numbers about the database
    Stats,
    /// Print a table, a MANIFEST, or (without FILE) the whole directory as text
    #[command(
        after_help = "Exits with 1 if a table that is needed is missing.\nExamples:\n  dolmen kv inspect db/000007.sst --entries\n  dolmen kv --path db inspect"
    )]
    Inspect {
        /// NNNNNN.sst, NNNNNN.ldb or MANIFEST-NNNNNN; with --path, a file of that directory
        file: Option<PathBuf>,
        /// Every entry of a table too
        #[arg(long, requires = "file")]
        entries: bool,
    },
}

impl Verb {
    /// What the verb is called, and the options that mean nothing to it.
    fn ignores(&self) -> (&'static str, &'static [&'static str]) {
        match self {
            Verb::Get { .. } => ("get", &[]),
            Verb::Set { .. } => ("set", &[]),
            Verb::Delete { .. } => ("delete", &[]),
            Verb::Merge { .. } => ("merge", &[]),
            Verb::DeleteRange { .. } => ("delete-range", &[]),
            Verb::Scan { .. } => ("scan", &[]),
            Verb::Dump => ("dump", &["--hex"]),
            Verb::Export => ("export", &["--hex"]),
            Verb::Import { .. } => ("import", &["--hex", "--cf"]),
            Verb::Families => ("families", &["--hex", "--cf"]),
            Verb::CreateFamily { .. } => ("create-family", &["--hex", "--cf"]),
            Verb::DropFamily { .. } => ("drop-family", &["--hex", "--cf"]),
            Verb::Flush => ("flush", &["--hex", "--cf"]),
            Verb::Compact { .. } => ("compact", &[]),
            Verb::Checkpoint { .. } => ("checkpoint", &["--hex", "--cf"]),
            Verb::Count { .. } => ("count", &[]),
            Verb::Backup { .. } => ("backup", &["--hex", "--cf"]),
            Verb::Restore { .. } => ("restore", &["--hex", "--cf", "--merge", "--recovery"]),
            Verb::Repair => ("repair", &["--hex", "--cf", "--recovery"]),
            Verb::Verify => ("verify", &["--hex", "--cf"]),
            Verb::Bench(_) => ("bench", &["--hex", "--cf", "--merge", "--recovery"]),
            Verb::Stats => ("stats", &["--hex", "--cf"]),
            Verb::Inspect { .. } => ("inspect", &["--hex", "--cf", "--merge", "--recovery"]),
        }
    }
}

/// Runs `dolmen kv`.
///
/// # Errors
///
/// A sentence for the user: what is damaged, missing, held by another process, or refused.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    refuse_ignored(&args)?;
    if let Verb::Inspect { file: Some(file), entries } = &args.verb {
        let file = args.path.as_deref().map_or_else(|| file.clone(), |path| path.join(file));
        inspect::file(&file, *entries, out)?;
        return Ok(Status::Success);
    }
    let path = args.path.as_deref().context("this verb needs --path DIR")?;
    match &args.verb {
        Verb::Get { .. }
        | Verb::Scan { .. }
        | Verb::Count { .. }
        | Verb::Dump
        | Verb::Export
        | Verb::Stats
        | Verb::Verify
        | Verb::Families => read::run(path, &args, out),
        Verb::Inspect { .. } => inspect::directory(path, out),
        Verb::Repair => write::repair(path, &args, out),
        Verb::Restore { dir2 } => {
            write::restore(path, dir2, out)?;
            Ok(Status::Success)
        }
        Verb::Bench(bench) => {
            bench::run(path, bench, out)?;
            Ok(Status::Success)
        }
        _ => {
            write::run(path, &args, out)?;
            Ok(Status::Success)
        }
    }
}

/// An option that is accepted and does nothing would be taken for one that did something.
fn refuse_ignored(args: &Args) -> Result<()> {
    let (verb, ignored) = args.verb.ignores();
    let given = [
        ("--cf", args.cf.is_some()),
        ("--hex", args.hex),
        ("--merge", args.operator.is_some()),
        ("--recovery", args.recovery.is_some()),
    ];
    match given.iter().find(|(name, is_given)| *is_given && ignored.contains(name)) {
        Some((name, _)) => bail!("{name} means nothing to `dolmen kv {verb}`; leave it out"),
        None => Ok(()),
    }
}

/// How keys and values are written.
#[derive(Clone, Copy)]
struct Text {
    is_hex: bool,
    /// For a person's screen: what would not be seen there is written as an escape.
    is_screen: bool,
}

impl Text {
    fn of(args: &Args, out: &Out) -> Text {
        Text { is_hex: args.hex, is_screen: out.is_terminal() }
    }

    fn parse(self, text: &str) -> Result<Vec<u8>> {
        if self.is_hex {
            dolmen_cli::value::hex(text).map_err(anyhow::Error::msg)
        } else {
            Ok(text.as_bytes().to_vec())
        }
    }

    fn parse_bound(self, text: &Option<String>) -> Result<Option<Vec<u8>>> {
        text.as_deref().map(|text| self.parse(text)).transpose()
    }

    fn show(self, bytes: &[u8]) -> Vec<u8> {
        let is_plain = || std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(char::is_control));
        match (self.is_hex, self.is_screen) {
            (true, _) => hex(bytes).into_bytes(),
            (false, true) if !is_plain() => bytes.escape_ascii().collect(),
            _ => bytes.to_vec(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_sees_no_control_characters() {
        let screen = Text { is_hex: false, is_screen: true };
        assert_eq!(screen.show(b"\x1b[2J\xff"), b"\\x1b[2J\\xff");
        assert_eq!(screen.show("Québec".as_bytes()), "Québec".as_bytes());
        let pipe = Text { is_hex: false, is_screen: false };
        assert_eq!(pipe.show(b"\x00\xff"), b"\x00\xff");
        let hex = Text { is_hex: true, is_screen: true };
        assert_eq!((hex.show(b"\x00\xff"), hex.parse("0x00FF").unwrap()), (b"00ff".to_vec(), vec![0, 255]));
    }
}
