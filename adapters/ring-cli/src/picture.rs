//! `viz`: a placement as SVG or HTML.

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use dolmen_cli::Out;
use dolmen_ring::Kind;
use dolmen_ring::viz::{Options, html, svg};

use super::{AlgorithmArgs, read_members, write_file};

/// Points of a node in a picture: with the 160 that balance needs, arcs are slivers.
const VNODES: u32 = 16;

/// Arguments of `viz`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    algorithm: AlgorithmArgs,
    /// The nodes, or a file
    #[arg(long)]
    nodes: String,
    /// The nodes after a change, or a file: who joined and left is named, and what moves is drawn too
    #[arg(long)]
    after: Option<String>,
    /// A key to follow: where it stands, whose it is and whose it becomes
    #[arg(long)]
    key: Option<String>,
    /// FILE.svg or FILE.html
    #[arg(long)]
    out: PathBuf,
}

/// Runs `viz`.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<()> {
    let draw = match args.out.extension().and_then(|e| e.to_str()) {
        Some("svg") => svg,
        Some("html") => html,
        _ => bail!("--out {} must end in .svg or .html", args.out.display()),
    };
    let mut algorithm = args.algorithm.clone();
    if matches!(algorithm.algorithm, Kind::Ring | Kind::Bounded) && algorithm.vnodes.is_none() {
        algorithm.vnodes = Some(VNODES);
        out.note(format_args!(
            "drawn with {VNODES} points a node, that arcs can be seen; --vnodes 160 is what balance needs"
        ));
    }
    let before = algorithm.place(read_members(&args.nodes)?)?;
    let after = args.after.as_deref().map(|text| algorithm.place(read_members(text)?)).transpose()?;
    let picture = draw(&before, after.as_ref(), Options { key: args.key.as_deref() })?;
    write_file(&args.out, picture.as_bytes())?;
    if out.is_json() {
        out.object(&serde_json::json!({"file": args.out.display().to_string(), "bytes": picture.len()}))?;
    } else {
        writeln!(out, "{}: {} bytes", args.out.display(), picture.len())?;
    }
    Ok(())
}
