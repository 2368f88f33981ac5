//! The chores that only call cargo.

use std::env;

use anyhow::{Context, Result, bail, ensure};

use crate::shell::{command, output, root, run};

/// `cargo xtask ci`
pub fn ci(_args: &[String]) -> Result<()> {
    run(command("bash", &[".ci/run"]))
}

/// `cargo xtask golden`: every test whose name or file says `golden`, with the shared data where it is found.
pub fn golden(_args: &[String]) -> Result<()> {
    let listed = output(command("cargo", &["test", "--workspace", "--quiet", "--", "golden", "--list"]))?;
    let count = listed.lines().filter(|l| l.ends_with(": test")).count();
    ensure!(count > 0, "no golden test was found");
    println!("{count} golden tests");
    run(command("cargo", &["test", "--workspace", "--", "golden", "--nocapture"]))
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

/// `cargo xtask fuzz-smoke [SECONDS]`
pub fn fuzz_smoke(args: &[String]) -> Result<()> {
    let seconds = args.first().map_or("10", String::as_str);
    ensure!(seconds.parse::<u32>().is_ok(), "{seconds} is no number of seconds");
    run(cargo_fuzz(&["build"]))?;
    for target in fuzz_targets()? {
        let seeds = root().join("fuzz/corpus").join(&target);
        if !seeds.is_dir() {
            bail!("fuzz/corpus/{target} has no seeds");
        }
        // `-runs=0` replays the corpus and stops.
        run(cargo_fuzz(&["run", &target, "--", "-runs=0"]))?;
        run(cargo_fuzz(&[
            "run",
            &target,
            "--",
            &format!("-max_total_time={seconds}"),
            "-rss_limit_mb=2048",
        ]))?;
    }
    Ok(())
}

fn cargo_fuzz(args: &[&str]) -> std::process::Command {
    let mut all = vec!["+nightly", "fuzz"];
    all.extend(args);
    let mut command = command("cargo", &all);
    // Flags of the stable toolchain do not fit the sanitizer's build.
    command.env_remove("RUSTFLAGS").env_remove("RUSTUP_TOOLCHAIN");
    command
}

/// Names of the fuzz targets, sorted.
fn fuzz_targets() -> Result<Vec<String>> {
    let dir = root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "rs") {
            names.extend(path.file_stem().and_then(|s| s.to_str()).map(str::to_owned));
        }
    }
    if let Ok(only) = env::var("DOLMEN_FUZZ_ONLY") {
        names.retain(|n| only.split(',').any(|o| o == n));
    }
    names.sort();
    Ok(names)
}
