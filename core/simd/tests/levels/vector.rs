use dolmen_base::Rng;
use dolmen_simd::half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
use dolmen_simd::level::Level;
use dolmen_simd::vector::*;

use crate::support::*;

/// (Σab, Σ|ab|), (Σ(a-b)², itself) in f64.
fn truth(a: &[f32], b: &[f32]) -> [(f64, f64); 2] {
    let pairs = || a.iter().zip(b).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let dot = pairs().map(|(a, b)| a * b).sum();
    let size = pairs().map(|(a, b)| (a * b).abs()).sum();
    let l2 = pairs().map(|(a, b)| (a - b) * (a - b)).sum();
    [(dot, size), (l2, l2)]
}

#[test]
fn floats_are_within_their_bound_at_every_level() {
    let mut rng = Rng::new(1);
    for len in lengths() {
        for make in [ordinary, wild] {
            let (a, b) = (make(&mut rng, len), make(&mut rng, len));
            let shift = rng.next_u64() as usize % 16;
            let (a, b) = (Shifted::new(&a, shift), Shifted::new(&b, 15 - shift));
            let [(dot, size), (l2, _)] = truth(a.get(), b.get());
            // Products of denormals vanish below the least f32, one for each element.
            let least = 1e-38 * len as f64;
            for level in Level::each() {
                let what = format!("{level}, {len}");
                near(&what, dot_f32(level, a.get(), b.get()), dot, 2e-6 * size + least);
                near(&what, l2_f32(level, a.get(), b.get()), l2, 2e-6 * l2 + least);
            }
        }
    }
}

#[test]
fn levels_with_fused_products_agree_bit_for_bit() {
    let fused: Vec<Level> =
        Level::each().filter(|level| !["scalar", "sse4"].contains(&level.name())).collect();
    let mut rng = Rng::new(2);
    for len in lengths() {
        let (a, b) = (ordinary(&mut rng, len), ordinary(&mut rng, len));
        for pair in fused.windows(2) {
            for kernel in [dot_f32, l2_f32, cosine_f32] {
                let both = [kernel(pair[0], &a, &b), kernel(pair[1], &a, &b)];
                assert_eq!(both[0].to_bits(), both[1].to_bits(), "{} and {}, {len}", pair[0], pair[1]);
            }
        }
    }
}

#[test]
fn half_floats_are_within_their_bound_at_every_level() {
    type Half = (fn(f32) -> u16, fn(u16) -> f32, [fn(Level, &[u16], &[u16]) -> f32; 3]);
    let halves: [Half; 2] = [
        (f32_to_f16, f16_to_f32, [dot_f16, l2_f16, cosine_f16]),
        (f32_to_bf16, bf16_to_f32, [dot_bf16, l2_bf16, cosine_bf16]),
    ];
    let mut rng = Rng::new(3);
    for len in lengths() {
        for (narrow, widen, [dot, l2, cosine]) in halves {
            let mut make = || {
                let x: Vec<u16> = ordinary(&mut rng, len).into_iter().map(narrow).collect();
                Shifted::new(&x, len % 32)
            };
            let (a, b) = (make(), make());
            let wide = |x: &[u16]| -> Vec<f32> { x.iter().map(|&x| widen(x)).collect() };
            let (wide_a, wide_b) = (wide(a.get()), wide(b.get()));
            let [(dot_true, size), (l2_true, _)] = truth(&wide_a, &wide_b);
            for level in Level::each() {
                let what = format!("{level}, {len}");
                near(&what, dot(level, a.get(), b.get()), dot_true, 2e-6 * size + 1e-37);
                near(&what, l2(level, a.get(), b.get()), l2_true, 2e-6 * l2_true + 1e-37);
                let apart = f64::from(cosine_f32(Level::SCALAR, &wide_a, &wide_b));
                near(&what, cosine(level, a.get(), b.get()), apart, 2e-6);
            }
        }
    }
}

