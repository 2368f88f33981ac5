use dolmen_base::Rng;
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

#[test]
fn each_row_of_bytes_is_as_the_pair() {
    let mut rng = Rng::new(22);
    let (width, stride) = (100, 128);
    let (matrix, query) = (bytes(&mut rng, stride * 20), bytes(&mut rng, width));
    let ids: Vec<u32> = (0..30).map(|_| rng.next_u64() as u32 % 20).collect();
    let row = |id: u32| &matrix[id as usize * stride..][..width];
    for level in Level::each() {
        let mut out = vec![0; ids.len()];
        rows::l2_u8(level, &query, &matrix, stride, &ids, &mut out);
        assert!(out.iter().zip(&ids).all(|(&out, &id)| out as u64 == vector::l2_u8(level, &query, row(id))));
        rows::dot_u8(level, &query, &matrix, stride, &ids, &mut out);
        assert!(out.iter().zip(&ids).all(|(&out, &id)| out as u64 == vector::dot_u8(level, &query, row(id))));
        rows::hamming(level, &query, &matrix, stride, &ids, &mut out);
        assert!(out.iter().zip(&ids).all(|(&out, &id)| out as u64 == bits::hamming(level, &query, row(id))));
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
