//! From logits to one id.
//!
//! The steps, in the order of transformers: what is forbidden, biases, penalties, no repeated groups, temperature, top-k, top-p, min-p, typical,
//! epsilon, eta, then a draw. What a step removes gets minus infinity; none removes the last candidate.
//!
//! Sources: transformers 5.23, `logits_process.py`; OpenAI's frequency and presence penalties.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use dolmen_base::Rng;
use dolmen_simd::arith;
use dolmen_simd::level::Level;
use dolmen_simd::nn;

/// How the next id is chosen. The default takes the likeliest one.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// What logits are divided by; 0 takes the likeliest id, whatever else is set below.
    pub temperature: f32,
    /// Only so many of the likeliest; 0: all.
    pub top_k: usize,
    /// Only the likeliest that together reach this probability; 1: all.
    pub top_p: f32,
    /// Only those that reach this part of the likeliest one's probability; 0: all.
    pub min_p: f32,
    /// Only those whose surprise is nearest to what is expected, until together they reach this probability; 1: all.
    pub typical: f32,
    /// Only those of at least this probability; 0: all.
    pub epsilon: f32,
    /// The same with a bound that falls with the entropy; 0: all.
    pub eta: f32,
    /// What positive logits of ids that were there are divided by, negative ones multiplied; 1: nothing.
    pub repetition: f32,
    /// What is taken off once for an id that was generated.
    pub presence: f32,
    /// What is taken off each time an id was generated.
    pub frequency: f32,
    /// No group of so many ids comes twice; 0: it may.
    pub no_repeat: usize,
    /// Added to the logits of ids.
    pub bias: Vec<(u32, f32)>,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            typical: 1.0,
            epsilon: 0.0,
            eta: 0.0,
            repetition: 1.0,
            presence: 0.0,
            frequency: 0.0,
            no_repeat: 0,
            bias: Vec::new(),
        }
    }
}

/// Why no id can be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum SampleError {
    /// A setting is outside its range.
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: f32,
    },
    /// A logit is not a number: the model's file is damaged, or its numbers overflow.
    NotANumber {
        /// The id.
        id: usize,
    },
    /// No id is possible.
    Nothing,
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SampleError::Setting { name, value } => write!(f, "{name} cannot be {value}"),
            SampleError::NotANumber { id } => write!(f, "the logit of id {id} is not a number"),
            SampleError::Nothing => f.write_str("no id is possible here"),
        }
    }
}

impl core::error::Error for SampleError {}

/// Chooses ids, with memory of its own that grows with the vocabulary once.
#[derive(Debug)]
pub struct Sampler {
    settings: Sampling,
    rng: Rng,
    level: Level,
    order: Vec<u32>,
    weights: Vec<f32>,
    seen: Vec<u32>,
}

impl Sampling {
    /// Whether every setting is in its range.
    ///
    /// # Errors
    ///
    /// [`SampleError::Setting`].
    pub fn check(&self) -> Result<(), SampleError> {
        let at_least_0 = [
            ("temperature", self.temperature),
            ("min_p", self.min_p),
            ("typical_p", self.typical),
            ("epsilon", self.epsilon),
            ("eta", self.eta),
            ("top_p", self.top_p),
        ];
        let finite = [("presence_penalty", self.presence), ("frequency_penalty", self.frequency)];
        let wrong = at_least_0.into_iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0));
        let wrong = wrong.or(finite.into_iter().find(|(_, value)| !value.is_finite()));
        let repetition = Some(("repetition_penalty", self.repetition));
        let wrong = wrong.or(repetition.filter(|(_, value)| !(value.is_finite() && *value > 0.0)));
        let bias = self.bias.iter().map(|(_, bias)| ("logit_bias", *bias)).find(|(_, bias)| bias.is_nan());
        match wrong.or(bias) {
            Some((name, value)) => Err(SampleError::Setting { name, value }),
            None => Ok(()),
        }
    }
}

/// Greater logits first, of equal ones the lesser id.
fn descending(logits: &[f32]) -> impl Fn(&u32, &u32) -> Ordering + '_ {
    |&a, &b| {
        let by_logit = logits[b as usize].partial_cmp(&logits[a as usize]);
        by_logit.unwrap_or(Ordering::Equal).then(a.cmp(&b))
    }
}

const NO: f32 = f32::NEG_INFINITY;

