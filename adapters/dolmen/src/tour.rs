//! One run through every system on this repository's own bytes. A step that fails ends the tour with its error.

use std::time::Instant;

use anyhow::{Context, Result};
use dolmen_cli::{Out, Report, Status, show_duration};

use crate::systems::TOUR;

/// Arguments of `dolmen tour`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `dolmen tour`.
pub fn run(_args: &Args, out: &mut Out) -> Result<Status> {
    let scratch = tempfile::Builder::new().prefix("dolmen-tour-").tempdir()?;
    for (name, step) in TOUR {
        let start = Instant::now();
        let Report { system, did, page } =
            step(scratch.path()).with_context(|| format!("the tour of {name}"))?;
        let took = start.elapsed();
        if out.is_json() {
            let microseconds = took.as_micros() as u64;
            out.object(&serde_json::json!({"system": system, "did": did, "microseconds": microseconds, "page": page}))?;
        } else {
            out.line(format_args!("{system}: {did} ({})\n  read on: {page}", show_duration(took)))?;
        }
    }
    Ok(Status::Success)
}
