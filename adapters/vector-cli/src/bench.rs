//! `dolmen vector bench`: queries a second over recall.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use dolmen_cli::Out;
use dolmen_hnsw::insert::Workers;
use dolmen_hnsw::metric::Vector;
use dolmen_hnsw::pool::Scratch;
use dolmen_hnsw::search::{Filter, Request};
use dolmen_hnsw::tune::recall;
use dolmen_text::svg::{Path, Svg};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::input::{self, Opened};
use crate::threads::Threads;

#[derive(clap::Args)]
pub struct Args {
    /// The index
    index: PathBuf,
    /// Queries; without them, a sample of the index's own rows
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Results of each query
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// Candidates, a list
    #[arg(long, value_delimiter = ',', default_values_t = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256])]
    ef: Vec<usize>,
    /// Runs of each; the best counts
    #[arg(long, default_value_t = 3)]
    repeat: usize,
    /// Map the index instead of reading it into memory, in large pages, first
    #[arg(long)]
    mapped: bool,
    /// A plot
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Serialize, Clone, Copy)]
struct Row {
    ef: usize,
    recall: f32,
    /// Queries a second of CPU time of one thread.
    qps: f64,
    distances_per_query: f64,
}

/// CPU seconds of this process.
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn thread_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

pub fn run(args: &Args, out: &mut Out) -> Result<()> {
    let opened =
        if args.mapped { Opened::new(&args.index)? } else { Opened::for_searches(&args.index, usize::MAX)? };
    let mapped = opened.open()?;
    let view = mapped.view();
    let options = *view.options();
    let map = args.queries.as_deref().map(input::map).transpose()?;
    let rows = match (&args.queries, &map) {
        (Some(path), Some(map)) => Some(input::queries(path, map, &options)?),
        _ => None,
    };
    let own: Vec<Vec<f32>> = if rows.is_none() && options.form.takes_f32() {
        let live = (0..view.slots() as u32).filter(|slot| view.is_live(*slot));
        live.step_by(view.slots().div_ceil(500).max(1))
            .map(|slot| view.vector(slot))
            .collect::<Result<_, _>>()?
    } else {
        Vec::new()
    };
    let queries: Vec<Vector<'_>> = match &rows {
        Some(rows) => rows.all().into_iter().take(1000).collect(),
        None => own.iter().map(|row| Vector::F32(row)).collect(),
    };
    if queries.is_empty() {
        bail!("{}: no queries; give them with --queries", opened.name());
    }
    let exact = Threads::new(None).map(queries.len(), Scratch::new, |scratch, at| {
        let mut found = Vec::new();
        view.exact(queries[at], args.k, &Filter::All, scratch, &mut found).map(|()| found)
    });
    let exact = exact.into_iter().collect::<Result<Vec<_>, _>>().with_context(|| opened.name())?;
    let mut table = Vec::new();
    if !out.is_json() {
        out.line(format!("{:>6} {:>8} {:>12} {:>10}", "ef", "recall", "QPS (CPU)", "distances"))?;
    }
    for ef in &args.ef {
        let row = measure(args, &view, &queries, &exact, *ef).with_context(|| opened.name())?;
        if out.is_json() {
            out.object(&row)?;
        } else {
            out.line(format!(
                "{:>6} {:>8.4} {:>12.0} {:>10.0}",
                row.ef, row.recall, row.qps, row.distances_per_query
            ))?;
        }
        table.push(row);
    }
    if let Some(path) = &args.svg {
        let picture = plot(&table, &format!("{} {}, k {}", options.form, options.metric, args.k));
        input::replace(path, |to| Ok(to.write_all(picture.as_bytes())?))?;
    }
    Ok(())
}

fn measure(
    args: &Args,
    view: &dolmen_hnsw::view::View<'_>,
    queries: &[Vector<'_>],
    exact: &[Vec<dolmen_hnsw::search::Found>],
    ef: usize,
) -> Result<Row> {
    let (mut scratch, mut found) = (Scratch::new(), Vec::new());
    let mut best = f64::INFINITY;
    let (mut sum, mut distances) = (0.0, 0);
    for _ in 0..args.repeat.max(1) {
        (sum, distances) = (0.0, 0);
        let mut seconds = 0.0;
        for (query, exact) in queries.chunks(64).zip(exact.chunks(64)) {
            let mut answers = Vec::with_capacity(query.len());
            let start = thread_seconds();
            for query in query {
                found.clear();
                view.search(*query, &Request::new(args.k, ef), &mut scratch, &mut found)?;
                distances += scratch.stats.distances;
                answers.push(found.clone());
            }
            seconds += thread_seconds() - start;
            sum += answers.iter().zip(exact).map(|(found, exact)| recall(found, exact)).sum::<f32>();
        }
        best = best.min(seconds);
    }
    let count = queries.len() as f64;
    Ok(Row {
        ef,
        recall: sum / count as f32,
        qps: count / best,
        distances_per_query: distances as f64 / count,
    })
}

/// Recall to the right, queries a second upwards on a logarithmic scale.
fn plot(table: &[Row], title: &str) -> String {
    let mut svg = Svg::new(720, 420);
    let low = table.iter().map(|row| f64::from(row.recall)).fold(1.0, f64::min).min(0.99);
    let (slow, fast) = table
        .iter()
        .fold((f64::INFINITY, 1.0), |(slow, fast): (f64, f64), row| (slow.min(row.qps), fast.max(row.qps)));
    let (bottom, top) = (slow.max(1.0).log10().floor(), fast.log10().ceil());
    let place = |row: &Row| {
        let x = 60.0 + (f64::from(row.recall) - low) / (1.0 - low) * 620.0;
        let y = 370.0 - (row.qps.max(1.0).log10() - bottom) / (top - bottom).max(1.0) * 320.0;
        (x, y)
    };
    svg.text((60.0, 30.0), title);
    svg.rect((60.0, 50.0), (620.0, 320.0)).fill("none").stroke("#999999", 1.0);
    for tick in 0..=5 {
        let value = low + (1.0 - low) * f64::from(tick) / 5.0;
        svg.text((50.0 + 620.0 * f64::from(tick) / 5.0, 388.0), format!("{value:.3}"));
    }
    let mut power = bottom;
    while power <= top {
        let y = 370.0 - (power - bottom) / (top - bottom).max(1.0) * 320.0;
        svg.text((4.0, y + 4.0), format!("{:.0}", 10f64.powf(power)));
        svg.line((60.0, y), (680.0, y)).stroke("#dddddd", 1.0);
        power += 1.0;
    }
    let mut path = Path::new();
    for (at, row) in table.iter().enumerate() {
        if at == 0 {
            path.move_to(place(row))
        } else {
            path.line_to(place(row))
        };
    }
    svg.path(&path).fill("none").stroke("#3465a4", 2.0);
    for row in table {
        svg.circle(place(row), 4.0)
            .fill("#3465a4")
            .title(format!("ef {}: recall {:.4}, {:.0} QPS", row.ef, row.recall, row.qps));
    }
    svg.text((300.0, 408.0), "recall; upwards: queries a second of CPU time");
    svg.finish()
}
