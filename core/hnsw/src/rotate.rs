//! The random orthogonal rotation of an index: [`dolmen_simd::rotate`] with signs drawn from the index's seed.

use alloc::vec::Vec;

use dolmen_base::rng::Rng;
use dolmen_simd::rotate;

use crate::Level;

pub use dolmen_simd::rotate::padded;

/// A rotation of vectors of `dim` values, padded with zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    dim: usize,
    signs: Vec<u8>,
}

impl Rotation {
    /// The rotation of this seed.
    pub fn new(dim: usize, seed: u64) -> Self {
        let mut signs = alloc::vec![0; rotate::signs_len(dim)];
        Rng::new(seed ^ 0x726f_7461_7465).fill(&mut signs);
        Rotation { dim, signs }
    }

    /// Values of a rotated vector.
    pub fn padded(&self) -> usize {
        padded(self.dim)
    }

    /// Rotates `dim` values into `out`, [`Rotation::padded`] values. Other lengths leave it as it is.
    pub fn apply(&self, level: Level, input: &[f32], out: &mut [f32]) {
        if input.len() == self.dim && out.len() == self.padded() {
            rotate::rotate(level, &self.signs, input, out);
        }
    }

    /// The inverse: from a rotated vector back to `dim` values, up to rounding.
    pub fn invert(&self, level: Level, rotated: &[f32]) -> Vec<f32> {
        let mut values: Vec<f32> =
            rotated.iter().copied().chain(core::iter::repeat(0.0)).take(self.padded()).collect();
        rotate::rotate_back(level, &self.signs, self.dim, &mut values);
        values.truncate(self.dim);
        values
    }
}
