//! Shapes, and views onto storages: dimensions, strides, an offset.
//!
//! A view of stride 0 repeats elements: broadcasting is a view, and its gradient is the sum that adding through such a view gives.

use core::fmt;

use crate::error::TapeError;
use crate::limits::{ELEMENTS_MAX, RANK_MAX};

/// The dimensions of a tensor, each at least 1; none at all is a scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    rank: usize,
    dims: [usize; RANK_MAX],
}

impl Shape {
    /// Of these dimensions.
    ///
    /// # Errors
    ///
    /// Too many dimensions, one of no elements, or too many elements in all.
    pub fn new(dims: &[usize]) -> Result<Shape, TapeError> {
        let rank = dims.len();
        if rank > RANK_MAX {
            return Err(TapeError::Rank { rank });
        }
        let mut all = [1; RANK_MAX];
        let mut len = 1usize;
        for (axis, (&dim, to)) in dims.iter().zip(&mut all).enumerate() {
            if dim == 0 {
                return Err(TapeError::Empty { axis });
            }
            len = len.checked_mul(dim).filter(|&len| len <= ELEMENTS_MAX).ok_or(TapeError::Elements)?;
            *to = dim;
        }
        Ok(Shape { rank, dims: all })
    }

    /// The dimensions.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// How many dimensions.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many elements.
    pub fn elements(&self) -> usize {
        self.dims().iter().product()
    }

    /// The last dimension; 1 of a scalar.
    pub fn last(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }

    /// How many rows of the last dimension.
    pub fn rows(&self) -> usize {
        self.elements() / self.last()
    }

    /// What both shapes broadcast to, dimensions aligned at the end, as NumPy has it.
    ///
    /// # Errors
    ///
    /// Two dimensions differ and neither is 1, or the result is too large.
    pub fn broadcast(&self, other: &Shape) -> Result<Shape, TapeError> {
        let rank = self.rank.max(other.rank);
        let mut dims = [1; RANK_MAX];
        for (at, to) in dims[..rank].iter_mut().enumerate() {
            let of = |shape: &Shape| (at + shape.rank).checked_sub(rank).map_or(1, |axis| shape.dims[axis]);
            *to = match (of(self), of(other)) {
                (left, right) if left == right => left,
                (1, dim) | (dim, 1) => dim,
                _ => return Err(TapeError::Mismatch { left: *self, right: *other }),
            };
        }
        Shape::new(&dims[..rank])
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.dims()).finish()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A way to look at a storage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// The number of the storage.
    pub storage: u32,
    pub shape: Shape,
    pub strides: [usize; RANK_MAX],
    pub offset: usize,
}

/// A stretch of a view along its last dimension.
struct Run {
    /// Of the first element in the storage.
    offset: usize,
    /// Of the first element in the stretch asked for.
    at: usize,
    len: usize,
}

impl View {
    /// The whole storage in rows.
    pub fn whole(storage: u32, shape: Shape) -> View {
        let mut strides = [0; RANK_MAX];
        let mut step = 1;
        for axis in (0..shape.rank()).rev() {
            strides[axis] = step;
            step *= shape.dims()[axis];
        }
        View { storage, shape, strides, offset: 0 }
    }

    /// The stride of the last dimension.
    pub fn step(&self) -> usize {
        self.shape.rank().checked_sub(1).map_or(1, |axis| self.strides[axis])
    }

    /// Whether its elements stand side by side in their order.
    pub fn dense(&self) -> bool {
        let mut step = 1;
        for axis in (0..self.shape.rank()).rev() {
            let dim = self.shape.dims()[axis];
            if dim != 1 && self.strides[axis] != step {
                return false;
            }
            step *= dim;
        }
        true
    }

    /// The place in the storage of an element by its number.
    pub fn place(&self, index: usize) -> usize {
        let (mut rest, mut place) = (index, self.offset);
        for axis in (0..self.shape.rank()).rev() {
            let dim = self.shape.dims()[axis];
            place += rest % dim * self.strides[axis];
            rest /= dim;
        }
        place
    }

    /// Elements `begin..begin + buffer.len()`: where they stand if they stand side by side, else copied to the buffer.
    pub fn gather<'a>(&self, data: &'a [f32], begin: usize, buffer: &'a mut [f32]) -> &'a [f32] {
        if self.dense() {
            return &data[self.offset + begin..][..buffer.len()];
        }
        let step = self.step();
        self.runs(begin, buffer.len(), |run| {
            let to = &mut buffer[run.at..][..run.len];
            match step {
                0 => to.fill(data[run.offset]),
                1 => to.copy_from_slice(&data[run.offset..][..run.len]),
                _ => to.iter_mut().zip(data[run.offset..].iter().step_by(step)).for_each(|(to, x)| *to = *x),
            }
        });
        buffer
    }

    /// Adds values to elements `begin..`; an element that the view repeats gets them all.
    pub fn scatter_add(&self, data: &mut [f32], begin: usize, values: &[f32]) {
        let step = self.step();
        self.runs(begin, values.len(), |run| {
            let values = &values[run.at..][..run.len];
            match step {
                0 => data[run.offset] += values.iter().sum::<f32>(),
                1 => data[run.offset..].iter_mut().zip(values).for_each(|(to, x)| *to += x),
                _ => {
                    data[run.offset..].iter_mut().step_by(step).zip(values).for_each(|(to, x)| *to += x);
                }
            }
        });
    }

    /// Cuts the elements `begin..begin + len` at the ends of the last dimension.
    fn runs(&self, begin: usize, len: usize, mut each: impl FnMut(Run)) {
        let last = self.shape.last();
        let mut at = 0;
        while at < len {
            let index = begin + at;
            let run = (last - index % last).min(len - at);
            each(Run { offset: self.place(index), at, len: run });
            at += run;
        }
    }
}
