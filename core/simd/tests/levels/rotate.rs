use dolmen_base::Rng;
use dolmen_simd::level::Level;
use dolmen_simd::rotate::*;

use crate::support::*;

fn dimensions() -> Vec<usize> {
    if cfg!(miri) {
        vec![8, 100]
    } else {
        vec![0, 1, 3, 8, 17, 63, 64, 65, 96, 100, 128, 384, 784, 1024, 1536]
    }
}

#[test]
fn norms_and_products_stay() {
    let mut rng = Rng::new(41);
    for dims in dimensions() {
        let signs = bytes(&mut rng, signs_len(dims));
        let (a, b) = (ordinary(&mut rng, dims), ordinary(&mut rng, dims));
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        for level in Level::each() {
            let (mut ra, mut rb) = (vec![9.0; padded(dims)], vec![9.0; padded(dims)]);
            rotate(level, &signs, &a, &mut ra);
            rotate(level, &signs, &b, &mut rb);
            let size = (dot(&a, &a) * dot(&b, &b)).sqrt();
            assert!((dot(&ra, &rb) - dot(&a, &b)).abs() <= 1e-6 * size, "{level}, {dims}");
            assert!((dot(&ra, &ra) - dot(&a, &a)).abs() <= 1e-6 * dot(&a, &a), "{level}, {dims}");
            rotate_back(level, &signs, dims, &mut ra);
            for (at, &x) in ra.iter().enumerate() {
                let want = a.get(at).copied().unwrap_or(0.0);
                assert!((x - want).abs() <= 1e-5, "{level}, {dims}: {x}, not {want}");
            }
        }
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    let mut rng = Rng::new(42);
    for dims in dimensions().into_iter().chain(lengths()) {
        for make in [ordinary, wild] {
            let (signs, x) = (bytes(&mut rng, signs_len(dims)), make(&mut rng, dims));
            let x = Shifted::new(&x, dims % 16);
            let turn = |level| {
                let mut out = vec![0.0; padded(dims)];
                rotate(level, &signs, x.get(), &mut out);
                out.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
            };
            let judge = turn(Level::SCALAR);
            for level in wide_levels() {
                assert_eq!(turn(level), judge, "{level}, {dims}");
            }
        }
    }
}

/// The definition as a matrix: rows of signs and of Walsh-Hadamard entries, for T = P and for T < P.
#[test]
fn as_the_matrices_say() {
    let mut rng = Rng::new(43);
    for dims in [64usize, 100] {
        let (signs, x) = (bytes(&mut rng, signs_len(dims)), ordinary(&mut rng, dims));
        let len = padded(dims);
        let size = 1usize << dims.ilog2();
        let mut state: Vec<f64> = (0..len).map(|at| x.get(at).map_or(0.0, |&x| f64::from(x))).collect();
        for round in 0..4 {
            for (at, x) in state.iter_mut().enumerate() {
                let bit = signs[round * len / 8 + at / 8] >> (at % 8) & 1;
                *x *= if bit == 1 { -1.0 } else { 1.0 };
            }
            let begin = if round % 2 == 0 { 0 } else { len - size };
            let before = state.clone();
            for (row, x) in state[begin..begin + size].iter_mut().enumerate() {
                let entry =
                    |column: usize| if (row & column).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
                let sum: f64 = (0..size).map(|column| entry(column) * before[begin + column]).sum();
                *x = sum / (size as f64).sqrt();
            }
            if size < len {
                for at in 0..len / 2 {
                    let (a, b) = (state[at], state[at + len / 2]);
                    (state[at], state[at + len / 2]) = (a + b, a - b);
                }
            }
        }
        let scale = if size < len { 0.25 } else { 1.0 };
        let mut out = vec![0.0; len];
        rotate(Level::best(), &signs, &x, &mut out);
        for (got, want) in out.iter().zip(&state) {
            assert!((f64::from(*got) - want * scale).abs() < 1e-5, "{dims}: {got}, not {want}");
        }
    }
}
