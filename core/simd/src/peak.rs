//! What a CPU can do at most, measured: work that only multiplies and adds in registers, or only reads. A kernel's speed is a share of
//! one of the two.

use crate::level::Level;
use crate::wide::{BYTES, Kernel, Wide};

/// Floating-point operations of one round of [`multiply`].
pub const ROUND_OPERATIONS: usize = 2 * 16 * CHAINS;

/// Multiplies and adds in registers for so many rounds, in chains that do not wait for each other; the result is of no use but to keep
/// the work from being left out.
pub fn multiply(level: Level, rounds: usize) -> f32 {
    level.run_floats(Multiply(rounds))
}

/// Reads all bytes once and joins them by exclusive or.
pub fn read(level: Level, bytes: &[u8]) -> u64 {
    level.run_floats(Read(bytes))
}

struct Multiply(usize);

impl Kernel for Multiply {
    type Out = f32;

    fn scalar(self) -> f32 {
        // As many operations a round, one after another of each chain.
        let mut sums: [f32; CHAINS] = core::array::from_fn(|at| (self.0 + at) as f32);
        for _ in 0..16 * self.0 {
            for sum in &mut sums {
                *sum = *sum * 0.999 + 0.5;
            }
        }
        sums.iter().sum()
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> f32 {
        let (by, plus) = (w.splat(0.999), w.splat(0.5));
        let mut sums = [w.splat(0.0); CHAINS];
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = w.splat((self.0 + at) as f32);
        }
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = w.fma(*sum, by, plus);
            }
        }
        let mut total = sums[0];
        for &sum in &sums[1..] {
            total = w.add(total, sum);
        }
        w.sum(total)
    }
}

struct Read<'a>(&'a [u8]);

impl Kernel for Read<'_> {
    type Out = u64;

    fn scalar(self) -> u64 {
        let (words, rest) = self.0.as_chunks::<8>();
        let joined = words.iter().fold(0, |joined, word| joined ^ u64::from_ne_bytes(*word));
        rest.iter().fold(joined, |joined, &byte| joined ^ u64::from(byte))
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> u64 {
        let [mut a, mut b, mut c, mut d] = [w.zero(); 4];
        let (blocks, rest) = self.0.as_chunks::<BYTES>();
        let (fours, blocks) = blocks.as_chunks::<4>();
        for four in fours {
            a = w.xor(a, w.load_bytes(&four[0]));
            b = w.xor(b, w.load_bytes(&four[1]));
            c = w.xor(c, w.load_bytes(&four[2]));
            d = w.xor(d, w.load_bytes(&four[3]));
        }
        for block in blocks {
            a = w.xor(a, w.load_bytes(block));
        }
        let mut joined = [0; BYTES];
        w.store_bytes(w.xor(w.xor(a, b), w.xor(c, d)), &mut joined);
        Read(&joined).scalar() ^ Read(rest).scalar()
    }
}

/// Chains of sums: two units of four cycles at the widest registers.
const CHAINS: usize = 12;
