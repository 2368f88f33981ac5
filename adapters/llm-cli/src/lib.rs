//! Language model verbs: `dolmen llm`. Each verb is a module with its arguments and a `run`.

#![forbid(unsafe_code)]

mod tokenize;
mod tour;
mod train;
pub mod vocabulary;

use anyhow::Result;
use clap::Subcommand;
use dolmen_cli::{Out, Status};

pub use tour::tour;

/// Arguments of `dolmen llm`.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  dolmen llm tokenize --vocab cl100k_base.tiktoken --ids \"Hello, world\"\n  \
                  dolmen llm tokenize --vocab tokenizer.json - < README.md\n  \
                  echo '[9906, 11, 1917]' | dolmen llm tokenize --vocab cl100k_base.tiktoken --decode -\n  \
                  dolmen llm train --data input.txt --model gpt-char --steps 2000 --out gpt"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Text to ids and back, with any tiktoken, tokenizer.json, SentencePiece or GGUF vocabulary
    Tokenize(tokenize::Args),
    /// Trains a GPT on a text: progress, checkpoints, a picture of the losses, a model folder as Hugging Face has it
    Train(train::Args),
}

/// Runs a verb.
///
/// # Errors
///
/// As the verb's.
pub fn run(args: Args, out: &mut Out) -> Result<Status> {
    match args.verb {
        Verb::Tokenize(args) => tokenize::run(&args, out),
        Verb::Train(args) => train::run(&args, out),
    }
}
