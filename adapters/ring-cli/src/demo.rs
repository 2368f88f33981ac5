//! `demo` and `benchmark`: the first look at a ring.

use std::io::Write;
use std::time::Instant;

use anyhow::bail;
use dolmen_cli::Out;
use dolmen_ring::analysis::{Balance, balance_of_keys, movement};
use dolmen_ring::{HashFunction, Kind, Members, Node, Placement};
use serde::Serialize;

use super::{AlgorithmArgs, hashed, print_table, sample_keys};

/// Arguments of `demo`.
#[derive(clap::Args)]
pub struct DemoArgs {
    /// How many nodes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nodes: u32,
    /// How many keys
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    keys: u32,
    #[command(flatten)]
    algorithm: AlgorithmArgs,
}

/// A node's load.
#[derive(Serialize)]
struct Load {
    node: String,
    keys: u64,
    share: f64,
}

/// What `demo --json` says.
#[derive(Serialize)]
struct Demo {
    algorithm: String,
    hash: String,
    keys: u32,
    loads: Vec<Load>,
    peak_over_fair: Option<f64>,
    least_over_fair: Option<f64>,
    moved_share: f64,
    ideal_share: f64,
}

/// Runs `demo`.
pub fn demo(args: &DemoArgs, out: &mut Out) -> anyhow::Result<()> {
    let placement = args.algorithm.place(Members::numbered(args.nodes as usize))?;
    let settings = *placement.settings();
    if settings.hash == HashFunction::Decimal {
        bail!("the demo's keys are not numbers: choose another hash than decimal");
    }
    let keys = sample_keys(args.keys as usize);
    let mut grown = placement.clone();
    grown.add(Node::new("one-more")?)?;
    let report = movement(&placement, &grown, keys.iter().map(Vec::as_slice))?;
    let (loads, balance) = loads(&placement, &keys)?;
    if out.is_json() {
        out.object(&Demo {
            algorithm: settings.kind.to_string(),
            hash: settings.hash.to_string(),
            keys: args.keys,
            loads,
            peak_over_fair: balance.map(|balance| balance.peak),
            least_over_fair: balance.map(|balance| balance.min),
            moved_share: report.moved_share(),
            ideal_share: report.ideal,
        })?;
        return Ok(());
    }
    let points = match settings.kind {
        Kind::Ring | Kind::Bounded => format!(", {} points each", settings.vnodes),
        kind => format!(" by {kind}"),
    };
    writeln!(out, "{} keys on {} nodes{points}, {}", args.keys, args.nodes, settings.hash)?;
    print_table_of_loads(out, &loads, balance)?;
    writeln!(
        out,
        "One node more moves {:.2} % of the keys (its fair share is {:.2} %; modulo would move {:.2} %).",
        report.moved_share() * 100.0,
        report.ideal * 100.0,
        f64::from(args.nodes) / f64::from(args.nodes + 1) * 100.0
    )?;
    Ok(())
}

/// Keys, percent and a bar for every node, then the balance.
pub fn print_loads(out: &mut Out, placement: &Placement, key_count: usize) -> anyhow::Result<()> {
    let (loads, balance) = loads(placement, &sample_keys(key_count))?;
    print_table_of_loads(out, &loads, balance)
}

fn loads(placement: &Placement, keys: &[Vec<u8>]) -> anyhow::Result<(Vec<Load>, Option<Balance>)> {
    let keys = hashed(placement, keys)?;
    let mut counts = vec![0u64; placement.members().id_bound()];
    let mut owners = Vec::new();
    placement.algorithm().owners(&keys, &mut owners);
    for owner in owners.into_iter().flatten() {
        counts[owner.get() as usize] += 1;
    }
    let of = |(id, node): (dolmen_ring::NodeId, &Node)| {
        let held = counts[id.get() as usize];
        Load { node: node.to_string(), keys: held, share: held as f64 / keys.len().max(1) as f64 }
    };
    let loads = placement.members().iter().map(of).collect();
    Ok((loads, balance_of_keys(placement, &keys).ok()))
}

fn print_table_of_loads(out: &mut Out, loads: &[Load], balance: Option<Balance>) -> anyhow::Result<()> {
    let most = loads.iter().map(|load| load.keys).max().unwrap_or(0).max(1);
    let rows: Vec<Vec<String>> = loads
        .iter()
        .map(|load| {
            let bar = "█".repeat((load.keys * 30).div_ceil(most) as usize);
            let padded = format!("{bar}{}", " ".repeat(30 - bar.chars().count()));
            vec![load.node.clone(), load.keys.to_string(), format!("{:.2} %", load.share * 100.0), padded]
        })
        .collect();
    print_table(out, &["node", "keys", "share", "load"], &rows)?;
    if let Some(balance) = balance {
        writeln!(
            out,
            "Balance: busiest node {:.3} of its fair share, idlest {:.3}, deviation {:.3}.",
            balance.peak, balance.min, balance.deviation
        )?;
    }
    Ok(())
}

