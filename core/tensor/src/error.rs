//! Errors: one enum for building a tape, one for running a plan, one for stored forms. Fields are numbers; the caller adds names.

use core::fmt;

use crate::limits::{ELEMENTS_MAX, HEAD_LEN_MAX, NODES_MAX, RANK_MAX};
use crate::memory::Room;
use crate::shape::Shape;
use crate::tape::Id;

/// Why an operation cannot be put on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapeError {
    /// More dimensions than any shape has.
    Rank {
        /// Asked for.
        rank: usize,
    },
    /// A dimension of no elements.
    Empty {
        /// Which, from 0.
        axis: usize,
    },
    /// More elements than any tensor has.
    Elements,
    /// More tensors than any tape has.
    Nodes,
    /// A dimension that the shape does not have.
    Axis {
        /// Asked for, from 0.
        axis: usize,
        /// Of so many.
        rank: usize,
    },
    /// Two shapes that do not fit together.
    Mismatch {
        /// The one.
        left: Shape,
        /// The other.
        right: Shape,
    },
    /// Integers where floats are wanted, or the reverse.
    Element {
        /// Of which tensor.
        id: Id,
    },
    /// A table that has to be a constant, but depends on what is trained.
    Constant {
        /// Which tensor.
        id: Id,
    },
    /// The id is of no tensor of this tape.
    Unknown {
        /// The id.
        id: Id,
    },
    /// A number outside of what an option may be.
    Option {
        /// Found.
        value: usize,
        /// The most, or what must divide it.
        bound: usize,
    },
    /// The loss of a step has one element.
    Loss {
        /// But has this shape.
        shape: Shape,
    },
    /// Heads that are too broad for the stack.
    Head {
        /// Elements.
        len: usize,
    },
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TapeError::Rank { rank } => write!(f, "{rank} dimensions, the most is {RANK_MAX}"),
            TapeError::Empty { axis } => write!(f, "dimension {axis} has no elements"),
            TapeError::Elements => write!(f, "more than {ELEMENTS_MAX} elements"),
            TapeError::Nodes => write!(f, "more than {NODES_MAX} tensors on one tape"),
            TapeError::Axis { axis, rank } => write!(f, "dimension {axis} of {rank}"),
            TapeError::Mismatch { left, right } => write!(f, "{left} and {right} do not fit together"),
            TapeError::Element { id } => write!(f, "tensor {id} holds the other kind of element"),
            TapeError::Constant { id } => write!(f, "tensor {id} has to be a constant"),
            TapeError::Unknown { id } => write!(f, "tensor {id} is not on this tape"),
            TapeError::Option { value, bound } => write!(f, "an option is {value}, its bound {bound}"),
            TapeError::Loss { shape } => write!(f, "a loss of shape {shape}, not of one element"),
            TapeError::Head { len } => write!(f, "rows of {len} elements, the most is {HEAD_LEN_MAX}"),
        }
    }
}

impl core::error::Error for TapeError {}

/// Why a plan cannot be run with what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// A part of the memory is too short.
    Memory {
        /// Which part.
        room: Room,
        /// Elements it has.
        len: usize,
        /// Elements it must have.
        wanted: usize,
    },
    /// A number that points beyond its table.
    Index {
        /// In which tensor of numbers.
        id: Id,
        /// At which element of it.
        at: usize,
        /// The number.
        index: u32,
        /// Rows of the table.
        rows: usize,
    },
    /// Values of another length than the tensor that is set or read.
    Length {
        /// Of the tensor.
        wanted: usize,
        /// Of the values.
        found: usize,
    },
    /// The tensor is none that can be set or read: no input, or not kept.
    Absent {
        /// Which.
        id: Id,
    },
    /// The plan has no backward half.
    NoLoss,
    /// More workers than the plan was made for.
    Workers {
        /// Found.
        found: usize,
        /// Planned for.
        planned: usize,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Memory { room, len, wanted } => {
                write!(f, "{len} elements of memory for {room}, but {wanted} are needed")
            }
            RunError::Index { id, at, index, rows } => {
                write!(f, "element {at} of tensor {id} is {index}, but there are {rows}")
            }
            RunError::Length { wanted, found } => write!(f, "{found} values for {wanted} elements"),
            RunError::Absent { id } => write!(f, "tensor {id} is no input, or was not kept"),
            RunError::NoLoss => f.write_str("the plan was made without a loss"),
            RunError::Workers { found, planned } => write!(f, "{found} workers, planned for {planned}"),
        }
    }
}

impl core::error::Error for RunError {}
