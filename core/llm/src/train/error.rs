//! Why a training cannot begin or go on.

use core::fmt;

use dolmen_codec::DecodeError;
use dolmen_tensor::{RunError, TapeError};

use crate::error::LoadError;

/// Why a training cannot begin or go on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum TrainError {
    /// The model cannot be put on a tape.
    Tape(TapeError),
    /// A step cannot be computed.
    Run(RunError),
    /// A model's file does not fit.
    Load(LoadError),
    /// A checkpoint ends early.
    Binary(DecodeError),
    /// The model has something that is not trained here.
    Unsupported {
        /// What.
        what: &'static str,
    },
    /// A setting is beyond what makes sense.
    Setting {
        /// Which, by nanoGPT's name.
        what: &'static str,
    },
    /// The text is too short for one batch.
    Text {
        /// Tokens that it has.
        found: usize,
        /// Tokens that it must have.
        wanted: usize,
    },
    /// No checkpoint, or one of another version.
    Kind,
    /// The checkpoint is damaged.
    Checksum {
        /// Stored.
        expected: u64,
        /// Computed.
        found: u64,
    },
    /// The checkpoint is of a training with other settings, or another text.
    Settings {
        /// Stored.
        expected: u64,
        /// Of this training.
        found: u64,
    },
    /// The loss is not a number any more: the rate is too high.
    Diverged {
        /// At which step.
        step: u64,
    },
    /// A checkpoint could not be written: nothing more is done.
    Save {
        /// Of which step.
        step: u64,
    },
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrainError::Tape(e) => e.fmt(f),
            TrainError::Run(e) => e.fmt(f),
            TrainError::Load(e) => e.fmt(f),
            TrainError::Binary(e) => e.fmt(f),
            TrainError::Unsupported { what } => write!(f, "{what} cannot be trained here"),
            TrainError::Setting { what } => write!(f, "{what} is beyond what makes sense"),
            TrainError::Text { found, wanted } => {
                write!(f, "the text has {found} tokens, a batch takes at least {wanted}")
            }
            TrainError::Kind => f.write_str("no checkpoint of this version"),
            TrainError::Checksum { expected, found } => {
                write!(f, "damaged checkpoint: expected checksum {expected:#018x}, found {found:#018x}")
            }
            TrainError::Settings { .. } => {
                f.write_str("the checkpoint is of a training with other settings or another text")
            }
            TrainError::Diverged { step } => {
                write!(f, "the loss of step {step} is not a number: take a lower learning_rate")
            }
            TrainError::Save { step } => write!(f, "the checkpoint of step {step} could not be written"),
        }
    }
}

impl core::error::Error for TrainError {}

impl From<TapeError> for TrainError {
    fn from(e: TapeError) -> Self {
        TrainError::Tape(e)
    }
}

impl From<RunError> for TrainError {
    fn from(e: RunError) -> Self {
        TrainError::Run(e)
    }
}

impl From<LoadError> for TrainError {
    fn from(e: LoadError) -> Self {
        TrainError::Load(e)
    }
}

impl From<DecodeError> for TrainError {
    fn from(e: DecodeError) -> Self {
        TrainError::Binary(e)
    }
}
