//! `dolmen simd bench`: each kernel at each level, length and alignment.
//!
//! Time is the thread's CPU time, so that other programs do not count but for what they take of caches and memory. A figure is the best of
//! several samples of about a millisecond. Peak and bandwidth are measured in the same run: fused products in registers, and reading as many
//! bytes as the kernel works on.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, bail};
use dolmen_cli::{Out, show_size};
use dolmen_simd::level::Level;
use dolmen_simd::peak;
use dolmen_simd::row64::{self, Row64};
use serde::Serialize;

use crate::kernels::{KERNELS, Kernel, Work};
use crate::picture;

/// Arguments of `dolmen simd bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Kernels, with commas between, or all
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "dot,l2,cosine,add,axpy,sum,softmax,gemm"
    )]
    kernel: Vec<String>,
    /// One level instead of all of this CPU: scalar, sse4, avx2, avx512 or neon
    #[arg(long, value_name = "LEVEL")]
    level: Option<String>,
    /// Elements of a vector or a matrix, instead of 1 Ki, 16 Ki and 1 Mi
    #[arg(long, value_name = "N")]
    len: Option<usize>,
    /// Calls in a sample, instead of as many as take a millisecond
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    iterations: Option<u32>,
    /// Draw the speed-ups into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// What was measured of one kernel at one level.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// The kernel's name.
    pub kernel: &'static str,
    /// The level's name.
    pub level: &'static str,
    /// Elements.
    pub len: usize,
    /// Whether data begin at a multiple of 64 bytes.
    pub aligned: bool,
    /// CPU time of a call.
    pub ns: f64,
    /// 10⁹ operations a second.
    pub gflops: f64,
    /// 10⁹ bytes a second, read and written.
    pub gb_per_s: f64,
    /// Times as fast as the scalar level, where that was measured too.
    pub speedup: Option<f64>,
    /// Share of the level's measured peak of f32.
    pub share_of_peak: f64,
    /// Share of the bandwidth measured for as many bytes.
    pub share_of_bandwidth: f64,
}

/// Runs `dolmen simd bench`.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<()> {
    let kernels = chosen_kernels(&args.kernel)?;
    let levels = chosen_levels(args.level.as_deref())?;
    let lens = match args.len {
        Some(len) if !(1..=LEN_MAX).contains(&len) => bail!("--len is 1 to {LEN_MAX}, not {len}"),
        Some(len) => vec![len],
        None => LENS.to_vec(),
    };
    let mut roofs = Roofs::default();
    if !out.is_json() {
        describe(&mut roofs, &levels, out)?;
    }
    let total = kernels.len() * lens.len() * 2 * levels.len();
    let mut progress = out.progress("kernels timed", total as u64);
    let mut figures = Vec::with_capacity(total);
    for kernel in kernels {
        for &len in &lens {
            for aligned in [true, false] {
                let mut scalar = None;
                for &level in &levels {
                    let work = kernel.prepare(level, len, usize::from(!aligned));
                    let figure = measure(kernel, level, len, aligned, work, args.iterations, &mut roofs);
                    if level == Level::SCALAR {
                        scalar = Some(figure.ns);
                    }
                    let speedup = scalar.map(|scalar| scalar / figure.ns);
                    let figure = Figure { speedup, ..figure };
                    progress.add(1);
                    if out.is_json() {
                        out.object(&figure)?;
                    } else {
                        out.line(row(&figure, figures.last()))?;
                    }
                    figures.push(figure);
                }
            }
        }
    }
    drop(progress);
    if let Some(path) = &args.svg {
        let svg = picture::draw(&figures);
        std::fs::write(path, svg)
            .with_context(|| format!("cannot write the picture to {}", path.display()))?;
        out.note(format_args!("drawn: {}", path.display()));
    }
    Ok(())
}

fn chosen_kernels(names: &[String]) -> anyhow::Result<Vec<&'static Kernel>> {
    let mut chosen = Vec::new();
    for name in names {
        if name == "all" {
            return Ok(KERNELS.iter().collect());
        }
        match KERNELS.iter().find(|kernel| kernel.name == name) {
            Some(kernel) => chosen.push(kernel),
            None => {
                let known: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
                bail!("no kernel is called {name:?}; there are all, {}", known.join(", "));
            }
        }
    }
    Ok(chosen)
}

fn chosen_levels(name: Option<&str>) -> anyhow::Result<Vec<Level>> {
    match name {
        None => Ok(Level::available().collect()),
        Some(name) => match Level::by_name(name) {
            Ok(level) => Ok(vec![level]),
            Err(absent) => bail!("{absent}"),
        },
    }
}

fn describe(roofs: &mut Roofs, levels: &[Level], out: &mut Out) -> anyhow::Result<()> {
    for &level in levels {
        let mut line = format!("{level:>6}: {:.1} GFLOP/s of f32", roofs.peak(level));
        let extensions: Vec<&str> = level.extensions().collect();
        if !extensions.is_empty() {
            let _ = write!(line, ", uses {}", extensions.join(", "));
        }
        out.line(line)?;
    }
    let mut line = String::from(" reads:");
    for bytes in [16 << 10, 1 << 20, 64 << 20] {
        let _ = write!(line, " {:.1} GB/s of {},", roofs.bandwidth(bytes), show_size(bytes as u64));
    }
    line.pop();
    out.line(line)?;
    out.line("\nCPU time, best of several samples. % peak: of this level's measured f32 peak, whatever the kernel's type; % reading: of reading as many bytes")?;
    out.line(format_args!(
        "{:<11}{:>8}  {:<9} {:<6} {:>11} {:>9} {:>8} {:>9} {:>7} {:>10}",
        "kernel", "len", "address", "level", "ns", "GFLOP/s", "GB/s", "x scalar", "% peak", "% reading"
    ))?;
    Ok(())
}

