//! Serving every system.

/// Arguments of `dolmen up`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `dolmen up`.
pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("dolmen up has no verbs in this build")
}
