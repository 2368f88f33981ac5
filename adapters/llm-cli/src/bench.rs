//! `dolmen llm bench`: how fast a model reads and generates.

use std::time::{Duration, Instant};

use anyhow::Result;
use dolmen_base::{Jobs, Rng};
use dolmen_cli::{Out, Status};
use dolmen_llm::{Engine, Options, Row};
use dolmen_llm_cpu::Files;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::generate;
use crate::model::{self, ModelArgs};

/// Arguments of `dolmen llm bench`.
#[derive(clap::Args)]
#[command(
    long_about = "Reads a prompt of random ids and generates after it, several times; prints the median of tokens a second, by the clock and by the CPU time of the \
                  process, which counts on a machine that others use too."
)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Ids of the prompt
    #[arg(long, value_name = "N", default_value_t = 512)]
    prompt_len: usize,
    /// Ids that are generated
    #[arg(long, value_name = "N", default_value_t = 64)]
    generate_len: usize,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
}

#[derive(Serialize)]
struct Speeds {
    threads: usize,
    prompt_len: usize,
    prompt_per_s: f64,
    prompt_per_cpu_s: f64,
    generate_len: usize,
    generate_per_s: f64,
    generate_per_cpu_s: f64,
}

/// Measures.
///
/// # Errors
///
/// If the model cannot be used.
pub fn run(args: &Args, out: &mut Out) -> Result<Status> {
    let files = Files::open(&args.model.model)?;
    let model = files.model()?;
    generate::check(&model)?;
    let threads = args.model.threads()?;
    let (read, write) = (args.prompt_len.max(1), args.generate_len.max(1));
    let options =
        Options { slots: 1, context: read.max(write), batch: args.model.batch, parts: threads.width() };
    let (plan, mut memory) = model::prepare(&model, options, out)?;
    let mut engine = model::engine(&model, &plan, &mut memory)?;
    let mut rng = Rng::new(1);
    let vocabulary = model.config().vocabulary;
    let ids: Vec<u32> = (0..read.max(write)).map(|_| rng.below(vocabulary as u64) as u32).collect();
    let mut logits = vec![0.0; vocabulary];
    let (mut prompts, mut answers) = (Vec::new(), Vec::new());
    let mut progress = out.progress("rounds", args.rounds as u64);
    for _ in 0..args.rounds.max(1) {
        prompts.push(measure(|| {
            let rows: Vec<Row> =
                ids[..read].iter().enumerate().map(|(at, &id)| Row::new(id, 0, at as u32)).collect();
            steps(&mut engine, &threads, &rows, plan.batch(), &mut logits)
        })?);
        answers.push(measure(|| {
            let row = |(at, &id): (usize, &u32)| Row::new(id, 0, at as u32);
            let rows: Vec<Row> = ids[..write].iter().enumerate().map(row).collect();
            rows.iter().try_for_each(|row| Ok(engine.step(&threads, &[row.with_logits()], &mut logits)?))
        })?);
        progress.add(1);
    }
    drop(progress);
    let (prompt, prompt_cpu) = medians(&prompts, read);
    let (answer, answer_cpu) = medians(&answers, write);
    let speeds = Speeds {
        threads: threads.width(),
        prompt_len: read,
        prompt_per_s: prompt,
        prompt_per_cpu_s: prompt_cpu,
        generate_len: write,
        generate_per_s: answer,
        generate_per_cpu_s: answer_cpu,
    };
    if out.is_json() {
        out.object(&speeds)?;
    } else {
        out.line(format_args!("prompt of {read}:    {prompt:>9.1} tokens/s, {prompt_cpu:>9.1} by CPU time"))?;
        out.line(format_args!(
            "{write} generated:    {answer:>9.1} tokens/s, {answer_cpu:>9.1} by CPU time"
        ))?;
    }
    Ok(Status::Success)
}

/// A prompt, of whose last id the logits are computed.
fn steps(
    engine: &mut Engine<'_, '_>,
    jobs: &dyn Jobs,
    rows: &[Row],
    batch: usize,
    logits: &mut [f32],
) -> Result<()> {
    let mut rows = rows.to_vec();
    rows.last_mut().expect("a prompt has an id").logits = true;
    for rows in rows.chunks(batch) {
        let wanted = rows.last().is_some_and(|row| row.logits);
        engine.step(jobs, rows, if wanted { &mut *logits } else { &mut [] })?;
    }
    Ok(())
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Seconds by the clock, and of CPU time.
fn measure(work: impl FnOnce() -> Result<()>) -> Result<(f64, f64)> {
    let (begun, cpu_begun) = (Instant::now(), cpu());
    work()?;
    Ok((begun.elapsed().as_secs_f64(), (cpu() - cpu_begun).as_secs_f64()))
}

/// Tokens a second: the medians of both.
fn medians(rounds: &[(f64, f64)], count: usize) -> (f64, f64) {
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        count as f64 / all[all.len() / 2].max(1e-9)
    };
    (median(|round| round.0), median(|round| round.1))
}
