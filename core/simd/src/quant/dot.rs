//! Products of rows of blocks with a vector of blocks.
//!
//! ```text
//! formats of 32    two blocks fill 64 bytes: lanes 0..8 are the first's sums of four products, lanes 8..16 the second's
//!                  sum[lane] += (d · d') · products[lane]
//! formats of 256   four times 64 bytes a block; part[lane] += scale · products[lane], all whole numbers below 2²⁴
//!                  sum[lane] += (d · d') · part[lane]
//!                  sum[lane] -= (dmin · d') · minimum[lane / 2] · sum of 16 elements[lane], or Q6_K's 32 · d · d' · scale[lane] · …
//! the end          lanes 8 apart are added, then 4, 2, 1
//! ```

use super::{
    Format, Q4_0_BYTES, Q4_K_BYTES, Q5_0_BYTES, Q5_K_BYTES, Q6_K_BYTES, Q8_0_BYTES, Q8_K_BYTES, scale_at,
    scales_and_minima, values_of_4_5_k, values_of_5_0, values_of_6_k,
};
use crate::half::f16_to_f32;
use crate::level::Level;
use crate::wide::{BYTES, Kernel, LANES, Wide, sum_lanes};

pub(super) fn products(
    level: Level,
    format: Format,
    rows: &[u8],
    row_bytes: usize,
    x: &[u8],
    out: &mut [f32],
) {
    match format {
        Format::Q8_0 => level.run(Small::<Q8_0, Q8_0_BYTES> { rows, row_bytes, x, out, format: Q8_0 }),
        Format::Q4_0 => level.run(Small::<Q4_0, Q4_0_BYTES> { rows, row_bytes, x, out, format: Q4_0 }),
        Format::Q5_0 => level.run(Small::<Q5_0, Q5_0_BYTES> { rows, row_bytes, x, out, format: Q5_0 }),
        Format::Q4K => level.run(Large::<Q4K, Q4_K_BYTES> { rows, row_bytes, x, out, format: Q4K }),
        Format::Q5K => level.run(Large::<Q5K, Q5_K_BYTES> { rows, row_bytes, x, out, format: Q5K }),
        Format::Q6K => level.run(Large::<Q6K, Q6_K_BYTES> { rows, row_bytes, x, out, format: Q6K }),
        Format::Q8K => panic!("rows of q8_k are activations, not weights"),
    }
}

/// A format of 32 elements, whose scale comes first.
trait SmallFormat<const N: usize>: Copy {
    fn values(block: &[u8; N]) -> [i8; 32];
    /// The sums of four products of two blocks with 64 values.
    fn lanes<W: Wide>(w: W, a: &[u8; N], b: &[u8; N], x: W::I) -> W::I;
}

#[derive(Clone, Copy)]
struct Q8_0;
#[derive(Clone, Copy)]
struct Q4_0;
#[derive(Clone, Copy)]
struct Q5_0;

/// The part of a block behind its scale; its length is known where this is inlined.
#[inline(always)]
fn behind<const AT: usize, const N: usize>(block: &[u8]) -> &[u8; N] {
    const { assert!(N > 0) };
    block[AT..].first_chunk().expect("a block is longer than its parts")
}

impl SmallFormat<Q8_0_BYTES> for Q8_0 {
    #[inline(always)]
    fn values(block: &[u8; Q8_0_BYTES]) -> [i8; 32] {
        behind::<2, 32>(block).map(|q| q as i8)
    }
    #[inline(always)]
    fn lanes<W: Wide>(w: W, a: &[u8; Q8_0_BYTES], b: &[u8; Q8_0_BYTES], x: W::I) -> W::I {
        let values = w.join(behind::<2, 32>(a), behind::<2, 32>(b));
        w.dot_i8_end(w.dot_i8([w.zero(); 2], values, x))
    }
}

impl SmallFormat<Q4_0_BYTES> for Q4_0 {
    #[inline(always)]
    fn values(block: &[u8; Q4_0_BYTES]) -> [i8; 32] {
        let mut values = [0; 32];
        for (at, &q) in block[2..].iter().enumerate() {
            (values[at], values[at + 16]) = ((q & 15) as i8 - 8, (q >> 4) as i8 - 8);
        }
        values
    }
    #[inline(always)]
    fn lanes<W: Wide>(w: W, a: &[u8; Q4_0_BYTES], b: &[u8; Q4_0_BYTES], x: W::I) -> W::I {
        let values = w.nibbles_16(behind::<2, 16>(a), behind::<2, 16>(b));
        less(w, values, 8, x)
    }
}

