//! Criterion's results as one Markdown table, so that a number in the documentation has a record.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::shell::{command, output, root};

/// `cargo xtask bench-report [NAME]`: writes `benches/record/NAME.md` (`criterion`).
pub fn run(args: &[String]) -> Result<()> {
    let name = args.first().map_or("criterion", String::as_str);
    ensure!(!name.contains('/'), "{name} is not a file's name");
    let mut rows = Vec::new();
    collect(&root().join("target/criterion"), &mut rows).context("run `cargo bench` first")?;
    ensure!(!rows.is_empty(), "target/criterion holds no results; run `cargo bench` first");
    rows.sort();
    let path = root().join("benches/record").join(format!("{name}.md"));
    fs::create_dir_all(path.parent().expect("it has a folder"))?;
    fs::write(&path, table(&rows, &machine()?))?;
    println!("{} rows in {}", rows.len(), path.display());
    Ok(())
}

/// Benchmark, median and the borders of its 95 % interval, in nanoseconds.
type Row = (String, Vec<u64>);

/// Finds every `new/estimates.json`; the folders above it are the benchmark's name.
fn collect(dir: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).with_context(|| at.display().to_string())? {
            let path = entry?.path();
            if !path.is_dir() {
                continue;
            }
            let estimates = path.join("estimates.json");
            if path.ends_with("new") && estimates.exists() {
                let name = at.strip_prefix(dir).expect("the walk began there").display().to_string();
                rows.push((name, median(&fs::read_to_string(estimates)?)?));
            } else {
                open.push(path);
            }
        }
    }
    Ok(())
}

fn median(json: &str) -> Result<Vec<u64>> {
    let json: Value = serde_json::from_str(json)?;
    let ns = |pointer: &str| {
        let number = json.pointer(pointer).and_then(Value::as_f64);
        number.map(|n| (n * 1000.0).round() as u64).with_context(|| format!("no {pointer}"))
    };
    let interval = "/median/confidence_interval";
    Ok(vec![
        ns("/median/point_estimate")?,
        ns(&format!("{interval}/lower_bound"))?,
        ns(&format!("{interval}/upper_bound"))?,
    ])
}

fn table(rows: &[Row], machine: &str) -> String {
    let mut out = format!("{machine}. `cargo bench`, medians with their 95 % interval.\n\n");
    out.push_str("| benchmark | median ns | interval ns |\n|---|---|---|\n");
    for (name, picos) in rows {
        let ns = |i: usize| picos[i] as f64 / 1000.0;
        writeln!(out, "| {name} | {:.1} | {:.1} to {:.1} |", ns(0), ns(1), ns(2)).expect("a String takes it");
    }
    out
}

/// CPU, kernel and compiler.
fn machine() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find_map(|l| l.strip_prefix(name));
        line.map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':'])).to_owned()
    };
    let (model, family, number) = (field("model name"), field("cpu family"), field("model\t"));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = output(command("rustc", &["--version"]))?;
    Ok(format!("{model} (family {family} model {number}), Linux {}, {}", kernel.trim(), rustc.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_becomes_a_row() {
        let json = r#"{"median":{"confidence_interval":{"lower_bound":1.5,"upper_bound":2.5},"point_estimate":2.0}}"#;
        let text = table(&[("wal/append".into(), median(json).unwrap())], "test");
        assert!(text.ends_with("| wal/append | 2.0 | 1.5 to 2.5 |\n"), "{text}");
        assert!(median("{}").is_err());
    }
}
