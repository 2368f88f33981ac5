//! `compare`: one table for all algorithms and several cluster sizes.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, bail};
use dolmen_cli::{Out, Progress};
use dolmen_ring::analysis::{Balance, Movement, balance_of_keys, movement};
use dolmen_ring::{Kind, Members, Node, Placement, Settings};

use super::{hashed, print_table, sample_keys};

/// Arguments of `compare`.
#[derive(clap::Args)]
pub struct Args {
    /// Cluster sizes
    #[arg(long, value_delimiter = ',', default_value = "10,100", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nodes: Vec<u32>,
    /// Keys per measurement
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    keys: u32,
    /// Sets of node names; balance and movement are their means, the interval is the means' 95 % confidence
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Only these algorithms
    #[arg(long, value_delimiter = ',', value_parser = super::algorithms())]
    algorithms: Vec<Kind>,
    /// Keys from a file, one a line, instead of made-up ones
    #[arg(long)]
    key_file: Option<std::path::PathBuf>,
    /// How to print
    #[arg(long, default_value = "table")]
    format: Format,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq)]
enum Format {
    Table,
    Csv,
    Json,
    Markdown,
}

const HEADER: [&str; 12] = [
    "algorithm",
    "nodes",
    "peak/avg",
    "±95 %",
    "p99/avg",
    "min/avg",
    "chi²/df",
    "moved %",
    "ideal %",
    "ns/lookup",
    "build ms",
    "bytes/node",
];

/// Names of the columns in JSON.
const KEYS: [&str; 12] = [
    "algorithm",
    "node_count",
    "peak_over_average",
    "peak_confidence_95",
    "p99_over_average",
    "least_over_average",
    "chi_square_per_degree",
    "moved_percent",
    "ideal_percent",
    "lookup_ns",
    "build_ms",
    "bytes_per_node",
];

/// Runs `compare`.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<()> {
    let keys = match &args.key_file {
        Some(path) => {
            let text = super::read_text(path)?;
            text.lines().map(|l| l.as_bytes().to_vec()).collect()
        }
        None => sample_keys(args.keys as usize),
    };
    if keys.is_empty() {
        bail!("there are no keys to compare with");
    }
    let all = [
        Kind::Modulo,
        Kind::Ring,
        Kind::TokenAllocator,
        Kind::Ketama,
        Kind::Jump,
        Kind::JumpBack,
        Kind::Flip,
        Kind::Rendezvous,
        Kind::WeightedRendezvous,
        Kind::Maglev,
        Kind::MultiProbe,
        Kind::Anchor,
        Kind::Dx,
        Kind::Bounded,
    ];
    let kinds = if args.algorithms.is_empty() { all.to_vec() } else { args.algorithms.clone() };
    let mut rows = Vec::new();
    let steps = kinds.len() * args.nodes.len() * args.seeds as usize;
    let mut progress = out.progress("comparing", steps as u64);
    for kind in kinds {
        for &nodes in &args.nodes {
            progress.say(&format!("{kind}, {nodes} nodes"));
            let row = measure(kind, nodes as usize, &keys, args.seeds, &mut progress);
            rows.push(row.with_context(|| format!("{kind}, {nodes} nodes"))?);
        }
    }
    drop(progress);
    if out.is_json() {
        return Ok(print_table(out, &HEADER, &KEYS, &rows)?);
    }
    match args.format {
        Format::Table => print_table(out, &HEADER, &KEYS, &rows)?,
        Format::Csv => lines(out, &rows, "", ",", "")?,
        Format::Markdown => {
            writeln!(out, "| {} |", HEADER.join(" | "))?;
            writeln!(out, "|---|{}", "--:|".repeat(HEADER.len() - 1))?;
            for row in &rows {
                writeln!(out, "| {} |", row.join(" | "))?;
            }
        }
        Format::Json => json(out, &rows)?,
    }
    Ok(())
}

