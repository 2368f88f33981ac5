//! `demo` and `benchmark`: the first look at a ring.

use std::io::Write;
use std::time::Instant;

use anyhow::bail;
use dolmen_cli::Out;
use dolmen_ring::analysis::{balance_of_keys, movement};
use dolmen_ring::{HashFunction, Members, Node, Placement};
use serde_json::json;

use super::{hashed, print_table, sample_keys};

/// Arguments of `demo`.
#[derive(clap::Args)]
pub struct DemoArgs {
    #[command(flatten)]
    algorithm: super::AlgorithmArgs,
    /// How many nodes, or their names: `8`, `a,b=2,c`
    #[arg(long, default_value = "5")]
    nodes: String,
    /// How many keys
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    keys: u32,
}

/// Runs `demo`.
pub fn demo(args: &DemoArgs, out: &mut Out) -> anyhow::Result<()> {
    let placement = args.algorithm.place(nodes(&args.nodes)?)?;
    let settings = placement.settings();
    if settings.hash == HashFunction::Decimal {
        bail!("the demo's keys are not numbers: choose another hash than decimal");
    }
    let count = placement.members().len();
    if !out.is_json() {
        let points = match placement.ring() {
            Some(_) => format!(", {} points each", settings.vnodes),
            None => String::new(),
        };
        writeln!(out, "{} keys on {count} nodes{points}, {} by {}", args.keys, settings.kind, settings.hash)?;
    }
    print_loads(out, &placement, args.keys as usize)?;
    let mut grown = placement.clone();
    grown.add(Node::new("one-more")?)?;
    let keys = sample_keys(args.keys as usize);
    let report = movement(&placement, &grown, keys.iter().map(Vec::as_slice))?;
    let modulo = count as f64 / (count + 1) as f64 * 100.0;
    let (moved, ideal) = (report.moved_share() * 100.0, report.ideal * 100.0);
    if out.is_json() {
        out.object(
            &json!({"one_more_moves_percent": moved, "ideal_percent": ideal, "modulo_percent": modulo}),
        )?;
    } else {
        writeln!(
            out,
            "One node more moves {moved:.2} % of the keys (its fair share is {ideal:.2} %; modulo would move {modulo:.2} %)."
        )?;
    }
    Ok(())
}

/// A count, names, or a file with names.
fn nodes(text: &str) -> anyhow::Result<Members> {
    match text.parse::<u32>() {
        Ok(count @ 1..=100_000) => Ok(Members::numbered(count as usize)),
        Ok(count) => bail!("--nodes {count}: from 1 to 100000"),
        Err(_) => super::read_members(text),
    }
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
    print_table(out, &["node", "keys", "share", "load"], &["node", "key_count", "share_percent", ""], &rows)?;
    if let Ok(balance) = balance_of_keys(placement, &keys)
        && !out.is_json()
    {
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
    let mut progress = out.progress("measuring", None);
    loop {
        progress.add(1);
        rows.push(benchmark_row(args, nodes as usize, &keys)?);
        if nodes == args.max_nodes {
            break;
        }
        nodes = nodes.saturating_mul(2).min(args.max_nodes);
    }
    drop(progress);
    let header =
        ["nodes", "build ms", "± ms", "ns/lookup", "± ns", "peak/avg", "min/avg", "moved by +1", "ideal"];
    let keys = [
        "node_count",
        "build_ms",
        "build_spread_ms",
        "lookup_ns",
        "lookup_spread_ns",
        "peak_over_average",
        "least_over_average",
        "moved_percent",
        "ideal_percent",
    ];
    print_table(out, &header, &keys, &rows)?;
    if !out.is_json() {
        writeln!(
            out,
            "Medians of {SAMPLES} samples; ±: half of the distance between the fastest and the slowest."
        )?;
    }
    Ok(())
}

fn benchmark_row(args: &BenchmarkArgs, nodes: usize, keys: &[Vec<u8>]) -> anyhow::Result<Vec<String>> {
    let (mut builds, mut lookups) = (Vec::new(), Vec::new());
    let mut placement = args.algorithm.place(Members::numbered(nodes))?;
    for _ in 0..SAMPLES {
        let started = Instant::now();
        placement = args.algorithm.place(Members::numbered(nodes))?;
        builds.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        let mut sum = 0u64;
        for key in keys {
            sum = sum.wrapping_add(u64::from(placement.owner(key)?.get()));
        }
        lookups.push(started.elapsed().as_nanos() as f64 / keys.len() as f64);
        std::hint::black_box(sum);
    }
    let ((build, build_spread), (lookup, lookup_spread)) = (spread(&mut builds), spread(&mut lookups));
    let balance = balance_of_keys(&placement, &hashed(&placement, keys)?)?;
    let mut grown = placement.clone();
    grown.add(Node::new("one-more")?)?;
    let report = movement(&placement, &grown, keys.iter().map(Vec::as_slice))?;
    Ok(vec![
        nodes.to_string(),
        format!("{build:.2}"),
        format!("{build_spread:.2}"),
        format!("{lookup:.1}"),
        format!("{lookup_spread:.1}"),
        format!("{:.3}", balance.peak),
        format!("{:.3}", balance.min),
        format!("{:.3} %", report.moved_share() * 100.0),
        format!("{:.3} %", report.ideal * 100.0),
    ])
}

/// How often each number is taken.
const SAMPLES: usize = 5;

/// The median, and half of the distance between the least and the most.
fn spread(samples: &mut [f64]) -> (f64, f64) {
    samples.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (samples.first(), samples.last()) else { return (0.0, 0.0) };
    (samples[samples.len() / 2], (most - least) / 2.0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_spread_is_half_of_the_range() {
        assert_eq!(super::spread(&mut [3.0, 1.0, 9.0]), (3.0, 4.0));
    }
}
