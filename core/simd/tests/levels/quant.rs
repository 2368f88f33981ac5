use dolmen_base::Rng;
use dolmen_simd::level::Level;
use dolmen_simd::quant::*;

use crate::support::*;

const WEIGHTS: [Format; 6] =
    [Format::Q8_0, Format::Q4_0, Format::Q5_0, Format::Q4K, Format::Q5K, Format::Q6K];

/// A tensor of a safetensors file: u64 length, a JSON header with `"name":{…"data_offsets":[begin,end]}`, the data.
fn tensor(name: &str) -> &'static [u8] {
    static FILE: &[u8] = include_bytes!("../data/quants.safetensors");
    let header_len = u64::from_le_bytes(FILE[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&FILE[8..8 + header_len]).unwrap();
    let begin = header.find(&format!("\"{name}\"")).unwrap_or_else(|| panic!("no tensor {name}"));
    let offsets = &header[begin..][header[begin..].find("\"data_offsets\"").unwrap()..];
    let offsets = &offsets[offsets.find('[').unwrap() + 1..offsets.find(']').unwrap()];
    let offsets: Vec<usize> = offsets.split(',').map(|x| x.trim().parse().unwrap()).collect();
    &FILE[8 + header_len..][offsets[0]..offsets[1]]
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect()
}

