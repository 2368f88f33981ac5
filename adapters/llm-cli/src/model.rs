//! What every verb that runs a model shares.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use dolmen_cli::Out;
use dolmen_llm::{Engine, Model, Options};
use dolmen_llm_cpu::vocabulary::Vocabulary;
use dolmen_llm_cpu::{Threads, memory};
use dolmen_simd::level::Level;
use dolmen_simd::row64::Row64;
use dolmen_tokenizer::{Scratch, Specials};

/// Which model, and with what it runs.
#[derive(clap::Args)]
pub struct ModelArgs {
    /// A folder with config.json and safetensors, or a GGUF file
    #[arg(long, value_name = "DIR|FILE.gguf")]
    pub model: PathBuf,
    /// Threads [default: as many as there are CPUs]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Rows of a prompt that go through the model together
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub batch: usize,
}

impl ModelArgs {
    /// The threads.
    pub fn threads(&self) -> Result<Threads> {
        Ok(Threads::new(self.threads)?)
    }
}

/// The memory of a model, told on standard error before it is used.
pub fn prepare(model: &Model<'_>, options: Options, out: &Out) -> Result<(dolmen_llm::Plan, Vec<Row64>)> {
    let (plan, needs) = memory::plan(model, options)?;
    out.note(format_args!("memory: {needs}"));
    let block = memory::block(&plan);
    Ok((plan, block))
}

/// An engine at the fastest level of this CPU.
pub fn engine<'e, 'a>(
    model: &'e Model<'a>,
    plan: &dolmen_llm::Plan,
    memory: &'e mut [Row64],
) -> Result<Engine<'e, 'a>> {
    Ok(Engine::new(model, plan, Level::best(), memory)?)
}

/// The ids of a text as a prompt: with what the model was trained to see in front, if the text has it not already.
pub fn prompt(vocabulary: Option<&Vocabulary>, text: &str) -> Result<Vec<u32>> {
    let vocabulary = vocabulary.context("the model has no vocabulary: give the prompt as ids")?;
    let tokenizer = &vocabulary.tokenizer;
    let mut ids = Vec::new();
    tokenizer.encode(&mut Scratch::default(), text, Specials::Tokens, &mut ids)?;
    let special = tokenizer.config().special;
    if let Some(bos) = special.bos.filter(|bos| special.add_bos && ids.first() != Some(bos)) {
        ids.insert(0, bos);
    }
    ensure!(!ids.is_empty(), "the prompt is empty");
    Ok(ids)
}