impl Sampler {
    /// A sampler that draws the same ids from the same seed.
    ///
    /// # Errors
    ///
    /// [`SampleError::Setting`].
    pub fn new(settings: Sampling, seed: u64) -> Result<Sampler, SampleError> {
        settings.check()?;
        let (order, weights, seen) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Sampler { settings, rng: Rng::new(seed), level: Level::best(), order, weights, seen })
    }

    /// Makes room for a vocabulary and a context, so that choosing allocates nothing.
    pub fn reserve(&mut self, vocabulary: usize, context: usize) {
        self.order.reserve(vocabulary);
        self.weights.reserve(vocabulary);
        self.seen.reserve(context);
    }

    /// Its settings.
    pub fn settings(&self) -> &Sampling {
        &self.settings
    }

    /// Chooses an id. `history` is all that came before, `generated` how much of its end was generated. What a grammar forbids has minus
    /// infinity already. The logits are changed.
    ///
    /// # Errors
    ///
    /// [`SampleError::NotANumber`] or [`SampleError::Nothing`].
    pub fn choose(
        &mut self,
        logits: &mut [f32],
        history: &[u32],
        generated: usize,
    ) -> Result<u32, SampleError> {
        self.process(logits, history, generated)?;
        if self.settings.temperature == 0.0 {
            return Ok(arith::argmax(self.level, logits).ok_or(SampleError::Nothing)? as u32);
        }
        let greatest = arith::max(self.level, logits);
        let weight = |x: f32| if x == greatest { 1.0 } else { f64::from(libm::expf(x - greatest)) };
        let sum: f64 = logits.iter().map(|&x| weight(x)).sum();
        let mut left = self.rng.unit_f64() * sum;
        let mut last = None;
        for (id, &x) in logits.iter().enumerate().filter(|(_, x)| **x > NO) {
            last = Some(id as u32);
            left -= weight(x);
            if left < 0.0 {
                break;
            }
        }
        last.ok_or(SampleError::Nothing)
    }

    /// All steps but the draw: logits of what is left, minus infinity of the rest. With temperature 0 only penalties and biases count.
    ///
    /// # Errors
    ///
    /// As [`Sampler::choose`].
    pub fn process(
        &mut self,
        logits: &mut [f32],
        history: &[u32],
        generated: usize,
    ) -> Result<(), SampleError> {
        if let Some(id) = logits.iter().position(|x| x.is_nan() || *x == f32::INFINITY) {
            return Err(SampleError::NotANumber { id });
        }
        for &(id, bias) in &self.settings.bias {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit += bias;
            }
        }
        self.penalise(logits, history, generated);
        self.forbid_repeats(logits, history);
        if arith::max(self.level, logits) == NO {
            return Err(SampleError::Nothing);
        }
        let settings = &self.settings;
        if settings.temperature > 0.0 {
            if settings.temperature != 1.0 {
                arith::scale(self.level, logits, 1.0 / settings.temperature);
                if let Some(id) = logits.iter().position(|x| x.is_nan() || *x == f32::INFINITY) {
                    return Err(SampleError::NotANumber { id });
                }
            }
            let (top_k, top_p, min_p) = (settings.top_k, settings.top_p, settings.min_p);
            let (typical, epsilon, eta) = (settings.typical, settings.epsilon, settings.eta);
            self.top_k(logits, top_k);
            if top_p < 1.0 {
                self.top_p(logits, top_p);
            }
            if min_p > 0.0 {
                self.at_least(logits, |weights, _| min_p * greatest(weights));
            }
            if typical < 1.0 {
                self.typical(logits, typical);
            }
            if epsilon > 0.0 {
                self.at_least(logits, |_, _| epsilon);
            }
            if eta > 0.0 {
                self.at_least(logits, |_, entropy| eta.min(libm::sqrtf(eta) * libm::expf(-entropy)));
            }
        }
        Ok(())
    }

    fn penalise(&mut self, logits: &mut [f32], history: &[u32], generated: usize) {
        let settings = &self.settings;
        if settings.repetition != 1.0 {
            self.seen.clear();
            self.seen.extend_from_slice(history);
            self.seen.sort_unstable();
            self.seen.dedup();
            for &id in &self.seen {
                if let Some(logit) = logits.get_mut(id as usize) {
                    *logit = if *logit < 0.0 {
                        *logit * settings.repetition
                    } else {
                        *logit / settings.repetition
                    };
                }
            }
        }
        if settings.presence != 0.0 || settings.frequency != 0.0 {
            self.seen.clear();
            self.seen.extend_from_slice(&history[history.len() - generated.min(history.len())..]);
            self.seen.sort_unstable();
            for same in self.seen.chunk_by(|a, b| a == b) {
                if let Some(logit) = logits.get_mut(same[0] as usize) {
                    *logit -= settings.presence + settings.frequency * same.len() as f32;
                }
            }
        }
    }

    /// Forbids what would make a group of ids come a second time.
    fn forbid_repeats(&mut self, logits: &mut [f32], history: &[u32]) {
        let Some(before) = self.settings.no_repeat.checked_sub(1) else { return };
        let Some(begin) = history.len().checked_sub(before) else { return };
        let end = &history[begin..];
        for group in history.windows(before + 1).filter(|group| group[..before] == *end) {
            if let Some(logit) = logits.get_mut(group[before] as usize) {
                *logit = NO;
            }
        }
    }

    fn top_k(&mut self, logits: &mut [f32], count: usize) {
        if count == 0 || count >= logits.len() {
            return;
        }
        self.order.clear();
        self.order.extend(0..logits.len() as u32);
        self.order.select_nth_unstable_by(count - 1, descending(logits));
        let least = logits[self.order[count - 1] as usize];
        // Equals of the last one stay, as in transformers.
        logits.iter_mut().filter(|x| **x < least).for_each(|x| *x = NO);
    }

    /// The probabilities into `weights`.
    fn probabilities(&mut self, logits: &[f32]) {
        self.weights.clear();
        self.weights.extend_from_slice(logits);
        nn::softmax(self.level, &mut self.weights);
    }

    fn top_p(&mut self, logits: &mut [f32], wanted: f32) {
        self.probabilities(logits);
        self.order.clear();
        self.order.extend((0..logits.len() as u32).filter(|&id| logits[id as usize] > NO));
        // Few reach the sum nearly always: only they are sorted.
        let (mut sorted, mut sum, mut kept) = (0, 0.0f64, 0);
        while kept == sorted && sorted < self.order.len() {
            let more = (sorted.max(128)).min(self.order.len() - sorted);
            let rest = &mut self.order[sorted..];
            if more < rest.len() {
                rest.select_nth_unstable_by(more - 1, descending(logits));
            }
            rest[..more].sort_unstable_by(descending(logits));
            sorted += more;
            while kept < sorted && (kept == 0 || sum < f64::from(wanted)) {
                sum += f64::from(self.weights[self.order[kept] as usize]);
                kept += 1;
            }
        }
        for &id in &self.order[kept..] {
            logits[id as usize] = NO;
        }
    }

    /// Removes what is less likely than a bound, made of the probabilities and their entropy; the likeliest stay.
    fn at_least(&mut self, logits: &mut [f32], bound: impl Fn(&[f32], f32) -> f32) {
        self.probabilities(logits);
        let entropy = entropy(&self.weights);
        let (bound, most) = (bound(&self.weights, entropy), greatest(&self.weights));
        for (logit, weight) in logits.iter_mut().zip(&self.weights) {
            if *weight < bound && *weight < most {
                *logit = NO;
            }
        }
    }

    fn typical(&mut self, logits: &mut [f32], wanted: f32) {
        self.probabilities(logits);
        let expected = entropy(&self.weights);
        let apart =
            |weight: f32| if weight > 0.0 { (-libm::logf(weight) - expected).abs() } else { f32::INFINITY };
        self.order.clear();
        self.order.extend((0..logits.len() as u32).filter(|&id| self.weights[id as usize] > 0.0));
        let weights = &self.weights;
        self.order.sort_unstable_by(|&a, &b| {
            let (x, y) = (apart(weights[a as usize]), apart(weights[b as usize]));
            x.partial_cmp(&y).unwrap_or(Ordering::Equal).then(a.cmp(&b))
        });
        let (mut sum, mut kept) = (0.0f64, 0);
        while kept < self.order.len() && (kept == 0 || sum < f64::from(wanted)) {
            sum += f64::from(weights[self.order[kept] as usize]);
            kept += 1;
        }
        let last = apart(weights[self.order[kept - 1] as usize]);
        for (logit, &weight) in logits.iter_mut().zip(weights) {
            if apart(weight) > last {
                *logit = NO;
            }
        }
    }
}

