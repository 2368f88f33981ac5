//! `dolmen llm inspect`: what a file holds, what a model takes, what it looks at.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use dolmen_base::Jobs;
use dolmen_cli::{Out, Status, show_size};
use dolmen_fs::Map;
use dolmen_llm::config::Config;
use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm::sample::likeliest;
use dolmen_llm::{Model, Options, Row, Watch};
use dolmen_llm_cpu::files::explain;
use dolmen_llm_cpu::{Files, Threads, memory, vocabulary};
use dolmen_text::svg::Svg;
use dolmen_tokenizer::load::gguf::Value;
use serde::Serialize;

use crate::{ids, model};

/// Arguments of `dolmen llm inspect`.
#[derive(clap::Args)]
#[command(
    long_about = "Checks a GGUF file, a safetensors file, a model's folder or a vocabulary, and prints what is in it; the exit status is 0 if it is sound. With a prompt the \
                  model takes one step: what its last layers attend to, and what may come next."
)]
pub struct Args {
    /// The file or folder
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// A text for one step of the model
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Ids for one step of the model, instead of a text
    #[arg(long, value_name = "1,2,3", conflicts_with = "prompt")]
    prompt_ids: Option<String>,
    /// The layer whose attention is shown, from 0 [default: the last one]
    #[arg(long, value_name = "N")]
    layer: Option<usize>,
    /// The head whose attention is shown, from 0 [default: the mean of all]
    #[arg(long, value_name = "N")]
    head: Option<usize>,
    /// Write attention and probabilities as a picture
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Positions that memory is computed for [default: all that the model has]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    context: usize,
    /// Sequences that memory is computed for
    #[arg(long, value_name = "N", default_value_t = 1)]
    slots: usize,
}

/// A tensor as it is listed.
#[derive(Serialize)]
struct Listed {
    name: String,
    element: String,
    shape: Vec<u64>,
    bytes: u64,
}

#[derive(Serialize)]
struct Memory {
    weights_mapped_bytes: u64,
    weights_copied_bytes: u64,
    cache_bytes: u64,
    work_bytes: u64,
}

#[derive(Serialize)]
struct Report {
    kind: &'static str,
    tensors: Vec<Listed>,
    keys: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
}

/// Inspects.
///
/// # Errors
///
/// If the file cannot be read or is not sound.
pub fn run(args: &Args, out: &mut Out) -> Result<Status> {
    if args.prompt.is_some() || args.prompt_ids.is_some() {
        return look(args, out);
    }
    let report = if args.path.is_dir() { folder(args)? } else { file(args)? };
    let Some(report) = report else { return show_vocabulary(&args.path, out) };
    show(&report, out)
}

fn file(args: &Args) -> Result<Option<Report>> {
    let named = || args.path.display().to_string();
    let mut head = Vec::new();
    File::open(&args.path).with_context(named)?.take(16).read_to_end(&mut head).with_context(named)?;
    if head.starts_with(b"GGUF") {
        return gguf(args).map(Some);
    }
    // Eight bytes of length, then a JSON object; text would be a length that no file has.
    let len = head.first_chunk().map_or(u64::MAX, |len| u64::from_le_bytes(*len));
    if (len < 1 << 48 && head.get(8) == Some(&b'{'))
        || args.path.extension().is_some_and(|e| e == "safetensors")
    {
        let map = Map::open(&args.path).with_context(named)?;
        let bytes: &[u8] = if fs::metadata(&args.path).with_context(named)?.len() == 0 { &[] } else { &map };
        let file = SafeTensors::parse(bytes).map_err(|error| explain(error, bytes)).with_context(named)?;
        return Ok(Some(Report {
            kind: "safetensors",
            tensors: list_safetensors(&file),
            keys: file.metadata().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            memory: None,
        }));
    }
    Ok(None)
}

