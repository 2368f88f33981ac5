//! Errors: one enum for reading files, one for steps of a model. Fields are numbers and words of the program; the adapter adds the path.

use core::fmt;

use dolmen_codec::DecodeError;
use dolmen_text::json::ReadError;
use dolmen_tokenizer::error::LoadError as VocabularyError;

/// Why a file is no model, or none that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// A text is no JSON; for a header inside a file, counted from its own start.
    Json(ReadError),
    /// The vocabulary or the keys of a GGUF file are not sound.
    Vocabulary(VocabularyError),
    /// A binary file ends early or holds a broken number.
    Binary(DecodeError),
    /// The first bytes are not those of this kind of file.
    UnknownFile,
    /// Something that must be there is not.
    Missing {
        /// What.
        what: &'static str,
    },
    /// Something else stands where this was expected.
    Invalid {
        /// What was expected.
        what: &'static str,
        /// Where, in bytes from the start of the file.
        at: u64,
    },
    /// The file is sound but uses something that is not known here.
    Unsupported {
        /// What.
        what: &'static str,
        /// Where, in bytes from the start of the file.
        at: u64,
    },
    /// A limit of [`limits`](crate::limits), or what the file could hold, is exceeded.
    Limit {
        /// Of what.
        what: &'static str,
        /// Found.
        found: u64,
        /// Allowed.
        max: u64,
    },
    /// A tensor's bytes do not fit its shape or lie outside the file; [`name_at`](crate::safetensors::name_at) tells its name.
    Range {
        /// Where its name stands, in bytes from the start of the file.
        at: u64,
        /// Bytes that the file gives it.
        found: u64,
        /// Bytes that its type and shape take; `None` if no file could hold them.
        wanted: Option<u64>,
    },
    /// A tensor has another shape than the model's numbers say.
    Shape {
        /// Which one.
        what: &'static str,
        /// Rows that it should have.
        rows: u64,
        /// Columns that it should have.
        columns: u64,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Json(e) => write!(f, "not sound JSON: {e}"),
            LoadError::Vocabulary(e) => e.fmt(f),
            LoadError::Binary(e) => write!(f, "damaged or cut off: {e}"),
            LoadError::UnknownFile => f.write_str("the first bytes are not those of this kind of file"),
            LoadError::Missing { what } => write!(f, "{what} is missing"),
            LoadError::Invalid { what, at } => write!(f, "expected {what} at byte {at}"),
            LoadError::Unsupported { what, at } => write!(f, "{what} at byte {at} is not known here"),
            LoadError::Limit { what, found, max } => write!(f, "{found} {what}, at most {max} can be"),
            LoadError::Shape { what, rows, columns } => {
                write!(f, "{what} is not of {rows} x {columns} elements, as the model's numbers say")
            }
            LoadError::Range { at, found, wanted: Some(wanted) } => {
                write!(f, "the tensor named at byte {at} has {found} bytes, its shape takes {wanted}")
            }
            LoadError::Range { at, found, wanted: None } => {
                write!(f, "the tensor named at byte {at} has {found} bytes, its shape more than any file")
            }
        }
    }
}

impl core::error::Error for LoadError {}

impl From<DecodeError> for LoadError {
    fn from(reason: DecodeError) -> Self {
        Self::Binary(reason)
    }
}

impl From<ReadError> for LoadError {
    fn from(reason: ReadError) -> Self {
        Self::Json(reason)
    }
}

impl From<VocabularyError> for LoadError {
    fn from(reason: VocabularyError) -> Self {
        match reason {
            VocabularyError::Binary(reason) => Self::Binary(reason),
            VocabularyError::Json(reason) => Self::Json(reason),
            VocabularyError::UnknownFile => Self::UnknownFile,
            reason => Self::Vocabulary(reason),
        }
    }
}

/// Why a step cannot be taken; nothing has been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepError {
    /// An id is beyond the vocabulary.
    UnknownId {
        /// The id.
        id: u32,
        /// Which row asks for it.
        row: usize,
        /// Ids that there are.
        vocabulary: usize,
    },
    /// A position is beyond the context.
    Context {
        /// The position.
        position: u32,
        /// Positions that there are.
        context: usize,
    },
    /// A row does not continue its slot: positions before it have not been computed.
    Gap {
        /// The row.
        row: usize,
        /// Its position.
        position: u32,
        /// Positions that its slot has.
        filled: u32,
    },
    /// There is no such slot.
    UnknownSlot {
        /// The slot.
        slot: u32,
        /// Slots that there are.
        slots: usize,
    },
    /// The model knows no such kind of segment.
    UnknownSegment {
        /// The kind.
        segment: u32,
        /// Which row asks for it.
        row: usize,
    },
    /// A step has no row, or more than were planned.
    Batch {
        /// Rows.
        rows: usize,
        /// Rows that were planned.
        max: usize,
    },
    /// A buffer of the caller has another length than what goes into it.
    Buffer {
        /// Its length.
        len: usize,
        /// The length that it must have.
        wanted: usize,
    },
    /// What was planned takes more memory than there can be.
    Memory,
    /// An encoder was asked for probabilities, or a decoder for an embedding of an encoder.
    Kind,
    /// The result is not a number: the model's file is damaged, or its numbers overflow.
    NotANumber {
        /// Where it was found.
        at: usize,
    },
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StepError::UnknownId { id, row, vocabulary } => {
                write!(f, "id {id} of row {row} is not below {vocabulary}, the size of the vocabulary")
            }
            StepError::Context { position, context } => {
                write!(f, "position {position} is beyond the context of {context}")
            }
            StepError::Gap { row, position, filled } => {
                write!(f, "row {row} has position {position}, but its slot has {filled} positions")
            }
            StepError::UnknownSlot { slot, slots } => write!(f, "slot {slot} is not one of {slots}"),
            StepError::UnknownSegment { segment, row } => {
                write!(f, "the model has no segment {segment}, which row {row} is of")
            }
            StepError::Batch { rows, max } => write!(f, "{rows} rows in a step planned for 1 to {max}"),
            StepError::Buffer { len, wanted } => write!(f, "a buffer of {len} elements instead of {wanted}"),
            StepError::Memory => f.write_str("more memory than there can be"),
            StepError::Kind => f.write_str("not what this kind of model gives"),
            StepError::NotANumber { at } => write!(f, "the result at {at} is not a number"),
        }
    }
}

impl core::error::Error for StepError {}
