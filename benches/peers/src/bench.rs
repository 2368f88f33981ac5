//! The rounds: per round every set by every contender in turn, each in a process of its own; then medians and spreads as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::engine::{CONTENDERS, Contender};
use crate::workload::{SETS, Set};

/// What is run.
pub struct Plan {
    /// Rounds.
    pub rounds: usize,
    /// Entries are divided by this.
    pub shrink: u64,
    /// Names of sets; empty: all.
    pub sets: Vec<String>,
    /// Names of contenders; empty: all.
    pub contenders: Vec<String>,
    /// Whether the sections without databases come too.
    pub whole: bool,
    /// Where the databases go.
    pub dir: PathBuf,
}

/// Readings in the order in which they were told, each with its values by contender.
type Readings = Vec<(String, BTreeMap<&'static str, Vec<f64>>)>;

fn chosen<'a, T>(all: &'a [T], names: &[String], name: impl Fn(&T) -> &str) -> Vec<&'a T> {
    all.iter().filter(|x| names.is_empty() || names.iter().any(|n| n == name(x))).collect()
}

/// Runs the plan and gives back the page.
pub fn run(plan: &Plan) -> Result<String, String> {
    let sets = chosen(&SETS, &plan.sets, |s| s.name);
    let contenders = chosen(&CONTENDERS, &plan.contenders, |c| c.name);
    let mut readings: Vec<Readings> = sets.iter().map(|_| Vec::new()).collect();
    for round in 0..plan.rounds {
        for (set, readings) in sets.iter().zip(&mut readings) {
            for i in 0..contenders.len() {
                let contender = contenders[(i + round) % contenders.len()];
                if contender.keeps < set.needs {
                    continue;
                }
                eprintln!("round {} of {}: {} {}", round + 1, plan.rounds, set.name, contender.name);
                take(plan, contender, set, readings)?;
            }
        }
    }
    let mut out = page(plan, &sets, &contenders, &readings);
    if plan.whole {
        let _ = write!(out, "\n{}", crate::lists::run(plan.rounds, plan.shrink));
        let _ = write!(
            out,
            "\n## Bytes\n\nBatches and logs of random programs, ours against theirs.\n\n{}",
            crate::oracle::table(200)?
        );
    }
    Ok(out)
}

fn take(plan: &Plan, contender: &Contender, set: &Set, readings: &mut Readings) -> Result<(), String> {
    let dir = tempfile::tempdir_in(&plan.dir).map_err(|e| e.to_string())?;
    let exe = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(exe);
    command.args(["one", contender.name, set.name, &plan.shrink.to_string()]).arg(dir.path());
    let output = command.output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} {}: {}\n{text}", contender.name, set.name, output.status));
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((name, number)) = line.split_once('\t') else { continue };
        let number: f64 = number.parse().map_err(|_| format!("{line}: no number"))?;
        let at = readings.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            readings.push((name.to_owned(), BTreeMap::new()));
            readings.len() - 1
        });
        readings[at].1.entry(contender.name).or_default().push(number);
    }
    Ok(())
}

fn page(plan: &Plan, sets: &[&Set], contenders: &[&Contender], readings: &[Readings]) -> String {
    let mut out = String::new();
    let rounds = plan.rounds;
    let _ = writeln!(out, "{}\n", machine());
    let _ = writeln!(
        out,
        "{rounds} rounds, every engine in turn in a process of its own; medians, in brackets the least and the most, then how many times \
         better than RocksDB it is (RocksDB's number over this one, of rates this one over RocksDB's). `fg`: CPU time of the calling thread per operation, system calls included; `all`: CPU time of all \
         threads. 16-byte keys, no compression, ten filter bits a key, {} MiB memtable, {} MiB block cache.\n",
        crate::engine::MEMTABLE >> 20,
        crate::engine::CACHE >> 20,
    );
    for contender in contenders {
        let _ = writeln!(out, "* {}: {}", contender.name, contender.about);
    }
    for (set, readings) in sets.iter().zip(readings) {
        let shrunk =
            if plan.shrink > 1 { format!(" (entries divided by {})", plan.shrink) } else { String::new() };
        let _ = writeln!(out, "\n## {}\n\n{}{shrunk}.\n", set.name, set.about);
        let names: Vec<&str> = contenders.iter().map(|c| c.name).collect();
        let _ = writeln!(out, "| reading | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
        for (name, by_contender) in readings {
            let base = by_contender.get("rocksdb").map(|v| median(v));
            let cells: Vec<String> = names
                .iter()
                .map(|n| by_contender.get(n).map_or("–".to_owned(), |v| cell(name, v, base)))
                .collect();
            let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
        }
    }
    out
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// Median, spread, and how many times better than the base it is.
pub fn cell(reading: &str, values: &[f64], base: Option<f64>) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let more_is_better = reading.contains("puts/s") || reading.contains("over 1");
    let ratio = base.filter(|b| *b > 0.0 && median(values) > 0.0).map_or(String::new(), |b| {
        let (up, down) = if more_is_better { (median(values), b) } else { (b, median(values)) };
        format!(" {:.2}×", up / down)
    });
    format!("{} ({}–{}){ratio}", short(median(values)), short(least), short(most))
}

/// Three digits that say something.
fn short(x: f64) -> String {
    match x {
        _ if x >= 100.0 => format!("{x:.0}"),
        _ if x >= 10.0 => format!("{x:.1}"),
        _ if x >= 1.0 => format!("{x:.2}"),
        _ => format!("{x:.3}"),
    }
}

/// CPU, kernel and load.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = info.lines().find_map(|l| l.strip_prefix(name));
        line.map_or("?", |l| l.trim_start_matches(['\t', ' ', ':'])).to_owned()
    };
    let cpus = info.lines().filter(|l| l.starts_with("processor")).count();
    let avx512 = if info.contains("avx512f") { ", AVX-512" } else { "" };
    format!(
        "{cpus} × {} (family {} model {}{avx512}), Linux {}, load at the end {}.",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or("?"),
    )
}
