//! The chores that only call cargo.

use std::collections::BTreeSet;
use std::env;

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{command, output, run};
use crate::systems;
use crate::tidy::Tree;

/// `cargo xtask ci`
pub fn ci(_args: &[String]) -> Result<()> {
    run(command("bash", &[".ci/run"]))
}

/// `cargo xtask golden [sql]`: every test whose name or file says `golden`, with the shared data where it is found; of the SQL parser,
/// its recorded statements and, where they can be had, PostgreSQL's own.
pub fn golden(args: &[String]) -> Result<()> {
    match args {
        [] => {}
        [system] if system == "sql" => return golden_sql(),
        _ => bail!("cargo xtask golden [sql]"),
    }
    let listed = output(command("cargo", &["test", "--workspace", "--quiet", "--", "golden", "--list"]))?;
    let count = listed.lines().filter(|l| l.ends_with(": test")).count();
    ensure!(count > 0, "no golden test was found");
    println!("{count} golden tests");
    run(command("cargo", &["test", "--workspace", "--", "golden", "--nocapture"]))
}

/// `DOLMEN_SQL_CORPUS` names folders of psql scripts (PostgreSQL's regression tests and others) with colons between,
/// `DOLMEN_SQL_SERVER` the socket of a server 18.
fn golden_sql() -> Result<()> {
    let tests = [
        "test",
        "-p",
        "dolmen-sql",
        "--release",
        "--test",
        "statements",
        "--test",
        "versions",
        "--test",
        "mistakes",
        "--test",
        "depth",
    ];
    run(command("cargo", &[&tests[..], &["--", "--nocapture"]].concat()))?;
    let Ok(corpus) = env::var("DOLMEN_SQL_CORPUS") else {
        println!("skipped: no DOLMEN_SQL_CORPUS");
        return Ok(());
    };
    let peer = ["run", "--release", "--manifest-path", "benches/peers/sql/Cargo.toml", "--"];
    let corpora: Vec<&str> = corpus.split(':').collect();
    run(command("cargo", &[&peer[..], &["trees"], &corpora].concat()))?;
    let server = env::var("DOLMEN_SQL_SERVER").ok();
    let judged: Vec<&str> = server.iter().flat_map(|socket| ["--server", socket]).collect();
    run(command("cargo", &[&peer[..], &["judge"], &judged, &corpora].concat()))?;
    run(command("cargo", &[&peer[..], &["judge", "--mutants", "10000"], &judged, &corpora].concat()))
}

/// `cargo xtask soak [FACTOR]`: the bodies read `DOLMEN_SOAK` and run that many times longer.
pub fn soak(args: &[String]) -> Result<()> {
    let factor = match args.first() {
        Some(text) => text.parse::<u32>().with_context(|| format!("{text} is not a factor"))?,
        None => 100,
    };
    let mut tests = command("cargo", &["test", "--workspace", "--release", "--", "--nocapture"]);
    tests.env("DOLMEN_SOAK", factor.to_string());
    run(tests)
}

/// `cargo xtask peers [ARG..]`: without a verb the measurements, written to `benches/record/storage.md`.
pub fn peers(args: &[String]) -> Result<()> {
    let mut all = vec!["run", "--release", "--manifest-path", "benches/peers/Cargo.toml", "--"];
    if args.first().is_none_or(|first| first.starts_with("--")) {
        all.extend(["bench", "--out", "benches/record/storage.md"]);
    }
    all.extend(args.iter().map(String::as_str));
    run(command("cargo", &all))
}

/// `cargo xtask fuzz-smoke [SECONDS] [--changed BASE]`: seeds are replayed by `cargo test` already, so with a base only the targets whose
/// crate, or one below it, differs from that commit are built and fuzzed, with a seed that stands: what a change broke breaks again.
pub fn fuzz_smoke(args: &[String]) -> Result<()> {
    let (seconds, base) = match args {
        [] => ("10", None),
        [seconds] => (seconds.as_str(), None),
        [seconds, flag, base] if flag == "--changed" => (seconds.as_str(), Some(base)),
        _ => bail!("cargo xtask fuzz-smoke [SECONDS] [--changed BASE]"),
    };
    ensure!(seconds.parse::<u32>().is_ok(), "{seconds} is no number of seconds");
    let tree = Tree::load()?;
    let mut targets: Vec<&str> = systems::fuzz_targets(&tree);
    if let Ok(only) = env::var("DOLMEN_FUZZ_ONLY") {
        targets.retain(|target| only.split(',').any(|o| o == *target));
    }
    if let Some(base) = base {
        let changed = changed_crates(&tree, base)?;
        targets
            .retain(|target| systems::crate_of(&tree, target).is_none_or(|folder| changed.contains(&folder)));
    }
    println!("{} targets: {}", targets.len(), targets.join(" "));
    for target in targets {
        run(cargo_fuzz(&["build", target]))?;
        let limit = format!("-max_total_time={seconds}");
        let seed = if base.is_some() { "-seed=1" } else { "-seed=0" };
        run(cargo_fuzz(&["run", target, "--", &limit, seed, "-rss_limit_mb=2048"]))?;
    }
    Ok(())
}

/// Core crates that differ from a commit, and those that stand on them.
fn changed_crates(tree: &Tree, base: &str) -> Result<BTreeSet<String>> {
    let listed = output(command("git", &["diff", "--name-only", base]))?;
    let folder = |path: &str| {
        let inside = path.strip_prefix("core/").filter(|inside| !inside.ends_with(".md"))?;
        Some(inside.split('/').next()?.to_owned())
    };
    let mut changed: BTreeSet<String> = listed.lines().filter_map(folder).collect();
    let targets =
        listed.lines().filter_map(|path| path.strip_prefix("fuzz/fuzz_targets/")?.strip_suffix(".rs"));
    changed.extend(targets.filter_map(|target| systems::crate_of(tree, target)));
    loop {
        let stands =
            |manifest: &str| changed.iter().any(|c| manifest.contains(&format!("\ndolmen-{c}.workspace")));
        let more: Vec<String> = tree
            .crates()
            .filter(|(layer, folder, manifest)| {
                *layer == "core" && !changed.contains(*folder) && stands(manifest)
            })
            .map(|(_, folder, _)| folder.to_owned())
            .collect();
        if more.is_empty() {
            return Ok(changed);
        }
        changed.extend(more);
    }
}

fn cargo_fuzz(args: &[&str]) -> std::process::Command {
    let mut all = vec!["+nightly", "fuzz"];
    all.extend(args);
    let mut command = command("cargo", &all);
    // Flags of the stable toolchain do not fit the sanitizer's build.
    command.env_remove("RUSTFLAGS").env_remove("RUSTUP_TOOLCHAIN");
    command
}
