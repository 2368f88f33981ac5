//! `dolmen vector build`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use dolmen_cli::Out;
use dolmen_hnsw::Level;
use dolmen_hnsw::file;
use dolmen_hnsw::index::Index;
use dolmen_hnsw::metric::{Form, Metric, Options, Vector};
use serde::Serialize;

use crate::input::{self, Rows};
use crate::threads::Threads;

#[derive(clap::Args)]
pub struct Args {
    /// Vectors: .f32 (with --dim), .fvecs, .bvecs, .npy, .fbin
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Values of a row of a raw file; bits of a row for --form binary
    #[arg(long)]
    dim: Option<usize>,
    /// l2, ip, cosine or hamming
    #[arg(long, value_parser = crate::metric)]
    metric: Metric,
    /// Links of a new node in each layer
    #[arg(long, default_value_t = 16)]
    m: usize,
    /// Candidates that are looked at when a node is linked
    #[arg(long, default_value_t = 200)]
    ef_construction: usize,
    /// f32, f16, bf16, i8, sq8, sq7, sq4, qg, qg8, qg4 or binary
    #[arg(long, default_value = "f32", value_parser = crate::form)]
    form: Form,
    /// The index to write
    #[arg(long, value_name = "INDEX")]
    output: PathBuf,
    /// Seed of layers and rotations: same seed and input, same index
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads; the index does not depend on them
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Serialize)]
struct Built {
    vectors: usize,
    dim: usize,
    form: &'static str,
    metric: &'static str,
    bytes: u64,
    cpu_seconds: f64,
    unreachable_repaired: usize,
}

/// Vectors that are handed over at once; progress moves in these steps.
const STEP: usize = 1024;

pub fn run(args: &Args, out: &mut Out) -> Result<()> {
    let map = input::map(&args.input)?;
    let binary = args.form == Form::Binary;
    let asked = if binary { args.dim.map(|dim| dim.div_ceil(8)) } else { args.dim };
    let matrix = input::matrix(&args.input, &map, asked)?;
    let dim = if binary { args.dim.unwrap_or(8 * matrix.dim()) } else { matrix.dim() };
    if dim == 0 {
        bail!("{}: no vectors, and --dim is not given", args.input.display());
    }
    let rows = Rows::new(matrix, args.form).with_context(|| args.input.display().to_string())?;
    let options = Options {
        ef_construction: args.ef_construction,
        seed: args.seed,
        ..Options::new(dim, args.metric, args.form)
    };
    let options = options.links(args.m);
    let mut index = Index::new(Level::best(), options)?;
    let threads = Threads::new(args.threads);
    let start = crate::bench::cpu_seconds();
    let mut progress = out.progress("linking vectors", rows.len() as u64);
    for first in (0..rows.len()).step_by(STEP) {
        let items: Vec<(u64, Vector<'_>)> =
            (first..rows.len().min(first + STEP)).map(|row| (row as u64, rows.get(row))).collect();
        index.insert_batch(&threads, &items).map_err(|error| locate(&rows, &index, first, error))?;
        progress.add(items.len() as u64);
    }
    drop(progress);
    let repaired = index.finish(&threads)?;
    let cpu_seconds = crate::bench::cpu_seconds() - start;
    let mut bytes = 0;
    input::replace(&args.output, |to| {
        file::write::<Failure>(&index.view(), &mut |part| {
            bytes += part.len() as u64;
            Ok(to.write_all(part)?)
        })
        .map_err(|Failure(error)| error)
    })?;
    let built = Built {
        vectors: index.len(),
        dim,
        form: args.form.name(),
        metric: args.metric.name(),
        bytes,
        cpu_seconds,
        unreachable_repaired: repaired,
    };
    if out.is_json() {
        return Ok(out.object(&built)?);
    }
    let size = dolmen_cli::show_size(bytes);
    Ok(out.line(format!(
        "{} vectors of {dim} dimensions, {} in the form {}, {size}, {cpu_seconds:.1} CPU seconds",
        built.vectors, built.metric, built.form
    ))?)
}

/// Which row an error is about.
fn locate(rows: &Rows<'_>, index: &Index, first: usize, error: dolmen_hnsw::error::Error) -> anyhow::Error {
    let bad = (first..rows.len().min(first + STEP)).find(|row| index.check_vector(rows.get(*row)).is_err());
    match bad {
        Some(row) => anyhow::anyhow!("row {row}: {error}"),
        None => error.into(),
    }
}

/// An error of the index or of the file.
pub struct Failure(pub anyhow::Error);

impl From<dolmen_hnsw::error::Error> for Failure {
    fn from(error: dolmen_hnsw::error::Error) -> Self {
        Failure(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure(error.into())
    }
}
