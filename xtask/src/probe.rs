//! The proof that the cores need no operating system: `xtask/probe` is a static library without std that depends on every
//! core crate, built for targets that have none.

use anyhow::{Result, bail};

use crate::shell;

/// Built with every core crate.
const TARGETS: [&str; 3] = ["x86_64-unknown-none", "aarch64-unknown-none", "wasm32-unknown-unknown"];
/// A microcontroller, built with the crates that formats are made of.
const TARGET_OF_FORMATS: &str = "thumbv7em-none-eabihf";

/// Without an operating system's floating point these targets have no vector registers, for which the ciphers' own detection does not look: they
/// are told to do without.
const CIPHERS_WITHOUT_VECTORS: &str = "--cfg aes_force_soft --cfg polyval_force_soft";

/// `cargo xtask probe`
pub fn run(_args: &[String]) -> Result<()> {
    let missing = missing_crates()?;
    if !missing.is_empty() {
        bail!("xtask/probe does not depend on {}", missing.join(", "));
    }
    for target in TARGETS {
        build(target, &[])?;
    }
    build(TARGET_OF_FORMATS, &["--no-default-features"])
}

fn build(target: &str, more: &[&str]) -> Result<()> {
    let mut args = vec!["build", "--locked", "--manifest-path", "xtask/probe/Cargo.toml", "--target", target];
    args.extend(more);
    let mut command = shell::command("cargo", &args);
    command.env("RUSTFLAGS", CIPHERS_WITHOUT_VECTORS);
    shell::run(command)
}

/// Core crates that the probe leaves out; adding a system without probing it is an error.
fn missing_crates() -> Result<Vec<String>> {
    let manifest = std::fs::read_to_string(shell::root().join("xtask/probe/Cargo.toml"))?;
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(shell::root().join("core"))? {
        let entry = entry?;
        let package = format!("dolmen-{}", entry.file_name().display());
        if entry.path().join("Cargo.toml").exists() && !manifest.contains(&format!("\n{package} = ")) {
            missing.push(package);
        }
    }
    missing.sort();
    Ok(missing)
}
