use dolmen_base::Rng;
use dolmen_simd::level::Level;
use dolmen_simd::nn::*;
use dolmen_simd::slope;

use crate::support::*;

/// Units in the last place of the true value, and no less than of the least normal number.
fn ulp(x: f64) -> f64 {
    let exponent = (x.abs() as f32).max(f32::MIN_POSITIVE).to_bits() >> 23;
    (f64::from(exponent) - 150.0).exp2()
}

/// Every 10,007th float of both signs, or all with `DOLMEN_SOAK`.
fn sample() -> Vec<f32> {
    let step = if cfg!(miri) { 50_000_017 } else { 10_007 };
    (0..=u32::MAX).step_by(step).map(f32::from_bits).filter(|x| x.is_finite()).collect()
}

fn check(name: &str, kernel: fn(Level, &mut [f32]), truth: fn(f64) -> f64, within: fn(f64, f64) -> f64) {
    let sample = sample();
    for level in Level::each() {
        let mut out = sample.clone();
        kernel(level, &mut out);
        let mut worst = (0.0, 0.0);
        for (&got, &x) in out.iter().zip(&sample) {
            let want = truth(f64::from(x));
            if want.abs() > f64::from(f32::MAX) {
                assert!(got.abs() > 3.4e38, "{name}, {level}, {x:e}: {got:e}, not {want:e}");
                continue;
            }
            let share = (f64::from(got) - want).abs() / within(f64::from(x), want);
            if share.is_nan() || share > worst.0 {
                worst = (share, x);
            }
        }
        assert!(worst.0 <= 1.0, "{name}, {level}: at {:e} {} times the bound", worst.1, worst.0);
        for special in [f32::NAN, -f32::NAN] {
            let mut out = [special; 17];
            kernel(level, &mut out);
            assert!(out.iter().all(|x| x.is_nan()), "{name}, {level}");
        }
    }
}

#[test]
fn functions_are_within_their_bounds() {
    check("exp", exp, f64::exp, |_, y| 2.0 * ulp(y));
    check("tanh", tanh, f64::tanh, |_, y| 4.0 * ulp(y));
    check("sigmoid", sigmoid, |x| 1.0 / (1.0 + (-x).exp()), |_, y| 5.0 * ulp(y) + 3e-37);
    check("silu", silu, |x| x / (1.0 + (-x).exp()), |_, y| 5.0 * ulp(y) + 3e-37);
    let gelu_within = |x: f64, _| 3e-7 * (1.0 + x.abs());
    check("gelu", gelu, |x| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)), gelu_within);
    let by_tanh =
        |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh());
    check("gelu_tanh", gelu_tanh, by_tanh, gelu_within);
}

#[test]
fn limits() {
    let (inf, none) = (f32::INFINITY, f32::NEG_INFINITY);
    for level in Level::each() {
        let at = |kernel: fn(Level, &mut [f32])| {
            let mut x = [none, inf, 0.0, -0.0];
            kernel(level, &mut x);
            x
        };
        assert_eq!(at(exp), [0.0, inf, 1.0, 1.0], "{level}");
        assert_eq!(at(tanh), [-1.0, 1.0, 0.0, 0.0], "{level}");
        assert_eq!(at(tanh)[3].to_bits(), (-0.0f32).to_bits(), "{level}");
        assert_eq!(at(sigmoid), [0.0, 1.0, 0.5, 0.5], "{level}");
        assert_eq!(at(silu), [0.0, inf, 0.0, 0.0], "{level}");
        assert_eq!(at(gelu), [0.0, inf, 0.0, 0.0], "{level}");
        assert_eq!(at(gelu_tanh), [0.0, inf, 0.0, 0.0], "{level}");
    }
}

