//! Kafka verbs: `dolmen kafka`.
//!
//! Verbs that look at files take no lock and change nothing, so they work beside a running broker, ours or Apache Kafka's. Verbs that speak to a broker
//! do so over a client of our own, to ours and to Apache Kafka's.
#![forbid(unsafe_code)]

pub mod client;
mod doctor;
mod dump;
pub mod history;
mod segments;
mod tour;
mod verbs;

use std::path::PathBuf;

use anyhow::Result;
use dolmen_cli::{Out, Status};

pub use tour::tour;

/// Arguments of `dolmen kafka`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  dolmen kafka dump orders-0/00000000000000000000.log\n  dolmen kafka dump --json --records orders-0/00000000000000000000.log | jq .record\n  \
                        dolmen kafka doctor /var/lib/kafka/data\n  dolmen kafka topics create orders --partitions 4\n  \
                        seq 100 | dolmen kafka produce orders --transactional-id me\n  dolmen kafka consume orders --exit --json"
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
    /// Topics: list, create, delete, describe
    Topics(verbs::Of<verbs::topics::Topics>),
    /// Write lines as records
    #[command(
        after_help = "Examples:\n  seq 100 | dolmen kafka produce numbers\n  dolmen kafka produce orders --file orders.txt --key-separator : --compression zstd --transactional-id loader"
    )]
    Produce(verbs::produce::Produce),
    /// Read records
    #[command(
        after_help = "Examples:\n  dolmen kafka consume orders --exit\n  dolmen kafka consume orders --isolation read_uncommitted --from 100 --count 10 --json\n  dolmen kafka consume orders --group readers"
    )]
    Consume(verbs::consume::Consume),
    /// Groups: list, describe, offsets, delete
    Groups(verbs::Of<verbs::groups::Groups>),
    /// Transactions: list, describe, abort
    Transactions(verbs::Of<verbs::transactions::Transactions>),
    /// Access rules: list, add, remove
    Acls(verbs::Of<verbs::acls::Acls>),
    /// Judge what clients saw: lost, doubled, aborted, torn, out of order
    ///
    /// Exits 1 if something is found.
    #[command(after_help = "Example:\n  dolmen kafka verify-history run.jsonl")]
    VerifyHistory {
        /// JSON lines, one per event, in the order of the clock
        file: PathBuf,
    },
    /// Run a pipeline: read, transform, write, every record exactly once
    #[command(
        after_help = "Example of FILE.toml:\n  bootstrap = \"127.0.0.1:9092\"\n  group = \"shouter\"\n  transactional_id = \"shouter-1\"\n  input = [\"words\"]\n  \
                            output = \"WORDS\"\n  dead_letter = \"words-dead\"\n  transform = \"upper\"            # copy, { contains = \"x\" }, { command = [\"./program\"] }"
    )]
    Eos {
        /// What to read, do and write
        file: PathBuf,
    },
    /// How fast a broker takes and gives records, and ends transactions
    Bench(verbs::bench::Bench),
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
        Verb::Topics(verb) => verbs::topics::run(verb, out),
        Verb::Produce(args) => verbs::produce::run(args, out),
        Verb::Consume(args) => verbs::consume::run(args, out),
        Verb::Groups(verb) => verbs::groups::run(verb, out),
        Verb::Transactions(verb) => verbs::transactions::run(verb, out),
        Verb::Acls(verb) => verbs::acls::run(verb, out),
        Verb::VerifyHistory { file } => history::run(&file, out),
        Verb::Eos { file } => verbs::eos::run(&file, out),
        Verb::Bench(args) => verbs::bench::run(args, out),
    }
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.into(), value.into()))
}
