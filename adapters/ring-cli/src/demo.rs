//! `demo` and `benchmark`: the first look at a ring.

use std::io::Write;
use std::time::Instant;

use anyhow::bail;
use dolmen_cli::Out;
use dolmen_ring::analysis::{balance_of_keys, movement};
use dolmen_ring::{HashFunction, Kind, Members, Node, Placement, Settings};

use super::{hashed, print_table, sample_keys};

/// Arguments of `demo`.
#[derive(clap::Args)]
pub struct DemoArgs {
    /// How many nodes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    nodes: u32,
    /// How many keys
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    keys: u32,
    /// Hash function
    #[arg(long, default_value = "xxh3")]
    hash: HashFunction,
    /// Points of every node
    #[arg(long, visible_alias = "vnodes", default_value_t = 160)]
    virtual_nodes: u32,
}

/// Runs `demo`.
pub fn demo(args: &DemoArgs, out: &mut Out) -> anyhow::Result<()> {
    if args.hash == HashFunction::Decimal {
        bail!("the demo's keys are not numbers: choose another hash than decimal");
    }
    let settings = Settings { hash: args.hash, vnodes: args.virtual_nodes, ..Settings::new(Kind::Ring) };
    let placement = Placement::new(Members::numbered(args.nodes as usize), settings)?;
    writeln!(
        out,
        "{} keys on {} nodes, {} points each, {}",
        args.keys, args.nodes, args.virtual_nodes, args.hash
    )?;
    print_loads(out, &placement, args.keys as usize)?;
    let mut grown = placement.clone();
    grown.add(Node::new("one-more")?)?;
    let keys = sample_keys(args.keys as usize);
    let report = movement(&placement, &grown, keys.iter().map(Vec::as_slice))?;
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
    let keys = hashed(placement, &sample_keys(key_count))?;
    let mut counts = vec![0u64; placement.members().id_bound()];
    let mut owners = Vec::new();
    placement.algorithm().owners(&keys, &mut owners);
    for owner in owners.into_iter().flatten() {
        counts[owner.get() as usize] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let rows: Vec<Vec<String>> = placement
        .members()
        .iter()
        .map(|(id, node)| {
            let count = counts[id.get() as usize];
            let bar = "█".repeat((count * 30).div_ceil(most) as usize);
            let percent = count as f64 * 100.0 / key_count.max(1) as f64;
            let padded = format!("{bar}{}", " ".repeat(30 - bar.chars().count()));
            vec![node.to_string(), count.to_string(), format!("{percent:.2} %"), padded]
        })
        .collect();
    print_table(out, &["node", "keys", "share", "load"], &rows)?;
    if let Ok(balance) = balance_of_keys(placement, &keys) {
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
    #[command(flatten)]
    algorithm: super::AlgorithmArgs,
}

/// Runs `benchmark`.
pub fn benchmark(args: &BenchmarkArgs, out: &mut Out) -> anyhow::Result<()> {
    if args.min_nodes > args.max_nodes {
        bail!("--min-nodes {} is above --max-nodes {}", args.min_nodes, args.max_nodes);
    }
    let keys = sample_keys(args.keys as usize);
    let mut rows = Vec::new();
    let mut nodes = args.min_nodes;
    loop {
        rows.push(benchmark_row(args, nodes as usize, &keys)?);
        if nodes == args.max_nodes {
            break;
        }
        nodes = nodes.saturating_mul(2).min(args.max_nodes);
    }
    let header = ["nodes", "build ms", "ns/lookup", "peak/avg", "min/avg", "moved by +1", "ideal"];
    print_table(out, &header, &rows)?;
    Ok(())
}

fn benchmark_row(args: &BenchmarkArgs, nodes: usize, keys: &[Vec<u8>]) -> anyhow::Result<Vec<String>> {
    let started = Instant::now();
    let placement = args.algorithm.place(Members::numbered(nodes))?;
    let build = started.elapsed();
    let started = Instant::now();
    let mut sum = 0u64;
    for key in keys {
        sum = sum.wrapping_add(u64::from(placement.owner(key)?.get()));
    }
    let lookup = started.elapsed().as_nanos() as f64 / keys.len() as f64;
    std::hint::black_box(sum);
    let balance = balance_of_keys(&placement, &hashed(&placement, keys)?)?;
    let mut grown = placement.clone();
    grown.add(Node::new("one-more")?)?;
    let report = movement(&placement, &grown, keys.iter().map(Vec::as_slice))?;
    Ok(vec![
        nodes.to_string(),
        format!("{:.2}", build.as_secs_f64() * 1e3),
        format!("{lookup:.1}"),
        format!("{:.3}", balance.peak),
        format!("{:.3}", balance.min),
        format!("{:.3} %", report.moved_share() * 100.0),
        format!("{:.3} %", report.ideal * 100.0),
    ])
}