#[test]
fn fused_levels_agree_bit_for_bit() {
    let mut rng = Rng::new(71);
    let fused: Vec<Level> =
        Level::each().filter(|level| !["scalar", "sse4"].contains(&level.name())).collect();
    let x: Vec<f32> = (0..1001).map(|_| 20.0 * (unit(&mut rng) - 0.5)).collect();
    for kernel in [exp, tanh, sigmoid, silu, gelu, gelu_tanh, softmax] {
        for pair in fused.windows(2) {
            let (mut a, mut b) = (x.clone(), x.clone());
            kernel(pair[0], &mut a);
            kernel(pair[1], &mut b);
            assert_eq!(a, b, "{} and {}", pair[0], pair[1]);
        }
    }
}

#[test]
fn softmax_of_every_length() {
    let mut rng = Rng::new(72);
    let long = if cfg!(miri) { None } else { Some(32_768) };
    for (len, extreme) in lengths().chain(long).flat_map(|len| [(len, false), (len, true)]) {
        let x: Vec<f32> = match extreme {
            true => wild(&mut rng, len),
            false => (0..len).map(|_| 40.0 * (unit(&mut rng) - 0.5)).collect(),
        };
        let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = x.iter().map(|&x| (f64::from(x) - f64::from(high)).exp()).sum();
        for level in Level::each() {
            let (mut plain, mut masked, mut logs) = (x.clone(), x.clone(), x.clone());
            softmax(level, &mut plain);
            softmax_masked(level, &mut masked);
            assert_eq!(plain, masked, "{level}, {len}");
            for (&got, &x) in plain.iter().zip(&x) {
                let want = (f64::from(x) - f64::from(high)).exp() / sum;
                let within = 1e-6 + 1e-7 * (f64::from(high) - f64::from(x));
                near(&format!("{level}, {len}"), got, want, within * want + 1e-37);
            }
            let total = log_sum_exp(level, &mut logs);
            if len > 0 {
                let within = 3e-6 + 1e-7 * f64::from(high.abs());
                near(&format!("{level}, {len}"), total, f64::from(high) + sum.ln(), within);
            } else {
                assert_eq!(total, f32::NEG_INFINITY);
            }
        }
    }
}

/// A place, a length or an alignment changes no bit of a result, and nothing beside the slice is written.
#[test]
fn functions_of_every_length() {
    type Function = fn(Level, &mut [f32]);
    let functions: [Function; 9] =
        [exp, tanh, sigmoid, silu, gelu, gelu_tanh, slope::gelu, slope::gelu_tanh, slope::silu];
    let x = wild(&mut Rng::new(74), 1024);
    for level in Level::each() {
        for (nth, function) in functions.into_iter().enumerate() {
            let alone: Vec<u32> = x
                .iter()
                .map(|&x| {
                    let mut one = [x];
                    function(level, &mut one);
                    one[0].to_bits()
                })
                .collect();
            for len in lengths().take_while(|len| *len <= 300) {
                let first = 7 * len % 700;
                let mut all = Shifted::new(&x[..first + len + 20], len % 16);
                function(level, &mut all.get_mut()[first..first + len]);
                for (at, got) in all.get().iter().enumerate() {
                    let inside = (first..first + len).contains(&at);
                    let want = if inside { alone[at] } else { x[at].to_bits() };
                    assert_eq!(got.to_bits(), want, "function {nth}, {level}, {at} in {len} from {first}");
                }
            }
        }
    }
}

/// simd-09, burn issue #4694 and others: a row that may attend to nothing is zeros, not uniform; plain softmax says NaN as PyTorch does.
#[test]
fn rows_with_everything_masked() {
    for level in Level::each() {
        for len in [1usize, 4, 16, 33] {
            let mut x = vec![f32::NEG_INFINITY; len];
            softmax_masked(level, &mut x);
            assert!(x.iter().all(|&x| x == 0.0), "{level}");
            x.fill(f32::NEG_INFINITY);
            softmax(level, &mut x);
            assert!(x.iter().all(|x| x.is_nan()), "{level}");
            x.fill(f32::NEG_INFINITY);
            assert_eq!(log_sum_exp(level, &mut x), f32::NEG_INFINITY, "{level}");
            x.fill(f32::NEG_INFINITY);
            x[0] = f32::NAN;
            softmax_masked(level, &mut x);
            assert!(x.iter().all(|x| x.is_nan()), "{level}");
            // Part of it masked.
            x.fill(f32::NEG_INFINITY);
            x[len - 1] = -3.0;
            softmax(level, &mut x);
            assert!(x[len - 1] == 1.0 && x[..len - 1].iter().all(|&x| x == 0.0), "{level}");
        }
    }
}

