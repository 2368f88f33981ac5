//! `dolmen vector convert`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use dolmen_cli::Out;
use dolmen_hnsw::Level;
use dolmen_hnsw::file::{self, MAGIC, Mapped};
use dolmen_hnsw::foreign::{faiss, hnswlib, usearch};
use dolmen_hnsw::index::Index;
use dolmen_hnsw::metric::Metric;
use serde::Serialize;

use crate::input;

#[derive(clap::Args)]
pub struct Args {
    /// The index to read: of Dolmen, hnswlib, faiss or usearch
    from: PathBuf,
    /// The index to write
    to_file: PathBuf,
    /// hnswlib, faiss, usearch or dolmen
    #[arg(long = "to", value_enum)]
    to: Kind,
    /// The metric of an hnswlib file, which does not name it
    #[arg(long, value_parser = crate::metric)]
    metric: Option<Metric>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Hnswlib,
    Faiss,
    Usearch,
    Dolmen,
}

#[derive(Serialize)]
struct Converted {
    from: String,
    to: String,
    vectors: usize,
    dim: usize,
    metric: &'static str,
    form: &'static str,
}

/// Which library wrote a file: by its magic numbers; hnswlib has none.
fn kind(bytes: &[u8]) -> Kind {
    if bytes.starts_with(&MAGIC) {
        return Kind::Dolmen;
    }
    if [&b"IHNf"[..], b"IHNs", b"IxMp"].iter().any(|magic| bytes.starts_with(magic)) {
        return Kind::Faiss;
    }
    let number = |at: usize| {
        bytes.get(at..at + 4).map_or(0, |b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
    };
    let wide = |at: usize| number(at) | number(at + 4) << 32;
    let behind = [(8, number(0), number(4)), (16, wide(0), wide(8))];
    let is_usearch = behind.iter().any(|(head, rows, len)| {
        let at = rows
            .checked_mul(*len)
            .and_then(|len| len.checked_add(*head))
            .and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| bytes.get(at..)?.get(..7)).is_some_and(|magic| magic == b"usearch")
    });
    if is_usearch { Kind::Usearch } else { Kind::Hnswlib }
}

pub fn run(args: &Args, out: &mut Out) -> Result<()> {
    let map = input::map(&args.from)?;
    let from = kind(&map);
    let level = Level::best();
    let index: Index = match from {
        Kind::Dolmen => Mapped::open(level, &map).and_then(|mapped| mapped.to_index()),
        Kind::Faiss => faiss::read(level, &map),
        Kind::Usearch => usearch::read(level, &map),
        Kind::Hnswlib => {
            let Some(metric) = args.metric else {
                bail!("{}: an hnswlib file names no metric; give it with --metric", args.from.display());
            };
            hnswlib::read(level, &map, metric)
        }
    }
    .with_context(|| args.from.display().to_string())?;
    if let Some(metric) = args.metric.filter(|metric| *metric != index.options().metric) {
        bail!("{}: its metric is {}, not {metric}", args.from.display(), index.options().metric);
    }
    let bytes = match args.to {
        Kind::Dolmen => file::to_bytes(&index.view()),
        Kind::Hnswlib => hnswlib::write(&index),
        Kind::Faiss => faiss::write(&index),
        Kind::Usearch => usearch::write(&index),
    }
    .with_context(|| format!("{} as {:?}", args.from.display(), args.to))?;
    input::replace(&args.to_file, |to| Ok(to.write_all(&bytes)?))?;
    let name = |kind: Kind| format!("{kind:?}").to_lowercase();
    let options = index.options();
    let converted = Converted {
        from: name(from),
        to: name(args.to),
        vectors: index.len(),
        dim: options.dim,
        metric: options.metric.name(),
        form: options.form.name(),
    };
    if out.is_json() {
        return Ok(out.object(&converted)?);
    }
    let Converted { from, to, vectors, dim, metric, form } = converted;
    Ok(out.line(format!("{from} to {to}: {vectors} vectors of {dim} dimensions, {metric}, {form}"))?)
}
