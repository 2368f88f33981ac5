//! `owner`, `hash`, `save` and `verify`: keys and bytes in, answers out.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use dolmen_cli::{Out, Status};
use dolmen_ring::config::Config;
use dolmen_ring::wire::{decode, encode, fingerprint};
use dolmen_ring::{HashFunction, NodeId, Placement, Spread};
use serde::Serialize;

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
            print(out, key, None, &[owner])
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
        print(out, key, Some(hash), &owners.into_iter().map(name).collect::<Vec<_>>())
    })?;
    Ok(())
}

/// Arguments of `hash`.
#[derive(clap::Args)]
pub struct HashArgs {
    /// xxh3, xxh64, murmur3, cassandra-token, redis-slot, md5-ketama, fnv1a32, fnv1a64, crc16, crc32, sip, sha256
    #[arg(long, visible_alias = "hash", value_parser = super::hashes(), hide_possible_values = true)]
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
        if out.is_json() {
            out.object(&Hashed { key: &String::from_utf8_lossy(key), hash: &text })?;
            return Ok(());
        }
        out.write_all(key)?;
        writeln!(out, "\t{text}")?;
        Ok(())
    })?;
    Ok(())
}

/// A key and its hash, as text: programs lose digits of large numbers.
#[derive(Serialize)]
struct Hashed<'a> {
    key: &'a str,
    hash: &'a str,
}

/// A key and its nodes.
#[derive(Serialize)]
struct Owned<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    owner: &'a str,
    nodes: &'a [&'a str],
}

/// A serialised placement.
#[derive(Serialize)]
struct Saved<'a> {
    path: &'a std::path::Path,
    bytes: usize,
    algorithm: String,
    hash: String,
    nodes: Vec<String>,
    fingerprint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agrees: Option<bool>,
}

impl<'a> Saved<'a> {
    fn of(path: &'a std::path::Path, bytes: usize, placement: &Placement) -> Self {
        Saved {
            path,
            bytes,
            algorithm: placement.settings().kind.to_string(),
            hash: placement.settings().hash.to_string(),
            nodes: placement.members().iter().map(|(_, node)| node.to_string()).collect(),
            fingerprint: format!("{:016x}", fingerprint(placement)),
            agrees: None,
        }
    }
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
    if out.is_json() {
        out.object(&Saved::of(&args.out, bytes.len(), &placement))?;
        return Ok(());
    }
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
    if out.is_json() {
        let other =
            args.nodes.as_ref().map(|nodes| anyhow::Ok(Placement::new(read_members(nodes)?, *settings)?));
        let agrees = other.transpose()?.map(|other| fingerprint(&other) == fingerprint(&placement));
        let bytes = std::fs::metadata(&args.file).map_or(0, |meta| meta.len() as usize);
        out.object(&Saved { agrees, ..Saved::of(&args.file, bytes, &placement) })?;
        return Ok(if agrees == Some(false) { Status::Failure } else { Status::Success });
    }
    writeln!(out, "algorithm    {} by {}", settings.kind, settings.hash)?;
    writeln!(out, "nodes        {}", placement.members().len())?;
    for (_, node) in placement.members().iter() {
        writeln!(out, "             {node}")?;
    }
    writeln!(out, "fingerprint  {:016x}", fingerprint(&placement))?;
    let Some(nodes) = &args.nodes else { return Ok(Status::Success) };
    let other = Placement::new(read_members(nodes)?, *settings)?;
    if fingerprint(&other) != fingerprint(&placement) {
        bail!("the nodes given have fingerprint {:016x}: they do not agree", fingerprint(&other));
    }
    writeln!(out, "agrees with the nodes given")?;
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

fn print(out: &mut Out, key: &[u8], hash: Option<u64>, nodes: &[&str]) -> anyhow::Result<()> {
    if out.is_json() {
        let key = String::from_utf8_lossy(key);
        let hash = hash.map(|hash| hash.to_string());
        out.object(&Owned { key: &key, hash, owner: nodes.first().copied().unwrap_or_default(), nodes })?;
        return Ok(());
    }
    out.write_all(key)?;
    writeln!(out, "\t{}", nodes.join(","))?;
    Ok(())
}