impl SmallFormat<Q5_0_BYTES> for Q5_0 {
    #[inline(always)]
    fn values(block: &[u8; Q5_0_BYTES]) -> [i8; 32] {
        values_of_5_0(block).map(|q| q as i8 - 16)
    }
    #[inline(always)]
    fn lanes<W: Wide>(w: W, a: &[u8; Q5_0_BYTES], b: &[u8; Q5_0_BYTES], x: W::I) -> W::I {
        less(w, w.join(&values_of_5_0(a), &values_of_5_0(b)), 16, x)
    }
}

/// Σ (value - bias) · x.
#[inline(always)]
fn less<W: Wide>(w: W, values: W::I, bias: u8, x: W::I) -> W::I {
    let products = w.dot_u7_i8(w.zero(), values, x);
    w.sub_i32(products, w.dot_u7_i8(w.zero(), w.splat_u8(bias), x))
}

struct Small<'a, F: SmallFormat<N>, const N: usize> {
    rows: &'a [u8],
    row_bytes: usize,
    x: &'a [u8],
    out: &'a mut [f32],
    format: F,
}

impl<F: SmallFormat<N>, const N: usize> Kernel for Small<'_, F, N> {
    type Out = ();

    fn scalar(self) {
        let _ = self.format;
        for (row, out) in self.rows.chunks_exact(self.row_bytes).zip(self.out) {
            let blocks = row.as_chunks::<N>().0.iter().zip(self.x.as_chunks::<Q8_0_BYTES>().0);
            let mut sums = [0.0; LANES];
            for (nth, (block, x)) in blocks.enumerate() {
                let scale = f16_to_f32(scale_at(block, 0)) * f16_to_f32(scale_at(x, 0));
                let (values, x) = (F::values(block), Q8_0::values(x));
                for (lane, (values, x)) in
                    values.as_chunks::<4>().0.iter().zip(x.as_chunks::<4>().0).enumerate()
                {
                    let products: i32 =
                        values.iter().zip(x).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
                    sums[nth % 2 * 8 + lane] += scale * products as f32;
                }
            }
            *out = sum_lanes(sums);
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        for (row, out) in self.rows.chunks_exact(self.row_bytes).zip(self.out) {
            let (blocks, x) = (row.as_chunks::<N>().0, self.x.as_chunks::<Q8_0_BYTES>().0);
            let mut sum = w.splat(0.0);
            let ((some, rest), (some_x, rest_x)) = (blocks.as_chunks::<LANES>(), x.as_chunks::<LANES>());
            for (blocks, x) in some.iter().zip(some_x) {
                sum = sixteen::<F, N, W>(w, sum, blocks, x);
            }
            if !rest.is_empty() {
                sum = fewer::<F, N, W>(w, sum, rest, rest_x);
            }
            *out = w.sum(sum);
        }
    }
}

/// Products of the scales of sixteen blocks, or of fewer and zeros.
#[inline(always)]
fn scales<const N: usize, W: Wide>(w: W, blocks: &[[u8; N]], x: &[[u8; Q8_0_BYTES]]) -> [f32; LANES] {
    let (mut a, mut b, mut scales) = ([0; LANES], [0; LANES], [0.0; LANES]);
    for ((a, b), (block, x)) in a.iter_mut().zip(&mut b).zip(blocks.iter().zip(x)) {
        (*a, *b) = (scale_at(block, 0), scale_at(x, 0));
    }
    w.store(w.mul(w.load_f16(&a), w.load_f16(&b)), &mut scales);
    scales
}

#[inline(always)]
fn sixteen<F: SmallFormat<N>, const N: usize, W: Wide>(
    w: W,
    sum: W::F,
    blocks: &[[u8; N]; LANES],
    x: &[[u8; Q8_0_BYTES]; LANES],
) -> W::F {
    let scales = scales(w, blocks, x);
    let mut sum = sum;
    for pair in 0..LANES / 2 {
        let (a, b) = (2 * pair, 2 * pair + 1);
        let values = w.join(behind::<2, 32>(&x[a]), behind::<2, 32>(&x[b]));
        let lanes = w.i32_to_f32(F::lanes(w, &blocks[a], &blocks[b], values));
        sum = w.add(sum, w.mul(w.pair(scales[a], scales[b]), lanes));
    }
    sum
}

