//! Key-value verbs.

/// Arguments of `dolmen kv`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `dolmen kv`.
pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("dolmen kv has no verbs in this build")
}
