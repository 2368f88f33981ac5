//! Texts as vectors: the mean of the states of all ids, made as long as 1.

use alloc::vec::Vec;

use dolmen_base::Jobs;
use dolmen_simd::arith;
use dolmen_simd::level::Level;

use crate::engine::{Engine, Row};
use crate::error::StepError;

/// The vector of a text, which goes through one slot. A decoder may take it in parts; an encoder sees all of it at once.
///
/// # Errors
///
/// [`StepError`], also if an encoder's step has not as many rows as the text.
pub fn embed(
    engine: &mut Engine<'_, '_>,
    jobs: &dyn Jobs,
    slot: u32,
    ids: &[u32],
    out: &mut [f32],
) -> Result<(), StepError> {
    let (width, batch) = (engine.model().config().width, engine.plan().batch());
    if out.len() != width {
        return Err(StepError::Buffer { len: out.len(), wanted: width });
    }
    if ids.is_empty() || (engine.model().config().architecture.is_encoder() && ids.len() > batch) {
        return Err(StepError::Batch { rows: ids.len(), max: batch });
    }
    engine.truncate(slot, 0);
    out.fill(0.0);
    let level = Level::best();
    let rows: Vec<Row> = ids.iter().enumerate().map(|(at, &id)| Row::new(id, slot, at as u32)).collect();
    for rows in rows.chunks(batch) {
        engine.step(jobs, rows, &mut [])?;
        for state in engine.states().chunks_exact(width) {
            arith::add_assign(level, out, state);
        }
    }
    arith::scale(level, out, 1.0 / ids.len() as f32);
    let len = libm::sqrtf(arith::sum_squares(level, out));
    arith::scale(level, out, 1.0 / len.max(1e-12));
    Ok(())
}
