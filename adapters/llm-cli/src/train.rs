//! `dolmen llm train`.
//!
//! Core says what comes next ([`Machine`]) and does the arithmetic ([`Trainer`]); here are the files, the threads and what is printed.
//! `DIR` gets `config.json`, `model.safetensors`, `tokenizer.json`, `loss.svg`, `sample.txt`, and `train.checkpoint`, which `--resume` goes
//! on from. Files are written beside their names and renamed, so that a crash leaves the older ones whole.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use dolmen_base::Jobs;
use dolmen_cli::{Out, Progress, Status, show_size};
use dolmen_llm::Config;
use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm::train::chart::losses_svg;
use dolmen_llm::train::data::Characters;
use dolmen_llm::train::machine::{Effect, Input, Machine, Rhythm};
use dolmen_llm::train::{Settings, Trainer, export};
use dolmen_tensor::{Context, Level};
use dolmen_tokenizer::{Scratch, Specials, Tokenizer};
use serde::{Deserialize, Serialize};

use dolmen_llm_cpu::vocabulary;

#[derive(clap::Args)]
pub struct Args {
    /// Text: its first nine tenths are trained on, the last is what the validation loss is of
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// `gpt-char`, or a file of nanoGPT's settings
    #[arg(long, value_name = "gpt-char|FILE.toml")]
    model: String,
    /// Steps; without it the file's `max_iters`, or 2,000
    #[arg(long)]
    steps: Option<u64>,
    /// The model folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on from the checkpoint in DIR
    #[arg(long)]
    resume: bool,
    /// Steps from one checkpoint to the next; the last is always written
    #[arg(long, value_name = "K", default_value_t = 0)]
    checkpoint_every: u64,
    /// Threads; the result does not depend on them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: u16,
    /// Characters of the sample that is written at the end
    #[arg(long, default_value_t = 500)]
    sample: usize,
}

/// A settings file: nanoGPT's names, and a few of our own. What is not said is as in `gpt-char`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    n_layer: Option<usize>,
    n_head: Option<usize>,
    n_embd: Option<usize>,
    block_size: Option<usize>,
    batch_size: Option<usize>,
    gradient_accumulation_steps: Option<usize>,
    bias: Option<bool>,
    dropout: Option<f32>,
    learning_rate: Option<f64>,
    max_iters: Option<u64>,
    decay_lr: Option<bool>,
    warmup_iters: Option<u64>,
    lr_decay_iters: Option<u64>,
    min_lr: Option<f64>,
    weight_decay: Option<f32>,
    beta1: Option<f32>,
    beta2: Option<f32>,
    grad_clip: Option<f64>,
    eval_interval: Option<u64>,
    seed: Option<u64>,
    /// `scratch`, or a model folder whose weights and tokenizer are taken.
    init_from: Option<String>,
    lora_rank: Option<usize>,
    lora_alpha: Option<f32>,
    /// nanoGPT's, without a meaning here: evaluation is always of the whole last tenth, nothing is compiled.
    #[serde(rename = "eval_iters")]
    _eval_iters: Option<u64>,
    #[serde(rename = "log_interval")]
    _log_interval: Option<u64>,
    #[serde(rename = "device")]
    _device: Option<String>,
    #[serde(rename = "compile")]
    _compile: Option<bool>,
}

macro_rules! take {
    ($settings:ident, $file:ident: $($name:ident)*) => {
        $(if let Some(value) = $file.$name { $settings.$name = value; })*
    };
}

impl File {
    fn read(model: &str) -> Result<File> {
        if model == "gpt-char" {
            return Ok(File::default());
        }
        ensure!(model.ends_with(".toml"), "expected gpt-char or a .toml file, found {model:?}");
        let text = fs::read_to_string(model).with_context(|| model.to_owned())?;
        toml::from_str(&text).with_context(|| model.to_owned())
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::GPT_CHAR;
        take!(settings, self: n_layer n_head n_embd block_size batch_size gradient_accumulation_steps bias dropout
            learning_rate decay_lr warmup_iters min_lr weight_decay beta1 beta2 grad_clip eval_interval seed
            lora_rank lora_alpha);
        settings.lr_decay_iters = self.lr_decay_iters;
        if self.learning_rate.is_some() && self.min_lr.is_none() {
            settings.min_lr = settings.learning_rate / 10.0;
        }
        settings
    }
}

/// What turns text into tokens and back.
enum Words {
    Characters(Characters),
    Tokenizer(Box<Tokenizer>, PathBuf),
}

