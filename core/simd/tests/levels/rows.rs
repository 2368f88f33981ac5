use dolmen_base::Rng;
use dolmen_simd::half::{bf16_to_f32, f32_to_f16};
use dolmen_simd::level::Level;
use dolmen_simd::{bits, row64, rows, vector};

use crate::support::*;

#[test]
fn each_row_is_as_the_pair() {
    let mut rng = Rng::new(21);
    let widths: &[usize] = if cfg!(miri) { &[17] } else { &[1, 15, 16, 17, 96, 100, 128, 300] };
    for &width in widths {
        let stride = width.next_multiple_of(16);
        let mut blocks = vec![row64::Row64::ZERO; row64::blocks_of_floats(stride * 40)];
        row64::floats_mut(&mut blocks).copy_from_slice(&ordinary(&mut rng, stride * 40));
        let matrix = row64::floats(&blocks);
        assert_eq!(matrix.as_ptr().align_offset(64), 0);
        let query = ordinary(&mut rng, width);
        for count in [0usize, 1, 3, 4, 5, 32, 33] {
            let ids: Vec<u32> = (0..count).map(|_| rng.next_u64() as u32 % 40).collect();
            for level in Level::each() {
                let mut out = vec![0.0; count];
                rows::dot_f32(level, &query, matrix, stride, &ids, &mut out);
                for (out, &id) in out.iter().zip(&ids) {
                    let row = &matrix[id as usize * stride..][..width];
                    assert_eq!(out.to_bits(), vector::dot_f32(level, &query, row).to_bits(), "{level}");
                }
                rows::l2_f32(level, &query, matrix, stride, &ids, &mut out);
                for (out, &id) in out.iter().zip(&ids) {
                    let row = &matrix[id as usize * stride..][..width];
                    assert_eq!(out.to_bits(), vector::l2_f32(level, &query, row).to_bits(), "{level}");
                }
            }
        }
    }
}

/// Numbers of rows, some of them twice, and where each begins.
fn some_rows(rng: &mut Rng, width: usize) -> (usize, Vec<u32>) {
    // Any alignment: what the matrix's caller pads is its own affair.
    let stride = width + rng.next_u64() as usize % 20;
    (stride, (0..9).map(|_| rng.next_u64() as u32 % 7).collect())
}

#[test]
fn rows_of_every_width() {
    type Kernel<T, Out> = fn(Level, &[T], &[T], usize, &[u32], &mut [Out]);
    type Float<T> = (Kernel<T, f32>, fn(Level, &[T], &[T]) -> f32);
    let floats: [Float<f32>; 2] = [(rows::dot_f32, vector::dot_f32), (rows::l2_f32, vector::l2_f32)];
    let halves: [Float<u16>; 3] =
        [(rows::dot_f16, vector::dot_f16), (rows::l2_f16, vector::l2_f16), (rows::l2_bf16, vector::l2_bf16)];
    let mut rng = Rng::new(23);
    for width in lengths() {
        let (stride, ids) = some_rows(&mut rng, width);
        let (query, matrix) = (wild(&mut rng, width), wild(&mut rng, 7 * stride + 1));
        let half = |x: &[f32]| -> Vec<u16> { x.iter().map(|&x| f32_to_f16(x)).collect() };
        let (half_query, half_matrix) =
            (half(&ordinary(&mut rng, width)), half(&ordinary(&mut rng, 7 * stride + 1)));
        for level in Level::each() {
            let mut out = vec![0.0; ids.len()];
            for (many, one) in floats {
                many(level, &query, &matrix, stride, &ids, &mut out);
                for (out, &id) in out.iter().zip(&ids) {
                    let row = &matrix[id as usize * stride..][..width];
                    assert_eq!(out.to_bits(), one(level, &query, row).to_bits(), "{level}, {width}");
                }
            }
            for (many, one) in halves {
                many(level, &half_query, &half_matrix, stride, &ids, &mut out);
                for (out, &id) in out.iter().zip(&ids) {
                    let row = &half_matrix[id as usize * stride..][..width];
                    assert_eq!(out.to_bits(), one(level, &half_query, row).to_bits(), "{level}, {width}");
                }
            }
            // Its pair has AVX-512's BF16, which adds in another order.
            rows::dot_bf16(level, &half_query, &half_matrix, stride, &ids, &mut out);
            for (out, &id) in out.iter().zip(&ids) {
                let row = &half_matrix[id as usize * stride..][..width];
                let products = || {
                    half_query
                        .iter()
                        .zip(row)
                        .map(|(&a, &b)| f64::from(bf16_to_f32(a)) * f64::from(bf16_to_f32(b)))
                };
                let size = products().map(f64::abs).sum::<f64>();
                near(&format!("{level}, {width}"), *out, products().sum(), 2e-6 * size + 1e-37);
            }
        }
    }
}

