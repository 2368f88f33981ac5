//! One run through every system.

/// Arguments of `dolmen tour`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `dolmen tour`.
pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("dolmen tour has no verbs in this build")
}