#[test]
fn integers_are_equal_at_every_level() {
    let mut rng = Rng::new(4);
    for len in lengths() {
        let (a, b) = (bytes(&mut rng, len), bytes(&mut rng, len));
        let extremes = [0u8, 255, 127, 128, 1];
        let pick = |rng: &mut Rng| extremes[rng.next_u64() as usize % extremes.len()];
        let edges: (Vec<u8>, Vec<u8>) = (0..len).map(|_| (pick(&mut rng), pick(&mut rng))).unzip();
        for (a, b) in [(a, b), edges] {
            let (a, b) = (Shifted::new(&a, len % 64), Shifted::new(&b, 63 - len % 64));
            bytes_of_any_kind(a.get(), b.get());
        }
    }
}

fn bytes_of_any_kind(a: &[u8], b: &[u8]) {
    let signed = |x: &[u8]| -> Vec<i8> { x.iter().map(|&x| x as i8).collect() };
    let low = |x: &[u8]| -> Vec<u8> { x.iter().map(|&x| x & 127).collect() };
    let sum = |pairs: &mut dyn Iterator<Item = (i64, i64)>| {
        pairs.fold((0, 0), |(dot, l2), (a, b)| (dot + a * b, l2 + (a - b) * (a - b)))
    };
    let (signed_a, signed_b, low_a, low_b) = (signed(a), signed(b), low(a), low(b));
    let pairs = |a: &[u8], b: &[u8]| sum(&mut a.iter().zip(b).map(|(&a, &b)| (i64::from(a), i64::from(b))));
    let (dot_u, l2_u) = pairs(a, b);
    let (dot_low, l2_low) = pairs(&low_a, &low_b);
    let (dot_i, l2_i) = sum(&mut signed_a.iter().zip(&signed_b).map(|(&a, &b)| (i64::from(a), i64::from(b))));
    for level in Level::each() {
        let what = format!("{level}, {}", a.len());
        assert_eq!(dot_u8(level, a, b), dot_u as u64, "{what}");
        assert_eq!(l2_u8(level, a, b), l2_u as u64, "{what}");
        assert_eq!(dot_u7(level, &low_a, &low_b), dot_low as u64, "{what}");
        assert_eq!(l2_u7(level, &low_a, &low_b), l2_low as u64, "{what}");
        assert_eq!(dot_i8(level, &signed_a, &signed_b), dot_i, "{what}");
        assert_eq!(l2_i8(level, &signed_a, &signed_b), l2_i as u64, "{what}");
    }
}

/// simd-01, NumKong issue #282: a tail that some kernel forgot, or read twice. Small integers are exact in every type.
#[test]
fn tails_are_counted_once() {
    let bf16 = |x: &[f32]| -> Vec<u16> { x.iter().map(|&x| f32_to_bf16(x)).collect() };
    for level in Level::each() {
        let (a, b) = (bf16(&[1.0, 2.0, 3.0, 4.0, 5.0]), bf16(&[5.0, 4.0, 3.0, 2.0, 1.0]));
        assert_eq!(dot_bf16(level, &a, &b), 35.0, "{level}");
    }
    for len in 0..=130usize {
        let a: Vec<f32> = (0..len).map(|i| (i % 7) as f32 - 3.0).collect();
        let b: Vec<f32> = (0..len).map(|i| (i % 5) as f32 - 2.0).collect();
        let [(dot, _), (l2, _)] = truth(&a, &b);
        let f16 = |x: &[f32]| -> Vec<u16> { x.iter().map(|&x| f32_to_f16(x)).collect() };
        for level in Level::each() {
            let what = format!("{level}, {len}");
            for kernel in [
                dot_f32(level, &a, &b),
                dot_f16(level, &f16(&a), &f16(&b)),
                dot_bf16(level, &bf16(&a), &bf16(&b)),
            ] {
                assert_eq!(f64::from(kernel), dot, "{what}");
            }
            for kernel in [
                l2_f32(level, &a, &b),
                l2_f16(level, &f16(&a), &f16(&b)),
                l2_bf16(level, &bf16(&a), &bf16(&b)),
            ] {
                assert_eq!(f64::from(kernel), l2, "{what}");
            }
        }
    }
}