fn greatest(weights: &[f32]) -> f32 {
    weights.iter().fold(0.0, |most, &weight| if weight > most { weight } else { most })
}

fn entropy(weights: &[f32]) -> f32 {
    -weights.iter().filter(|weight| **weight > 0.0).map(|weight| weight * libm::logf(*weight)).sum::<f32>()
}

/// The natural logarithm of the sum of eˣ: a logit less this is the logarithm of its probability.
pub fn log_sum(logits: &[f32]) -> f64 {
    let greatest = logits.iter().fold(NO, |most, &x| if x > most { x } else { most });
    if greatest == NO {
        return f64::NEG_INFINITY;
    }
    // Sixteen sums side by side, so that it does not wait for each addition.
    let mut sums = [0.0f64; 16];
    for chunk in logits.chunks(16) {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(libm::expf(x - greatest));
        }
    }
    f64::from(greatest) + libm::log(sums.iter().sum())
}

/// The likeliest ids with the logarithms of their probabilities, the likeliest first.
pub fn likeliest(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    let sum = log_sum(logits);
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    let count = count.min(order.len());
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, descending(logits));
    }
    order.truncate(count);
    order.sort_unstable_by(descending(logits));
    order.into_iter().map(|id| (id, (f64::from(logits[id as usize]) - sum) as f32)).collect()
}
