use dolmen_base::Rng;
use dolmen_simd::gemm::*;
use dolmen_simd::level::Level;

use crate::support::*;

struct Case {
    m: usize,
    n: usize,
    k: usize,
    alpha: f32,
    beta: f32,
    transposed: [bool; 2],
}

/// A, B, C before, C as f64 says, and Σ|products|.
struct Matrices {
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    want: Vec<f64>,
    size: Vec<f64>,
}

const PADDING: usize = 3;

impl Case {
    fn a<'a>(&self, data: &'a [f32]) -> View<'a> {
        view(data, self.m, self.k, self.transposed[0])
    }

    fn b<'a>(&self, data: &'a [f32]) -> View<'a> {
        view(data, self.k, self.n, self.transposed[1])
    }

    fn matrices(&self, rng: &mut Rng) -> Matrices {
        let &Case { m, n, k, alpha, beta, transposed } = self;
        let a = ordinary(rng, (m + PADDING) * (k + PADDING));
        let b = ordinary(rng, (k + PADDING) * (n + PADDING));
        let c = ordinary(rng, m * (n + PADDING));
        let at = |data: &[f32], rows: usize, columns: usize, i: usize, j: usize, transposed: bool| {
            f64::from(if transposed {
                data[j * (rows + PADDING) + i]
            } else {
                data[i * (columns + PADDING) + j]
            })
        };
        let (mut want, mut size) = (vec![], vec![]);
        for i in 0..m {
            for j in 0..n {
                let products =
                    || (0..k).map(|l| at(&a, m, k, i, l, transposed[0]) * at(&b, k, n, l, j, transposed[1]));
                let before = f64::from(beta) * f64::from(c[i * (n + PADDING) + j]);
                want.push(f64::from(alpha) * products().sum::<f64>() + before);
                size.push(f64::from(alpha.abs()) * products().map(f64::abs).sum::<f64>() + before.abs());
            }
        }
        Matrices { a, b, c, want, size }
    }
}

fn view(data: &[f32], rows: usize, columns: usize, transposed: bool) -> View<'_> {
    if transposed {
        View::new(data, columns, rows, rows + PADDING).transposed()
    } else {
        View::new(data, rows, columns, columns + PADDING)
    }
}

fn check(rng: &mut Rng, case: &Case) {
    let &Case { m, n, k, alpha, beta, .. } = case;
    let Matrices { a, b, c, want, size } = case.matrices(rng);
    let stride = n + PADDING;
    for level in Level::each() {
        let what = format!("{level}, {m} x {n} x {k}, alpha {alpha}, beta {beta}, {:?}", case.transposed);
        let mut scratch = vec![f32::NAN; scratch_len(m, n, k)];
        let mut out = c.clone();
        gemm(level, alpha, case.a(&a), case.b(&b), beta, ViewMut::new(&mut out, m, n, stride), &mut scratch);
        for i in 0..m {
            for j in 0..n {
                let within = 1e-6 * size[i * n + j] + 1e-30;
                near(&what, out[i * stride + j], want[i * n + j], within);
            }
            let beside = i * stride + n..((i + 1) * stride).min(c.len());
            assert_eq!(out[beside.clone()], c[beside], "{what}: beside C");
        }
        let mut strips = vec![f32::NAN; packed_len(k, n)];
        let packed = pack(level, case.b(&b), &mut strips);
        let mut again = c.clone();
        let mut scratch = vec![f32::NAN; packed_scratch_len(m, k)];
        gemm_packed(
            level,
            alpha,
            case.a(&a),
            packed,
            beta,
            ViewMut::new(&mut again, m, n, stride),
            &mut scratch,
        );
        assert!(out.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()), "{what}: packed");
    }
}

#[test]
fn shapes_around_the_tiles() {
    let mut rng = Rng::new(91);
    let edges: &[usize] =
        if cfg!(miri) { &[1, 5] } else { &[0, 1, 2, 5, 6, 11, 12, 13, 16, 17, 31, 32, 33, 70] };
    for &m in edges {
        for &n in edges {
            for k in [0, 1, 17] {
                let transposed = [(m + n) % 2 == 0, (m + k) % 2 == 0];
                check(&mut rng, &Case { m, n, k, alpha: 1.0, beta: 0.0, transposed });
            }
        }
    }
}

#[test]
fn scales_and_transposed_operands() {
    let mut rng = Rng::new(92);
    let (m, n, k) = if cfg!(miri) { (5, 7, 3) } else { (29, 45, 40) };
    for transposed in [[false, false], [false, true], [true, false], [true, true]] {
        for (alpha, beta) in [(1.0, 0.0), (1.0, 1.0), (-0.5, 2.0), (0.0, 3.0), (2.0, 0.0)] {
            check(&mut rng, &Case { m, n, k, alpha, beta, transposed });
        }
    }
}

