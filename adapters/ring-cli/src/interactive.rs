//! `interactive`: change a ring by commands and see how many keys move. Nonsense gets a sentence and changes nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use dolmen_cli::{Lines, Out, Status};
use dolmen_ring::analysis::{Movement, movement};
use dolmen_ring::wire::{encode, fingerprint};
use dolmen_ring::{Node, NodeId, Placement, RingError, Weight};

use super::demo::print_loads;
use super::route::load;
use super::{AlgorithmArgs, read_members, sample_keys, write_file};

/// Arguments of `interactive`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    algorithm: AlgorithmArgs,
    /// The nodes to start with, or a file
    #[arg(long, default_value = "node-0,node-1,node-2")]
    nodes: String,
    /// Keys whose movement is counted
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    keys: u32,
}

const HELP: &str = "\
add NAME[=WEIGHT][@ZONE[/RACK]]   a node joins
remove NAME                       a node leaves
weight NAME WEIGHT                a node gets another weight
zone NAME ZONE[/RACK]             a node gets another place
fail NAME | restore NAME          a node stops owning keys, and owns them again
status                            every node's load
owner KEY                         who owns a key
undo                              takes back the last change
save FILE | load FILE             the serialised form
help | quit";

/// Runs `interactive`.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Status> {
    let placement = args.algorithm.place(read_members(&args.nodes)?)?;
    let mut lab = Lab::new(placement, args.keys as usize);
    let mut lines = Lines::new("ring> ")?;
    // Of a script, the exit code says whether all of it was done; a person has seen it.
    let mut status = Status::Success;
    loop {
        out.flush()?;
        let Some(line) = lines.next_line()? else { return Ok(status) };
        match lab.command(line.trim(), out) {
            Ok(true) => {}
            Ok(false) => return Ok(status),
            Err(error) if out.is_closed() => return Err(error),
            Err(error) => {
                writeln!(out, "{error:#}")?;
                if !lines.is_edited() {
                    status = Status::Failure;
                }
            }
        }
    }
}

/// A placement that is being tried out.
pub struct Lab {
    pub placement: Placement,
    keys: Vec<Vec<u8>>,
    failed: BTreeMap<String, Weight>,
    history: Vec<(Placement, BTreeMap<String, Weight>)>,
}

impl Lab {
    pub fn new(placement: Placement, key_count: usize) -> Self {
        Lab { placement, keys: sample_keys(key_count), failed: BTreeMap::new(), history: Vec::new() }
    }

