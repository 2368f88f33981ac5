//! Language model verbs: `dolmen llm`. Each verb is a module with its arguments and a `run`.

#![forbid(unsafe_code)]

mod bench;
mod chat;
mod convert;
mod eval;
mod generate;
mod ids;
mod inspect;
mod model;
mod serve;
mod tokenize;
mod tour;
mod train;

use anyhow::Result;
use clap::Subcommand;
use dolmen_cli::{Out, Status};

pub use tour::tour;

/// Arguments of `dolmen llm`.
#[derive(clap::Args)]
#[command(
    subcommand_help_heading = "Verbs",
    subcommand_value_name = "VERB",
    after_help = "Examples:\n  dolmen llm tokenize --vocab cl100k_base.tiktoken --ids \"Hello, world\"\n  \
                  dolmen llm train --data input.txt --model gpt-char --steps 2000 --out gpt\n  \
                  dolmen llm generate --model model.gguf --prompt \"Once upon a time\" --max-tokens 64\n  \
                  dolmen llm inspect model.gguf\n  \
                  dolmen llm quantize model-f16.gguf model-q4_k.gguf --type q4_k\n  \
                  echo '[9906, 11, 1917]' | dolmen llm tokenize --vocab cl100k_base.tiktoken --decode -"
)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Continue a prompt, as text or as ids
    Generate(generate::Args),
    /// Talk with a model, by its own template
    Chat(chat::Args),
    /// How likely a model finds sequences of ids; an encoder: their embeddings
    Eval(eval::Args),
    /// What a file holds, what a model takes in memory, and what it looks at
    Inspect(inspect::Args),
    /// A GGUF file with its matrices stored in fewer bits
    Quantize(convert::QuantizeArgs),
    /// A folder of safetensors as a GGUF file
    Convert(convert::ConvertArgs),
    /// How fast a model reads prompts and generates
    Bench(bench::Args),
    /// One model over HTTP, as OpenAI serves it
    Serve(serve::Args),
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
        Verb::Generate(args) => generate::run(&args, out),
        Verb::Chat(args) => chat::run(&args, out),
        Verb::Eval(args) => eval::run(&args, out),
        Verb::Inspect(args) => inspect::run(&args, out),
        Verb::Quantize(args) => convert::quantize(&args, out),
        Verb::Convert(args) => convert::convert(&args, out),
        Verb::Bench(args) => bench::run(&args, out),
        Verb::Serve(args) => serve::run(&args, out),
        Verb::Tokenize(args) => tokenize::run(&args, out),
        Verb::Train(args) => train::run(&args, out),
    }
}
