//! Write-ahead log verbs.

/// Arguments of `dolmen wal`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `dolmen wal`.
pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("dolmen wal has no verbs in this build")
}