fn list_safetensors(file: &SafeTensors<'_>) -> Vec<Listed> {
    let listed = file.iter().map(|(name, tensor)| Listed {
        name: name.to_owned(),
        element: tensor.element.name().to_owned(),
        shape: tensor.shape.dimensions().to_vec(),
        bytes: tensor.bytes.len() as u64,
    });
    listed.collect()
}

fn gguf(args: &Args) -> Result<Report> {
    let files = Files::open(&args.path)?;
    let file = files.gguf()?;
    let tensors = file.tensors().iter().map(|tensor| Listed {
        name: tensor.name.to_owned(),
        element: tensor.element.to_string(),
        shape: tensor.shape.dimensions().to_vec(),
        bytes: tensor.bytes.len() as u64,
    });
    let keys =
        file.metadata().iter().map(|key| (String::from_utf8_lossy(key.name).into_owned(), shown(key.value)));
    // A vocabulary alone is a sound file too, and so is a model that is not known here.
    let memory = match files.model() {
        Ok(model) => Some(needs(&model, args)?),
        Err(_) => None,
    };
    Ok(Report { kind: "gguf", tensors: tensors.collect(), keys: keys.collect(), memory })
}

fn folder(args: &Args) -> Result<Option<Report>> {
    let files = Files::open(&args.path)?;
    let tensors = files.safetensors()?.iter().flat_map(list_safetensors).collect();
    let model = files.model()?;
    files.vocabulary()?;
    let keys = describe(model.config());
    Ok(Some(Report { kind: "model", tensors, keys, memory: Some(needs(&model, args)?) }))
}

fn describe(config: &Config) -> Vec<(String, String)> {
    let pair = |name: &str, value: &dyn std::fmt::Display| (name.to_owned(), value.to_string());
    vec![
        pair("architecture", &config.architecture.name()),
        pair("vocabulary", &config.vocabulary),
        pair("width", &config.width),
        pair("layers", &config.layers),
        pair("heads", &config.heads),
        pair("heads of keys and values", &config.kv_heads),
        pair("inner width", &config.inner),
        pair("context", &config.context),
    ]
}

fn needs(model: &Model<'_>, args: &Args) -> Result<Memory> {
    let parts = Threads::new(0)?.width();
    let encoder = model.config().architecture.is_encoder();
    let batch = if encoder { model.config().context.min(512) } else { 256 };
    let options = Options { slots: args.slots, context: args.context, batch, parts };
    let (_, needs) = memory::plan(model, options)?;
    Ok(Memory {
        weights_mapped_bytes: needs.mapped,
        weights_copied_bytes: needs.copied,
        cache_bytes: needs.cache,
        work_bytes: needs.work,
    })
}

