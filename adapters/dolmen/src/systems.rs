//! The list of systems: what `dolmen <system>` runs and what the tour walks through. Written from `systems.toml`.

use std::path::Path;

use anyhow::Result;
use clap::{ArgMatches, Command};
use dolmen_cli::{Out, Report, Status};
use dolmen_host::Registered;

/// One step of the tour, in a directory of its own.
pub type Step = fn(&Path) -> Result<Report>;

/// A system with verbs.
pub struct System {
    /// `dolmen <name>`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Adds its verbs; called only for the system that a command line names.
    pub arguments: fn(Command) -> Command,
    /// Runs one of them.
    pub run: fn(&ArgMatches, &mut Out) -> Result<Status>,
}

/// A system whose verbs `$cli` exports.
macro_rules! system {
    ($name:literal, $about:literal, $cli:ident) => {
        System {
            name: $name,
            about: $about,
            arguments: |command| <$cli::Args as clap::Args>::augment_args(command).about($about),
            run: |matches, out| {
                let args = <$cli::Args as clap::FromArgMatches>::from_arg_matches(matches);
                $cli::run(args.unwrap_or_else(|error| error.exit()), out)
            },
        }
    };
}

/// Every system with verbs, in the order of the help.
pub const SYSTEMS: &[System] = &[
    // written by `cargo xtask systems`: systems
    system!("wal", "Write-ahead logs", dolmen_wal_cli),
    system!("kv", "Key-value databases in RocksDB's format", dolmen_kv_cli),
    system!("sstable", "Cassandra's SSTables", dolmen_sstable_cli),
    system!("ring", "Consistent hashing lab", dolmen_ring_cli),
    system!("simd", "SIMD kernels of this machine", dolmen_simd_cli),
    system!("vector", "Vector search", dolmen_vector_cli),
    system!("sql", "PostgreSQL's SQL: parse, format, fingerprint", dolmen_sql_cli),
    system!("s3", "S3: buckets and objects", dolmen_s3_cli),
    system!("kafka", "Kafka: logs, topics, transactions", dolmen_kafka_cli),
    system!("llm", "Language models: tokens, training, generation", dolmen_llm_cli),
    // end of systems
];

/// Every step of the tour, with its system.
pub const TOUR: &[(&str, Step)] = &[
    // written by `cargo xtask systems`: tour
    ("wal", dolmen_wal_cli::tour),
    ("lsm", dolmen_kv_cli::tour_tables),
    ("store", dolmen_kv_cli::tour),
    ("redis", dolmen_kv_cli::tour_server),
    ("sstable", dolmen_sstable_cli::tour),
    ("ring", dolmen_ring_cli::tour),
    ("simd", dolmen_simd_cli::tour),
    ("vector", dolmen_vector_cli::tour),
    ("sql", dolmen_sql_cli::tour),
    ("s3", dolmen_s3_cli::tour),
    ("kafka", dolmen_kafka_cli::tour),
    ("llm", dolmen_llm_cli::tour),
    // end of tour
];

/// Every service that `dolmen up` runs, in the order in which they open.
pub const SERVICES: &[Registered] = &[
    // written by `cargo xtask systems`: services
    Registered::of::<dolmen_kv_resp::Kv>(),
    Registered::of::<dolmen_vector_http::Vectors>(),
    Registered::of::<dolmen_s3_http::S3>(),
    Registered::of::<dolmen_kafka_net::Kafka>(),
    Registered::of::<dolmen_llm_cpu::Llm>(),
    // end of services
];
