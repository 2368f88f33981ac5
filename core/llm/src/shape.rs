//! Shapes and element types of stored tensors.

use core::fmt;

use crate::limits::DIMENSIONS_MAX;

/// Up to [`DIMENSIONS_MAX`] dimensions, the slowest first, as PyTorch and safetensors write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Shape {
    dimensions: [u64; DIMENSIONS_MAX],
    len: u8,
}

impl Shape {
    /// A shape; `None` if there are too many dimensions.
    pub fn new(dimensions: &[u64]) -> Option<Shape> {
        let mut shape = Shape::default();
        for &dimension in dimensions {
            shape.push(dimension)?;
        }
        Some(shape)
    }

    /// Adds a dimension behind the others; `None` if there is no room.
    pub fn push(&mut self, dimension: u64) -> Option<()> {
        *self.dimensions.get_mut(usize::from(self.len))? = dimension;
        self.len += 1;
        Some(())
    }

    /// The dimensions, the slowest first.
    pub fn dimensions(&self) -> &[u64] {
        &self.dimensions[..usize::from(self.len)]
    }

    /// The same with the fastest dimension first, as GGUF writes them.
    pub fn reversed(self) -> Shape {
        let mut turned = self;
        turned.dimensions[..usize::from(self.len)].reverse();
        turned
    }

    /// Elements; `None` beyond 2⁶⁴.
    pub fn elements(&self) -> Option<u64> {
        self.dimensions().iter().try_fold(1u64, |product, &d| product.checked_mul(d))
    }

    /// Rows and the elements of one, all dimensions but the last taken together; `None` beyond the address space.
    pub fn rows(&self) -> Option<(usize, usize)> {
        let (&last, front) = self.dimensions().split_last()?;
        let rows = front.iter().try_fold(1u64, |product, &d| product.checked_mul(d))?;
        Some((usize::try_from(rows).ok()?, usize::try_from(last).ok()?))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (nth, dimension) in self.dimensions().iter().enumerate() {
            let comma = if nth > 0 { ", " } else { "" };
            write!(f, "{comma}{dimension}")?;
        }
        f.write_str("]")
    }
}
