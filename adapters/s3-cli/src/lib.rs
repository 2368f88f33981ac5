//! S3 verbs: `dolmen s3`.
#![forbid(unsafe_code)]

mod admin;
mod serve;
mod tour;
#[allow(dead_code)]
mod transport;

use dolmen_cli::{Out, Status};

pub use tour::tour;

/// Arguments of `dolmen s3`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Serve buckets and objects, without the other systems
    #[command(after_help = "Example: dolmen s3 serve --backend local --data ./dolmen-data --addr 127.0.0.1:9000")]
    Serve(serve::Args),
    /// Users, access keys and policies
    Admin(admin::Args),
}

/// Runs `dolmen s3`.
///
/// # Errors
///
/// A sentence for the user: what cannot be reached, read, written or allowed.
pub fn run(args: Args, out: &mut Out) -> anyhow::Result<Status> {
    match args.verb {
        Verb::Serve(args) => serve::run(&args, out),
        Verb::Admin(args) => admin::run(args, out),
    }
}
