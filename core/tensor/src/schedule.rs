//! Learning rates over the steps of a training: PyTorch's and Hugging Face's schedules as functions of the step.

use core::f64::consts::PI;

/// How the rate changes; step 0 is the first.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Times `factor` every so many steps.
    Step {
        /// Steps.
        every: u64,
        /// The factor.
        factor: f64,
    },
    /// Times `factor` every step.
    Exponential {
        /// The factor.
        factor: f64,
    },
    /// Half a cosine down to `rate_min` in `steps`, and up again.
    Cosine {
        /// Steps of the way down.
        steps: u64,
        /// The least rate.
        rate_min: f64,
    },
    /// Half a cosine down to 0, then from the start again, `factor` times as long each time.
    CosineRestarts {
        /// Steps of the first.
        steps: u64,
        /// How much longer the next is.
        factor: u64,
    },
    /// Up to `rate_max` in the first 30 %, down to almost nothing in the rest, from a 25th of it to a 10,000th of that.
    OneCycle {
        /// The greatest rate; the base does not count.
        rate_max: f64,
        /// All steps.
        steps: u64,
    },
    /// From one part of the base to another in `steps`.
    Linear {
        /// The part at first.
        from: f64,
        /// The part at last.
        to: f64,
        /// Steps between them.
        steps: u64,
    },
    /// (1 - step / steps) to the power.
    Polynomial {
        /// Steps.
        steps: u64,
        /// The power.
        power: f64,
    },
    /// From 0 to the base, then straight to 0.
    WarmupLinear {
        /// Steps of the way up.
        warmup: u64,
        /// All steps.
        steps: u64,
    },
    /// From 0 to the base, then by half a cosine to 0.
    WarmupCosine {
        /// Steps of the way up.
        warmup: u64,
        /// All steps.
        steps: u64,
    },
    /// From 0 to the base, at the base, then by half a cosine to 0.
    WarmupStableDecay {
        /// Steps of the way up.
        warmup: u64,
        /// Steps at the base.
        stable: u64,
        /// Steps of the way down.
        decay: u64,
    },
    /// nanoGPT's: from a first part of the base in `warmup` steps, then by half a cosine to `rate_min` at `steps`.
    NanoGpt {
        /// Steps of the way up.
        warmup: u64,
        /// Where the way down ends.
        steps: u64,
        /// The rate from there on.
        rate_min: f64,
    },
}

impl Schedule {
    /// The rate of a step.
    pub fn rate(&self, base: f64, step: u64) -> f64 {
        let at = step as f64;
        match *self {
            Schedule::Constant => base,
            Schedule::Step { every, factor } => base * libm::pow(factor, (step / every.max(1)) as f64),
            Schedule::Exponential { factor } => base * libm::pow(factor, at),
            Schedule::Cosine { steps, rate_min } => between(base, rate_min, at / steps.max(1) as f64),
            Schedule::CosineRestarts { steps, factor } => {
                let (mut at, mut len) = (step, steps.max(1));
                // Ends: len grows with factor 2 and more, and one division takes all rounds of factor 1.
                if factor <= 1 {
                    at %= len;
                }
                while at >= len {
                    at -= len;
                    len = len.saturating_mul(factor);
                }
                between(base, 0.0, at as f64 / len as f64)
            }
            Schedule::OneCycle { rate_max, steps } => one_cycle(rate_max, steps as f64, at),
            Schedule::Linear { from, to, steps } => {
                base * (from + (to - from) * (at / steps.max(1) as f64).min(1.0))
            }
            Schedule::Polynomial { steps, power } => {
                base * libm::pow(1.0 - (at / steps.max(1) as f64).min(1.0), power)
            }
            Schedule::WarmupLinear { warmup, .. } | Schedule::WarmupCosine { warmup, .. }
                if step < warmup =>
            {
                base * at / warmup as f64
            }
            Schedule::WarmupLinear { warmup, steps } => {
                base * ((steps as f64 - at) / steps.saturating_sub(warmup).max(1) as f64).max(0.0)
            }
            Schedule::WarmupCosine { warmup, steps } => {
                between(base, 0.0, (at - warmup as f64) / steps.saturating_sub(warmup).max(1) as f64)
            }
            Schedule::WarmupStableDecay { warmup, stable, decay } => {
                let down = at - (warmup + stable) as f64;
                match step {
                    _ if step < warmup => base * at / warmup as f64,
                    _ if down < 0.0 => base,
                    _ if down < decay as f64 => between(base, 0.0, down / decay as f64),
                    _ => 0.0,
                }
            }
            Schedule::NanoGpt { warmup, steps, rate_min } => {
                let down = (at - warmup as f64) / steps.saturating_sub(warmup).max(1) as f64;
                match step {
                    _ if step < warmup => base * (at + 1.0) / (warmup + 1) as f64,
                    _ => between(base, rate_min, down.min(1.0)),
                }
            }
        }
    }
}

/// Half a cosine from the one to the other.
fn between(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + libm::cos(PI * part))
}

fn one_cycle(rate_max: f64, steps: f64, at: f64) -> f64 {
    let (first, top, end) = (rate_max / 25.0, 0.3 * steps - 1.0, steps - 1.0);
    if at <= top {
        between(first, rate_max, at / top.max(1.0))
    } else {
        between(rate_max, first / 1e4, ((at - top) / (end - top).max(1.0)).min(1.0))
    }
}