/// Of fewer than sixteen blocks; beside an odd one stands one of zeros.
#[inline(always)]
fn fewer<F: SmallFormat<N>, const N: usize, W: Wide>(
    w: W,
    sum: W::F,
    blocks: &[[u8; N]],
    x: &[[u8; Q8_0_BYTES]],
) -> W::F {
    let scales = scales(w, blocks, x);
    let (none, no_x) = ([0; N], [0; Q8_0_BYTES]);
    let mut sum = sum;
    for (pair, (blocks, x)) in blocks.chunks(2).zip(x.chunks(2)).enumerate() {
        let (b, x_b) = (blocks.get(1).unwrap_or(&none), x.get(1).unwrap_or(&no_x));
        let values = w.join(behind::<2, 32>(&x[0]), behind::<2, 32>(x_b));
        let lanes = w.i32_to_f32(F::lanes(w, &blocks[0], b, values));
        sum = w.add(sum, w.mul(w.pair(scales[2 * pair], scales[2 * pair + 1]), lanes));
    }
    sum
}

/// What a block of 256 comes to with 256 values.
struct Part<T> {
    /// d, and what the other lanes are to be multiplied with.
    scales: [f32; 2],
    /// Σ scale · products of each lane.
    lanes: T,
    /// What is to be taken off: minima, or the bias of the values, times sums of sixteen.
    less: T,
}

/// A format of 256 elements.
trait LargeFormat<const N: usize>: Copy {
    fn scalar(block: &[u8; N], x: &Activations<'_>) -> Part<[f32; LANES]>;
    fn wide<W: Wide>(w: W, block: &[u8; N], x: &Activations<'_>) -> Part<W::F>;
}

/// A block of Q8_K.
struct Activations<'a> {
    scale: f32,
    values: &'a [u8; 256],
    sums: &'a [u8; 32],
}

impl Activations<'_> {
    #[inline(always)]
    fn new(block: &[u8; Q8_K_BYTES]) -> Activations<'_> {
        Activations {
            scale: f32::from_le_bytes(*behind::<0, 4>(block)),
            values: behind::<4, 256>(block),
            sums: behind::<260, 32>(block),
        }
    }

    /// The sums of sixteen values.
    fn sums(&self) -> [f32; LANES] {
        let (sums, _) = self.sums.as_chunks::<2>();
        core::array::from_fn(|part| f32::from(i16::from_le_bytes(sums[part])))
    }

    #[inline(always)]
    fn quarters(&self) -> &[[u8; BYTES]] {
        self.values.as_chunks::<BYTES>().0
    }
}

/// Lanes of `values · x` times the scale of each part of `16 · PER` elements.
fn scalar_lanes<const PER: usize>(values: &[u8; 256], x: &Activations<'_>, scales: &[i8]) -> [f32; LANES] {
    let mut lanes = [0; LANES];
    for (four, (values, x)) in values.as_chunks::<4>().0.iter().zip(x.values.as_chunks::<4>().0).enumerate() {
        let products: i32 = values.iter().zip(x).map(|(&a, &b)| i32::from(a) * i32::from(b as i8)).sum();
        lanes[four % LANES] += products * i32::from(scales[four / (4 * PER)]);
    }
    lanes.map(|lane| lane as f32)
}

#[derive(Clone, Copy)]
struct Q4K;
#[derive(Clone, Copy)]
struct Q5K;
#[derive(Clone, Copy)]
struct Q6K;

/// Of Q4_K and Q5_K.
fn scalar_with_minima(block: &[u8], values: &[u8; 256], x: &Activations<'_>) -> Part<[f32; LANES]> {
    let (scales, minima) = scales_and_minima(behind::<4, 12>(block));
    let mut less = x.sums();
    for (lane, less) in less.iter_mut().enumerate() {
        *less *= f32::from(minima.to_le_bytes()[lane / 2]);
    }
    let lanes = scalar_lanes::<2>(values, x, &scales.to_le_bytes().map(|scale| scale as i8));
    Part { scales: [f16_to_f32(scale_at(block, 0)), f16_to_f32(scale_at(block, 2))], lanes, less }
}

