use dolmen_base::Rng;
use dolmen_simd::half::{f32s_to_bf16s, f32s_to_f16s};
use dolmen_simd::level::Level;
use dolmen_simd::{gemv, vector};

use crate::support::*;

#[test]
fn rows_times_a_vector() {
    let mut rng = Rng::new(81);
    let widths: &[usize] =
        if cfg!(miri) { &[0, 17] } else { &[0, 1, 15, 16, 17, 64, 65, 100, 128, 255, 300] };
    for &width in widths {
        for count in [0usize, 1, 3, 4, 5, 9] {
            let stride = width + 3;
            let rows = ordinary(&mut rng, count * stride);
            let x = ordinary(&mut rng, width);
            let row = |at: usize| &rows[at * stride..][..width];
            for level in Level::each() {
                let mut out = vec![9.0; count];
                gemv::dot_f32(level, &rows, stride, &x, &mut out);
                for (at, out) in out.iter().enumerate() {
                    assert_eq!(
                        out.to_bits(),
                        vector::dot_f32(level, row(at), &x).to_bits(),
                        "{level}, {width}, {count}"
                    );
                }
                halves(level, &rows, stride, &x, count);
                let weights = ordinary(&mut rng, count);
                let before = ordinary(&mut rng, width);
                let mut sums = before.clone();
                gemv::add_f32(level, &rows, stride, &weights, &mut sums);
                for column in 0..width {
                    let products =
                        weights.iter().enumerate().map(|(at, &w)| f64::from(w) * f64::from(row(at)[column]));
                    let want = f64::from(before[column]) + products.sum::<f64>();
                    near(
                        &format!("{level}, {width}, {count}"),
                        sums[column],
                        want,
                        1e-6 * (1.0 + count as f64),
                    );
                }
            }
        }
    }
}

/// Rows that begin at any alignment, of values of all sizes.
#[test]
fn rows_of_every_width() {
    let mut rng = Rng::new(82);
    for width in lengths() {
        let (count, stride) = (5, width + 3);
        let (rows, x) = (wild(&mut rng, count * stride), wild(&mut rng, width));
        let row = |at: usize| &rows[at * stride..][..width];
        let (weights, before) = (wild(&mut rng, count), wild(&mut rng, width));
        for level in Level::each() {
            let mut out = vec![9.0; count];
            gemv::dot_f32(level, &rows, stride, &x, &mut out);
            for (at, out) in out.iter().enumerate() {
                let want = vector::dot_f32(level, row(at), &x);
                assert_eq!(out.to_bits(), want.to_bits(), "{level}, {width}");
            }
            let what = format!("{level}, {width}");
            let mut sums = before.clone();
            gemv::add_f32(level, &rows, stride, &weights, &mut sums);
            for column in 0..width {
                let products = || (0..count).map(|at| f64::from(weights[at]) * f64::from(row(at)[column]));
                let before = f64::from(before[column]);
                let size = before.abs() + products().map(f64::abs).sum::<f64>();
                near(&what, sums[column], before + products().sum::<f64>(), 1e-6 * size + 1e-37);
            }
        }
    }
}

fn halves(level: Level, rows: &[f32], stride: usize, x: &[f32], count: usize) {
    let (mut f16, mut bf16) = (vec![0; rows.len()], vec![0; rows.len()]);
    f32s_to_f16s(level, rows, &mut f16);
    f32s_to_bf16s(level, rows, &mut bf16);
    let (mut by_f16, mut by_bf16) = (vec![9.0; count], vec![9.0; count]);
    gemv::dot_f16(level, &f16, stride, x, &mut by_f16);
    gemv::dot_bf16(level, &bf16, stride, x, &mut by_bf16);
    for at in 0..count {
        let row = &rows[at * stride..][..x.len()];
        let want: f64 = row.iter().zip(x).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        near(&format!("{level} f16"), by_f16[at], want, 1e-3 * (1.0 + x.len() as f64).sqrt());
        near(&format!("{level} bf16"), by_bf16[at], want, 8e-3 * (1.0 + x.len() as f64).sqrt());
    }
}