/// A line of the table; what is as in the line before is left out.
fn row(figure: &Figure, before: Option<&Figure>) -> String {
    let same = |part: fn(&Figure, &Figure) -> bool| before.is_some_and(|before| part(before, figure));
    let kernel = if same(|a, b| a.kernel == b.kernel && a.len == b.len) { "" } else { figure.kernel };
    let len = if kernel.is_empty() { String::new() } else { figure.len.to_string() };
    let address = match (same(|a, b| a.aligned == b.aligned) && kernel.is_empty(), figure.aligned) {
        (true, _) => "",
        (false, true) => "aligned",
        (false, false) => "unaligned",
    };
    let speedup = figure.speedup.map_or_else(|| "-".to_owned(), |speedup| format!("{speedup:.1}"));
    format!(
        "{kernel:<11}{len:>8}  {address:<9} {:<6} {:>11.1} {:>9.2} {:>8.1} {speedup:>9} {:>7.1} {:>10.1}",
        figure.level,
        figure.ns,
        figure.gflops,
        figure.gb_per_s,
        100.0 * figure.share_of_peak,
        100.0 * figure.share_of_bandwidth
    )
}

fn measure(
    kernel: &Kernel,
    level: Level,
    len: usize,
    aligned: bool,
    mut work: Work,
    iterations: Option<u32>,
    roofs: &mut Roofs,
) -> Figure {
    let ns = best_ns(&mut work, iterations);
    let (gflops, gb_per_s) = (work.operations / ns, work.bytes / ns);
    Figure {
        kernel: kernel.name,
        level: level.name(),
        len,
        aligned,
        ns,
        gflops,
        gb_per_s,
        speedup: None,
        share_of_peak: gflops / roofs.peak(level),
        share_of_bandwidth: gb_per_s / roofs.bandwidth(work.bytes as usize),
    }
}

/// Nanoseconds of CPU time of one call: the best of several samples, each of so many calls.
pub fn best_ns(work: &mut Work, iterations: Option<u32>) -> f64 {
    let mut sample = |calls: u32| {
        let begin = cpu_ns();
        for _ in 0..calls {
            (work.once)();
        }
        (cpu_ns() - begin) as f64
    };
    let mut spent = sample(1);
    if iterations.is_none() && spent > SPENT_NS_MAX {
        return spent;
    }
    let calls = iterations.unwrap_or_else(|| {
        let mut calls = 1u32;
        let mut last = spent;
        while last < SAMPLE_NS && calls < 1 << 30 {
            calls = calls.saturating_mul(if last < SAMPLE_NS / 16.0 { 8 } else { 2 });
            last = sample(calls);
            spent += last;
        }
        calls
    });
    let mut best = f64::INFINITY;
    for _ in 0..SAMPLES {
        let took = sample(calls);
        best = best.min(took / f64::from(calls));
        spent += took;
        if spent > SPENT_NS_MAX {
            break;
        }
    }
    // A clock too coarse for so few calls.
    best.max(0.01)
}

fn cpu_ns() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// What was measured of the CPU, once each.
#[derive(Default)]
struct Roofs {
    peaks: Vec<(Level, f64)>,
    bandwidths: Vec<(usize, f64)>,
}

impl Roofs {
    /// GFLOP/s of f32.
    fn peak(&mut self, level: Level) -> f64 {
        if let Some((_, peak)) = self.peaks.iter().find(|(of, _)| *of == level) {
            return *peak;
        }
        const ROUNDS: usize = 1000;
        let once = move || {
            std::hint::black_box(peak::multiply(level, std::hint::black_box(ROUNDS)));
        };
        let operations = (ROUNDS * peak::ROUND_OPERATIONS) as f64;
        let ns = best_ns(&mut Work { once: Box::new(once), operations, bytes: 0.0 }, None);
        self.peaks.push((level, operations / ns));
        operations / ns
    }

    /// GB/s of reading about so many bytes, at the fastest level.
    fn bandwidth(&mut self, bytes: usize) -> f64 {
        let bytes = bytes.clamp(1 << 10, 64 << 20).next_power_of_two();
        if let Some((_, bandwidth)) = self.bandwidths.iter().find(|(of, _)| *of == bytes) {
            return *bandwidth;
        }
        let data = vec![Row64([1.0; 16]); bytes / 64];
        let once = move || {
            std::hint::black_box(peak::read(Level::best(), std::hint::black_box(row64::bytes(&data))));
        };
        let ns = best_ns(&mut Work { once: Box::new(once), operations: 0.0, bytes: bytes as f64 }, None);
        self.bandwidths.push((bytes, bytes as f64 / ns));
        bytes as f64 / ns
    }
}

const LENS: [usize; 3] = [1 << 10, 16 << 10, 1 << 20];
/// 256 MiB of floats.
const LEN_MAX: usize = 64 << 20;
const SAMPLES: usize = 7;
const SAMPLE_NS: f64 = 5e5;
/// Enough for one figure, with all its samples.
const SPENT_NS_MAX: f64 = 3e8;
