//! The file from which a training goes on as if it had never stopped.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `DLMTRAIN` |
//! | 4 | version, 1 |
//! | 4 | slots of the optimiser |
//! | 8 | what the settings and the text come to |
//! | 8 | steps done |
//! | 8, 8 | trained and frozen parameters |
//! | 8 | losses that follow |
//! | 16 each | step, training and validation loss as f32 (not a number: none) |
//! | 4 each | parameters, frozen parameters, slots of the optimiser |
//! | 8 | XXH3 of all before |
//!
//! Integers and floats are little-endian.

use alloc::vec::Vec;

use dolmen_codec::Cursor;
use dolmen_codec::checksum::xxh3_64;

use crate::limits::CHECKPOINT_LOSSES_MAX;
use crate::train::error::TrainError;

/// The losses of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// After so many steps.
    pub step: u64,
    /// Of the batch.
    pub train: f32,
    /// Of the whole last tenth; not a number where it was not looked at.
    pub validation: f32,
}

/// What a checkpoint holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<'a> {
    /// What the settings and the text come to.
    pub identity: u64,
    /// Steps done.
    pub step: u64,
    /// The losses until then.
    pub losses: Vec<Loss>,
    /// Trained parameters, frozen ones, the optimiser's slots: little-endian f32.
    pub parts: [&'a [u8]; 3],
}

const MAGIC: &[u8; 8] = b"DLMTRAIN";
const VERSION: u32 = 1;

/// Appends a checkpoint.
pub fn append(identity: u64, step: u64, losses: &[Loss], parts: [&[f32]; 3], out: &mut Vec<u8>) {
    let [params, frozen, state] = parts;
    let begin = out.len();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&((state.len() / params.len().max(1)) as u32).to_le_bytes());
    for number in [identity, step, params.len() as u64, frozen.len() as u64, losses.len() as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for loss in losses {
        out.extend_from_slice(&loss.step.to_le_bytes());
        out.extend_from_slice(&loss.train.to_le_bytes());
        out.extend_from_slice(&loss.validation.to_le_bytes());
    }
    for part in parts {
        out.reserve(4 * part.len());
        part.iter().for_each(|x| out.extend_from_slice(&x.to_le_bytes()));
    }
    let sum = xxh3_64(&out[begin..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

impl<'a> Checkpoint<'a> {
    /// Reads a checkpoint.
    ///
    /// # Errors
    ///
    /// It is none, ends early, or is damaged.
    pub fn parse(bytes: &'a [u8]) -> Result<Checkpoint<'a>, TrainError> {
        let mut cursor = Cursor::new(bytes);
        if cursor.get_array::<8>()? != *MAGIC || cursor.get_u32_le()? != VERSION {
            return Err(TrainError::Kind);
        }
        let slots = cursor.get_u32_le()?;
        let (identity, step) = (cursor.get_u64_le()?, cursor.get_u64_le()?);
        let (params, frozen) = (cursor.get_u64_le()?, cursor.get_u64_le()?);
        let count = cursor.get_u64_le()?;
        let short = TrainError::Setting { what: "the length of a checkpoint" };
        if count > CHECKPOINT_LOSSES_MAX || count > bytes.len() as u64 / 16 {
            return Err(short);
        }
        let mut losses = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let step = cursor.get_u64_le()?;
            let train = f32::from_bits(cursor.get_u32_le()?);
            losses.push(Loss { step, train, validation: f32::from_bits(cursor.get_u32_le()?) });
        }
        let mut parts = [&[][..]; 3];
        let lens = [Some(params), Some(frozen), params.checked_mul(u64::from(slots))];
        for (part, len) in parts.iter_mut().zip(lens) {
            let len = len.and_then(|len| len.checked_mul(4)).and_then(|len| usize::try_from(len).ok());
            *part = cursor.get_bytes(len.ok_or(short)?)?;
        }
        let end = bytes.len() - cursor.rest().len();
        let expected = cursor.get_u64_le()?;
        cursor.finish()?;
        let found = xxh3_64(&bytes[..end]);
        if expected != found {
            return Err(TrainError::Checksum { expected, found });
        }
        Ok(Checkpoint { identity, step, losses, parts })
    }

    /// The floats of a part.
    pub(crate) fn floats(&self, part: usize) -> impl Iterator<Item = f32> {
        self.parts[part].as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }
}
