//! A random orthogonal rotation that needs no matrix: signs, Walsh-Hadamard, and Kac steps where the length is no power of two.
//!
//! Four rounds: flip signs by a random bit vector; transform T elements (T the largest power of two that fits), the first T in rounds 0 and
//! 2, the last T in rounds 1 and 3; where T is not everything, one Kac step over both halves. The same for data and queries.
//! Source: RaBitQ-Library's fast rotation (arXiv 2405.12497).

use alloc::vec::Vec;

use dolmen_base::rng::Rng;

const ROUNDS: usize = 4;

/// A rotation of vectors of `dim` values, padded with zeros to a multiple of 32.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    dim: usize,
    padded: usize,
    /// ±1, `ROUNDS` times `padded`.
    signs: Vec<f32>,
}

impl Rotation {
    /// The rotation of this seed.
    pub fn new(dim: usize, seed: u64) -> Self {
        let padded = padded(dim);
        let mut rng = Rng::new(seed ^ 0x726f_7461_7465);
        let signs = (0..ROUNDS * padded / 32)
            .flat_map(|_| {
                let bits = rng.next_u32();
                (0..32).map(move |i| if bits >> i & 1 == 1 { -1.0 } else { 1.0 })
            })
            .collect();
        Rotation { dim, padded, signs }
    }

    /// Values of a rotated vector.
    pub fn padded(&self) -> usize {
        self.padded
    }

    /// Rotates `input` (`dim` values; what is missing counts as zero) into `out` (`padded` values).
    pub fn apply(&self, input: &[f32], out: &mut [f32]) {
        let (p, t) = (self.padded, self.transform_len());
        let Some(out) = out.get_mut(..p) else { return };
        let n = input.len().min(self.dim);
        out[..n].copy_from_slice(&input[..n]);
        out[n..].fill(0.0);
        let scale = 1.0 / libm::sqrtf(t as f32);
        for (round, signs) in self.signs.chunks_exact(p).enumerate() {
            for (value, sign) in out.iter_mut().zip(signs) {
                *value *= sign;
            }
            let part = if round % 2 == 0 { &mut out[..t] } else { &mut out[p - t..] };
            hadamard(part, scale);
            if t < p {
                let (low, high) = out.split_at_mut(p / 2);
                for (a, b) in low.iter_mut().zip(high) {
                    let (sum, difference) = ((*a + *b) * core::f32::consts::FRAC_1_SQRT_2, (*a - *b) * core::f32::consts::FRAC_1_SQRT_2);
                    (*a, *b) = (sum, difference);
                }
            }
        }
    }

    /// The inverse: from a rotated vector back to `dim` values, up to rounding.
    pub fn invert(&self, rotated: &[f32]) -> Vec<f32> {
        let (p, t) = (self.padded, self.transform_len());
        let mut values: Vec<f32> = rotated.iter().copied().chain(core::iter::repeat(0.0)).take(p).collect();
        let scale = 1.0 / libm::sqrtf(t as f32);
        for (round, signs) in self.signs.chunks_exact(p).enumerate().rev() {
            if t < p {
                let (low, high) = values.split_at_mut(p / 2);
                for (a, b) in low.iter_mut().zip(high) {
                    let (sum, difference) = ((*a + *b) * core::f32::consts::FRAC_1_SQRT_2, (*a - *b) * core::f32::consts::FRAC_1_SQRT_2);
                    (*a, *b) = (sum, difference);
                }
            }
            let part = if round % 2 == 0 { &mut values[..t] } else { &mut values[p - t..] };
            hadamard(part, scale);
            for (value, sign) in values.iter_mut().zip(signs) {
                *value *= sign;
            }
        }
        values.truncate(self.dim);
        values
    }

    fn transform_len(&self) -> usize {
        1 << self.padded.ilog2()
    }
}

/// Values of a rotated vector of `dim`: the next multiple of 32.
pub fn padded(dim: usize) -> usize {
    dim.next_multiple_of(32)
}

/// Walsh-Hadamard in place over a power of two of at least 16 elements, times `scale`. Two levels a pass, so that memory is walked half as
/// often.
fn hadamard(values: &mut [f32], scale: f32) {
    for chunk in values.chunks_exact_mut(16) {
        let mut block = [0f32; 16];
        block.copy_from_slice(chunk);
        for h in [8usize, 4, 2, 1] {
            let mut next = [0f32; 16];
            for i in 0..16 {
                let other = block[i ^ h];
                next[i] = if i & h == 0 { block[i] + other } else { other - block[i] };
            }
            block = next;
        }
        for (to, from) in chunk.iter_mut().zip(block) {
            *to = from * scale;
        }
    }
    let mut h = 16;
    while h < values.len() {
        if 4 * h <= values.len() {
            for chunk in values.chunks_exact_mut(4 * h) {
                let (ab, cd) = chunk.split_at_mut(2 * h);
                let ((a, b), (c, d)) = (ab.split_at_mut(h), cd.split_at_mut(h));
                for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                    let (s, t, u, v) = (*a + *b, *a - *b, *c + *d, *c - *d);
                    (*a, *b, *c, *d) = (s + u, t + v, s - u, t - v);
                }
            }
            h *= 4;
        } else {
            let (low, high) = values.split_at_mut(h);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
            h *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_keeps_norms_and_dots_and_turns_back() {
        for dim in [1, 7, 32, 64, 100, 128, 130, 384, 784, 1536] {
            let rotation = Rotation::new(dim, 7);
            let mut rng = Rng::new(dim as u64);
            let mut draw = || (0..dim).map(|_| rng.unit_f64() as f32 - 0.5).collect::<Vec<f32>>();
            let (a, b) = (draw(), draw());
            let turn = |v: &[f32]| {
                let mut out = alloc::vec![0.0; rotation.padded()];
                rotation.apply(v, &mut out);
                out
            };
            let (ra, rb) = (turn(&a), turn(&b));
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
            let bound = 1e-5 * (dot(&a, &a) * dot(&b, &b)).sqrt();
            assert!((dot(&a, &b) - dot(&ra, &rb)).abs() < bound.max(1e-6), "{dim}");
            assert!((dot(&a, &a) - dot(&ra, &ra)).abs() < 1e-5 * dot(&a, &a).max(1e-3), "{dim}");
            for (x, y) in rotation.invert(&ra).iter().zip(&a) {
                assert!((x - y).abs() < 1e-5, "{dim}");
            }
        }
    }
}
