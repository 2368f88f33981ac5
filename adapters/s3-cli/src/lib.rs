//! S3 verbs: `dolmen s3`.
#![forbid(unsafe_code)]

mod admin;
mod bench;
mod client;
mod copy;
mod look;
mod objects;
mod place;
mod serve;
mod tour;
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
    /// Make a bucket
    #[command(after_help = "Example: dolmen s3 mb s3://stones")]
    Mb(objects::BucketArgs),
    /// Remove a bucket
    #[command(after_help = "Example: dolmen s3 rb s3://stones --force")]
    Rb(objects::BucketArgs),
    /// List buckets, or objects
    #[command(after_help = "Example: dolmen s3 ls s3://stones/photos/")]
    Ls(objects::ListArgs),
    /// Copy a file to a bucket, an object to a file, or an object to another
    #[command(after_help = "Example: dolmen s3 cp README.md s3://stones/docs/")]
    Cp(copy::CopyArgs),
    /// Delete objects
    #[command(after_help = "Example: dolmen s3 rm --recursive s3://stones/photos/")]
    Rm(objects::RemoveArgs),
    /// Print an object
    #[command(after_help = "Example: dolmen s3 cat s3://stones/README.md")]
    Cat(objects::ObjectArgs),
    /// What is known of an object
    #[command(after_help = "Example: dolmen s3 stat s3://stones/README.md")]
    Stat(objects::ObjectArgs),
    /// A URL with which anybody may read or write an object for a while
    #[command(after_help = "Example: dolmen s3 presign s3://stones/README.md --expires 10m")]
    Presign(objects::PresignArgs),
    /// Make a bucket like a directory, or the other way round
    #[command(after_help = "Example: dolmen s3 sync ./site s3://stones/site --delete")]
    Sync(copy::SyncArgs),
    /// Users, access keys and policies
    #[command(after_help = "Example: dolmen s3 admin user add ann --endpoint http://127.0.0.1:9000")]
    Admin(admin::Args),
    /// Read every byte that is kept and name what is damaged
    #[command(after_help = "Example: dolmen s3 scrub --data ./dolmen-data")]
    Scrub(look::Args),
    /// Buckets of a data directory, and what is in them
    #[command(after_help = "Example: dolmen s3 inspect --data ./dolmen-data")]
    Inspect(look::Args),
    /// Puts, gets and listings a second
    #[command(after_help = "Example: dolmen s3 bench --size 4kb --connections 64")]
    Bench(bench::Args),
}

/// Runs `dolmen s3`.
///
/// # Errors
///
/// A sentence for the user: what cannot be reached, read, written or allowed.
pub fn run(args: Args, out: &mut Out) -> anyhow::Result<Status> {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match args.verb {
        Verb::Serve(args) => serve::run(&args, out),
        Verb::Mb(args) => runtime()?.block_on(objects::make_bucket(&args, out)),
        Verb::Rb(args) => runtime()?.block_on(objects::remove_bucket(&args, out)),
        Verb::Ls(args) => runtime()?.block_on(objects::list(&args, out)),
        Verb::Cp(args) => runtime()?.block_on(copy::copy(&args, out)),
        Verb::Rm(args) => runtime()?.block_on(objects::remove(&args, out)),
        Verb::Cat(args) => runtime()?.block_on(objects::cat(&args, out)),
        Verb::Stat(args) => runtime()?.block_on(objects::stat(&args, out)),
        Verb::Presign(args) => objects::presign(&args, out),
        Verb::Sync(args) => runtime()?.block_on(copy::sync(&args, out)),
        Verb::Admin(args) => admin::run(args, out),
        Verb::Scrub(args) => look::scrub(&args, out),
        Verb::Inspect(args) => look::inspect(&args, out),
        Verb::Bench(args) => runtime()?.block_on(bench::run(&args, out)),
    }
}