/// Arguments of `benchmark`.
#[derive(clap::Args)]
pub struct BenchmarkArgs {
    /// Fewest nodes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    min_nodes: u32,
    /// Most nodes
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_nodes: u32,
    /// How many keys
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    keys: u32,
    /// How often each row is timed: the median is shown, and the least and the most beside it
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    #[command(flatten)]
    algorithm: AlgorithmArgs,
}

/// Least, median and most of several runs.
#[derive(Clone, Copy, Serialize)]
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(mut runs: Vec<f64>) -> Spread {
        runs.sort_by(f64::total_cmp);
        Spread { min: runs[0], median: runs[runs.len() / 2], max: runs[runs.len() - 1] }
    }

    fn text(self, digits: usize) -> [String; 2] {
        [format!("{:.digits$}", self.median), format!("{:.digits$}–{:.digits$}", self.min, self.max)]
    }
}

/// A row of `benchmark`.
#[derive(Serialize)]
struct Row {
    nodes: usize,
    runs: u32,
    build_ms: Spread,
    lookup_ns: Spread,
    peak_over_fair: f64,
    least_over_fair: f64,
    moved_share: f64,
    ideal_share: f64,
}

/// Runs `benchmark`.
pub fn benchmark(args: &BenchmarkArgs, out: &mut Out) -> anyhow::Result<()> {
    if args.min_nodes > args.max_nodes {
        bail!("--min-nodes {} is above --max-nodes {}", args.min_nodes, args.max_nodes);
    }
    let keys = sample_keys(args.keys as usize);
    let mut sizes = vec![args.min_nodes];
    while sizes[sizes.len() - 1] < args.max_nodes {
        sizes.push(sizes[sizes.len() - 1].saturating_mul(2).min(args.max_nodes));
    }
    let mut progress = out.progress("benchmark", sizes.len() as u64);
    let mut rows = Vec::new();
    for nodes in sizes {
        rows.push(benchmark_row(args, nodes as usize, &keys)?);
        progress.add(1);
    }
    drop(progress);
    if out.is_json() {
        return rows.iter().try_for_each(|row| Ok(out.object(row)?));
    }
    let header = [
        "nodes",
        "build ms",
        "least–most",
        "ns/lookup",
        "least–most",
        "peak/avg",
        "min/avg",
        "moved by +1",
        "ideal",
    ];
    let cells = |row: &Row| {
        let ([build, build_spread], [lookup, lookup_spread]) = (row.build_ms.text(2), row.lookup_ns.text(1));
        vec![
            row.nodes.to_string(),
            build,
            build_spread,
            lookup,
            lookup_spread,
            format!("{:.3}", row.peak_over_fair),
            format!("{:.3}", row.least_over_fair),
            format!("{:.3} %", row.moved_share * 100.0),
            format!("{:.3} %", row.ideal_share * 100.0),
        ]
    };
    print_table(out, &header, &rows.iter().map(cells).collect::<Vec<_>>())?;
    out.note(format_args!("times: the median of {} runs, the least and the most beside it", args.runs));
    Ok(())
}

fn benchmark_row(args: &BenchmarkArgs, nodes: usize, keys: &[Vec<u8>]) -> anyhow::Result<Row> {
    let (mut builds, mut lookups) = (Vec::new(), Vec::new());
    let mut placement = args.algorithm.place(Members::numbered(nodes))?;
    for _ in 0..args.runs {
        let members = Members::numbered(nodes);
        let started = Instant::now();
        placement = args.algorithm.place(members)?;
        builds.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        let mut sum = 0u64;
        for key in keys {
            sum = sum.wrapping_add(u64::from(placement.owner(key)?.get()));
        }
        lookups.push(started.elapsed().as_nanos() as f64 / keys.len() as f64);
        std::hint::black_box(sum);
    }
    let balance = balance_of_keys(&placement, &hashed(&placement, keys)?)?;
    let mut grown = placement.clone();
    grown.add(Node::new("one-more")?)?;
    let report = movement(&placement, &grown, keys.iter().map(Vec::as_slice))?;
    Ok(Row {
        nodes,
        runs: args.runs,
        build_ms: Spread::of(builds),
        lookup_ns: Spread::of(lookups),
        peak_over_fair: balance.peak,
        least_over_fair: balance.min,
        moved_share: report.moved_share(),
        ideal_share: report.ideal,
    })
}
