//! Kafka verbs: `dolmen kafka`.
//!
//! Verbs that look at files take no lock and change nothing, so they work beside a running broker, ours or Apache Kafka's.
#![forbid(unsafe_code)]

mod doctor;
mod dump;
mod segments;
mod tour;

use std::path::PathBuf;

use anyhow::Result;
use dolmen_cli::{Out, Status};

pub use tour::tour;

/// Arguments of `dolmen kafka`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  dolmen kafka dump orders-0/00000000000000000000.log\n  dolmen kafka dump --json --records orders-0/00000000000000000000.log | jq .record\n  \
                        dolmen kafka doctor /var/lib/kafka/data"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print what is in a file of a partition's log: batches, markers, index entries, producers
    ///
    /// Exits 1 if the file is cut off or damaged; what stands before the damage is printed.
    #[command(
        after_help = "Examples:\n  dolmen kafka dump orders-0/00000000000000000000.log\n  dolmen kafka dump --json orders-0/00000000000000000000.txnindex"
    )]
    Dump {
        /// A .log, .index, .timeindex, .txnindex or .snapshot file
        file: PathBuf,
        /// Print the records of each batch as well
        #[arg(long)]
        records: bool,
    },
    /// Look through a folder of logs for hanging transactions, damage and files that contradict each other
    ///
    /// Reads folders of Apache Kafka as well as ours. Exits 1 if something is found.
    #[command(after_help = "Example:\n  dolmen kafka doctor /var/lib/kafka/data")]
    Doctor {
        /// A log directory, or one partition of it
        dir: PathBuf,
    },
}

/// Runs `dolmen kafka`.
///
/// # Errors
///
/// If a file cannot be read, or standard output cannot be written.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    match args.verb {
        Verb::Dump { file, records } => dump::run(&file, records, out),
        Verb::Doctor { dir } => doctor::run(&dir, out),
    }
}
