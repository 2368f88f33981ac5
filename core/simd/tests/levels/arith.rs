use dolmen_base::Rng;
use dolmen_simd::arith::*;
use dolmen_simd::level::Level;
use dolmen_simd::transpose::transpose;

use crate::support::*;

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn elements_are_equal_at_every_level() {
    let mut rng = Rng::new(61);
    for len in lengths() {
        let (a, b) = (wild(&mut rng, len), wild(&mut rng, len));
        let (a, b) = (Shifted::new(&a, len % 16), Shifted::new(&b, 3));
        let (a, b) = (a.get(), b.get());
        type Two =
            (fn(Level, &[f32], &[f32], &mut [f32]), fn(Level, &mut [f32], &[f32]), fn(f32, f32) -> f32);
        let kernels: [Two; 4] = [
            (add, add_assign, |a, b| a + b),
            (sub, sub_assign, |a, b| a - b),
            (mul, mul_assign, |a, b| a * b),
            (div, div_assign, |a, b| a / b),
        ];
        for (kernel, in_place, one) in kernels {
            let want: Vec<f32> = a.iter().zip(b).map(|(&a, &b)| one(a, b)).collect();
            for level in Level::each() {
                let mut out = vec![7.0; len];
                kernel(level, a, b, &mut out);
                let mut place = a.to_vec();
                in_place(level, &mut place, b);
                for ((out, place), want) in out.iter().zip(&place).zip(&want) {
                    assert!(
                        out.to_bits() == want.to_bits() || out.is_nan() && want.is_nan(),
                        "{level}, {len}"
                    );
                    assert!(
                        place.to_bits() == want.to_bits() || place.is_nan() && want.is_nan(),
                        "{level}, {len}"
                    );
                }
            }
        }
        for level in Level::each() {
            let mut out = a.to_vec();
            scale(level, &mut out, -1.7);
            assert_eq!(bits(&out), bits(&a.iter().map(|a| a * -1.7).collect::<Vec<_>>()), "{level}");
            let mut out = b.to_vec();
            axpy(level, 0.3, a, &mut out);
            for ((out, &a), &b) in out.iter().zip(a).zip(b) {
                let (product, b) = (f64::from(0.3f32) * f64::from(a), f64::from(b));
                near(&format!("{level}"), *out, product + b, 2e-7 * (product.abs() + b.abs()) + 1e-44);
            }
        }
    }
}

#[test]
fn sums_are_within_their_bound() {
    let mut rng = Rng::new(62);
    for len in lengths() {
        let x = wild(&mut rng, len);
        let x = Shifted::new(&x, len % 16);
        let x = x.get();
        let total: f64 = x.iter().map(|&x| f64::from(x)).sum();
        let size: f64 = x.iter().map(|&x| f64::from(x).abs()).sum();
        let squares: f64 = x.iter().map(|&x| f64::from(x).powi(2)).sum();
        for level in Level::each() {
            near(&format!("{level}, {len}"), sum(level, x), total, 2e-6 * size);
            near(&format!("{level}, {len}"), sum_squares(level, x), squares, 2e-6 * squares + 1e-37);
        }
    }
}

#[test]
fn least_and_greatest() {
    let mut rng = Rng::new(63);
    for len in lengths() {
        let mut x = ordinary(&mut rng, len);
        for round in 0..3 {
            if round == 1 && len > 0 {
                for _ in 0..len / 3 + 1 {
                    x[rng.next_u64() as usize % len] = f32::NAN;
                }
            }
            if round == 2 {
                x.fill(f32::NAN);
            }
            let numbers = || x.iter().copied().filter(|x| !x.is_nan());
            let (low, high) =
                (numbers().fold(f32::INFINITY, f32::min), numbers().fold(f32::NEG_INFINITY, f32::max));
            let place = |wanted: f32| x.iter().position(|&x| x == wanted);
            for level in Level::each() {
                assert_eq!(min(level, &x), low, "{level}, {len}");
                assert_eq!(max(level, &x), high, "{level}, {len}");
                assert_eq!(argmin(level, &x), place(low), "{level}, {len}");
                assert_eq!(argmax(level, &x), place(high), "{level}, {len}");
            }
        }
    }
    for level in Level::each() {
        assert_eq!(argmax(level, &[f32::NEG_INFINITY; 40]), Some(0), "{level}");
        assert_eq!(argmax(level, &[1.0, 3.0, 3.0]), Some(1), "{level}");
    }
}

#[test]
fn rows_become_columns() {
    let mut rng = Rng::new(64);
    let shapes = [(0, 5), (1, 1), (1, 40), (16, 16), (17, 33), (48, 20), (5, 100)];
    let of_every_length = lengths().take_while(|len| *len <= 300).flat_map(|len| [(len, 19), (35, len)]);
    for (rows, columns) in shapes.into_iter().chain(of_every_length) {
        // What is moved may be anything.
        let from: Vec<f32> = (0..rows * columns).map(|_| f32::from_bits(rng.next_u64() as u32)).collect();
        for level in Level::each() {
            let mut to = vec![0.0; rows * columns];
            transpose(level, &from, rows, columns, &mut to);
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(
                        to[column * rows + row].to_bits(),
                        from[row * columns + column].to_bits(),
                        "{level}, {rows} x {columns}"
                    );
                }
            }
        }
    }
}
