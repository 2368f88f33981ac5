//! Beam search: several continuations at a time, of which the likeliest are kept.
//!
//! 1. Each beam has a slot; a step gives each the probabilities of what follows.
//! 2. Of all (beam, id) the likeliest twice as many as there are beams are looked at: one that ends the text is finished, the others go on.
//! 3. Slots are copied so that each beam has the keys and values of what it continues: from the lower half of slots to the upper, and back.
//!
//! A finished text is judged by the sum of its logarithms over its length to the power of the penalty. Source: transformers 5.23, `_beam_search`.

use alloc::vec::Vec;

use dolmen_base::Jobs;

use crate::engine::{Engine, Row};
use crate::error::StepError;
use crate::sample::log_sum;

/// How a search goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beams<'s> {
    /// Continuations that are kept; the engine needs twice as many slots, and a batch of as many rows.
    pub beams: usize,
    /// Ids that are generated at most.
    pub len_max: usize,
    /// The power of the length that sums are divided by.
    pub length_penalty: f32,
    /// Ids that end a text.
    pub eos: &'s [u32],
}

struct Beam {
    ids: Vec<u32>,
    sum: f64,
}

impl Beam {
    fn score(&self, penalty: f32) -> f64 {
        self.sum / libm::pow(self.ids.len() as f64, f64::from(penalty))
    }
}

/// The best text that follows the prompt, without the prompt.
///
/// # Errors
///
/// [`StepError`], also if the engine was not planned for as many slots or rows.
pub fn search(
    engine: &mut Engine<'_, '_>,
    jobs: &dyn Jobs,
    prompt: &[u32],
    settings: &Beams<'_>,
) -> Result<Vec<u32>, StepError> {
    let count = settings.beams.max(1);
    if engine.plan().slots() < 2 * count {
        return Err(StepError::UnknownSlot { slot: 2 * count as u32, slots: engine.plan().slots() });
    }
    let vocabulary = engine.model().config().vocabulary;
    let mut logits = alloc::vec![0.0; count * vocabulary];
    read_prompt(engine, jobs, prompt, &mut logits[..vocabulary])?;
    let mut running = Vec::from([Beam { ids: Vec::new(), sum: 0.0 }]);
    let mut finished: Vec<Beam> = Vec::new();
    let mut lower = true;
    while running[0].ids.len() < settings.len_max {
        let candidates = likeliest(&running, &logits, vocabulary, 2 * count);
        let mut next = Vec::new();
        let mut parents = Vec::new();
        for (rank, (beam, id, sum)) in candidates.into_iter().enumerate() {
            let mut ids = running[beam].ids.clone();
            ids.push(id);
            if settings.eos.contains(&id) {
                if rank < count {
                    finished.push(Beam { ids, sum });
                }
            } else if next.len() < count {
                next.push(Beam { ids, sum });
                parents.push(beam);
            }
        }
        finished
            .sort_by(|a, b| b.score(settings.length_penalty).total_cmp(&a.score(settings.length_penalty)));
        finished.truncate(count);
        if next.is_empty() || is_decided(&finished, &next[0], count, settings) {
            break;
        }
        running = next;
        if running[0].ids.len() == settings.len_max {
            break;
        }
        let (from, to) = if lower { (0, count) } else { (count, 0) };
        let position = (prompt.len() + running[0].ids.len() - 1) as u32;
        let mut rows = Vec::new();
        for (nth, (beam, parent)) in running.iter().zip(parents).enumerate() {
            engine.copy_slot((from + parent) as u32, (to + nth) as u32, position)?;
            let id = *beam.ids.last().expect("a beam that goes on has an id");
            rows.push(Row::new(id, (to + nth) as u32, position).with_logits());
        }
        engine.step(jobs, &rows, &mut logits[..rows.len() * vocabulary])?;
        lower = !lower;
    }
    let all = finished.into_iter().chain(running);
    let best =
        all.max_by(|a, b| a.score(settings.length_penalty).total_cmp(&b.score(settings.length_penalty)));
    Ok(best.map(|beam| beam.ids).unwrap_or_default())
}

/// All of a prompt into slot 0; logits of its last id.
fn read_prompt(
    engine: &mut Engine<'_, '_>,
    jobs: &dyn Jobs,
    prompt: &[u32],
    logits: &mut [f32],
) -> Result<(), StepError> {
    engine.truncate(0, 0);
    let mut rows: Vec<Row> =
        prompt.iter().enumerate().map(|(position, &id)| Row::new(id, 0, position as u32)).collect();
    let Some(last) = rows.last_mut() else {
        return Err(StepError::Batch { rows: 0, max: engine.plan().batch() });
    };
    last.logits = true;
    let batch = engine.plan().batch();
    for rows in rows.chunks(batch) {
        let wanted = rows.last().is_some_and(|row| row.logits);
        engine.step(jobs, rows, if wanted { &mut *logits } else { &mut [] })?;
    }
    Ok(())
}

/// The best continuations of all beams: beam, id, sum.
fn likeliest(running: &[Beam], logits: &[f32], vocabulary: usize, count: usize) -> Vec<(usize, u32, f64)> {
    let mut all: Vec<(usize, u32, f64)> = Vec::new();
    for (nth, (beam, logits)) in running.iter().zip(logits.chunks_exact(vocabulary)).enumerate() {
        let sum = log_sum(logits);
        let scored = logits.iter().enumerate();
        all.extend(scored.map(|(id, &logit)| (nth, id as u32, beam.sum + f64::from(logit) - sum)));
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        all.truncate(count);
    }
    all
}

/// Whether no beam that goes on can become better than all finished texts.
fn is_decided(finished: &[Beam], best: &Beam, count: usize, settings: &Beams<'_>) -> bool {
    let worst = finished.last().map(|beam| beam.score(settings.length_penalty));
    finished.len() >= count && worst.is_some_and(|worst| worst >= best.score(settings.length_penalty))
}
