//! Distances of bit strings, eight bits a byte; exact and equal at all levels.

use crate::level::Level;
use crate::wide::{BYTES, Kernel, Wide};

/// The number of bits that differ.
///
/// # Panics
///
/// The lengths differ.
pub fn hamming(level: Level, a: &[u8], b: &[u8]) -> u64 {
    same_len(a, b);
    level.run(Hamming(a, b))
}

/// 1 - |a ∧ b| / |a ∨ b|, within 0..=1: 0 where no bit is set in either. The counts are exact, and the quotient is rounded once to f64 and
/// once to f32.
///
/// # Panics
///
/// The lengths differ.
pub fn jaccard(level: Level, a: &[u8], b: &[u8]) -> f32 {
    same_len(a, b);
    let [both, either] = level.run(BothEither(a, b));
    if either == 0 { 0.0 } else { (1.0 - both as f64 / either as f64) as f32 }
}

/// The number of set bits.
pub fn count_ones(level: Level, a: &[u8]) -> u64 {
    level.run(CountOnes(a))
}

#[inline(always)]
fn same_len(a: &[u8], b: &[u8]) {
    assert!(
        a.len() == b.len(),
        "bit strings of one length, but one has {} bytes, the other {}",
        a.len(),
        b.len()
    );
}

pub(crate) struct Hamming<'a>(pub &'a [u8], pub &'a [u8]);

impl Kernel for Hamming<'_> {
    type Out = u64;

    fn scalar(self) -> u64 {
        self.0.iter().zip(self.1).map(|(a, b)| u64::from((a ^ b).count_ones())).sum()
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> u64 {
        let [mut s0, mut s1] = [w.zero(); 2];
        let ((a, a_tail), (b, b_tail)) = (self.0.as_chunks::<BYTES>(), self.1.as_chunks::<BYTES>());
        let ((a2, a), (b2, b)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
        for (a, b) in a2.iter().zip(b2) {
            s0 = w.count_ones(s0, w.xor(w.load_bytes(&a[0]), w.load_bytes(&b[0])));
            s1 = w.count_ones(s1, w.xor(w.load_bytes(&a[1]), w.load_bytes(&b[1])));
        }
        for (a, b) in a.iter().zip(b) {
            s0 = w.count_ones(s0, w.xor(w.load_bytes(a), w.load_bytes(b)));
        }
        if !a_tail.is_empty() {
            s1 = w.count_ones(s1, w.xor(w.load_bytes_part(a_tail), w.load_bytes_part(b_tail)));
        }
        w.sum_u64(s0) + w.sum_u64(s1)
    }
}

struct BothEither<'a>(&'a [u8], &'a [u8]);

impl Kernel for BothEither<'_> {
    type Out = [u64; 2];

    fn scalar(self) -> [u64; 2] {
        let mut counts = [0; 2];
        for (a, b) in self.0.iter().zip(self.1) {
            counts[0] += u64::from((a & b).count_ones());
            counts[1] += u64::from((a | b).count_ones());
        }
        counts
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> [u64; 2] {
        let [mut both, mut either] = [w.zero(); 2];
        let ((a, a_tail), (b, b_tail)) = (self.0.as_chunks::<BYTES>(), self.1.as_chunks::<BYTES>());
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (w.load_bytes(a), w.load_bytes(b));
            both = w.count_ones(both, w.and(a, b));
            either = w.count_ones(either, w.or(a, b));
        }
        if !a_tail.is_empty() {
            let (a, b) = (w.load_bytes_part(a_tail), w.load_bytes_part(b_tail));
            both = w.count_ones(both, w.and(a, b));
            either = w.count_ones(either, w.or(a, b));
        }
        [w.sum_u64(both), w.sum_u64(either)]
    }
}

struct CountOnes<'a>(&'a [u8]);

impl Kernel for CountOnes<'_> {
    type Out = u64;

    fn scalar(self) -> u64 {
        self.0.iter().map(|a| u64::from(a.count_ones())).sum()
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) -> u64 {
        let mut sum = w.zero();
        let (a, tail) = self.0.as_chunks::<BYTES>();
        for a in a {
            sum = w.count_ones(sum, w.load_bytes(a));
        }
        if !tail.is_empty() {
            sum = w.count_ones(sum, w.load_bytes_part(tail));
        }
        w.sum_u64(sum)
    }
}