#[test]
fn rows_of_bytes_of_every_width() {
    let mut rng = Rng::new(22);
    for width in lengths() {
        let (stride, ids) = some_rows(&mut rng, width);
        let (query, matrix) = (bytes(&mut rng, width), bytes(&mut rng, 7 * stride + 1));
        let low = |x: &[u8]| -> Vec<u8> { x.iter().map(|&x| x & 127).collect() };
        let signed = |x: &[u8]| -> Vec<i8> { x.iter().map(|&x| x as i8).collect() };
        let (low_query, low_matrix) = (low(&query), low(&matrix));
        let (signed_query, signed_matrix) = (signed(&query), signed(&matrix));
        fn row<T>(matrix: &[T], stride: usize, width: usize, id: u32) -> &[T] {
            &matrix[id as usize * stride..][..width]
        }
        for level in Level::each() {
            let mut out = vec![0; ids.len()];
            let mut check = |kernel: &dyn Fn(&mut [i64]), one: &dyn Fn(u32) -> i64| {
                out.fill(-1);
                kernel(&mut out);
                assert!(out.iter().zip(&ids).all(|(&out, &id)| out == one(id)), "{level}, {width}");
            };
            check(&|out| rows::l2_u8(level, &query, &matrix, stride, &ids, out), &|id| {
                vector::l2_u8(level, &query, row(&matrix, stride, width, id)) as i64
            });
            check(&|out| rows::dot_u8(level, &query, &matrix, stride, &ids, out), &|id| {
                vector::dot_u8(level, &query, row(&matrix, stride, width, id)) as i64
            });
            check(&|out| rows::l2_u7(level, &low_query, &low_matrix, stride, &ids, out), &|id| {
                vector::l2_u7(level, &low_query, row(&low_matrix, stride, width, id)) as i64
            });
            check(&|out| rows::dot_u7(level, &low_query, &low_matrix, stride, &ids, out), &|id| {
                vector::dot_u7(level, &low_query, row(&low_matrix, stride, width, id)) as i64
            });
            check(&|out| rows::l2_i8(level, &signed_query, &signed_matrix, stride, &ids, out), &|id| {
                vector::l2_i8(level, &signed_query, row(&signed_matrix, stride, width, id)) as i64
            });
            check(&|out| rows::dot_i8(level, &signed_query, &signed_matrix, stride, &ids, out), &|id| {
                vector::dot_i8(level, &signed_query, row(&signed_matrix, stride, width, id))
            });
            check(&|out| rows::hamming(level, &query, &matrix, stride, &ids, out), &|id| {
                bits::hamming(level, &query, row(&matrix, stride, width, id)) as i64
            });
        }
    }
}

#[test]
#[should_panic(expected = "row 5 of 10 elements at a stride of 16 is beyond the matrix of 89")]
fn a_row_beyond_the_matrix() {
    rows::dot_f32(Level::best(), &[0.0; 10], &[0.0; 89], 16, &[0, 5, 1], &mut [0.0; 3]);
}

#[test]
#[should_panic(expected = "is beyond the matrix")]
fn a_stride_that_overflows() {
    rows::l2_u8(Level::best(), &[0; 10], &[0; 89], usize::MAX / 2, &[3], &mut [0; 1]);
}
