//! `dolmen llm generate`: a prompt goes on.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use dolmen_base::Jobs;
use dolmen_cli::{Out, Status};
use dolmen_llm::beam::{Beams, search};
use dolmen_llm::constrain::{Constrained, Pieces};
use dolmen_llm::grammar::Grammar;
use dolmen_llm::sample::{Sampler, Sampling};
use dolmen_llm::scheduler::{Constraint, Event, Finish, Request, Scheduler};
use dolmen_llm::schema;
use dolmen_llm::stop::Stops;
use dolmen_llm::{Model, Options};
use dolmen_llm_cpu::Files;
use dolmen_llm_cpu::vocabulary::Vocabulary;
use serde::Serialize;

use crate::model::{self, ModelArgs};
use crate::{ids, model::prompt};

/// Arguments of `dolmen llm generate`.
#[derive(clap::Args)]
#[command(
    long_about = "Continues a prompt. With a vocabulary the text is printed as it comes; --json prints one object at the end, with the new ids. Prompts that \
                  are given as ids run to --max-tokens; text ends at the model's id for it. Temperature 0 takes the likeliest id each time."
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// The text to continue
    #[arg(long, value_name = "TEXT", required_unless_present = "prompt_ids", allow_hyphen_values = true)]
    prompt: Option<String>,
    /// The ids to continue, instead of a text
    #[arg(long, value_name = "1,2,3", conflicts_with = "prompt")]
    prompt_ids: Option<String>,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// Keep so many continuations and print the likeliest one
    #[arg(long, value_name = "N", default_value_t = 1)]
    beams: usize,
}

/// How ids are chosen.
#[derive(clap::Args)]
pub struct SamplingArgs {
    /// Ids that are generated at most
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub max_tokens: usize,
    /// The same seed gives the same text
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// What logits are divided by; 0 takes the likeliest id
    #[arg(long, value_name = "T", default_value_t = 0.8)]
    pub temperature: f32,
    /// Only so many of the likeliest ids; 0: all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub top_k: usize,
    /// Only the likeliest ids that together reach this probability
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub top_p: f32,
    /// Only ids that reach this part of the likeliest one's probability
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub min_p: f32,
    /// What logits of ids that were there are divided by
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub repetition_penalty: f32,
    /// A text that ends the answer; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
    /// The answer is JSON of this schema
    #[arg(long, value_name = "FILE", conflicts_with = "grammar")]
    pub json_schema: Option<PathBuf>,
    /// The answer is of this grammar, in llama.cpp's form
    #[arg(long, value_name = "FILE")]
    pub grammar: Option<PathBuf>,
    /// Never guess ids from what came before
    #[arg(long)]
    pub no_lookup: bool,
}

impl SamplingArgs {
    /// The settings of the sampler.
    pub fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition: self.repetition_penalty,
            ..Sampling::default()
        }
    }

    fn constraint<'v>(&self, vocabulary: Option<&'v Vocabulary>) -> Result<Option<Box<dyn Constraint + 'v>>> {
        let (path, is_schema) = match (&self.json_schema, &self.grammar) {
            (Some(path), _) => (path, true),
            (None, Some(path)) => (path, false),
            (None, None) => return Ok(None),
        };
        let named = || path.display().to_string();
        let bytes = std::fs::read(path).with_context(named)?;
        let grammar = if is_schema {
            schema::grammar(&bytes).with_context(named)?
        } else {
            Grammar::parse(std::str::from_utf8(&bytes).with_context(named)?).with_context(named)?
        };
        let vocabulary = vocabulary.context("a grammar needs a vocabulary, and the model has none")?;
        let pieces = Arc::new(Pieces::new(&vocabulary.tokenizer));
        Ok(Some(Box::new(Constrained::new(grammar, pieces))))
    }

    /// A request for one answer.
    pub fn request<'v>(
        &self,
        prompt: Vec<u32>,
        eos: Vec<u32>,
        vocabulary: Option<&'v Vocabulary>,
    ) -> Result<Request<'v>> {
        Ok(Request {
            id: 0,
            prompt,
            len_max: self.max_tokens,
            sampler: Sampler::new(self.sampling(), self.seed)?,
            stops: Stops::new(self.stop.clone())?,
            eos,
            decoder: vocabulary.map(|vocabulary| vocabulary.tokenizer.decoder(true)),
            logprobs: None,
            constraint: self.constraint(vocabulary)?,
            guess: !self.no_lookup,
        })
    }
}

