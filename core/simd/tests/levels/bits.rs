use dolmen_base::Rng;
use dolmen_simd::bits::*;
use dolmen_simd::level::Level;

use crate::support::*;

#[test]
fn counts_are_equal_at_every_level() {
    let mut rng = Rng::new(11);
    for len in lengths() {
        let (a, b) = (bytes(&mut rng, len), bytes(&mut rng, len));
        let count = |bit: &dyn Fn(u8, u8) -> bool| {
            let bits = |x: u8| (0..8).map(move |at| x >> at & 1);
            a.iter().zip(&b).flat_map(|(&a, &b)| bits(a).zip(bits(b))).filter(|&(a, b)| bit(a, b)).count()
        };
        let (both, either) = (count(&|a, b| a & b == 1), count(&|a, b| a | b == 1));
        let apart = if either == 0 { 0.0 } else { (1.0 - both as f64 / either as f64) as f32 };
        let shifted = Shifted::new(&a, len % 64);
        for level in Level::each() {
            assert_eq!(hamming(level, shifted.get(), &b), count(&|a, b| a != b) as u64, "{level}, {len}");
            assert_eq!(count_ones(level, &a), count(&|a, _| a == 1) as u64, "{level}, {len}");
            assert_eq!(jaccard(level, shifted.get(), &b).to_bits(), apart.to_bits(), "{level}, {len}");
        }
    }
}

#[test]
fn extremes() {
    for level in Level::each() {
        for len in [0usize, 1, 64, 100, 2000] {
            assert_eq!(hamming(level, &vec![255; len], &vec![0; len]), 8 * len as u64, "{level}");
            assert_eq!(jaccard(level, &vec![0; len], &vec![0; len]), 0.0, "{level}");
            let disjoint = jaccard(level, &vec![0xf0; len], &vec![0x0f; len]);
            assert_eq!(disjoint, if len == 0 { 0.0 } else { 1.0 }, "{level}");
        }
    }
}
