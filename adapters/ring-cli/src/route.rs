//! `owner`, `hash`, `save` and `verify`: keys and bytes in, answers out.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use dolmen_cli::{Out, Status};
use dolmen_ring::config::Config;
use dolmen_ring::wire::{decode, encode, fingerprint};
use dolmen_ring::{HashFunction, NodeId, Placement, Spread};
use serde_json::json;

use super::{AlgorithmArgs, read_members, read_text, write_file};

/// Arguments of `owner`.
#[derive(clap::Args)]
pub struct OwnerArgs {
    #[command(flatten)]
    algorithm: AlgorithmArgs,
    /// `name[=weight][@zone[/rack]]` separated by commas, or a file with one a line
    #[arg(long, required_unless_present = "config")]
    nodes: Option<String>,
    /// Route as this configuration says: twemproxy YAML, HAProxy servers, `CLUSTER SLOTS` text, `nodetool ring`
    #[arg(long, conflicts_with_all = ["nodes", "algorithm", "hash", "replicas", "vnodes", "probes", "table_size",
        "capacity", "load_factor", "distinct_zones"])]
    config: Option<PathBuf>,
    /// Nodes per key, the owner first
    #[arg(long, default_value_t = 1)]
    replicas: usize,
    /// Refuse rather than put two replicas into one zone
    #[arg(long)]
    distinct_zones: bool,
    /// Keys, or - for one a line from standard input
    #[arg(required = true)]
    keys: Vec<String>,
}

/// Runs `owner`.
pub fn owner(args: &OwnerArgs, out: &mut Out) -> anyhow::Result<()> {
    if let Some(path) = &args.config {
        let config = Config::read(&read_text(path)?).with_context(|| path.display().to_string())?;
        for_each_key(&args.keys, |key| {
            let owner = config.owner(key)?;
            print(out, key, "owner", owner)
        })?;
        return Ok(());
    }
    let nodes = args.nodes.as_deref().context("--nodes or --config is needed")?;
    let placement = args.algorithm.place(read_members(nodes)?)?;
    let spread = if args.distinct_zones { Spread::DemandZones } else { Spread::Prefer };
    let name = |id: NodeId| placement.members().name(id);
    let bounded = args.algorithm.algorithm == dolmen_ring::Kind::Bounded;
    if bounded && args.replicas != 1 {
        bail!("bounded gives every key one owner; leave --replicas out");
    }
    let mut loads = if bounded { Some(placement.bounded()?) } else { None };
    for_each_key(&args.keys, |key| {
        let hash = placement.key(key)?;
        let owners = match &mut loads {
            Some(loads) => vec![loads.assign(hash)?],
            None if args.replicas == 1 => vec![placement.owner(key)?],
            None => placement.replicas(key, args.replicas, spread)?.to_vec(),
        };
        print(out, key, "owners", &owners.into_iter().map(name).collect::<Vec<_>>().join(","))
    })?;
    Ok(())
}

/// Arguments of `hash`.
#[derive(clap::Args)]
pub struct HashArgs {
    /// The hash function
    #[arg(long = "hash", visible_alias = "function", value_parser = super::hashes())]
    function: HashFunction,
    /// Keys, or - for one a line from standard input
    #[arg(required = true)]
    keys: Vec<String>,
}

/// Runs `hash`.
pub fn hash(args: &HashArgs, out: &mut Out) -> anyhow::Result<()> {
    for_each_key(&args.keys, |key| {
        let value = args.function.value(key)?;
        let text = match args.function {
            HashFunction::CassandraToken => (value as i64).to_string(),
            _ => value.to_string(),
        };
        print(out, key, "hash", &text)
    })?;
    Ok(())
}

/// Arguments of `save`.
#[derive(clap::Args)]
pub struct SaveArgs {
    #[command(flatten)]
    algorithm: AlgorithmArgs,
    /// The nodes, or a file
    #[arg(long)]
    nodes: String,
    /// Where to write
    #[arg(long)]
    out: PathBuf,
}

/// Runs `save`.
pub fn save(args: &SaveArgs, out: &mut Out) -> anyhow::Result<()> {
    let placement = args.algorithm.place(read_members(&args.nodes)?)?;
    let mut bytes = Vec::new();
    encode(&placement, &mut bytes);
    write_file(&args.out, &bytes)?;
    writeln!(
        out,
        "{}: {} bytes, fingerprint {:016x}",
        args.out.display(),
        bytes.len(),
        fingerprint(&placement)
    )?;
    Ok(())
}

/// Arguments of `verify`.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// A serialised placement
    file: PathBuf,
    /// Nodes that it must agree with, under the file's own algorithm
    #[arg(long)]
    nodes: Option<String>,
}

/// Runs `verify`.
pub fn verify(args: &VerifyArgs, out: &mut Out) -> anyhow::Result<Status> {
    let placement = load(&args.file)?;
    let settings = placement.settings();
    let print = fingerprint(&placement);
    if !out.is_json() {
        writeln!(out, "algorithm    {} by {}", settings.kind, settings.hash)?;
        writeln!(out, "nodes        {}", placement.members().len())?;
        for (_, node) in placement.members().iter() {
            writeln!(out, "             {node}")?;
        }
        writeln!(out, "fingerprint  {print:016x}")?;
    }
    let other = args
        .nodes
        .as_deref()
        .map(|nodes| Ok::<_, anyhow::Error>(fingerprint(&Placement::new(read_members(nodes)?, *settings)?)));
    let other = other.transpose()?;
    let agrees = other.map(|other| other == print);
    if out.is_json() {
        let nodes: Vec<String> = placement.members().iter().map(|(_, node)| node.to_string()).collect();
        out.object(&json!({
            "algorithm": settings.kind.name(), "hash": settings.hash.name(), "nodes": nodes, "fingerprint": format!("{print:016x}"),
            "agrees": agrees,
        }))?;
    }
    match other {
        Some(other) if other != print => {
            bail!("the nodes given have fingerprint {other:016x}: they do not agree")
        }
        Some(_) if !out.is_json() => writeln!(out, "agrees with the nodes given")?,
        _ => {}
    }
    Ok(Status::Success)
}

/// A serialised placement from a file.
pub fn load(path: &PathBuf) -> anyhow::Result<Placement> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    decode(&bytes).and_then(|d| d.build()).with_context(|| path.display().to_string())
}

/// Every key of the arguments, `-` standing for the lines of standard input.
fn for_each_key(keys: &[String], mut each: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    for key in keys {
        if key != "-" {
            each(key.as_bytes()).with_context(|| format!("key '{key}'"))?;
            continue;
        }
        for line in io::stdin().lock().split(b'\n') {
            let mut line = line.context("standard input")?;
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            each(&line)?;
        }
    }
    Ok(())
}

fn print(out: &mut Out, key: &[u8], name: &str, value: &str) -> anyhow::Result<()> {
    if out.is_json() {
        return Ok(out.object(&json!({"key": String::from_utf8_lossy(key), name: value}))?);
    }
    out.write_all(key)?;
    writeln!(out, "\t{value}")?;
    Ok(())
}