/// An answer.
#[derive(Serialize)]
pub struct Answer {
    /// Its ids.
    pub ids: Vec<u32>,
    /// Its text, if there is a vocabulary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    finish: &'static str,
}

/// Generates.
///
/// # Errors
///
/// If the model cannot be used, an id is outside its vocabulary, or the prompt beyond its context.
pub fn run(args: &Args, out: &mut Out) -> Result<Status> {
    let files = Files::open(&args.model.model)?;
    let model = files.model()?;
    ensure!(
        !model.config().architecture.is_encoder(),
        "an encoder generates nothing; `dolmen llm eval` gives its embeddings"
    );
    let vocabulary = files.vocabulary()?;
    let (prompt, eos) = match (&args.prompt_ids, &args.prompt) {
        (Some(list), _) => {
            let mut prompt = Vec::new();
            ids::parse(list, &mut prompt)?;
            (prompt, Vec::new())
        }
        (None, Some(text)) => (prompt(vocabulary.as_ref(), text)?, files.eos(&model, vocabulary.as_ref())?),
        (None, None) => bail!("expected --prompt or --prompt-ids"),
    };
    let threads = args.model.threads()?;
    let context = prompt.len().saturating_add(args.sampling.max_tokens).clamp(1, model.config().context);
    ensure!(
        prompt.len() <= context,
        "the prompt has {} tokens, beyond the model's context of {context}",
        prompt.len()
    );
    let batch = args.model.batch.max(args.beams);
    let slots = if args.beams > 1 { 2 * args.beams } else { 1 };
    let (plan, mut memory) =
        model::prepare(&model, Options { slots, context, batch, parts: threads.width() }, out)?;
    let mut engine = model::engine(&model, &plan, &mut memory)?;
    if args.beams > 1 {
        let len_max = args.sampling.max_tokens.min(context - prompt.len());
        let beams = Beams { beams: args.beams, len_max, length_penalty: 1.0, eos: &eos };
        let found = search(&mut engine, &threads, &prompt, &beams)?;
        let text = vocabulary.as_ref().map(|v| v.tokenizer.decode(&found, true)).transpose()?;
        show(Answer { ids: found, text, finish: "length" }, false, out)?;
        return Ok(Status::Success);
    }
    let mut scheduler = Scheduler::new(engine, 1, 1);
    scheduler.submit(args.sampling.request(prompt, eos, vocabulary.as_ref())?)?;
    let answer = answer(&mut scheduler, &threads, vocabulary.is_some(), out)?;
    show(answer, true, out)?;
    Ok(Status::Success)
}

/// Runs a scheduler until its one request is answered; text is printed as it comes, unless it is JSON that is wanted.
pub fn answer(
    scheduler: &mut Scheduler<'_, '_, '_>,
    jobs: &dyn Jobs,
    has_text: bool,
    out: &mut Out,
) -> Result<Answer> {
    let (mut events, mut ids, mut all) = (Vec::new(), Vec::new(), String::new());
    let mut finished = "length";
    while scheduler.step(jobs, &mut events) {
        for event in events.drain(..) {
            let more = match event {
                Event::Token { id, text, .. } => {
                    ids.push(id);
                    text
                }
                Event::Done { text, finish, .. } => {
                    finished = match finish {
                        Finish::Stop => "stop",
                        Finish::Length => "length",
                        Finish::Failed(error) => return Err(error.into()),
                        Finish::Broken(error) => return Err(error.into()),
                    };
                    text
                }
            };
            if has_text && !out.is_json() && !more.is_empty() {
                write!(out, "{more}")?;
                out.flush()?;
            }
            all.push_str(&more);
        }
    }
    Ok(Answer { ids, text: has_text.then_some(all), finish: finished })
}

/// The end of the output.
pub fn show(answer: Answer, printed: bool, out: &mut Out) -> Result<()> {
    if out.is_json() {
        out.object(&answer)?;
    } else if let Some(text) = &answer.text {
        out.line(if printed { "" } else { text })?;
    } else {
        let mut line = String::new();
        ids::list(&answer.ids, &mut line);
        out.line(line)?;
    }
    Ok(())
}

/// Whether a model can generate at all.
pub fn check(model: &Model<'_>) -> Result<()> {
    ensure!(!model.config().architecture.is_encoder(), "an encoder generates nothing");
    Ok(())
}
