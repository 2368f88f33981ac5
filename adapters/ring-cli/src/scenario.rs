//! `scenario`: a timeline of changes from a file, and what each of them moved.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use dolmen_cli::Out;
use dolmen_ring::analysis::{balance, disruption, movement};
use dolmen_ring::hash::mix64;
use dolmen_ring::{HashFunction, Kind, Node, Placement, Settings, Weight};
use serde::Deserialize;

use super::{print_table, read_members, read_text, sample_keys};

/// Shown below the help.
pub const EXAMPLE: &str = "\
Example file:
  algorithm = \"ring\"            # and, if you like: hash, vnodes, replicas = 3, load_factor = 1.25
  nodes = \"a@eu,b@eu,c@us,d@us\"
  keys = 10000
  trace = \"zipf\"                # uniform, zipf, or the name of a file with one request's key a line
  [[event]]
  add = \"e=2@ap\"
  [[event]]
  fail = \"a\"                    # also: remove, restore, flap, zone_loss = \"us\", reweight = \"b=3\"";

/// Arguments of `scenario`.
#[derive(clap::Args)]
pub struct Args {
    /// The scenario
    file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[serde(default = "default_algorithm")]
    algorithm: String,
    hash: Option<String>,
    vnodes: Option<u32>,
    load_factor: Option<f64>,
    nodes: String,
    #[serde(default = "default_keys")]
    keys: u32,
    #[serde(default = "default_trace")]
    trace: String,
    #[serde(default = "default_replicas")]
    replicas: usize,
    #[serde(default)]
    event: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Event {
    Add(String),
    Remove(String),
    Fail(String),
    Restore(String),
    /// Fails and comes back: what a flapping node costs twice over.
    Flap(String),
    Reweight(String),
    ZoneLoss(String),
}

fn default_algorithm() -> String {
    "ring".into()
}

fn default_keys() -> u32 {
    10_000
}

fn default_trace() -> String {
    "uniform".into()
}

fn default_replicas() -> usize {
    3
}

/// Distinct keys and how many requests each gets.
struct Trace {
    keys: Vec<Vec<u8>>,
    requests: Vec<f64>,
}

/// Runs `scenario`.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<()> {
    let text = read_text(&args.file)?;
    let scenario: Scenario = toml::from_str(&text).with_context(|| args.file.display().to_string())?;
    let mut placement = Placement::new(read_members(&scenario.nodes)?, settings(&scenario)?)?;
    let trace = trace(&scenario)?;
    let mut failed = BTreeMap::new();
    let mut rows = vec![row("start", &placement, &placement, &trace, scenario.replicas)?];
    for (number, event) in scenario.event.iter().enumerate() {
        for (name, step) in steps(event) {
            let before = placement.clone();
            apply(&mut placement, &mut failed, &step)
                .with_context(|| format!("event {}: {name}", number + 1))?;
            rows.push(row(&name, &before, &placement, &trace, scenario.replicas)?);
        }
    }
    let header = [
        "event",
        "nodes",
        "moved %",
        "ideal %",
        "over-moved",
        "copies %",
        "quorum lost %",
        "peak/avg",
        "overflow %",
    ];
    let keys = [
        "event",
        "node_count",
        "moved_percent",
        "ideal_percent",
        "over_moved_key_count",
        "copies_moved_percent",
        "quorum_lost_percent",
        "peak_over_average",
        "overflow_percent",
    ];
    print_table(out, &header, &keys, &rows)?;
    if out.is_json() {
        return Ok(());
    }
    writeln!(
        out,
        "copies: of all replicas ({} a key); quorum lost: at most half of a key's old replicas are left; \
         overflow: requests that a bounded load sends past their owner.",
        scenario.replicas
    )?;
    Ok(())
}

fn settings(scenario: &Scenario) -> anyhow::Result<Settings> {
    let kind: Kind = scenario
        .algorithm
        .parse()
        .with_context(|| known("algorithm", &scenario.algorithm, Kind::ALL.map(Kind::name)))?;
    let usual = Settings::new(kind);
    let hash = match &scenario.hash {
        Some(name) => name
            .parse::<HashFunction>()
            .with_context(|| known("hash", name, HashFunction::ALL.map(HashFunction::name)))?,
        None => usual.hash,
    };
    Ok(Settings {
        hash,
        vnodes: scenario.vnodes.unwrap_or(usual.vnodes),
        load_factor: scenario.load_factor.unwrap_or(usual.load_factor),
        ..usual
    })
}

fn known<const N: usize>(what: &str, name: &str, names: [&str; N]) -> String {
    format!("{what} '{name}' (there are {})", names.join(", "))
}

/// Uniform: every key once. Zipf: key number k gets 1/k of the first one's requests. A file: its lines counted.
fn trace(scenario: &Scenario) -> anyhow::Result<Trace> {
    let count = scenario.keys as usize;
    if count == 0 || count > 10_000_000 {
        bail!("keys must be 1 to 10000000");
    }
    let keys = sample_keys(count);
    match scenario.trace.as_str() {
        "uniform" => Ok(Trace { requests: vec![1.0; count], keys }),
        "zipf" => Ok(Trace { requests: (1..=count).map(|rank| 1.0 / rank as f64).collect(), keys }),
        path => {
            let mut counts: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
            for line in read_text(&PathBuf::from(path))?.lines().filter(|l| !l.is_empty()) {
                let key = line.split(',').next().unwrap_or(line);
                *counts.entry(key.as_bytes().to_vec()).or_insert(0.0) += 1.0;
            }
            if counts.is_empty() {
                bail!("{path} holds no keys");
            }
            let (keys, requests) = counts.into_iter().unzip();
            Ok(Trace { keys, requests })
        }
    }
}