impl Words {
    fn encode(&self, text: &str) -> Result<Vec<u32>> {
        match self {
            Words::Characters(characters) => Ok(characters.encode(text)),
            Words::Tokenizer(tokenizer, _) => {
                let mut ids = Vec::new();
                tokenizer.encode(&mut Scratch::default(), text, Specials::Text, &mut ids)?;
                Ok(ids)
            }
        }
    }

    fn decode(&self, tokens: &[u32]) -> Result<String> {
        match self {
            Words::Characters(characters) => Ok(characters.decode(tokens)),
            Words::Tokenizer(tokenizer, _) => Ok(tokenizer.decode(tokens, false)?),
        }
    }
}

/// A training with its files.
struct Run<'a> {
    args: &'a Args,
    trainer: Trainer,
    words: Words,
    tokens: Vec<u32>,
    threads: Threads,
    /// A folder's own configuration, where one was fine-tuned.
    config_json: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct Evaluated {
    step: u64,
    train_loss: f32,
    validation_loss: f64,
    learning_rate: f64,
}

#[derive(Serialize)]
struct Finished<'a> {
    steps: u64,
    parameters: usize,
    train_loss: Option<f32>,
    validation_loss: Option<f32>,
    sample: &'a str,
}

pub fn run(args: &Args, out: &mut Out) -> Result<Status> {
    let mut run = Run::new(args)?;
    if args.resume {
        let checkpoint = args.out.join(CHECKPOINT);
        let bytes = fs::read(&checkpoint).with_context(|| checkpoint.display().to_string())?;
        run.trainer.resume(&run.tokens, &bytes).with_context(|| checkpoint.display().to_string())?;
    } else {
        fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    }
    let (params, frozen) = run.trainer.parameters();
    out.note(format_args!(
        "{} parameters, {} trained, {} tokens of text, {} of memory, step {}",
        params.len() + frozen.len(),
        params.len(),
        run.tokens.len(),
        show_size(run.trainer.memory_bytes() as u64),
        run.trainer.done(),
    ));
    run.train(out)?;
    run.finish(out)
}

