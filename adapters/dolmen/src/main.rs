//! The one binary: `dolmen <system> <verb>`. Each system's verbs live in the module of its name; errors are printed here,
//! in one place.
#![forbid(unsafe_code)]

mod kv;
mod ring;
mod sstable;
mod tour;
mod up;
mod wal;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Data systems with no_std cores: serve them, use them, look inside.
#[derive(Parser)]
#[command(name = "dolmen", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve every system from one data directory
    Up(up::Args),
    /// Run every system once on real input and report
    Tour(tour::Args),
    /// Key-value databases in RocksDB's format
    Kv(kv::Args),
    /// Write-ahead logs
    Wal(wal::Args),
    /// Consistent hashing lab
    Ring(ring::Args),
    /// Cassandra's SSTables
    Sstable(sstable::Args),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Up(args) => up::run(args),
        Command::Tour(args) => tour::run(args),
        Command::Kv(args) => kv::run(args),
        Command::Wal(args) => wal::run(args),
        Command::Ring(args) => ring::run(args),
        Command::Sstable(args) => sstable::run(args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "dolmen", &mut std::io::stdout());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