#[test]
fn every_length_of_each_side() {
    let mut rng = Rng::new(94);
    for len in lengths().take_while(|len| *len <= 300) {
        for (m, n, k) in [(len, 3, 5), (3, len, 5), (5, 3, len)] {
            check(&mut rng, &Case { m, n, k, alpha: 1.0, beta: 1.0, transposed: [len % 2 == 0, false] });
        }
    }
}

/// Beyond one block of k, of rows and of columns.
#[test]
fn several_blocks() {
    if cfg!(miri) {
        return;
    }
    let mut rng = Rng::new(93);
    for (m, n, k) in [(150, 40, 600), (13, 1100, 300), (300, 33, 257)] {
        check(&mut rng, &Case { m, n, k, alpha: 1.0, beta: 1.0, transposed: [false, true] });
    }
}

/// simd-11, rten PR #81, OpenBLAS #929, Reference-LAPACK #1077: beta 0 overwrites, alpha 0 reads nothing, no k is no product.
#[test]
fn what_zero_scales_ignore() {
    let sizes: Vec<usize> = if cfg!(miri) { vec![1, 13] } else { (1..=70).collect() };
    for &m in &sizes {
        let n = 71 - m;
        for k in [0, 1, 17] {
            for level in Level::each() {
                let what = format!("{level}, {m} x {n} x {k}");
                let (ones, nans) = (vec![1.0; 70 * 70], vec![f32::NAN; 70 * 70]);
                let product = |alpha, a: &[f32], beta, c: &mut [f32]| {
                    let mut scratch = vec![0.0; scratch_len(m, n, k)];
                    let (a, b) = (View::new(a, m, k, k), View::new(&ones, k, n, n));
                    gemm(level, alpha, a, b, beta, ViewMut::new(c, m, n, n), &mut scratch);
                };
                let mut c = vec![f32::NAN; m * n];
                product(1.0, &ones, 0.0, &mut c);
                assert!(c.iter().all(|&x| x == k as f32), "{what}: beta 0");
                let mut c = vec![2.5; m * n];
                product(0.0, &nans, 1.0, &mut c);
                assert!(c.iter().all(|&x| x == 2.5), "{what}: alpha 0");
                if k == 0 {
                    product(1.0, &ones, 1.0, &mut c);
                    assert!(c.iter().all(|&x| x == 2.5), "{what}: beta 1 without k");
                }
            }
        }
    }
}

/// The caller cuts C as it likes; the bits stay. Levels with fused products agree.
#[test]
fn tiles_of_the_caller_change_nothing() {
    let (m, n, k) = if cfg!(miri) { (5, 7, 20) } else { (61, 83, 300) };
    let mut rng = Rng::new(94);
    let (a, b) = (ordinary(&mut rng, m * k), ordinary(&mut rng, k * n));
    let mut of_fused: Option<Vec<f32>> = None;
    for level in Level::each() {
        let mut whole = vec![0.0; m * n];
        let mut scratch = vec![0.0; scratch_len(m, n, k)];
        let right = View::new(&b, k, n, n);
        gemm(level, 1.0, View::new(&a, m, k, k), right, 0.0, ViewMut::new(&mut whole, m, n, n), &mut scratch);
        for cut in [1, 3, m / 2] {
            let mut parts = vec![0.0; m * n];
            let (upper, lower) = parts.split_at_mut(cut * n);
            gemm(
                level,
                1.0,
                View::new(&a, cut, k, k),
                right,
                0.0,
                ViewMut::new(upper, cut, n, n),
                &mut scratch,
            );
            let below = View::new(&a[cut * k..], m - cut, k, k);
            gemm(level, 1.0, below, right, 0.0, ViewMut::new(lower, m - cut, n, n), &mut scratch);
            assert_eq!(parts, whole, "{level}, cut at {cut}");
        }
        if !["scalar", "sse4"].contains(&level.name()) {
            assert_eq!(of_fused.get_or_insert_with(|| whole.clone()), &whole, "{level}");
        }
    }
}

#[test]
#[should_panic(expected = "2 x 3 times 4 x 5 is not 2 x 5")]
fn shapes_that_do_not_fit() {
    let zeros = [0.0; 20];
    let mut c = [0.0; 10];
    let (a, b) = (View::new(&zeros, 2, 3, 3), View::new(&zeros, 4, 5, 5));
    gemm(Level::best(), 1.0, a, b, 0.0, ViewMut::new(&mut c, 2, 5, 5), &mut [0.0; 1000]);
}

#[test]
#[should_panic(expected = "3 rows of 4 elements at a stride of 4 are beyond the 11 given")]
fn views_beyond_their_data() {
    View::new(&[0.0; 11], 3, 4, 4);
}
