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
pub(super) trait SmallFormat<const N: usize>: Copy {
    fn values(block: &[u8; N]) -> [i8; 32];
    /// The values of two blocks, as [`SmallFormat::add`] takes them.
    fn unpack<W: Wide>(w: W, a: &[u8; N], b: &[u8; N]) -> W::I;
    /// What sums of products with 64 values begin with: minus the bias of unpacked values, times x.
    fn begin<W: Wide>(w: W, x: W::I) -> W::I;
    /// The sums of four products with 64 values.
    fn add<W: Wide>(w: W, begin: W::I, values: W::I, x: W::I) -> W::I;

    /// All three.
    #[inline(always)]
    fn lanes<W: Wide>(w: W, a: &[u8; N], b: &[u8; N], x: W::I) -> W::I {
        Self::add(w, Self::begin(w, x), Self::unpack(w, a, b), x)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Q8_0;
#[derive(Clone, Copy)]
pub(super) struct Q4_0;
#[derive(Clone, Copy)]
pub(super) struct Q5_0;

/// The part of a block behind its scale; its length is known where this is inlined.
#[inline(always)]
pub(super) fn behind<const AT: usize, const N: usize>(block: &[u8]) -> &[u8; N] {
    const { assert!(N > 0) };
    block[AT..].first_chunk().expect("a block is longer than its parts")
}

impl SmallFormat<Q8_0_BYTES> for Q8_0 {
    #[inline(always)]
    fn values(block: &[u8; Q8_0_BYTES]) -> [i8; 32] {
        behind::<2, 32>(block).map(|q| q as i8)
    }
    #[inline(always)]
    fn unpack<W: Wide>(w: W, a: &[u8; Q8_0_BYTES], b: &[u8; Q8_0_BYTES]) -> W::I {
        w.ready(w.join(behind::<2, 32>(a), behind::<2, 32>(b)))
    }
    #[inline(always)]
    fn begin<W: Wide>(w: W, x: W::I) -> W::I {
        w.ready_sum(x)
    }
    #[inline(always)]
    fn add<W: Wide>(w: W, begin: W::I, values: W::I, x: W::I) -> W::I {
        w.dot_ready(begin, values, x)
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
    fn unpack<W: Wide>(w: W, a: &[u8; Q4_0_BYTES], b: &[u8; Q4_0_BYTES]) -> W::I {
        w.nibbles_16(behind::<2, 16>(a), behind::<2, 16>(b))
    }
    #[inline(always)]
    fn begin<W: Wide>(w: W, x: W::I) -> W::I {
        less(w, 8, x)
    }
    #[inline(always)]
    fn add<W: Wide>(w: W, begin: W::I, values: W::I, x: W::I) -> W::I {
        w.dot_u7_i8(begin, values, x)
    }
}

impl SmallFormat<Q5_0_BYTES> for Q5_0 {
    #[inline(always)]
    fn values(block: &[u8; Q5_0_BYTES]) -> [i8; 32] {
        values_of_5_0(block).map(|q| q as i8 - 16)
    }
    #[inline(always)]
    fn unpack<W: Wide>(w: W, a: &[u8; Q5_0_BYTES], b: &[u8; Q5_0_BYTES]) -> W::I {
        w.join(&values_of_5_0(a), &values_of_5_0(b))
    }
    #[inline(always)]
    fn begin<W: Wide>(w: W, x: W::I) -> W::I {
        less(w, 16, x)
    }
    #[inline(always)]
    fn add<W: Wide>(w: W, begin: W::I, values: W::I, x: W::I) -> W::I {
        w.dot_u7_i8(begin, values, x)
    }
}

/// - Σ bias · x.
#[inline(always)]
fn less<W: Wide>(w: W, bias: u8, x: W::I) -> W::I {
    w.sub_i32(w.zero(), w.dot_u7_i8(w.zero(), w.splat_u8(bias), x))
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

/// The scales of sixteen blocks, or of fewer and zeros.
#[inline(always)]
pub(super) fn scales_of<const N: usize, W: Wide>(w: W, blocks: &[[u8; N]]) -> [f32; LANES] {
    let (mut halves, mut scales) = ([0; LANES], [0.0; LANES]);
    for (half, block) in halves.iter_mut().zip(blocks) {
        *half = scale_at(block, 0);
    }
    w.store(w.load_f16(&halves), &mut scales);
    scales
}

/// Products of the scales of sixteen blocks, or of fewer and zeros.
#[inline(always)]
fn scales<const N: usize, W: Wide>(w: W, blocks: &[[u8; N]], x: &[[u8; Q8_0_BYTES]]) -> [f32; LANES] {
    let mut scales = [0.0; LANES];
    let products = w.mul(w.load(&scales_of(w, blocks)), w.load(&scales_of(w, x)));
    w.store(products, &mut scales);
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
pub(super) struct Part<T> {
    /// d, and what the other lanes are to be multiplied with.
    scales: [f32; 2],
    /// Σ scale · products of each lane.
    lanes: T,
    /// What is to be taken off: minima, or the bias of the values, times sums of sixteen.
    less: T,
}

/// A format of 256 elements.
pub(super) trait LargeFormat<const N: usize>: Copy {
    fn scalar(block: &[u8; N], x: &Activations<'_>) -> Part<[f32; LANES]>;
    fn open<W: Wide>(w: W, block: &[u8; N]) -> Open<W>;
}

/// A block made ready for products with several vectors.
pub(super) struct Open<W: Wide> {
    /// As in [`Part`].
    scales: [f32; 2],
    /// The values of each quarter, below 128.
    values: [W::I; 4],
    /// The scale of each lane of each quarter.
    lanes: [W::F; 4],
    /// What sums of sixteen elements are to be multiplied with.
    less: W::F,
}

impl<W: Wide> Open<W> {
    #[inline(always)]
    pub(super) fn part(&self, w: W, x: &Activations<'_>) -> Part<W::F> {
        let mut lanes = w.splat(0.0);
        for ((&values, &scales), x) in self.values.iter().zip(&self.lanes).zip(x.quarters()) {
            let products = w.dot_u7_i8(w.zero(), values, w.load_bytes(x));
            lanes = w.fma(w.i32_to_f32(products), scales, lanes);
        }
        Part { scales: self.scales, lanes, less: w.mul(self.less, w.load_i16(x.sums)) }
    }
}

/// A block of Q8_K.
pub(super) struct Activations<'a> {
    pub(super) scale: f32,
    values: &'a [u8; 256],
    sums: &'a [u8; 32],
}

impl Activations<'_> {
    #[inline(always)]
    pub(super) fn new(block: &[u8; Q8_K_BYTES]) -> Activations<'_> {
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
pub(super) struct Q4K;
#[derive(Clone, Copy)]
pub(super) struct Q5K;
#[derive(Clone, Copy)]
pub(super) struct Q6K;

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

/// The head of Q4_K and Q5_K with unpacked values.
#[inline(always)]
fn open_with_minima<W: Wide>(w: W, block: &[u8], values: [W::I; 4]) -> Open<W> {
    let (scales, minima) = scales_and_minima(behind::<4, 12>(block));
    let both = w.bytes_to_f32(scales, minima);
    Open {
        scales: w.two_f16(u32::from_le_bytes(*behind::<0, 4>(block))),
        values,
        lanes: spread(w, both, &HALVES),
        less: w.permute(both, &MINIMA),
    }
}

#[inline(always)]
fn spread<W: Wide>(w: W, scales: W::F, parts: &[[i32; LANES]; 4]) -> [W::F; 4] {
    let [a, b, c, d] = parts;
    [w.permute(scales, a), w.permute(scales, b), w.permute(scales, c), w.permute(scales, d)]
}

impl LargeFormat<Q4_K_BYTES> for Q4K {
    fn scalar(block: &[u8; Q4_K_BYTES], x: &Activations<'_>) -> Part<[f32; LANES]> {
        scalar_with_minima(block, &values_of_4_5_k(behind::<16, 128>(block), &[0; 32]), x)
    }

    #[inline(always)]
    fn open<W: Wide>(w: W, block: &[u8; Q4_K_BYTES]) -> Open<W> {
        let nibbles = behind::<16, 128>(block).as_chunks::<32>().0;
        let mut values = [w.zero(); 4];
        for (values, nibbles) in values.iter_mut().zip(nibbles) {
            *values = w.nibbles_32(nibbles);
        }
        open_with_minima(w, block, values)
    }
}

impl LargeFormat<Q5_K_BYTES> for Q5K {
    fn scalar(block: &[u8; Q5_K_BYTES], x: &Activations<'_>) -> Part<[f32; LANES]> {
        let values = values_of_4_5_k(behind::<48, 128>(block), behind::<16, 32>(block));
        scalar_with_minima(block, &values, x)
    }

    #[inline(always)]
    fn open<W: Wide>(w: W, block: &[u8; Q5_K_BYTES]) -> Open<W> {
        let nibbles = behind::<48, 128>(block).as_chunks::<32>().0;
        let mut fifths = w.join(behind::<16, 32>(block), behind::<16, 32>(block));
        let (low, high) = (w.load_bytes(&mask(0x10, true)), w.load_bytes(&mask(0x10, false)));
        let mut values = [w.zero(); 4];
        for (values, nibbles) in values.iter_mut().zip(nibbles) {
            // Bits 0 and 1 of what is left, for the two parts of 32.
            let bits = w.or(w.and(w.shl_u16::<4>(fifths), low), w.and(w.shl_u16::<3>(fifths), high));
            fifths = w.shr_u16::<2>(fifths);
            *values = w.or(w.nibbles_32(nibbles), bits);
        }
        open_with_minima(w, block, values)
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
    fn open<W: Wide>(w: W, block: &[u8; Q6_K_BYTES]) -> Open<W> {
        let scales = w.load_i8(&behind::<192, 16>(block).map(|scale| scale as i8));
        let nibble = w.splat_u8(15);
        let (low, high) = (w.load_bytes(&mask(0x30, true)), w.load_bytes(&mask(0x30, false)));
        let halves = behind::<0, 128>(block).as_chunks::<64>().0;
        let uppers = behind::<128, 64>(block).as_chunks::<32>().0;
        let mut values = [w.zero(); 4];
        for ((values, nibbles), upper) in values.as_chunks_mut::<2>().0.iter_mut().zip(halves).zip(uppers) {
            let (nibbles, upper) = (w.load_bytes(nibbles), w.join(upper, upper));
            // Bits 0, 1 and 2, 3 for the first 64 elements, bits 4, 5 and 6, 7 for the others.
            let bits = w.or(w.and(w.shl_u16::<4>(upper), low), w.and(w.shl_u16::<2>(upper), high));
            values[0] = w.or(w.and(nibbles, nibble), bits);
            let bits = w.or(w.and(upper, low), w.and(w.shr_u16::<2>(upper), high));
            values[1] = w.or(w.and(w.shr_u16::<4>(nibbles), nibble), bits);
        }
        let [d, _] = w.two_f16(u32::from(scale_at(block, 208)));
        Open { scales: [d, 32.0 * d], values, lanes: spread(w, scales, &QUARTERS), less: scales }
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
                sum = add_part(w, sum, &F::open(w, block).part(w, &x), x.scale);
            }
            *out = w.sum(sum);
        }
    }
}

#[inline(always)]
pub(super) fn add_part<W: Wide>(w: W, sum: W::F, part: &Part<W::F>, scale: f32) -> W::F {
    let sum = w.add(sum, w.mul(w.splat(part.scales[0] * scale), part.lanes));
    w.sub(sum, w.mul(w.splat(part.scales[1] * scale), part.less))
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
