//! `dolmen llm eval`: how likely a model finds what is there.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use dolmen_base::Jobs;
use dolmen_cli::{Out, Status};
use dolmen_llm::sample::log_sum;
use dolmen_llm::{Engine, Options, Row};
use dolmen_llm_cpu::Files;
use serde::Serialize;

use crate::ids;
use crate::model::{self, ModelArgs};

/// Floats of the logits of one step.
const LOGITS_LEN: usize = 16 << 20;
/// Longest line of a file of ids.
const LINE_LEN_MAX: u64 = 1 << 30;

/// Arguments of `dolmen llm eval`.
#[derive(clap::Args)]
#[command(
    long_about = "How likely a model finds each id after those before it: the mean loss, and with --json the natural logarithm of each probability. An encoder \
                  gives the embedding of each sequence instead: the mean of its states, made as long as 1."
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// A file with one sequence of ids a line
    #[arg(long, value_name = "FILE")]
    ids: PathBuf,
}

#[derive(Serialize)]
struct Loss {
    loss: Option<f64>,
    tokens: usize,
    logprobs: Vec<Vec<f32>>,
}

#[derive(Serialize)]
struct Embeddings {
    embeddings: Vec<Vec<f32>>,
}

/// Evaluates.
///
/// # Errors
///
/// If the model or the file cannot be used, or a sequence does not fit the model.
pub fn run(args: &Args, out: &mut Out) -> Result<Status> {
    let files = Files::open(&args.model.model)?;
    let model = files.model()?;
    let texts = read(&args.ids)?;
    let threads = args.model.threads()?;
    let longest = texts.iter().map(Vec::len).max().unwrap_or(0).clamp(1, model.config().context);
    let encoder = model.config().architecture.is_encoder();
    let batch = if encoder { longest } else { args.model.batch.min(longest) };
    let options = Options { slots: 1, context: longest, batch, parts: threads.width() };
    let (plan, mut memory) = model::prepare(&model, options, out)?;
    let mut engine = model::engine(&model, &plan, &mut memory)?;
    let mut progress = out.progress("sequences", texts.len() as u64);
    let mut results = Vec::new();
    for (nth, text) in texts.iter().enumerate() {
        let result =
            if encoder { embed(&mut engine, &threads, text) } else { logprobs(&mut engine, &threads, text) };
        results.push(result.with_context(|| format!("{}, sequence {}", args.ids.display(), nth + 1))?);
        progress.add(1);
    }
    drop(progress);
    if encoder { show_embeddings(results, out) } else { show_loss(results, out) }
}

fn read(path: &PathBuf) -> Result<Vec<Vec<u32>>> {
    let named = || path.display().to_string();
    let mut input = BufReader::new(File::open(path).with_context(named)?);
    let (mut line, mut texts, mut number) = (Vec::new(), Vec::new(), 0);
    loop {
        number += 1;
        line.clear();
        if (&mut input).take(LINE_LEN_MAX).read_until(b'\n', &mut line).with_context(named)? == 0 {
            break;
        }
        let mut text = Vec::new();
        ids::parse_bytes(&line, &mut text).with_context(|| format!("{}, line {number}", path.display()))?;
        if !text.is_empty() {
            texts.push(text);
        }
    }
    ensure!(!texts.is_empty(), "{}: there is no sequence of ids", path.display());
    Ok(texts)
}

/// The logarithm of the probability of each id but the first.
fn logprobs(engine: &mut Engine<'_, '_>, jobs: &dyn Jobs, text: &[u32]) -> Result<Vec<f32>> {
    let vocabulary = engine.model().config().vocabulary;
    let each = engine.plan().batch().min((LOGITS_LEN / vocabulary).max(1));
    let mut logits = vec![0.0; each.min(text.len()) * vocabulary];
    let mut all = Vec::with_capacity(text.len());
    engine.truncate(0, 0);
    for (nth, part) in text.chunks(each).enumerate() {
        let begin = nth * each;
        let row = |(at, &id): (usize, &u32)| Row::new(id, 0, (begin + at) as u32).with_logits();
        let rows: Vec<Row> = part.iter().enumerate().map(row).collect();
        let logits = &mut logits[..rows.len() * vocabulary];
        engine.step(jobs, &rows, logits)?;
        for (at, logits) in logits.chunks_exact(vocabulary).enumerate() {
            if let Some(&next) = text.get(begin + at + 1) {
                let logit = *logits.get(next as usize).with_context(|| {
                    format!("id {next} is not below {vocabulary}, the size of the vocabulary")
                })?;
                let logprob = f64::from(logit) - log_sum(logits);
                ensure!(!logprob.is_nan(), "the model's result at position {} is not a number", begin + at);
                all.push(logprob as f32);
            }
        }
    }
    Ok(all)
}

fn embed(engine: &mut Engine<'_, '_>, jobs: &dyn Jobs, text: &[u32]) -> Result<Vec<f32>> {
    let rows: Vec<Row> = text.iter().enumerate().map(|(at, &id)| Row::new(id, 0, at as u32)).collect();
    engine.step(jobs, &rows, &mut [])?;
    let mut embedding = vec![0.0; engine.model().config().width];
    engine.embedding(0..rows.len(), &mut embedding)?;
    Ok(embedding)
}

fn show_loss(logprobs: Vec<Vec<f32>>, out: &mut Out) -> Result<Status> {
    let tokens = logprobs.iter().map(Vec::len).sum();
    let sum: f64 = logprobs.iter().flatten().map(|&x| f64::from(x)).sum();
    let loss = (tokens > 0).then(|| -sum / tokens as f64);
    if out.is_json() {
        out.object(&Loss { loss, tokens, logprobs })?;
    } else {
        let loss = loss.context("no sequence has a second id: nothing is predicted")?;
        out.line(format_args!("loss {loss:.6} over {tokens} tokens, perplexity {:.4}", loss.exp()))?;
    }
    Ok(Status::Success)
}

fn show_embeddings(embeddings: Vec<Vec<f32>>, out: &mut Out) -> Result<Status> {
    if out.is_json() {
        out.object(&Embeddings { embeddings })?;
        return Ok(Status::Success);
    }
    for embedding in embeddings {
        out.line(serde_json::to_string(&embedding)?)?;
    }
    Ok(Status::Success)
}
