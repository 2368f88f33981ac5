//! Running other programs from the repository's root.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the root").to_owned()
}

/// A command that runs in the root.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).args(args);
    // Of the toolchain that runs this chore; another one may be asked for with `+NAME`.
    command.env_remove("RUSTC").env_remove("RUSTDOC").env_remove("CARGO");
    command
}

/// Runs to the end; a non-zero exit is an error. Says what is run and how long it took.
pub fn run(mut command: Command) -> Result<()> {
    let line = format!("{} {}", command.get_program().display(), args(&command));
    println!("+ {line}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("cannot start {line}"))?;
    println!("  {:.1} s", start.elapsed().as_secs_f64());
    ensure!(status.success(), "{line}: {status}");
    Ok(())
}

/// The output of a command that must succeed.
pub fn output(mut command: Command) -> Result<String> {
    let line = format!("{} {}", command.get_program().display(), args(&command));
    let output = command.output().with_context(|| format!("cannot start {line}"))?;
    ensure!(
        output.status.success(),
        "{line}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).with_context(|| format!("{line}: not UTF-8"))
}

fn args(command: &Command) -> String {
    let words: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
    words.join(" ")
}