/// The scales and minima of Q4_K and Q5_K as sixteen floats, and what is to be taken off.
#[inline(always)]
fn with_minima<W: Wide>(w: W, block: &[u8], x: &Activations<'_>) -> ([f32; 2], W::F, W::F) {
    let (scales, minima) = scales_and_minima(behind::<4, 12>(block));
    let both = w.bytes_to_f32(scales, minima);
    let less = w.mul(w.permute(both, &MINIMA), w.load_i16(x.sums));
    (w.two_f16(u32::from_le_bytes(*behind::<0, 4>(block))), both, less)
}

/// The products of a quarter of a block, times the scales of its parts.
#[inline(always)]
fn add_quarter<W: Wide>(
    w: W,
    sum: W::F,
    values: W::I,
    x: &[u8; BYTES],
    scales: W::F,
    parts: &[i32; LANES],
) -> W::F {
    let lanes = w.dot_u7_i8(w.zero(), values, w.load_bytes(x));
    w.fma(w.i32_to_f32(lanes), w.permute(scales, parts), sum)
}

impl LargeFormat<Q4_K_BYTES> for Q4K {
    fn scalar(block: &[u8; Q4_K_BYTES], x: &Activations<'_>) -> Part<[f32; LANES]> {
        scalar_with_minima(block, &values_of_4_5_k(behind::<16, 128>(block), &[0; 32]), x)
    }

    #[inline(always)]
    fn wide<W: Wide>(w: W, block: &[u8; Q4_K_BYTES], x: &Activations<'_>) -> Part<W::F> {
        let (d, scales, less) = with_minima(w, block, x);
        let nibbles = behind::<16, 128>(block).as_chunks::<32>().0;
        let mut lanes = w.splat(0.0);
        for ((nibbles, x), parts) in nibbles.iter().zip(x.quarters()).zip(&HALVES) {
            lanes = add_quarter(w, lanes, w.nibbles_32(nibbles), x, scales, parts);
        }
        Part { scales: d, lanes, less }
    }
}

impl LargeFormat<Q5_K_BYTES> for Q5K {
    fn scalar(block: &[u8; Q5_K_BYTES], x: &Activations<'_>) -> Part<[f32; LANES]> {
        let values = values_of_4_5_k(behind::<48, 128>(block), behind::<16, 32>(block));
        scalar_with_minima(block, &values, x)
    }

    #[inline(always)]
    fn wide<W: Wide>(w: W, block: &[u8; Q5_K_BYTES], x: &Activations<'_>) -> Part<W::F> {
        let (d, scales, less) = with_minima(w, block, x);
        let nibbles = behind::<48, 128>(block).as_chunks::<32>().0;
        let mut fifths = w.join(behind::<16, 32>(block), behind::<16, 32>(block));
        let (low, high) = (w.load_bytes(&mask(0x10, true)), w.load_bytes(&mask(0x10, false)));
        let mut lanes = w.splat(0.0);
        for ((nibbles, x), parts) in nibbles.iter().zip(x.quarters()).zip(&HALVES) {
            // Bits 0 and 1 of what is left, for the two parts of 32.
            let bits = w.or(w.and(w.shl_u16::<4>(fifths), low), w.and(w.shl_u16::<3>(fifths), high));
            fifths = w.shr_u16::<2>(fifths);
            lanes = add_quarter(w, lanes, w.or(w.nibbles_32(nibbles), bits), x, scales, parts);
        }
        Part { scales: d, lanes, less }
    }
}

impl LargeFormat<Q6_K_BYTES> for Q6K {
    fn scalar(block: &[u8; Q6_K_BYTES], x: &Activations<'_>) -> Part<[f32; LANES]> {
        let scales = behind::<192, 16>(block).map(|scale| scale as i8);
        let mut less = x.sums();
        for (less, &scale) in less.iter_mut().zip(&scales) {
            *less *= f32::from(scale);
        }
        let d = f16_to_f32(scale_at(block, 208));
        Part { scales: [d, 32.0 * d], lanes: scalar_lanes::<1>(&values_of_6_k(block), x, &scales), less }
    }