/// Bytes and floats of ggml 0.25.3 itself.
#[test]
fn bytes_and_floats_are_ggmls() {
    let x = floats(tensor("x"));
    for format in WEIGHTS {
        let name = format.name().to_uppercase();
        let want = tensor(&format!("ggml.{name}.bytes"));
        let mut bytes = vec![0xaa; format.row_bytes(x.len()).unwrap()];
        quantise(format, &x, &mut bytes);
        assert_eq!(bytes.len(), want.len(), "{format}");
        let apart = bytes.iter().zip(want).filter(|(a, b)| a != b).count();
        assert_eq!(apart, 0, "{format}: {apart} bytes of {} differ", want.len());
        let mut back = vec![0.0; x.len()];
        dequantise(format, want, &mut back);
        let want = floats(tensor(&format!("ggml.{name}.deq")));
        assert!(back.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{format}");
    }
}

#[test]
fn blocks_of_zeros_and_of_extremes() {
    for format in Format::ALL {
        let len = format.block_len();
        let mut bytes = vec![0xaa; format.block_bytes()];
        let mut back = vec![7.0; len];
        quantise(format, &vec![0.0; len], &mut bytes);
        dequantise(format, &bytes, &mut back);
        assert!(back.iter().all(|&x| x == 0.0), "{format}");
        let extremes = [f32::NAN, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, 1e-20];
        for &x in &extremes[..if cfg!(miri) { 1 } else { extremes.len() }] {
            quantise(format, &vec![x; len], &mut bytes);
            dequantise(format, &bytes, &mut back);
        }
        assert_eq!(format.row_bytes(len + 1), None);
        assert_eq!(format.len_of(format.block_bytes() * 3), Some(3 * len));
    }
}

#[test]
fn activations_have_the_same_bytes_at_every_level() {
    let mut rng = Rng::new(101);
    for format in [Format::Q8_0, Format::Q8K] {
        for round in 0..if cfg!(miri) { 2 } else { 60 } {
            let mut x = match round % 3 {
                0 => ordinary(&mut rng, 512),
                1 => wild(&mut rng, 512),
                // Halves of steps: the greatest is 127, so that a step is 1.
                _ => (0..512).map(|_| (rng.next_u64() % 255) as f32 * 0.5 - 63.5).collect(),
            };
            if round % 3 == 2 {
                x.iter_mut().step_by(32).for_each(|x| *x = 127.0);
            }
            if round == 3 {
                x[..256].fill(0.0);
            }
            let mut judge = vec![1; format.row_bytes(512).unwrap()];
            quantise(format, &x, &mut judge);
            for level in Level::each() {
                let mut bytes = vec![2; judge.len()];
                quantise_activations(level, format, &x, &mut bytes);
                assert_eq!(bytes, judge, "{level}, {format}, {round}");
            }
        }
    }
}

/// From the definition: scale of the largest at -127, sums of sixteen.
#[test]
fn q8_k_is_its_definition() {
    let mut rng = Rng::new(102);
    let x = ordinary(&mut rng, 256);
    let mut bytes = vec![0; Format::Q8K.block_bytes()];
    quantise(Format::Q8K, &x, &mut bytes);
    let furthest = x.iter().copied().fold(0.0f32, |a, b| if b.abs() > a.abs() { b } else { a });
    let d = f32::from_le_bytes(bytes[..4].try_into().unwrap());
    near("d", d, f64::from(-furthest / 127.0), 1e-9);
    for (part, x) in x.chunks(16).enumerate() {
        let values: Vec<i8> = bytes[4 + 16 * part..][..16].iter().map(|&q| q as i8).collect();
        for (&value, &x) in values.iter().zip(x) {
            assert!((f32::from(value) * d - x).abs() <= 0.5001 * d.abs(), "{value} for {x}");
        }
        let sum = i16::from_le_bytes(bytes[260 + 2 * part..][..2].try_into().unwrap());
        assert_eq!(sum, values.iter().map(|&v| i16::from(v)).sum());
    }
}

#[test]
fn products_are_exact_sums_and_equal_at_every_level() {
    let mut rng = Rng::new(103);
    for format in WEIGHTS {
        let block = format.block_len();
        let blocks: &[usize] = if cfg!(miri) { &[1] } else { &[0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 40] };
        for &blocks in blocks {
            let (len, count) = (blocks * block, 3);
            let weights = ordinary(&mut rng, len * count);
            let x = ordinary(&mut rng, len);
            let mut rows = vec![0; format.row_bytes(len * count).unwrap()];
            quantise(format, &weights, &mut rows);
            let mut quantised = vec![0; format.activations().row_bytes(len).unwrap()];
            quantise(format.activations(), &x, &mut quantised);
            let (mut wide_w, mut wide_x) = (vec![0.0; len * count], vec![0.0; len]);
            dequantise(format, &rows, &mut wide_w);
            dequantise(format.activations(), &quantised, &mut wide_x);
            let judge = checked(format, &rows, &quantised, count, Level::SCALAR);
            for (row, &got) in judge.iter().enumerate() {
                let pairs = || wide_w[row * len..][..len].iter().zip(&wide_x);
                let want: f64 = pairs().map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                let size: f64 = pairs().map(|(&a, &b)| (f64::from(a) * f64::from(b)).abs()).sum();
                // Q6_K's bias is taken off at the end: its own size counts as well.
                near(
                    &format!("{format}, {len}"),
                    f32::from_bits(got),
                    want,
                    2e-6 * size + 1e-6 * len as f64 * 0.3,
                );
            }
            for level in wide_levels() {
                assert_eq!(
                    checked(format, &rows, &quantised, count, level),
                    judge,
                    "{level}, {format}, {len}"
                );
            }
        }
    }
}

fn checked(format: Format, rows: &[u8], x: &[u8], count: usize, level: Level) -> Vec<u32> {
    let mut out = vec![9.0; count];
    products(level, format, rows, x, &mut out);
    let one = dot(level, format, &rows[..rows.len() / count], x);
    assert_eq!(one.to_bits(), out[0].to_bits(), "{level}, {format}");
    out.into_iter().map(f32::to_bits).collect()
}

#[test]
fn products_of_many_vectors_have_the_bits_of_each() {
    let mut rng = Rng::new(106);
    for format in WEIGHTS {
        let shapes: &[(usize, usize, usize)] = if cfg!(miri) {
            &[(1, 2, 2)]
        } else {
            &[(1, 1, 1), (3, 4, 4), (2, 9, 11), (17, 5, 8), (16, 4, 17), (33, 6, 3), (1, 0, 3)]
        };
        for &(blocks, count, vectors) in shapes {
            let len = blocks * format.block_len();
            let mut rows = vec![0; format.row_bytes(len * count).unwrap()];
            quantise(format, &ordinary(&mut rng, len * count), &mut rows);
            let x_bytes = format.activations().row_bytes(len).unwrap();
            let mut xs = vec![0; x_bytes * vectors];
            quantise(format.activations(), &ordinary(&mut rng, len * vectors), &mut xs);
            for level in Level::each() {
                let mut out = vec![9.0; count * vectors];
                products_of_many(level, format, &rows, &xs, vectors, &mut out);
                for (vector, x) in xs.chunks(x_bytes).enumerate() {
                    let mut one = vec![0.0; count];
                    products(level, format, &rows, x, &mut one);
                    for (row, one) in one.iter().enumerate() {
                        let got = out[row * vectors + vector];
                        assert_eq!(
                            got.to_bits(),
                            one.to_bits(),
                            "{level}, {format}, {blocks}, {row}, {vector}"
                        );
                    }
                }
            }
        }
    }
}

/// Any bytes are blocks: scales that are not numbers, values at their ends. Levels agree and nothing panics.
#[test]
fn products_of_arbitrary_bytes() {
    let mut rng = Rng::new(104);
    for format in WEIGHTS {
        for round in 0..if cfg!(miri) { 2 } else { 200 } {
            let blocks = 1 + rng.next_u64() as usize % 20;
            let mut row = bytes(&mut rng, blocks * format.block_bytes());
            let mut x = bytes(&mut rng, blocks * format.activations().block_bytes());
            if round % 4 == 0 {
                row.fill(0xff);
                x.iter_mut().for_each(|x| *x |= 0x80);
            }
            let judge = dot(Level::SCALAR, format, &row, &x);
            for level in wide_levels() {
                let got = dot(level, format, &row, &x);
                assert!(
                    got.to_bits() == judge.to_bits() || got.is_nan() && judge.is_nan(),
                    "{level}, {format}, {round}"
                );
            }
            let mut out = vec![0.0; blocks * format.block_len()];
            dequantise(format, &row, &mut out);
        }
    }
}

macro_rules! seeds {
    ($($name:literal),*) => {
        [$(include_bytes!(concat!("../../../../fuzz/corpus/simd_blocks/", $name))),*]
    };
}

/// The corpus: a few blocks of each format, and text.
static SEEDS: [&[u8]; 7] = seeds!("q8_0", "q4_0", "q5_0", "q4_k", "q5_k", "q6_k", "text");

#[test]
fn the_fuzzed_body_over_seeds() {
    for seed in SEEDS {
        dolmen_simd::check::check_blocks(seed);
    }
    let mut rng = Rng::new(105);
    for _ in 0..if cfg!(miri) { 2 } else { 300 } {
        let len = rng.next_u64() as usize % 6000;
        dolmen_simd::check::check_blocks(&bytes(&mut rng, len));
    }
}

#[test]
#[should_panic(expected = "2 rows of q4_0 have 18 bytes each, not 35 in all")]
fn rows_that_are_not_whole() {
    products(Level::best(), Format::Q4_0, &[0; 35], &[0; 34], &mut [0.0; 2]);
}

#[test]
fn products_in_tiles_have_the_same_bits_at_every_level() {
    let mut rng = Rng::new(211);
    for format in [Format::Q8_0, Format::Q4_0, Format::Q5_0] {
        for (rows, len, vectors) in [(1, 32, 1), (16, 64, 8), (37, 96, 11), (70, 1056, 3), (130, 2048, 9)] {
            if cfg!(miri) && len > 96 {
                continue;
            }
            let mut weights = vec![0; rows * format.row_bytes(len).unwrap()];
            quantise(format, &ordinary(&mut rng, rows * len), &mut weights);
            let mut xs = vec![0; vectors * Format::Q8_0.row_bytes(len).unwrap()];
            quantise(Format::Q8_0, &ordinary(&mut rng, vectors * len), &mut xs);
            let stride = rows + 3;
            let run = |level| {
                let mut out = vec![7.0; vectors * stride];
                products_in_tiles(level, format, &weights, &xs, vectors, &mut out, stride);
                out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let judge = run(Level::SCALAR);
            for level in Level::each() {
                assert!(run(level) == judge, "{format}, {rows} rows of {len}, {vectors} vectors, {level}");
            }
            // Near the products that sum in another order, and nothing between the rows.
            let x_bytes = xs.len() / vectors;
            for (vector, found) in judge.chunks(stride).enumerate() {
                let mut want = vec![0.0; rows];
                products(Level::best(), format, &weights, &xs[vector * x_bytes..][..x_bytes], &mut want);
                for (found, want) in found.iter().zip(&want) {
                    let apart = (f32::from_bits(*found) - want).abs();
                    assert!(
                        apart <= 1e-5 * (len as f32).sqrt() * (1.0 + want.abs()),
                        "{format}: {apart} from {want}"
                    );
                }
                assert!(found[rows..].iter().all(|&x| f32::from_bits(x) == 7.0));
            }
        }
    }
}
