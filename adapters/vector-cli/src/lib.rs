//! Vector search verbs: `dolmen vector`.
#![forbid(unsafe_code)]

mod bench;
mod build;
mod convert;
mod input;
mod look;
mod search;
mod threads;
mod tour;

use std::path::PathBuf;

use dolmen_cli::{Out, Status};
use dolmen_hnsw::metric::{Form, Metric};

pub use tour::tour;

/// Arguments of `dolmen vector`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Build an index from a file of vectors; ids are their numbers, from 0
    #[command(
        after_help = "Example: dolmen vector build --input base.fvecs --metric l2 --form qg --output base.dvx"
    )]
    Build(build::Args),
    /// Search an index and write the ids that were found
    #[command(
        after_help = "Example: dolmen vector search base.dvx --queries q.fvecs --k 10 --recall 0.95 --output ids.i64 --distances d.f32"
    )]
    Search(search::Args),
    /// Find the cheapest search that reaches a recall, and store it in the index
    #[command(after_help = "Example: dolmen vector tune base.dvx --queries q.fvecs --k 10 --recall 0.95")]
    Tune(search::TuneArgs),
    /// Sizes, layers and links of an index
    #[command(after_help = "Example: dolmen vector stats base.dvx")]
    Stats(look::StatsArgs),
    /// Check every byte and every link of an index
    #[command(after_help = "Example: dolmen vector verify base.dvx")]
    Verify(look::VerifyArgs),
    /// Rewrite an index of Dolmen, hnswlib, faiss or usearch as one of them
    #[command(after_help = "Example: dolmen vector convert index.bin index.dvx --to dolmen --metric l2")]
    Convert(convert::Args),
    /// Queries a second over recall, as a table and a plot
    #[command(after_help = "Example: dolmen vector bench base.dvx --queries q.fvecs --svg bench.svg")]
    Bench(bench::Args),
    /// Watch one walk through the layers, step by step
    #[command(after_help = "Example: dolmen vector inspect base.dvx --row 17 --svg walk.svg")]
    Inspect(look::InspectArgs),
}

/// Runs `dolmen vector`.
///
/// # Errors
///
/// A sentence for the user: what cannot be read, built or written.
pub fn run(args: Args, out: &mut Out) -> anyhow::Result<Status> {
    match args.verb {
        Verb::Build(args) => build::run(&args, out),
        Verb::Search(args) => search::run(&args, out),
        Verb::Tune(args) => search::tune(&args, out),
        Verb::Stats(args) => look::stats(&args, out),
        Verb::Verify(args) => return look::verify(&args, out),
        Verb::Convert(args) => convert::run(&args, out),
        Verb::Bench(args) => bench::run(&args, out),
        Verb::Inspect(args) => look::inspect(&args, out),
    }?;
    Ok(Status::Success)
}

/// A metric by its name, for clap.
fn metric(name: &str) -> Result<Metric, String> {
    Metric::by_name(name).ok_or_else(|| "expected l2, ip, cosine or hamming".to_owned())
}

/// A form by its name, for clap.
fn form(name: &str) -> Result<Form, String> {
    Form::by_name(name).ok_or_else(|| {
        let names: Vec<&str> = Form::ALL.iter().map(|form| form.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// A file of vectors.
#[derive(clap::Args)]
struct QueryArgs {
    /// Queries: .f32, .fvecs, .bvecs, .npy, .fbin; i8 or packed u8 rows for indexes of such
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
}
