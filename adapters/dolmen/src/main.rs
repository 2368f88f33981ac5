//! The one binary: `dolmen <system> <verb>`. The list of systems, and `main`; a system's verbs live in its `*-cli` crate.
#![forbid(unsafe_code)]

mod systems;
mod tour;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Subcommand};
use dolmen_cli::{Out, Status};

use systems::{SERVICES, SYSTEMS};

/// Verbs of the binary itself.
#[derive(Subcommand)]
enum Own {
    /// Run every system once on real input and report
    #[command(display_order = 2)]
    Tour(tour::Args),
    /// Print a completion script for a shell
    #[command(
        display_order = 1000,
        after_help = "Examples:\n  dolmen completions bash > ~/.local/share/bash-completion/completions/dolmen\n  \
                      dolmen completions zsh > ~/.zfunc/_dolmen        with fpath+=~/.zfunc in .zshrc\n  \
                      dolmen completions fish > ~/.config/fish/completions/dolmen.fish"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let matches = command().get_matches();
    let (is_json, is_quiet) = (matches.get_flag("json"), matches.get_flag("quiet"));
    match Out::stdout(is_json, is_quiet) {
        Ok(mut out) => dolmen_cli::finish(run(&matches, &mut out), out),
        Err(error) => {
            eprintln!("error: standard output: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The whole command line.
fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).global(true).display_order(900).help(help)
    };
    let root = Command::new("dolmen")
        .version(env!("CARGO_PKG_VERSION"))
        .arg_required_else_help(true)
        .subcommand_required(true)
        .arg(flag("json", "One JSON object per line on standard output"))
        .arg(flag("quiet", "No progress and no remarks on standard error").short('q'));
    let root = root.subcommand(up::command(SERVICES).display_order(1));
    let root = SYSTEMS.iter().enumerate().fold(root, |root, (at, system)| {
        let verbs = Command::new(system.name).about(system.about).display_order(10 + at);
        root.subcommand(verbs.defer(system.arguments))
    });
    Own::augment_subcommands(root).about("Data systems with no_std cores: serve them, use them, look inside")
}

fn run(matches: &ArgMatches, out: &mut Out) -> Result<Status> {
    match matches.subcommand() {
        Some(("up", matches)) => return up::run(SERVICES, matches, out),
        Some((name, matches)) => {
            if let Some(system) = SYSTEMS.iter().find(|system| system.name == name) {
                return (system.run)(matches, out);
            }
        }
        None => {}
    }
    match Own::from_arg_matches(matches).unwrap_or_else(|error| error.exit()) {
        Own::Tour(args) => tour::run(&args, out),
        Own::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "dolmen", &mut script);
            out.bytes(&script)?;
            Ok(Status::Success)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
