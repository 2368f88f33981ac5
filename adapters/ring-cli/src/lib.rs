//! Consistent hashing verbs: `dolmen ring`.
#![forbid(unsafe_code)]

mod compare;
mod demo;
mod interactive;
mod picture;
mod route;
mod scenario;
mod tour;
mod tui;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use dolmen_cli::{Out, Status};
use dolmen_ring::config::read_node_list;
use dolmen_ring::{HashFunction, Kind, Members, Placement, Settings};
use serde_json::{Map, Value};

/// Arguments of `dolmen ring`.
#[derive(clap::Args)]
#[command(
    subcommand_help_heading = "Verbs",
    after_help = "Examples:
  dolmen ring demo --nodes 8
  dolmen ring owner --nodes a,b=2,c@eu --replicas 2 user:1 user:2
  dolmen ring compare --nodes 10,100

Exits with 1 if something cannot be built, read or does not agree."
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Spread keys over nodes and show each node's load
    #[command(after_help = "Example: dolmen ring demo --nodes 8 --keys 100000 --virtual-nodes 160")]
    Demo(demo::DemoArgs),
    /// Change a ring by commands and see how many keys move
    #[command(after_help = "Example: printf 'add d\\nremove a\\nstatus\\nquit\\n' | dolmen ring interactive")]
    Interactive(interactive::Args),
    /// Time and balance of one algorithm over a range of node counts
    #[command(after_help = "Example: dolmen ring benchmark --min-nodes 10 --max-nodes 1000 --keys 100000")]
    Benchmark(demo::BenchmarkArgs),
    /// Who owns a key
    #[command(
        after_help = "Examples:\n  dolmen ring owner --algorithm ring --nodes a,b=2,c@eu --replicas 2 user:1 user:2\n  \
                            dolmen ring owner --config nutcracker.yml user:1"
    )]
    Owner(route::OwnerArgs),
    /// The hash of a key
    #[command(after_help = "Example: dolmen ring hash --function redis-slot 'cart:{7}'")]
    Hash(route::HashArgs),
    /// All algorithms side by side
    #[command(after_help = "Example: dolmen ring compare --nodes 10,100 --format markdown")]
    Compare(compare::Args),
    /// Run a timeline of changes from a file and report what each of them moved
    #[command(after_help = scenario::EXAMPLE)]
    Scenario(scenario::Args),
    /// Draw a ring, and what a change moves
    #[command(after_help = "Example: dolmen ring viz --nodes a,b,c --after a,b,c,d --out ring.svg")]
    Viz(picture::Args),
    /// A ring on the terminal: add and remove nodes, watch the load
    #[command(
        after_help = "Needs a terminal; keys are listed below the picture. Example: dolmen ring tui --nodes a,b,c --vnodes 16"
    )]
    Tui(tui::Args),
    /// Write a placement's serialised form
    #[command(after_help = "Example: dolmen ring save --algorithm anchor --nodes a,b,c --out cluster.ring")]
    Save(route::SaveArgs),
    /// Check a serialised placement, print its fingerprint, and compare it with nodes that are given
    #[command(after_help = "Example: dolmen ring verify cluster.ring --nodes a,b,c")]
    Verify(route::VerifyArgs),
}

pub use tour::tour;

/// Runs `dolmen ring`.
///
/// # Errors
///
/// A sentence for the user: what cannot be built, read or written.
pub fn run(args: Args, out: &mut Out) -> anyhow::Result<Status> {
    match args.verb {
        Verb::Demo(args) => demo::demo(&args, out),
        Verb::Interactive(args) => return interactive::run(&args, out),
        Verb::Benchmark(args) => demo::benchmark(&args, out),
        Verb::Owner(args) => route::owner(&args, out),
        Verb::Hash(args) => route::hash(&args, out),
        Verb::Compare(args) => compare::run(&args, out),
        Verb::Scenario(args) => scenario::run(&args, out),
        Verb::Viz(args) => picture::run(&args, out),
        Verb::Tui(args) => tui::run(&args),
        Verb::Save(args) => route::save(&args, out),
        Verb::Verify(args) => return route::verify(&args, out),
    }?;
    Ok(Status::Success)
}

/// Which algorithm with which numbers, the same for all verbs that build one.
#[derive(clap::Args, Clone)]
struct AlgorithmArgs {
    /// How keys are placed
    #[arg(long, default_value = "ring", value_parser = algorithms())]
    algorithm: Kind,
    /// Hash of keys, and of points on a ring; `decimal`: keys are numbers
    #[arg(long, value_parser = hashes())]
    hash: Option<HashFunction>,
    /// Points of a node of weight 1 on a ring; tokens for token-allocator
    #[arg(long, visible_alias = "virtual-nodes")]
    vnodes: Option<u32>,
    /// Probes of multi-probe
    #[arg(long)]
    probes: Option<u32>,
    /// Slots of a Maglev table, a prime
    #[arg(long)]
    table_size: Option<u32>,
    /// Nodes that anchor and dx have room for
    #[arg(long)]
    capacity: Option<u32>,
    /// Bounded load: most load over the average
    #[arg(long)]
    load_factor: Option<f64>,
}

