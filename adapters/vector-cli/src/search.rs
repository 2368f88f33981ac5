//! `dolmen vector search` and `tune`.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dolmen_cli::Out;
use dolmen_hnsw::error::Invalid;
use dolmen_hnsw::file::{Mapped, retuned};
use dolmen_hnsw::insert::Workers;
use dolmen_hnsw::metric::Vector;
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Found, Request};
use dolmen_hnsw::tune::Tuning;
use dolmen_hnsw::view::Tuned;
use serde::Serialize;

use crate::QueryArgs;
use crate::input::{self, Opened, Rows};
use crate::threads::Threads;

#[derive(clap::Args)]
pub struct Args {
    /// The index
    index: PathBuf,
    #[command(flatten)]
    queries: QueryArgs,
    /// Results of each query
    #[arg(long, default_value_t = 10)]
    k: usize,
    #[command(flatten)]
    effort: Effort,
    /// Ids, k of each query, -1 where there are fewer: .i64 or .i32
    #[arg(long, value_name = "IDS")]
    output: PathBuf,
    /// Distances beside the ids: .f32
    #[arg(long, value_name = "FILE")]
    distances: Option<PathBuf>,
    /// Threads
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Effort {
    /// Candidates that a search looks at
    #[arg(long)]
    ef: Option<usize>,
    /// The share of the true nearest that is wanted
    #[arg(long)]
    recall: Option<f32>,
}

#[derive(clap::Args)]
pub struct TuneArgs {
    /// The index; what is found is stored in it
    index: PathBuf,
    #[command(flatten)]
    queries: QueryArgs,
    /// Results of each query
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// The share of the true nearest that is wanted
    #[arg(long)]
    recall: f32,
    /// Threads
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Serialize)]
struct Searched {
    queries: usize,
    k: usize,
    ef: usize,
    rescore: usize,
    distances_per_query: f64,
    hops_per_query: f64,
}

/// Queries that tuning looks at; more only cost time.
const TUNE_QUERIES: usize = 1000;
/// Bytes of a query, about, before it is known how many there are.
const QUERY_BYTES: usize = 1024;

pub fn run(args: &Args, out: &mut Out) -> Result<()> {
    let narrow = is_narrow(&args.output)?;
    let map = input::map(&args.queries.queries)?;
    let opened = Opened::for_searches(&args.index, map.len() / QUERY_BYTES)?;
    let mapped = opened.open()?;
    let options = *mapped.view().options();
    let rows = input::queries(&args.queries.queries, &map, &options)?;
    let threads = Threads::new(args.threads);
    let tuned = match (args.effort.ef, args.effort.recall) {
        (Some(ef), _) => Tuned { ef: u32::try_from(ef).unwrap_or(u32::MAX), ..Tuned::default() },
        (None, Some(recall)) => effort(&mapped, args.k, recall, &threads, out)?,
        (None, None) => bail!("expected --ef or --recall"),
    };
    let request = Request { rescore: tuned.rescore as usize, ..Request::new(args.k, tuned.ef as usize) };
    let view = mapped.view();
    let results = threads.map(rows.len(), Scratch::new, |scratch, row| {
        let mut found = Vec::new();
        view.search(rows.get(row), &request, scratch, &mut found).map(|()| (found, scratch.stats))
    });
    let mut all = Vec::with_capacity(results.len());
    let (mut distances, mut hops) = (0, 0);
    for (row, result) in results.into_iter().enumerate() {
        let (found, stats) = result.with_context(|| format!("{}: query {row}", opened.name()))?;
        distances += stats.distances;
        hops += stats.hops;
        all.push(found);
    }
    write_ids(args, narrow, &all)?;
    let each = |sum: u64| sum as f64 / all.len().max(1) as f64;
    let searched = Searched {
        queries: all.len(),
        k: args.k,
        ef: request.ef,
        rescore: request.rescore,
        distances_per_query: each(distances),
        hops_per_query: each(hops),
    };
    if out.is_json() {
        return Ok(out.object(&searched)?);
    }
    Ok(out.line(format!(
        "{} queries, k {}, ef {}: {:.0} distances and {:.0} hops a query",
        searched.queries, args.k, request.ef, searched.distances_per_query, searched.hops_per_query
    ))?)
}