    /// One command; `false` means to leave.
    fn command(&mut self, line: &str, out: &mut Out) -> anyhow::Result<bool> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let moved = match words.as_slice() {
            [] => return Ok(true),
            ["quit" | "exit"] => return Ok(false),
            ["help"] => {
                writeln!(out, "{HELP}")?;
                return Ok(true);
            }
            ["status"] => {
                self.status(out)?;
                return Ok(true);
            }
            ["owner", key] => {
                let id = self.placement.owner(key.as_bytes())?;
                writeln!(out, "{key}\t{}", self.placement.members().name(id))?;
                return Ok(true);
            }
            ["save", file] => {
                let mut bytes = Vec::new();
                encode(&self.placement, &mut bytes);
                write_file(&PathBuf::from(file), &bytes)?;
                writeln!(out, "saved, fingerprint {:016x}", fingerprint(&self.placement))?;
                return Ok(true);
            }
            ["add", node] => self.add(node)?,
            ["remove", name] => self.remove(name)?,
            ["weight", name, weight] => self.weigh(name, weight.parse()?)?,
            ["zone", name, place] => self.relocate(name, place)?,
            ["fail", name] => self.fail(name)?,
            ["restore", name] => self.restore(name)?,
            ["undo"] => self.undo()?,
            ["load", file] => {
                let loaded = load(&PathBuf::from(file))?;
                self.change(|p| {
                    *p = loaded;
                    Ok(())
                })?
            }
            [
                known @ ("add" | "remove" | "weight" | "zone" | "fail" | "restore" | "owner" | "save"
                | "load"),
                ..,
            ] => {
                bail!("{known} takes other words; see help")
            }
            [word, ..] => bail!("'{word}' is no command; see help"),
        };
        writeln!(
            out,
            "{} nodes; {} of {} keys moved ({:.2} %; {:.2} % would be fair)",
            self.placement.members().len(),
            moved.moved,
            moved.keys,
            moved.moved_share() * 100.0,
            moved.ideal * 100.0
        )?;
        if moved.over_moved > 0 {
            writeln!(out, "{} of them between nodes that this change does not concern", moved.over_moved)?;
        }
        Ok(true)
    }

    fn status(&self, out: &mut Out) -> anyhow::Result<()> {
        let settings = self.placement.settings();
        writeln!(out, "{} by {}, {} nodes", settings.kind, settings.hash, self.placement.members().len())?;
        print_loads(out, &self.placement, self.keys.len())?;
        for name in self.failed.keys() {
            writeln!(out, "{name} has failed")?;
        }
        Ok(())
    }

    /// Adds `name[=weight][@zone]`.
    pub fn add(&mut self, node: &str) -> anyhow::Result<Movement> {
        let node = Node::parse(node)?;
        self.change(|p| p.add(node).map(drop))
    }

    /// Removes a node.
    pub fn remove(&mut self, name: &str) -> anyhow::Result<Movement> {
        let id = self.find(name)?;
        let moved = self.change(|p| p.remove(id).map(drop))?;
        self.failed.remove(name);
        Ok(moved)
    }

    /// Gives a node a weight.
    pub fn weigh(&mut self, name: &str, weight: Weight) -> anyhow::Result<Movement> {
        let id = self.find(name)?;
        let moved = self.change(|p| p.set_weight(id, weight))?;
        self.failed.remove(name);
        Ok(moved)
    }

    /// A node stops owning keys.
    pub fn fail(&mut self, name: &str) -> anyhow::Result<Movement> {
        let id = self.find(name)?;
        let weight = self.placement.members().get(id).map_or(Weight::ONE, Node::weight);
        if weight.is_zero() {
            bail!("{name} owns nothing already");
        }
        let moved = self.change(|p| p.set_weight(id, Weight::new(0.0)?))?;
        self.failed.insert(name.to_string(), weight);
        Ok(moved)
    }

    /// A failed node owns keys again.
    pub fn restore(&mut self, name: &str) -> anyhow::Result<Movement> {
        let id = self.find(name)?;
        let weight = *self.failed.get(name).with_context(|| format!("{name} has not failed"))?;
        let moved = self.change(|p| p.set_weight(id, weight))?;
        self.failed.remove(name);
        Ok(moved)
    }

    /// Takes back the last change.
    pub fn undo(&mut self) -> anyhow::Result<Movement> {
        let (placement, failed) = self.history.pop().context("nothing to undo")?;
        let moved = self.moved(&self.placement, &placement)?;
        self.placement = placement;
        self.failed = failed;
        Ok(moved)
    }

    fn relocate(&mut self, name: &str, place: &str) -> anyhow::Result<Movement> {
        let id = self.find(name)?;
        let (zone, rack) = place.split_once('/').unwrap_or((place, ""));
        self.change(|p| p.set_place(id, zone, rack))
    }

    fn find(&self, name: &str) -> anyhow::Result<NodeId> {
        self.placement.members().find(name).with_context(|| format!("no node is called '{name}'"))
    }

    fn change(
        &mut self,
        change: impl FnOnce(&mut Placement) -> Result<(), RingError>,
    ) -> anyhow::Result<Movement> {
        let mut next = self.placement.clone();
        change(&mut next)?;
        let moved = self.moved(&self.placement, &next)?;
        if self.history.len() == HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push((std::mem::replace(&mut self.placement, next), self.failed.clone()));
        Ok(moved)
    }

    fn moved(&self, before: &Placement, after: &Placement) -> anyhow::Result<Movement> {
        Ok(movement(before, after, self.keys.iter().map(Vec::as_slice))?)
    }
}

/// Changes that can be taken back.
const HISTORY_MAX: usize = 100;