/// The algorithms' names, for help, completions and "did you mean".
fn algorithms() -> impl TypedValueParser<Value = Kind> {
    let name = |name: String| name.parse::<Kind>().expect("only its names pass");
    PossibleValuesParser::new(Kind::ALL.map(Kind::name)).map(name)
}

/// The hash functions' names.
fn hashes() -> impl TypedValueParser<Value = HashFunction> {
    let name = |name: String| name.parse::<HashFunction>().expect("only its names pass");
    PossibleValuesParser::new(HashFunction::ALL.map(HashFunction::name)).map(name)
}

impl AlgorithmArgs {
    /// A number that the algorithm does not have would be taken for one that counts.
    fn refuse_ignored(&self) -> anyhow::Result<()> {
        let kind = self.algorithm;
        let rings = [Kind::Ring, Kind::Bounded, Kind::TokenAllocator];
        let numbers: [(&str, bool, &[Kind]); 5] = [
            ("--vnodes", self.vnodes.is_some(), &rings),
            ("--probes", self.probes.is_some(), &[Kind::MultiProbe]),
            ("--table-size", self.table_size.is_some(), &[Kind::Maglev, Kind::MaglevEnvoy]),
            ("--capacity", self.capacity.is_some(), &[Kind::Anchor, Kind::Dx]),
            ("--load-factor", self.load_factor.is_some(), &[Kind::Bounded]),
        ];
        for (name, is_given, kinds) in numbers {
            if is_given && !kinds.contains(&kind) {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
                bail!("{name} means nothing to {kind}; it is a number of {}", names.join(", "));
            }
        }
        Ok(())
    }

    fn settings(&self) -> Settings {
        let usual = Settings::new(self.algorithm);
        Settings {
            kind: self.algorithm,
            hash: self.hash.unwrap_or(usual.hash),
            vnodes: self.vnodes.unwrap_or(usual.vnodes),
            probes: self.probes.unwrap_or(usual.probes),
            table_size: self.table_size.unwrap_or(usual.table_size),
            capacity: self.capacity.unwrap_or(usual.capacity),
            load_factor: self.load_factor.unwrap_or(usual.load_factor),
        }
    }

    fn place(&self, members: Members) -> anyhow::Result<Placement> {
        self.refuse_ignored()?;
        Placement::new(members, self.settings()).with_context(|| format!("cannot build {}", self.algorithm))
    }
}

/// Nodes from a file of that name if there is one, else from a list.
fn read_members(text: &str) -> anyhow::Result<Members> {
    if Path::new(text).is_file() {
        let content = read_text(Path::new(text))?;
        return read_node_list(&content).with_context(|| format!("node list {text}"));
    }
    Members::parse(text).with_context(|| format!("nodes '{text}' (no file of that name either)"))
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write_file(path: &PathBuf, content: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// `key-0`, `key-1` …
fn sample_keys(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| format!("key-{i}").into_bytes()).collect()
}

fn hashed(placement: &Placement, keys: &[Vec<u8>]) -> anyhow::Result<Vec<u64>> {
    Ok(keys.iter().map(|k| placement.key(k)).collect::<Result<_, _>>()?)
}

/// Rows of cells under a header, columns padded to their widest cell, numbers to the right; as JSON an object for each row, with
/// `keys` and with numbers as numbers.
fn print_table(out: &mut Out, header: &[&str], keys: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    if out.is_json() {
        return rows.iter().try_for_each(|row| out.object(&object(keys, row)));
    }
    let width = |c: usize| {
        rows.iter().map(|r| r[c].chars().count()).chain([header[c].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let header: Vec<String> = header.iter().map(|h| (*h).to_string()).collect();
    for row in std::iter::once(&header).chain(rows) {
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            let gap = if column == 0 { "" } else { "  " };
            if column == 0 { write!(out, "{cell}{pad}")? } else { write!(out, "{gap}{pad}{cell}")? }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A row as an object; `-` is null, a percent sign goes, bars and other pictures have no key (`""`).
fn object(keys: &[&str], row: &[String]) -> Map<String, Value> {
    let cell = |text: &String| {
        let text = text.trim();
        let number = text.trim_end_matches('%').trim();
        match (number.parse::<u64>(), number.parse::<f64>()) {
            _ if text == "-" => Value::Null,
            (Ok(whole), _) => whole.into(),
            (_, Ok(number)) => number.into(),
            _ => text.into(),
        }
    };
    let named = keys.iter().zip(row).filter(|(key, _)| !key.is_empty());
    named
        .map(|(key, text)| {
            (
                (*key).to_owned(),
                if *key == "node" || *key == "event" { text.as_str().into() } else { cell(text) },
            )
        })
        .collect()
}
