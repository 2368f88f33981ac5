//! PostgreSQL's own parser as judge and as rival of ours.
//!
//! ```text
//! cargo run --release -- judge [--pg N] [--server SOCKET] [--mutants COUNT] [--seed N] PATH..
//! cargo run --release -- trees PATH..
//! cargo run --release -- speed PATH..
//! cargo run --release -- depth
//! cargo run --release -- record SOCKET14 .. SOCKET18 < statements > versions.jsonl
//! ```
//!
//! A PATH is a folder of psql scripts (PostgreSQL's regression tests), one script, or a `.jsonl` file with a field `sql`. `judge` asks a
//! server of the version for verdict, message and cursor, or libpg_query where no server is named; `trees` compares JSON,
//! fingerprints, normalised text, tokens, what deparsing and formatting keep; `speed` is the interleaved measurement of
//! `benches/record/sql.md`; `depth` measures how the work grows with deep and long texts.

mod compare;
mod corpus;
mod depth;
mod judge;
mod libpg;
mod server;
mod speed;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        eprintln!("usage: judge | trees | speed | depth | record; see the head of src/main.rs");
        return ExitCode::FAILURE;
    }
    let verb = arguments.remove(0);
    let done = match verb.as_str() {
        "judge" => judge::run(arguments),
        "trees" => compare::run(&arguments),
        "speed" => speed::run(&arguments),
        "depth" => depth::run(),
        "record" => judge::record(&arguments),
        other => Err(format!("there is no verb {other}").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a verb gives.
pub type Done = Result<(), Box<dyn std::error::Error>>;