fn shown(value: Value<'_>) -> String {
    match value {
        Value::Integer(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Text(text) => {
            let text = String::from_utf8_lossy(text);
            let short: String = text.chars().take(80).collect();
            if short.len() < text.len() {
                format!("{short:?}… ({} bytes)", text.len())
            } else {
                format!("{short:?}")
            }
        }
        Value::Array(list) => format!("{} elements", list.len()),
    }
}

fn show(report: &Report, out: &mut Out) -> Result<Status> {
    if out.is_json() {
        out.object(report)?;
        return Ok(Status::Success);
    }
    out.line(format_args!("kind: {}", report.kind))?;
    for (key, value) in &report.keys {
        out.line(format_args!("{key}: {value}"))?;
    }
    let width = report.tensors.iter().map(|tensor| tensor.name.len()).max().unwrap_or(0);
    for Listed { name, element, shape, bytes } in &report.tensors {
        let shape: Vec<String> = shape.iter().map(u64::to_string).collect();
        out.line(format_args!(
            "{name:<width$}  {element:<6}  {:>10}  {}",
            show_size(*bytes).to_string(),
            shape.join(" x ")
        ))?;
    }
    let total: u64 = report.tensors.iter().map(|tensor| tensor.bytes).sum();
    out.line(format_args!("{} tensors, {}", report.tensors.len(), show_size(total)))?;
    if let Some(memory) = &report.memory {
        out.line(format_args!(
            "memory before start: {} of weights mapped, {} copied, {} of keys and values, {} to work with",
            show_size(memory.weights_mapped_bytes),
            show_size(memory.weights_copied_bytes),
            show_size(memory.cache_bytes),
            show_size(memory.work_bytes)
        ))?;
    }
    Ok(Status::Success)
}

#[derive(Serialize)]
struct VocabularyReport {
    kind: String,
    tokens: usize,
}

fn show_vocabulary(path: &Path, out: &mut Out) -> Result<Status> {
    let vocabulary = vocabulary::open_in(path, None)?;
    let report = VocabularyReport {
        kind: format!("{:?}", vocabulary.kind).to_lowercase(),
        tokens: vocabulary.tokenizer.vocabulary_len(),
    };
    if out.is_json() {
        out.object(&report)?;
    } else {
        out.line(format_args!("kind: vocabulary, {}\n{} tokens", report.kind, report.tokens))?;
    }
    Ok(Status::Success)
}

/// The attention of one layer: of one head, or the mean of all.
struct Seen {
    layer: usize,
    head: Option<usize>,
    heads: usize,
    rows: usize,
    weights: Vec<f32>,
}

impl Watch for Seen {
    fn attention(&mut self, layer: usize, head: usize, row: usize, begin: usize, weights: &[f32]) {
        if layer == self.layer && self.head.is_none_or(|wanted| wanted == head) {
            let share = if self.head.is_some() { 1.0 } else { 1.0 / self.heads as f32 };
            let to = &mut self.weights[row * self.rows + begin..][..weights.len()];
            to.iter_mut().zip(weights).for_each(|(to, weight)| *to += share * weight);
        }
    }
}

#[derive(Serialize)]
struct Step {
    tokens: Vec<String>,
    /// Row by row, how much each token attends to each.
    attention: Vec<Vec<f32>>,
    /// The likeliest ids that come next, with their probabilities.
    next: Vec<(u32, String, f32)>,
}

/// One step of the model, with what it looks at.
fn look(args: &Args, out: &mut Out) -> Result<Status> {
    let files = Files::open(&args.path)?;
    let loaded = files.model()?;
    let vocabulary = files.vocabulary()?;
    let prompt = match (&args.prompt_ids, &args.prompt) {
        (Some(list), _) => {
            let mut prompt = Vec::new();
            ids::parse(list, &mut prompt)?;
            prompt
        }
        (_, text) => model::prompt(vocabulary.as_ref(), text.as_deref().unwrap_or_default())?,
    };
    let config = loaded.config();
    ensure!(!prompt.is_empty(), "the prompt is empty");
    ensure!(prompt.len() <= config.context, "the prompt is longer than the context of {}", config.context);
    let layer = args.layer.unwrap_or(config.layers - 1);
    ensure!(layer < config.layers, "the model has layers 0 to {}", config.layers - 1);
    ensure!(args.head.is_none_or(|head| head < config.heads), "a layer has heads 0 to {}", config.heads - 1);
    let threads = Threads::new(0)?;
    let rows = prompt.len();
    let options = Options { slots: 1, context: rows, batch: rows, parts: threads.width() };
    let (plan, mut memory) = model::prepare(&loaded, options, out)?;
    let mut engine = model::engine(&loaded, &plan, &mut memory)?;
    let encoder = config.architecture.is_encoder();
    let mut steps: Vec<Row> = prompt.iter().enumerate().map(|(at, &id)| Row::new(id, 0, at as u32)).collect();
    steps[rows - 1].logits = !encoder;
    let mut logits = vec![0.0; if encoder { 0 } else { config.vocabulary }];
    let weights = vec![0.0; rows * rows];
    let mut seen = Seen { layer, head: args.head, heads: config.heads, rows, weights };
    engine.watched_step(&threads, &steps, &mut logits, Some(&mut seen))?;
    let piece = |id: u32| match &vocabulary {
        Some(vocabulary) => {
            let token = vocabulary.tokenizer.decode(&[id], false).unwrap_or_default();
            token.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
        }
        None => id.to_string(),
    };
    let step = Step {
        tokens: prompt.iter().map(|&id| piece(id)).collect(),
        attention: seen.weights.chunks(rows).map(<[f32]>::to_vec).collect(),
        next: likeliest(&logits, 10)
            .into_iter()
            .map(|(id, logprob)| (id, piece(id), logprob.exp()))
            .collect(),
    };
    if let Some(path) = &args.svg {
        let picture = picture(&step, layer, args.head);
        fs::write(path, picture).with_context(|| path.display().to_string())?;
        out.note(format_args!("{} written", path.display()));
    }
    show_step(&step, layer, args.head, out)
}

fn title(layer: usize, head: Option<usize>) -> String {
    match head {
        Some(head) => format!("attention of layer {layer}, head {head}"),
        None => format!("attention of layer {layer}, mean of all heads"),
    }
}

fn show_step(step: &Step, layer: usize, head: Option<usize>, out: &mut Out) -> Result<Status> {
    if out.is_json() {
        out.object(step)?;
        return Ok(Status::Success);
    }
    const SHADES: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    out.line(title(layer, head))?;
    for (token, weights) in step.tokens.iter().zip(&step.attention) {
        let bars: String =
            weights.iter().map(|w| SHADES[(w * 8.0).round().clamp(0.0, 8.0) as usize]).collect();
        out.line(format_args!("{bars}  {token:?}"))?;
    }
    if !step.next.is_empty() {
        out.line("what may come next")?;
    }
    for (id, text, probability) in &step.next {
        let bar = "█".repeat((probability * 40.0).round() as usize);
        out.line(format_args!("{:>6.2} %  {id:>7}  {text:?}  {bar}", probability * 100.0))?;
    }
    Ok(Status::Success)
}

fn picture(step: &Step, layer: usize, head: Option<usize>) -> String {
    let (count, cell, left, top) = (step.tokens.len() as f64, 18.0, 120.0, 120.0);
    let side = count * cell;
    let bars = left + side + 40.0;
    let height = (top + side).max(top + 22.0 * step.next.len() as f64) + 20.0;
    let mut svg = Svg::new((bars + 330.0) as u32, height as u32);
    svg.text((10.0, 24.0), title(layer, head));
    for (row, (token, weights)) in step.tokens.iter().zip(&step.attention).enumerate() {
        let y = top + row as f64 * cell;
        svg.text((left - 8.0, y + 13.0), token).attribute("text-anchor", "end");
        let x = left + row as f64 * cell + 12.0;
        let turned = format!("rotate(-60 {x} {})", top - 6.0);
        svg.text((x, top - 6.0), token).attribute("transform", turned);
        for (column, weight) in weights.iter().enumerate() {
            let corner = (left + column as f64 * cell, y);
            let element = svg.rect(corner, (cell - 1.0, cell - 1.0)).fill("#1b5e8c");
            let text = format!("{token:?} looks at {:?}: {:.1} %", step.tokens[column], weight * 100.0);
            element.number("fill-opacity", f64::from(weight.clamp(0.0, 1.0))).title(text);
        }
    }
    for (nth, (_, text, probability)) in step.next.iter().enumerate() {
        let y = top + 22.0 * nth as f64;
        svg.rect((bars, y), (f64::from(*probability) * 160.0, 16.0)).fill("#c2410c");
        let label = format!("{text:?} {:.1} %", probability * 100.0);
        svg.text((bars + f64::from(*probability) * 160.0 + 6.0, y + 13.0), label);
    }
    svg.finish()
}