impl<'a> Run<'a> {
    fn new(args: &'a Args) -> Result<Run<'a>> {
        let file = File::read(&args.model)?;
        let settings = file.settings();
        let text = fs::read_to_string(&args.data).with_context(|| args.data.display().to_string())?;
        let steps = args.steps.or(file.max_iters).unwrap_or(2000);
        let threads = Threads(usize::from(args.threads));
        let folder = file.init_from.as_deref().filter(|from| *from != "scratch").map(Path::new);
        let Some(folder) = folder else {
            let characters = Characters::of(&text);
            ensure!(!characters.is_empty(), "{}: expected text, found none", args.data.display());
            let tokens = characters.encode(&text);
            let config = settings.config(characters.len());
            let trainer = Trainer::new(config, settings, steps, threads.0)?;
            let words = Words::Characters(characters);
            return Ok(Run { args, trainer, words, tokens, threads, config_json: None });
        };
        let read =
            |name: &str| fs::read(folder.join(name)).with_context(|| folder.join(name).display().to_string());
        let config_json = read("config.json")?;
        let config = Config::from_json(&config_json).with_context(|| folder.display().to_string())?;
        ensure!(
            settings.block_size <= config.context,
            "block_size: the model has {} positions",
            config.context
        );
        let path = folder.join("tokenizer.json");
        let words = Words::Tokenizer(Box::new(vocabulary::open(&path)?.tokenizer), path);
        let tokens = words.encode(&text)?;
        let mut trainer = Trainer::new(config, settings, steps, threads.0)?;
        let weights = read("model.safetensors")?;
        let parsed = SafeTensors::parse(&weights).with_context(|| folder.display().to_string())?;
        trainer.load(&parsed).with_context(|| folder.display().to_string())?;
        Ok(Run { args, trainer, words, tokens, threads, config_json: Some(config_json) })
    }

    fn train(&mut self, out: &mut Out) -> Result<()> {
        let steps = self.args.steps.unwrap_or_else(|| self.trainer.steps());
        let rhythm = Rhythm {
            steps,
            evaluate_every: self.trainer.settings().eval_interval,
            save_every: self.args.checkpoint_every,
        };
        let mut machine = Machine::new(rhythm, self.trainer.done());
        let mut progress: Progress = out.progress("training", Some(steps));
        let mut last = None;
        while let Some(effect) = machine.poll() {
            let context = Context { level: Level::best(), jobs: &self.threads, seed: 0 };
            let input = match effect {
                Effect::Step(step) => {
                    let stepped = self.trainer.step(&context, &self.tokens)?;
                    progress.set(step + 1);
                    last = Some(stepped);
                    Input::Stepped(stepped.loss)
                }
                Effect::Evaluate(step) => {
                    let loss = self.trainer.evaluate(&context, &self.tokens)?;
                    let (train_loss, learning_rate) =
                        last.map_or((f32::NAN, 0.0), |last| (last.loss, last.rate));
                    out.note(format_args!(
                        "step {step:>6}: training {train_loss:.4}, validation {loss:.4}, rate {learning_rate:.2e}"
                    ));
                    if out.is_json() {
                        out.object(&Evaluated { step, train_loss, validation_loss: loss, learning_rate })?;
                        out.flush()?;
                    }
                    Input::Evaluated(loss)
                }
                Effect::Save(_) => {
                    let saved = self.save();
                    let kept = saved.is_ok();
                    let handled = machine.handle(Input::Saved(kept));
                    saved?;
                    handled?;
                    continue;
                }
                Effect::Finish(_) => break,
            };
            machine.handle(input)?;
        }
        Ok(())
    }

    /// A checkpoint, and the picture so far.
    fn save(&self) -> Result<()> {
        let mut bytes = Vec::new();
        self.trainer.append_checkpoint(&self.tokens, &mut bytes);
        replace(&self.args.out.join(CHECKPOINT), &bytes)?;
        let title = format!("{} on {}", self.args.model, name(&self.args.data));
        replace(&self.args.out.join("loss.svg"), losses_svg(self.trainer.losses(), &title).as_bytes())
    }

    /// The model folder, and a sample.
    fn finish(self, out: &mut Out) -> Result<Status> {
        let folder = &self.args.out;
        let config = match self.config_json {
            Some(bytes) => bytes,
            None => export::config_json(self.trainer.config())?.into_bytes(),
        };
        replace(&folder.join("config.json"), &config)?;
        replace(&folder.join("model.safetensors"), &export::safetensors(&self.trainer)?)?;
        let tokenizer = match &self.words {
            Words::Characters(characters) => characters.tokenizer_json().into_bytes(),
            Words::Tokenizer(_, path) => fs::read(path).with_context(|| path.display().to_string())?,
        };
        replace(&folder.join("tokenizer.json"), &tokenizer)?;
        let context = Context { level: Level::best(), jobs: &self.threads, seed: 0 };
        let mut prompt = self.words.encode("\n")?;
        prompt.truncate(1);
        if prompt.is_empty() {
            prompt.push(self.tokens[0]);
        }
        let drawn = (self.args.sample, 0.8, self.trainer.settings().seed);
        let sample = self.words.decode(&self.trainer.sample(&context, &prompt, drawn)?)?;
        replace(&folder.join("sample.txt"), sample.as_bytes())?;
        let last = self.trainer.losses().last();
        let (params, frozen) = self.trainer.parameters();
        if out.is_json() {
            let finite = |loss: f32| loss.is_finite().then_some(loss);
            out.object(&Finished {
                steps: self.trainer.done(),
                parameters: params.len() + frozen.len(),
                train_loss: last.and_then(|last| finite(last.train)),
                validation_loss: last.and_then(|last| finite(last.validation)),
                sample: &sample,
            })?;
            return Ok(Status::Success);
        }
        if let Some(last) = last {
            let (step, loss) = (last.step, last.validation);
            out.line(format_args!("step {step}: validation loss {loss:.4} on the last tenth"))?;
        }
        out.line(format_args!(
            "{}: config.json, model.safetensors, tokenizer.json, loss.svg",
            folder.display()
        ))?;
        out.line("")?;
        out.line(sample)?;
        Ok(Status::Success)
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A file that is there as a whole, or as it was before.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_added_extension("new");
    let written = || -> std::io::Result<()> {
        let mut file = fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    if let Err(error) = written() {
        // What is half written must not stay; that it cannot be removed changes nothing of the error.
        let _ = fs::remove_file(&beside);
        bail!("{}: {error}", path.display());
    }
    Ok(())
}

/// A thread for each job.
struct Threads(usize);

impl Jobs for Threads {
    fn run(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| {
            for nth in 1..count {
                scope.spawn(move || job(nth));
            }
            job(0);
        });
    }

    fn width(&self) -> usize {
        self.0
    }
}

const CHECKPOINT: &str = "train.checkpoint";
