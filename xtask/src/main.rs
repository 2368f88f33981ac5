//! Chores of the repository. `cargo xtask ci` is what stands before every push.
#![forbid(unsafe_code)]

mod chores;
mod kafka;
mod new;
mod probe;
mod report;
mod shell;
mod systems;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// Name, what it does, and the function that does it.
type Chore = (&'static str, &'static str, fn(&[String]) -> Result<()>);

/// Every chore, in the order of the help.
const CHORES: &[Chore] = &[
    ("ci", "everything that CI runs (.ci/run)", chores::ci),
    ("tidy", "the rules of form: sizes, names, layers, unsafe rooms, quoted commands, words", tidy::run),
    (
        "systems",
        "write what manifests, pages and the binary say about the systems from systems.toml",
        systems::run,
    ),
    (
        "new",
        "lay out a core crate NAME in the pattern, with a page, a fuzz target and its place on the list",
        new::run,
    ),
    ("probe", "build every core crate for its bare targets", probe::run),
    (
        "golden",
        "the tests against files made by the real systems; of the SQL parser: `golden sql`",
        chores::golden,
    ),
    (
        "fuzz-smoke",
        "fuzz each target for SECONDS (10); `--changed BASE`: only those whose crates differ from that commit",
        chores::fuzz_smoke,
    ),
    ("soak", "the model, crash and mutation tests, FACTOR (100) times longer", chores::soak),
    ("peers", "benches/peers: the engines interleaved on one machine; arguments go to it", chores::peers),
    (
        "kafka-messages",
        "Rust types from Kafka's message schemas into core/kafka/src/messages",
        kafka::messages,
    ),
    ("bench-report", "criterion's results as a table in benches/record/", report::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let Some(name) = args.first() else {
        println!("cargo xtask <chore>\n");
        for (name, about, _) in CHORES {
            println!("  {name:<13} {about}");
        }
        return Ok(());
    };
    match CHORES.iter().find(|(known, ..)| known == name) {
        Some((.., chore)) => chore(&args[1..]),
        None => bail!("there is no chore {name}; `cargo xtask` lists them"),
    }
}