/// Whether ids are written in 32 bits: the name says.
fn is_narrow(path: &Path) -> Result<bool> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("i32") => Ok(true),
        Some("i64") => Ok(false),
        _ => bail!("{}: expected a name that ends in .i64 or .i32", path.display()),
    }
}

fn write_ids(args: &Args, narrow: bool, all: &[Vec<Found>]) -> Result<()> {
    let most = if narrow { i32::MAX as u64 } else { i64::MAX as u64 };
    if let Some(found) = all.iter().flatten().find(|found| found.label > most) {
        return Err(Invalid::LabelRange(found.label)).map_err(|e| dolmen_hnsw::error::Error::from(e).into());
    }
    let k = args.k;
    input::replace(&args.output, |to| {
        for found in all {
            for at in 0..k {
                let id = found.get(at).map_or(-1, |found| found.label as i64);
                if narrow {
                    to.write_all(&(id as i32).to_le_bytes())?
                } else {
                    to.write_all(&id.to_le_bytes())?
                }
            }
        }
        Ok(())
    })?;
    let Some(path) = &args.distances else { return Ok(()) };
    input::replace(path, |to| {
        for found in all {
            for at in 0..k {
                to.write_all(&found.get(at).map_or(f32::INFINITY, |found| found.distance).to_le_bytes())?;
            }
        }
        Ok(())
    })
}

/// What reaches a recall: what is stored, or what a sample of the index's own rows says.
pub fn effort(mapped: &Mapped<'_>, k: usize, recall: f32, threads: &Threads, out: &mut Out) -> Result<Tuned> {
    let tuned = mapped.meta().tuned;
    if tuned.k as usize == k && tuned.recall == recall {
        return Ok(tuned);
    }
    let found = mapped.view().tune_on_own(threads, k, recall)?.tuned;
    out.note(format!(
        "the index was not tuned for k {k} and recall {recall}: tuned on a sample of its own rows, ef {}; `dolmen vector tune` with real queries is surer",
        found.ef
    ));
    Ok(found)
}

#[derive(Serialize)]
struct TunedRow {
    k: usize,
    recall: f32,
    reached: f32,
    ef: u32,
    rescore: u32,
    distances_per_query: f32,
    queries: usize,
}

pub fn tune(args: &TuneArgs, out: &mut Out) -> Result<()> {
    let opened = Opened::for_searches(&args.index, usize::MAX)?;
    let mapped = opened.open()?;
    let map = input::map(&args.queries.queries)?;
    let rows: Rows<'_> = input::queries(&args.queries.queries, &map, mapped.view().options())?;
    let step = rows.len().div_ceil(TUNE_QUERIES).max(1);
    let queries: Vec<Vector<'_>> = rows.all().into_iter().step_by(step).collect();
    let tuning: Tuning = mapped
        .view()
        .tune(&Threads::new(args.threads), &queries, args.k, args.recall)
        .with_context(|| opened.name())?;
    let head = retuned(opened.bytes(), tuning.tuned)?;
    let file = std::fs::OpenOptions::new().write(true).open(&args.index).with_context(|| opened.name())?;
    file.write_all_at(&head, 0).and_then(|()| file.sync_data()).with_context(|| opened.name())?;
    let shown = TunedRow {
        k: args.k,
        recall: args.recall,
        reached: tuning.reached,
        ef: tuning.tuned.ef,
        rescore: tuning.tuned.rescore,
        distances_per_query: tuning.distances,
        queries: queries.len(),
    };
    if out.is_json() {
        out.object(&shown)?;
    } else {
        let rescored = if shown.rescore > args.k as u32 {
            format!(", {} rescored", shown.rescore)
        } else {
            String::new()
        };
        out.line(format!(
            "ef {}{rescored}: recall {:.4} on {} queries, {:.0} distances a query",
            shown.ef, shown.reached, shown.queries, shown.distances_per_query
        ))?;
    }
    if tuning.reached < args.recall {
        bail!("recall {} is not reached: {:.4} is the most, at ef {}", args.recall, tuning.reached, shown.ef);
    }
    Ok(out.flush()?)
}
