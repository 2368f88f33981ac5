//! Write-ahead log verbs.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;

/// Largest log that `dump` reads into memory; its text is several times as long.
const DUMP_BYTES_MAX: u64 = 256 << 20;

/// Arguments of `dolmen wal`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  dolmen wal dump db/000012.log")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Print a log as annotated bytes; RocksDB's .log and MANIFEST files too
    Dump {
        /// The file
        file: PathBuf,
    },
}

/// Runs `dolmen wal`.
pub fn run(args: Args) -> Result<()> {
    let Verb::Dump { file } = args.verb;
    let name = file.display();
    let len = fs::metadata(&file).with_context(|| name.to_string())?.len();
    ensure!(len <= DUMP_BYTES_MAX, "{name}: {len} bytes are more than the {DUMP_BYTES_MAX} that are read");
    let bytes = fs::read(&file).with_context(|| name.to_string())?;
    match io::stdout().lock().write_all(dolmen_wal::view::dump(&bytes).as_str().as_bytes()) {
        // The reader of a pipe has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