    #[inline(always)]
    fn wide<W: Wide>(w: W, block: &[u8; Q6_K_BYTES], x: &Activations<'_>) -> Part<W::F> {
        let scales = w.load_i8(&behind::<192, 16>(block).map(|scale| scale as i8));
        let less = w.mul(scales, w.load_i16(x.sums));
        let nibble = w.splat_u8(15);
        let (low, high) = (w.load_bytes(&mask(0x30, true)), w.load_bytes(&mask(0x30, false)));
        let halves = behind::<0, 128>(block).as_chunks::<64>().0;
        let uppers = behind::<128, 64>(block).as_chunks::<32>().0;
        let x = x.quarters();
        let mut lanes = w.splat(0.0);
        for (half, (nibbles, upper)) in halves.iter().zip(uppers).enumerate() {
            let (nibbles, upper) = (w.load_bytes(nibbles), w.join(upper, upper));
            // Bits 0, 1 and 2, 3 for the first 64 elements, bits 4, 5 and 6, 7 for the others.
            let bits = w.or(w.and(w.shl_u16::<4>(upper), low), w.and(w.shl_u16::<2>(upper), high));
            let values = w.or(w.and(nibbles, nibble), bits);
            lanes = add_quarter(w, lanes, values, &x[2 * half], scales, &QUARTERS[2 * half]);
            let bits = w.or(w.and(upper, low), w.and(w.shr_u16::<2>(upper), high));
            let values = w.or(w.and(w.shr_u16::<4>(nibbles), nibble), bits);
            lanes = add_quarter(w, lanes, values, &x[2 * half + 1], scales, &QUARTERS[2 * half + 1]);
        }
        let [d, _] = w.two_f16(u32::from(scale_at(block, 208)));
        Part { scales: [d, 32.0 * d], lanes, less }
    }
}

struct Large<'a, F: LargeFormat<N>, const N: usize> {
    rows: &'a [u8],
    row_bytes: usize,
    x: &'a [u8],
    out: &'a mut [f32],
    format: F,
}

impl<F: LargeFormat<N>, const N: usize> Kernel for Large<'_, F, N> {
    type Out = ();

    fn scalar(self) {
        let _ = self.format;
        for (row, out) in self.rows.chunks_exact(self.row_bytes).zip(self.out) {
            let mut sums = [0.0; LANES];
            for (block, x) in row.as_chunks::<N>().0.iter().zip(self.x.as_chunks::<Q8_K_BYTES>().0) {
                let x = Activations::new(x);
                let part = F::scalar(block, &x);
                let scales = part.scales.map(|scale| scale * x.scale);
                for ((sum, lane), less) in sums.iter_mut().zip(part.lanes).zip(part.less) {
                    *sum = (*sum + scales[0] * lane) - scales[1] * less;
                }
            }
            *out = sum_lanes(sums);
        }
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        for (row, out) in self.rows.chunks_exact(self.row_bytes).zip(self.out) {
            let mut sum = w.splat(0.0);
            for (block, x) in row.as_chunks::<N>().0.iter().zip(self.x.as_chunks::<Q8_K_BYTES>().0) {
                let x = Activations::new(x);
                let part = F::wide(w, block, &x);
                sum = w.add(sum, w.mul(w.splat(part.scales[0] * x.scale), part.lanes));
                sum = w.sub(sum, w.mul(w.splat(part.scales[1] * x.scale), part.less));
            }
            *out = w.sum(sum);
        }
    }
}

/// A byte in one half, zeros in the other.
const fn mask(byte: u8, low: bool) -> [u8; BYTES] {
    let mut mask = [0; BYTES];
    let mut at = if low { 0 } else { BYTES / 2 };
    let end = at + BYTES / 2;
    while at < end {
        mask[at] = byte;
        at += 1;
    }
    mask
}

/// Which scale each lane of each quarter takes: one for `lanes` lanes.
const fn parts(lanes: usize) -> [[i32; LANES]; 4] {
    let mut parts = [[0; LANES]; 4];
    let mut at = 0;
    while at < 4 * LANES {
        parts[at / LANES][at % LANES] = (at / lanes) as i32;
        at += 1;
    }
    parts
}

static HALVES: [[i32; LANES]; 4] = parts(8);
static QUARTERS: [[i32; LANES]; 4] = parts(4);
/// Minima stand behind the eight scales, each for two sums of sixteen.
static MINIMA: [i32; LANES] = [8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15];