fn measure(
    kind: Kind,
    nodes: usize,
    keys: &[Vec<u8>],
    seeds: u32,
    progress: &mut Progress,
) -> anyhow::Result<Vec<String>> {
    let mut reports: Vec<(Balance, Movement)> = Vec::new();
    let (mut build, mut lookup, mut bytes) = (Vec::new(), Vec::new(), 0);
    for seed in 0..seeds {
        let members = Members::from_nodes(
            (0..nodes).map(|i| Node::new(&format!("s{seed}-node-{i}"))).collect::<Result<Vec<_>, _>>()?,
        )?;
        let started = Instant::now();
        let placement = Placement::new(members, Settings::new(kind))?;
        build.push(started.elapsed().as_secs_f64() * 1e3);
        lookup.push(time_lookups(&placement, keys)?);
        bytes = placement.algorithm().heap_bytes();
        reports.push((balance(&placement, keys)?, grow(&placement, keys)?));
        progress.add(1);
    }
    let mean = |f: fn(&(Balance, Movement)) -> f64| reports.iter().map(f).sum::<f64>() / f64::from(seeds);
    let peak = mean(|r| r.0.peak);
    let variance =
        reports.iter().map(|r| (r.0.peak - peak).powi(2)).sum::<f64>() / f64::from(seeds.max(2) - 1);
    let degrees = (nodes.max(2) - 1) as f64;
    Ok(vec![
        kind.to_string(),
        nodes.to_string(),
        format!("{peak:.3}"),
        format!("{:.3}", 1.96 * (variance / f64::from(seeds)).sqrt()),
        format!("{:.3}", mean(|r| r.0.p99)),
        format!("{:.3}", mean(|r| r.0.min)),
        format!("{:.2}", mean(|r| r.0.chi_square) / degrees),
        format!("{:.2}", mean(|r| r.1.moved_share()) * 100.0),
        format!("{:.2}", mean(|r| r.1.ideal) * 100.0),
        format!("{:.1}", median(&mut lookup)),
        format!("{:.3}", median(&mut build)),
        format!("{:.1}", bytes as f64 / nodes as f64),
    ])
}

/// Hash and lookup of every key, one at a time; at most 20,000, so that a scan over all nodes stays short.
fn time_lookups(placement: &Placement, keys: &[Vec<u8>]) -> anyhow::Result<f64> {
    let keys = &keys[..keys.len().min(20_000)];
    let started = Instant::now();
    let mut sum = 0u64;
    for key in keys {
        sum = sum.wrapping_add(u64::from(placement.owner(key)?.get()));
    }
    std::hint::black_box(sum);
    Ok(started.elapsed().as_nanos() as f64 / keys.len() as f64)
}

fn balance(placement: &Placement, keys: &[Vec<u8>]) -> anyhow::Result<Balance> {
    let keys = hashed(placement, keys)?;
    if placement.settings().kind != Kind::Bounded {
        return Ok(balance_of_keys(placement, &keys)?);
    }
    let mut loads = placement.bounded()?;
    for key in keys {
        loads.assign(key)?;
    }
    let counts: Vec<f64> = placement.members().iter().map(|(id, _)| loads.load(id) as f64).collect();
    Ok(dolmen_ring::analysis::balance(&counts, &vec![1.0; counts.len()])?)
}

fn grow(placement: &Placement, keys: &[Vec<u8>]) -> anyhow::Result<Movement> {
    let mut grown = placement.clone();
    grown.add(Node::new("one-more")?)?;
    Ok(movement(placement, &grown, keys.iter().map(Vec::as_slice))?)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn lines(
    out: &mut Out,
    rows: &[Vec<String>],
    open: &str,
    separator: &str,
    close: &str,
) -> anyhow::Result<()> {
    writeln!(out, "{open}{}{close}", HEADER.join(separator))?;
    for row in rows {
        writeln!(out, "{open}{}{close}", row.join(separator))?;
    }
    Ok(())
}

/// An array of objects.
fn json(out: &mut Out, rows: &[Vec<String>]) -> anyhow::Result<()> {
    writeln!(out, "[")?;
    for (i, row) in rows.iter().enumerate() {
        let comma = if i + 1 < rows.len() { "," } else { "" };
        writeln!(out, "{}{comma}", serde_json::to_string(&super::object(&KEYS, row))?)?;
    }
    writeln!(out, "]")?;
    Ok(())
}
