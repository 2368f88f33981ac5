//! Verbs of the SIMD kernels: `dolmen simd`.
#![forbid(unsafe_code)]

mod bench;
mod kernels;
mod picture;

use std::path::Path;

use dolmen_cli::{Out, Report, Status};
use dolmen_simd::level::Level;
use serde::Serialize;

/// Arguments of `dolmen simd`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// The levels that this CPU has, one a line, slowest first
    #[command(after_help = "Example: dolmen simd levels")]
    Levels,
    /// Time kernels at each level: speed-up over scalar, share of the CPU's measured peak and bandwidth
    #[command(after_help = "Examples:\n  dolmen simd bench --kernel dot,l2,gemm --svg speed.svg\n  \
                            dolmen simd bench --kernel dot --level avx2 --len 1536 --json")]
    Bench(bench::Args),
}

/// Runs `dolmen simd`.
///
/// # Errors
///
/// A sentence for the user: a level or kernel that is not there, a picture that cannot be written.
pub fn run(args: Args, out: &mut Out) -> anyhow::Result<Status> {
    match args.verb {
        Verb::Levels => levels(out)?,
        Verb::Bench(args) => bench::run(&args, out)?,
    }
    Ok(Status::Success)
}

#[derive(Serialize)]
struct LevelFacts {
    level: &'static str,
    register_bits: usize,
    extensions: Vec<&'static str>,
}

fn levels(out: &mut Out) -> anyhow::Result<()> {
    for level in Level::available() {
        if out.is_json() {
            out.object(&LevelFacts {
                level: level.name(),
                register_bits: level.register_bits(),
                extensions: level.extensions().collect(),
            })?;
        } else {
            out.line(level)?;
        }
    }
    Ok(())
}

/// A step of `dolmen tour`: the product of two vectors, scalar and at the fastest level.
///
/// # Errors
///
/// None today; the shape is that of every system's tour.
pub fn tour(_scratch: &Path) -> anyhow::Result<Report> {
    const LEN: usize = 16 << 10;
    let time = |level| bench::best_ns(&mut kernels::find("dot").prepare(level, LEN, 0), None);
    let best = Level::best();
    let (scalar, fast) = (time(Level::SCALAR), time(best));
    let did = format!(
        "found {}, and multiplied two vectors of {LEN} floats in {:.2} µs: {:.1} times as fast as one float after another",
        Level::available().map(Level::name).collect::<Vec<_>>().join(", "),
        fast / 1e3,
        scalar / fast
    );
    Ok(Report { system: "simd", did, page: "core/simd/README.md" })
}