/// One change of the timeline.
enum Step {
    Add(String),
    Remove(String),
    Fail(String),
    Restore(String),
    Reweight(String),
    ZoneLoss(String),
}

/// An event's steps with the words of the report.
fn steps(event: &Event) -> Vec<(String, Step)> {
    let one =
        |word: &str, what: &String, step: fn(String) -> Step| (format!("{word} {what}"), step(what.clone()));
    match event {
        Event::Add(n) => vec![one("add", n, Step::Add)],
        Event::Remove(n) => vec![one("remove", n, Step::Remove)],
        Event::Fail(n) => vec![one("fail", n, Step::Fail)],
        Event::Restore(n) => vec![one("restore", n, Step::Restore)],
        Event::Flap(n) => vec![one("flap down", n, Step::Fail), one("flap up", n, Step::Restore)],
        Event::Reweight(n) => vec![one("reweight", n, Step::Reweight)],
        Event::ZoneLoss(n) => vec![one("lose zone", n, Step::ZoneLoss)],
    }
}

fn apply(
    placement: &mut Placement,
    failed: &mut BTreeMap<String, Weight>,
    step: &Step,
) -> anyhow::Result<()> {
    let find = |placement: &Placement, name: &str| {
        placement.members().find(name).with_context(|| format!("no node is called '{name}'"))
    };
    let nothing = Weight::new(0.0)?;
    match step {
        Step::Add(node) => drop(placement.add(Node::parse(node)?)?),
        Step::Remove(name) => drop(placement.remove(find(placement, name)?)?),
        Step::Fail(name) => {
            let id = find(placement, name)?;
            let weight = placement.members().get(id).map_or(nothing, Node::weight);
            placement.set_weight(id, nothing)?;
            failed.entry(name.clone()).or_insert(weight);
        }
        Step::Restore(name) => {
            let weight = failed.remove(name).with_context(|| format!("{name} has not failed"))?;
            placement.set_weight(find(placement, name)?, weight)?;
        }
        Step::Reweight(text) => {
            let node = Node::parse(text)?;
            placement.set_weight(find(placement, node.name())?, node.weight())?;
        }
        Step::ZoneLoss(zone) => {
            let lost: Vec<(_, Weight, String)> = placement
                .members()
                .owning()
                .filter(|(_, n)| n.zone() == zone)
                .map(|(id, n)| (id, n.weight(), n.name().to_string()))
                .collect();
            if lost.is_empty() {
                bail!("no node of zone '{zone}' owns keys");
            }
            for (id, weight, name) in lost {
                placement.set_weight(id, nothing)?;
                failed.insert(name, weight);
            }
        }
    }
    Ok(())
}

fn row(
    name: &str,
    before: &Placement,
    after: &Placement,
    trace: &Trace,
    replicas: usize,
) -> anyhow::Result<Vec<String>> {
    let keys = || trace.keys.iter().map(Vec::as_slice);
    let moved = movement(before, after, keys())?;
    let lists = disruption(before, after, keys(), replicas.max(1))?;
    let total = (lists.keys * replicas.max(1) as u64) as f64;
    let (peak, overflow) = loads(after, trace)?;
    Ok(vec![
        name.to_string(),
        after.members().owning().count().to_string(),
        format!("{:.2}", moved.moved_share() * 100.0),
        format!("{:.2}", moved.ideal * 100.0),
        moved.over_moved.to_string(),
        format!("{:.2}", lists.copies as f64 / total * 100.0),
        format!("{:.2}", lists.quorum_lost as f64 / lists.keys as f64 * 100.0),
        peak,
        overflow,
    ])
}

/// The busiest node's requests over its fair share, and the share of requests that a bounded load sends on.
fn loads(placement: &Placement, trace: &Trace) -> anyhow::Result<(String, String)> {
    if placement.members().owning().next().is_none() {
        return Ok(("-".into(), "-".into()));
    }
    let mut counts = vec![0.0; placement.members().id_bound()];
    let mut overflow = "-".to_string();
    if placement.settings().kind == Kind::Bounded {
        let mut bounded = placement.bounded()?;
        let add = |sum: &mut f64, requests: &f64| {
            *sum += requests;
            Some(*sum)
        };
        let sums: Vec<f64> = trace.requests.iter().scan(0.0, add).collect();
        let mut past = 0u64;
        for request in 0..REQUESTS {
            let key = placement.key(draw(trace, &sums, mix64(request)))?;
            past += u64::from(Some(bounded.assign(key)?) != placement.algorithm().owner(key));
        }
        for (id, _) in placement.members().iter() {
            counts[id.get() as usize] = bounded.load(id) as f64;
        }
        overflow = format!("{:.2}", past as f64 / REQUESTS as f64 * 100.0);
    } else {
        for (key, requests) in trace.keys.iter().zip(&trace.requests) {
            counts[placement.owner(key)?.get() as usize] += requests;
        }
    }
    let (loads, weights): (Vec<f64>, Vec<f64>) =
        placement.members().owning().map(|(id, n)| (counts[id.get() as usize], n.weight().get())).unzip();
    Ok((format!("{:.3}", balance(&loads, &weights)?.peak), overflow))
}

/// The key of a request, drawn by the keys' numbers of requests; `sums` are those added up.
fn draw<'t>(trace: &'t Trace, sums: &[f64], random: u64) -> &'t [u8] {
    let total = sums.last().copied().unwrap_or(0.0);
    let target = (random >> 11) as f64 / (1u64 << 53) as f64 * total;
    &trace.keys[sums.partition_point(|&sum| sum <= target).min(trace.keys.len() - 1)]
}

/// Requests that a bounded load is tried with.
const REQUESTS: u64 = 20_000;
