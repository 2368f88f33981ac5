//! What every verb of the command line shares. A system's verbs live in `adapters/<system>-cli`, which exports
//!
//! ```ignore
//! pub struct Args;                                                       // clap::Args with the verbs as subcommands
//! pub fn run(args: Args, out: &mut Out) -> anyhow::Result<Status>;
//! pub fn tour(scratch: &Path) -> anyhow::Result<Report>;
//! ```
//!
//! [`Out`] owns standard output: nobody else prints to it. `--json` and `--quiet` are flags of `dolmen` itself and reach a verb
//! through it. The exit codes are 0 for done, 1 for "could not" and for [`Status::Failure`] ("did, and found something
//! wrong"), 2 for wrong usage (clap's). A reader that closes the pipe early is no failure; a full disk is one.
#![forbid(unsafe_code)]

mod lines;
mod out;
mod progress;
pub mod value;

use std::io::Write;
use std::process::ExitCode;

pub use dolmen_units::{counted, show_duration, show_size};
pub use lines::Lines;
pub use out::Out;
pub use progress::Progress;

/// How a verb that ran ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Status {
    /// Nothing to complain of.
    Success,
    /// The verb did its work and found something wrong, which it has printed: damage, a difference.
    Failure,
}

/// What a system's step of the tour did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The system.
    pub system: &'static str,
    /// What was done and measured, in one sentence without a full stop.
    pub did: String,
    /// Where to read on, in the repository.
    pub page: &'static str,
}

/// Ends a command: what is still held back is written, an error is told on standard error, in one place.
pub fn finish(result: anyhow::Result<Status>, mut out: Out) -> ExitCode {
    let result = result.and_then(|status| Ok(out.flush().map(|()| status)?));
    if out.is_closed() {
        return ExitCode::SUCCESS;
    }
    match result {
        Ok(Status::Success) => ExitCode::SUCCESS,
        Ok(Status::Failure) => ExitCode::FAILURE,
        Err(error) => {
            // What the verb printed before it failed stands before the reason.
            let _ = out.flush();
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line to standard error; that nobody listens there is no reason to die.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