/// simd-02, NumKong issue #195: rounding must not make a distance negative, nor above 2.
#[test]
fn cosine_stays_within_its_range() {
    let mut rng = Rng::new(5);
    let rounds = if cfg!(miri) { 10 } else { 10_000 };
    for round in 0..rounds {
        let len = [3, 5, 16, 100, 384, 1536][round % 6];
        let a = ordinary(&mut rng, len);
        let scaled: Vec<f32> = a.iter().map(|x| x * 2.18).collect();
        let opposite: Vec<f32> = a.iter().map(|x| -x).collect();
        for level in Level::each() {
            let apart = cosine_f32(level, &a, &scaled);
            assert!((0.0..=1e-6).contains(&apart), "{level}, {len}: {apart}");
            assert!((0.0..=1e-6).contains(&cosine_f32(level, &a, &a)), "{level}, {len}");
            let apart = cosine_f32(level, &a, &opposite);
            assert!((2.0 - 1e-6..=2.0).contains(&apart), "{level}, {len}: {apart}");
        }
    }
}

#[test]
fn cosine_of_zeros_and_extremes() {
    for level in Level::each() {
        assert_eq!(cosine_f32(level, &[0.0; 20], &[1.0; 20]), 1.0, "{level}");
        assert_eq!(cosine_f32(level, &[], &[]), 1.0, "{level}");
        assert!(cosine_f32(level, &[f32::NAN; 20], &[1.0; 20]).is_nan(), "{level}");
        assert!(cosine_f32(level, &[f32::NAN; 20], &[0.0; 20]).is_nan(), "{level}");
        // The product of the norms is beyond f32, and below it.
        for size in [1e15, 1e-15] {
            let apart = cosine_f32(level, &[size; 20], &[size; 20]);
            assert!((0.0..=1e-6).contains(&apart), "{level}: {apart}");
        }
    }
}

/// What is not a number is never lost, wherever it stands; an infinity neither.
#[test]
fn specials_reach_the_result() {
    for len in [1usize, 15, 16, 17, 63, 64, 65, 100, 200] {
        for at in 0..len {
            for level in Level::each() {
                let (mut a, b) = (vec![1.0; len], vec![1.0; len]);
                a[at] = f32::NAN;
                assert!(dot_f32(level, &a, &b).is_nan(), "{level}, {len}, {at}");
                assert!(l2_f32(level, &a, &b).is_nan(), "{level}, {len}, {at}");
                a[at] = f32::NEG_INFINITY;
                assert_eq!(dot_f32(level, &a, &b), f32::NEG_INFINITY, "{level}, {len}, {at}");
                assert_eq!(l2_f32(level, &a, &b), f32::INFINITY, "{level}, {len}, {at}");
            }
        }
    }
}

/// simd-05, RedisAI VectorSimilarity PR #1014: signed totals of 32 bits wrap above 33,025 dimensions.
#[test]
fn byte_sums_beyond_31_bits() {
    let (high, zero) = (vec![255u8; 40_000], vec![0u8; 40_000]);
    for level in Level::each() {
        assert_eq!(dot_u8(level, &high, &high), 2_601_000_000, "{level}");
        assert_eq!(l2_u8(level, &high, &zero), 2_601_000_000, "{level}");
    }
    if cfg!(miri) {
        return;
    }
    // Past the point where sums of a lane are emptied.
    for len in [262_144, 262_145, 1_000_000] {
        let (high, zero) = (vec![255u8; len], vec![0u8; len]);
        let (low, top) = (vec![-128i8; len], vec![127i8; len]);
        for level in Level::each() {
            assert_eq!(dot_u8(level, &high, &high), 65_025 * len as u64, "{level}, {len}");
            assert_eq!(l2_u8(level, &high, &zero), 65_025 * len as u64, "{level}, {len}");
            assert_eq!(dot_i8(level, &low, &low), 16_384 * len as i64, "{level}, {len}");
            assert_eq!(dot_i8(level, &low, &top), -16_256 * len as i64, "{level}, {len}");
            assert_eq!(l2_i8(level, &low, &top), 65_025 * len as u64, "{level}, {len}");
        }
    }
}

#[test]
#[should_panic(expected = "vectors of one length, but one has 3 elements and the other 2")]
fn lengths_that_differ() {
    dot_f32(Level::best(), &[1.0; 3], &[1.0; 2]);
}
