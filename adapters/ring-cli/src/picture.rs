//! `viz`: a ring as SVG or HTML.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use dolmen_cli::Out;
use dolmen_ring::viz::{ring_html, ring_svg};

use super::{AlgorithmArgs, read_members, write_file};

/// Arguments of `viz`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    algorithm: AlgorithmArgs,
    /// The nodes, or a file
    #[arg(long)]
    nodes: String,
    /// The nodes after a change, or a file: what moves is drawn too
    #[arg(long)]
    after: Option<String>,
    /// FILE.svg or FILE.html
    #[arg(long)]
    out: PathBuf,
}

/// Runs `viz`.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<()> {
    let before = args.algorithm.place(read_members(&args.nodes)?)?;
    let after = args.after.as_deref().map(|text| args.algorithm.place(read_members(text)?)).transpose()?;
    let picture = match args.out.extension().and_then(|e| e.to_str()) {
        Some("svg") => ring_svg(&before, after.as_ref())?,
        Some("html") => ring_html(&before, after.as_ref())?,
        _ => bail!("--out {} must end in .svg or .html", args.out.display()),
    };
    write_file(&args.out, picture.as_bytes())?;
    if out.is_json() {
        out.object(&serde_json::json!({"file": args.out.display().to_string(), "bytes": picture.len()}))?;
    } else {
        writeln!(out, "{}: {} bytes", args.out.display(), picture.len())?;
    }
    Ok(())
}
