//! Consistent hashing verbs.

/// Arguments of `dolmen ring`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `dolmen ring`.
pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("dolmen ring has no verbs in this build")
}