#[test]
fn norms_of_every_length() {
    let mut rng = Rng::new(73);
    for len in lengths().skip(1) {
        let x: Vec<f32> = ordinary(&mut rng, len).iter().map(|x| 3.0 * x + 0.5).collect();
        let (weight, bias) = (ordinary(&mut rng, len), ordinary(&mut rng, len));
        let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let n = len as f64;
        let (mean, squares) = (wide.iter().sum::<f64>() / n, wide.iter().map(|x| x * x).sum::<f64>() / n);
        let variance = wide.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let epsilon = 1e-5f32;
        let rms = 1.0 / (squares + f64::from(epsilon)).sqrt();
        let factor = 1.0 / (variance + f64::from(epsilon)).sqrt();
        for level in Level::each() {
            let what = format!("{level}, {len}");
            let mut out = x.clone();
            near(&what, rms_norm(level, &mut out, &weight, epsilon), rms, 2e-6 * rms);
            for ((&got, x), &weight) in out.iter().zip(&wide).zip(&weight) {
                near(&what, got, x * rms * f64::from(weight), 1e-5);
            }
            let mut out = x.clone();
            let moments = layer_norm(level, &mut out, &weight, &bias, epsilon);
            near(&what, moments.mean, mean, 2e-6);
            for (at, &got) in out.iter().enumerate() {
                let want = (wide[at] - mean) * factor * f64::from(weight[at]) + f64::from(bias[at]);
                // One element is its own mean, and what rounding leaves of it is blown up by 1/√epsilon.
                near(&what, got, want, 1e-5 * (1.0 + factor / 20.0));
            }
        }
    }
}

/// Of sizes far apart, denormals among them: within their share of the greatest.
#[test]
fn norms_of_extremes() {
    let mut rng = Rng::new(75);
    for len in lengths().skip(1) {
        let (x, weight, bias) = (wild(&mut rng, len), ordinary(&mut rng, len), ordinary(&mut rng, len));
        let x = Shifted::new(&x, len % 16);
        let wide: Vec<f64> = x.get().iter().map(|&x| f64::from(x)).collect();
        let n = len as f64;
        let (mean, squares) = (wide.iter().sum::<f64>() / n, wide.iter().map(|x| x * x).sum::<f64>() / n);
        let variance = wide.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        let greatest = wide.iter().fold(0.0, |greatest: f64, x| greatest.max(x.abs()));
        let epsilon = 1e-5f32;
        let rms = 1.0 / (squares + f64::from(epsilon)).sqrt();
        let factor = 1.0 / (variance + f64::from(epsilon)).sqrt();
        for level in Level::each() {
            let what = format!("{level}, {len}");
            let mut out = x.get().to_vec();
            near(&what, rms_norm(level, &mut out, &weight, epsilon), rms, 2e-6 * rms);
            for ((&got, x), &weight) in out.iter().zip(&wide).zip(&weight) {
                let want = x * rms * f64::from(weight);
                near(&what, got, want, 1e-5 * want.abs() + 1e-37);
            }
            let mut out = x.get().to_vec();
            layer_norm(level, &mut out, &weight, &bias, epsilon);
            for (at, &got) in out.iter().enumerate() {
                let want = (wide[at] - mean) * factor * f64::from(weight[at]) + f64::from(bias[at]);
                near(&what, got, want, 1e-5 * (1.0 + greatest * factor));
            }
        }
    }
}
