use dolmen_base::Rng;
use dolmen_simd::half::*;
use dolmen_simd::level::Level;

use crate::support::*;

/// simd-12, DirectXMath issue #110, Highway PR #2067 and others: halves between two numbers go to the even one, and denormals are numbers.
#[test]
fn rounding_to_half() {
    let at = |numerator: f64, exponent: i32| (numerator * f64::from(exponent).exp2()) as f32;
    let cases = [
        (at(1.0, -24), 0x0001),
        (at(1.0, -25), 0x0000),
        (f32::from_bits(at(1.0, -25).to_bits() + 1), 0x0001),
        (at(3.0, -25), 0x0002),
        (at(51.0, -24), 0x0033),
        (65504.0, 0x7bff),
        (65519.99, 0x7bff),
        (65520.0, 0x7c00),
        (1.0 + at(1.0, -11), 0x3c00),
        (1.0 + at(3.0, -11), 0x3c02),
        (-0.0, 0x8000),
        (f32::INFINITY, 0x7c00),
        (f32::NEG_INFINITY, 0xfc00),
        (at(1023.75, -24), 0x0400),
    ];
    for (x, want) in cases {
        assert_eq!(f32_to_f16(x), want, "{x:e}");
        for level in Level::each() {
            let mut out = [0; 1];
            f32s_to_f16s(level, &[x], &mut out);
            assert_eq!(out[0], want, "{level}, {x:e}");
        }
    }
}

#[test]
fn all_halves_come_back() {
    let all: Vec<u16> = (0..=u16::MAX).step_by(if cfg!(miri) { 97 } else { 1 }).collect();
    for level in Level::each() {
        let (mut wide, mut back) = (vec![0.0; all.len()], vec![0; all.len()]);
        f16s_to_f32s(level, &all, &mut wide);
        f32s_to_f16s(level, &wide, &mut back);
        for ((&half, &wide), &back) in all.iter().zip(&wide).zip(&back) {
            assert_eq!(wide.to_bits(), f16_to_f32(half).to_bits(), "{level}, {half:04x}");
            let number = half & 0x7fff <= 0x7c00;
            assert_eq!(back, if number { half } else { half | 0x200 }, "{level}");
        }
        bf16s_to_f32s(level, &all, &mut wide);
        f32s_to_bf16s(level, &wide, &mut back);
        for (&half, &back) in all.iter().zip(&back) {
            let number = half & 0x7fff <= 0x7f80;
            assert_eq!(back, if number { half } else { half | 0x40 }, "{level}");
        }
    }
}

/// Independent of both: the nearest of two neighbours by distance in f64.
#[test]
fn the_nearest_half_by_distance() {
    let mut rng = Rng::new(31);
    let rounds = if cfg!(miri) { 200 } else { 200_000 };
    for _ in 0..rounds {
        let x = f32::from_bits(rng.next_u64() as u32 & 0x47ff_ffff);
        if x >= 65520.0 {
            continue;
        }
        let got = f32_to_f16(x);
        let apart = |half: u16| (f64::from(f16_to_f32(half)) - f64::from(x)).abs();
        if got < 0x7bff {
            assert!(apart(got) <= apart(got + 1), "{x:e}");
        }
        if got > 0 {
            assert!(apart(got) <= apart(got - 1), "{x:e}");
            assert!(
                apart(got) < apart(got - 1) || got.is_multiple_of(2),
                "{x:e} is halfway and went to the odd one"
            );
        }
    }
}

/// Every f32, or a sample of them: `DOLMEN_SOAK=1` takes all.
#[test]
fn software_and_hardware_agree() {
    let soak = std::env::var_os("DOLMEN_SOAK").is_some();
    let step = if soak {
        1
    } else if cfg!(miri) {
        40_009_999
    } else {
        997
    };
    let mut batch = Vec::with_capacity(4096);
    let check = |batch: &[f32]| {
        for level in wide_levels() {
            let (mut f16, mut bf16) = (vec![0; batch.len()], vec![0; batch.len()]);
            f32s_to_f16s(level, batch, &mut f16);
            f32s_to_bf16s(level, batch, &mut bf16);
            for (at, &x) in batch.iter().enumerate() {
                assert_eq!(f16[at], f32_to_f16(x), "{level}, {x:e}");
                assert_eq!(bf16[at], f32_to_bf16(x), "{level}, {x:e}");
            }
        }
    };
    for bits in (0..=u32::MAX).step_by(step) {
        batch.push(f32::from_bits(bits));
        if batch.len() == 4096 {
            check(&batch);
            batch.clear();
        }
    }
    check(&batch);
}

#[test]
fn conversions_of_every_length() {
    let mut rng = Rng::new(32);
    for len in lengths() {
        let halves: Vec<u16> = (0..len).map(|_| rng.next_u64() as u16).collect();
        let floats: Vec<f32> = (0..len).map(|_| f32::from_bits(rng.next_u64() as u32)).collect();
        let (halves, floats) = (Shifted::new(&halves, len % 32), Shifted::new(&floats, len % 16));
        let (halves, floats) = (halves.get(), floats.get());
        for level in Level::each() {
            let (mut wide, mut narrow) = (vec![0.0; len], vec![0; len]);
            f16s_to_f32s(level, halves, &mut wide);
            let all = wide.iter().zip(halves).all(|(x, &half)| x.to_bits() == f16_to_f32(half).to_bits());
            assert!(all, "{level}, {len}");
            bf16s_to_f32s(level, halves, &mut wide);
            let all = wide.iter().zip(halves).all(|(x, &half)| x.to_bits() == bf16_to_f32(half).to_bits());
            assert!(all, "{level}, {len}");
            f32s_to_f16s(level, floats, &mut narrow);
            assert!(narrow.iter().zip(floats).all(|(&half, &x)| half == f32_to_f16(x)), "{level}, {len}");
            f32s_to_bf16s(level, floats, &mut narrow);
            assert!(narrow.iter().zip(floats).all(|(&half, &x)| half == f32_to_bf16(x)), "{level}, {len}");
        }
    }
}
