//! Floats to blocks.
//!
//! The K formats search: for a part of 32 or 16 elements they try some twenty scales, and keep the one whose weighted squared error is
//! least after a least-squares fit. Every operation is in ggml's order, so that the bytes are ggml's.

use super::{
    Format, Q4_0_BYTES, Q4_K_BYTES, Q5_0_BYTES, Q5_K_BYTES, Q6_K_BYTES, Q8_0_BYTES, Q8_K_BYTES,
    scales_and_minima,
};
use crate::half::{f16_to_f32, f32_to_f16};
use crate::level::Level;
use crate::wide::{Kernel, LANES, Wide};

/// The blocks of floats, as ggml's reference functions write them.
///
/// # Panics
///
/// The floats are not whole blocks, or `out` is not as long as those.
pub fn quantise(format: Format, x: &[f32], out: &mut [u8]) {
    check(format, x, out);
    match format {
        Format::Q8_0 => each::<32, Q8_0_BYTES>(x, out, q8_0),
        Format::Q4_0 => each::<32, Q4_0_BYTES>(x, out, q4_0),
        Format::Q5_0 => each::<32, Q5_0_BYTES>(x, out, q5_0),
        Format::Q4K => each::<256, Q4_K_BYTES>(x, out, q4_k),
        Format::Q5K => each::<256, Q5_K_BYTES>(x, out, q5_k),
        Format::Q6K => each::<256, Q6_K_BYTES>(x, out, q6_k),
        Format::Q8K => each::<256, Q8_K_BYTES>(x, out, q8_k),
    }
}

/// [`quantise`] to Q8_0 or Q8_K at a level.
///
/// # Panics
///
/// As [`quantise`], or the format is another.
pub fn quantise_activations(level: Level, format: Format, x: &[f32], out: &mut [u8]) {
    check(format, x, out);
    match format {
        Format::Q8_0 => level.run_floats(To8_0(x, out)),
        Format::Q8K => level.run_floats(To8K(x, out)),
        other => panic!("activations are quantised to q8_0 or q8_k, not {other}"),
    }
}

fn check(format: Format, x: &[f32], out: &[u8]) {
    assert!(
        format.row_bytes(x.len()) == Some(out.len()),
        "{} elements are not {} bytes of {format}",
        x.len(),
        out.len()
    );
}

#[inline(always)]
fn each<const LEN: usize, const BYTES: usize>(
    x: &[f32],
    out: &mut [u8],
    one: impl Fn(&[f32; LEN], &mut [u8; BYTES]),
) {
    let blocks = x.as_chunks::<LEN>().0.iter();
    blocks.zip(out.as_chunks_mut::<BYTES>().0).for_each(|(x, out)| one(x, out));
}

fn put_f16(x: f32, out: &mut [u8]) {
    out[..2].copy_from_slice(&f32_to_f16(x).to_le_bytes());
}

/// The element furthest from zero, the first of several.
fn furthest(x: &[f32]) -> f32 {
    x.iter().fold(0.0f32, |kept, &x| if kept.abs() < x.abs() { x } else { kept })
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

fn q8_0(x: &[f32; 32], out: &mut [u8; Q8_0_BYTES]) {
    let d = furthest(x).abs() / 127.0;
    let by = inverse(d);
    put_f16(d, out);
    for (out, x) in out[2..].iter_mut().zip(x) {
        *out = libm::roundf(x * by) as i8 as u8;
    }
}

fn q4_0(x: &[f32; 32], out: &mut [u8; Q4_0_BYTES]) {
    let d = furthest(x) / -8.0;
    let by = inverse(d);
    put_f16(d, out);
    for (at, out) in out[2..].iter_mut().enumerate() {
        let value = |x: f32| ((x * by + 8.5) as i8 as u8).min(15);
        *out = value(x[at]) | value(x[at + 16]) << 4;
    }
}

fn q5_0(x: &[f32; 32], out: &mut [u8; Q5_0_BYTES]) {
    let d = furthest(x) / -16.0;
    let by = inverse(d);
    put_f16(d, out);
    let mut fifths = 0u32;
    for (at, out) in out[6..].iter_mut().enumerate() {
        let value = |x: f32| ((x * by + 16.5) as i8 as u8).min(31);
        let (low, high) = (value(x[at]), value(x[at + 16]));
        *out = low & 15 | (high & 15) << 4;
        fifths |= u32::from(low >> 4) << at | u32::from(high >> 4) << (at + 16);
    }
    out[2..6].copy_from_slice(&fifths.to_le_bytes());
}

fn q8_k(x: &[f32; 256], out: &mut [u8; Q8_K_BYTES]) {
    let most = furthest(x);
    if most == 0.0 {
        out.fill(0);
        return;
    }
    let by = -127.0 / most;
    out[..4].copy_from_slice(&(1.0 / by).to_le_bytes());
    for (part, x) in x.as_chunks::<16>().0.iter().enumerate() {
        let mut sum = 0i16;
        for (at, x) in x.iter().enumerate() {
            let q = nearest(by * x).min(127) as i8;
            out[4 + 16 * part + at] = q as u8;
            sum += i16::from(q);
        }
        out[260 + 2 * part..][..2].copy_from_slice(&sum.to_le_bytes());
    }
}

/// The nearest integer, of two the even one, by the last bits of a sum; of a number beyond 2²² something.
#[inline(always)]
fn nearest(x: f32) -> i32 {
    ((x + 12_582_912.0).to_bits() & 0x007f_ffff) as i32 - 0x0040_0000
}

/// How a part is searched: the largest value, and the steps of the scale.
struct Search {
    most: i32,
    first: f32,
    by: f32,
    steps: i32,
}

/// A part of 32 with values, scale and minimum: value · scale - minimum.
struct Part {
    scale: f32,
    min: f32,
}

fn q4_k(x: &[f32; 256], out: &mut [u8; Q4_K_BYTES]) {
    let search = Search { most: 15, first: -1.0, by: 0.1, steps: 20 };
    let values = parts_with_minima(x, &search, out);
    for (pair, out) in out[16..].chunks_exact_mut(32).enumerate() {
        for (at, out) in out.iter_mut().enumerate() {
            *out = values[64 * pair + at] | values[64 * pair + 32 + at] << 4;
        }
    }
}

fn q5_k(x: &[f32; 256], out: &mut [u8; Q5_K_BYTES]) {
    let search = Search { most: 31, first: -0.5, by: 0.1, steps: 15 };
    let values = parts_with_minima(x, &search, out);
    let (fifths, nibbles) = out[16..].split_at_mut(32);
    fifths.fill(0);
    for (pair, out) in nibbles.chunks_exact_mut(32).enumerate() {
        for (at, out) in out.iter_mut().enumerate() {
            let (low, high) = (values[64 * pair + at], values[64 * pair + 32 + at]);
            fifths[at] |= (low >> 4) << (2 * pair) | (high >> 4) << (2 * pair + 1);
            *out = low & 15 | high << 4;
        }
    }
}

/// Writes d, dmin and the scales, and returns the values.
fn parts_with_minima(x: &[f32; 256], search: &Search, head: &mut [u8]) -> [u8; 256] {
    let mut values = [0u8; 256];
    let mut parts = [const { Part { scale: 0.0, min: 0.0 } }; 8];
    let (mut scale_max, mut min_max) = (0.0f32, 0.0f32);
    for ((x, values), part) in
        x.as_chunks::<32>().0.iter().zip(values.as_chunks_mut::<32>().0).zip(&mut parts)
    {
        *part = fit_with_minimum(x, search, values);
        scale_max = if part.scale > scale_max { part.scale } else { scale_max };
        min_max = if part.min > min_max { part.min } else { min_max };
    }
    let inverse = |most: f32| if most > 0.0 { 63.0 / most } else { 0.0 };
    let (by_scale, by_min) = (inverse(scale_max), inverse(min_max));
    let packed = &mut head[4..16];
    for (at, part) in parts.iter().enumerate() {
        let scale = (nearest(by_scale * part.scale) as u8).min(63);
        let min = (nearest(by_min * part.min) as u8).min(63);
        if at < 4 {
            packed[at] = scale;
            packed[at + 4] = min;
        } else {
            packed[at + 4] = scale & 15 | (min & 15) << 4;
            packed[at - 4] |= (scale >> 4) << 6;
            packed[at] |= (min >> 4) << 6;
        }
    }
    let mut copy = [0; 12];
    copy.copy_from_slice(packed);
    let (scales, minima) = scales_and_minima(&copy);
    let (scales, minima) = (scales.to_le_bytes(), minima.to_le_bytes());
    put_f16(scale_max / 63.0, &mut head[0..]);
    put_f16(min_max / 63.0, &mut head[2..]);
    let stored = |most: f32| f16_to_f32(f32_to_f16(most / 63.0));
    let (d, d_min) = (stored(scale_max), stored(min_max));
    for (part, (x, values)) in x.as_chunks::<32>().0.iter().zip(values.as_chunks_mut::<32>().0).enumerate() {
        let scale = d * f32::from(scales[part]);
        if scale == 0.0 {
            continue;
        }
        let min = d_min * f32::from(minima[part]);
        for (value, x) in values.iter_mut().zip(x) {
            *value = nearest((x + min) / scale).clamp(0, search.most) as u8;
        }
    }
    values
}

/// The values, scale and minimum with the least squared error, weighted by the size of elements.
fn fit_with_minimum(x: &[f32; 32], search: &Search, values: &mut [u8; 32]) -> Part {
    let squares = x.iter().fold(0.0, |sum, x| sum + x * x);
    let average = crate::sqrt_f32(squares / 32.0);
    let weights = x.map(|x| average + x.abs());
    let (mut min, mut max) = (x[0], x[0]);
    let (mut sum_w, mut sum_x) = (weights[0], weights[0] * x[0]);
    for (&x, &weight) in x.iter().zip(&weights).skip(1) {
        min = if x < min { x } else { min };
        max = if x > max { x } else { max };
        sum_w += weight;
        sum_x += weight * x;
    }
    min = if min > 0.0 { 0.0 } else { min };
    if max == min {
        values.fill(0);
        return Part { scale: 0.0, min: -min };
    }
    let most = search.most as f32;
    let round = |by: f32, low: f32| x.map(|x| nearest(by * (x - low)).clamp(0, search.most));
    let error = |values: &[i32; 32], scale: f32, min: f32| {
        let each = values.iter().zip(x).zip(&weights);
        each.fold(0.0, |sum, ((&value, x), weight)| {
            let apart = scale * value as f32 + min - x;
            sum + weight * (apart * apart)
        })
    };
    let by = most / (max - min);
    let mut scale = 1.0 / by;
    let mut kept = round(by, min);
    let mut least = error(&kept, scale, min);
    for step in 0..=search.steps {
        // From the best minimum so far, as ggml has it.
        let by = (search.first + search.by * step as f32 + most) / (max - min);
        let tried = round(by, min);
        let (mut sum_l, mut sum_ll, mut sum_xl) = (0.0f32, 0.0f32, 0.0f32);
        for ((&value, x), weight) in tried.iter().zip(x).zip(&weights) {
            let value = value as f32;
            sum_l += weight * value;
            sum_ll += weight * value * value;
            sum_xl += weight * value * x;
        }
        let determinant = sum_w * sum_ll - sum_l * sum_l;
        if determinant > 0.0 {
            let mut new_scale = (sum_w * sum_xl - sum_x * sum_l) / determinant;
            let mut new_min = (sum_ll * sum_x - sum_l * sum_xl) / determinant;
            if new_min > 0.0 {
                new_min = 0.0;
                new_scale = sum_xl / sum_ll;
            }
            let new_error = error(&tried, new_scale, new_min);
            if new_error < least {
                (kept, least, scale, min) = (tried, new_error, new_scale, new_min);
            }
        }
    }
    for (to, value) in values.iter_mut().zip(kept) {
        *to = value as u8;
    }
    Part { scale, min: -min }
}

fn q6_k(x: &[f32; 256], out: &mut [u8; Q6_K_BYTES]) {
    let mut values = [0u8; 256];
    let mut scales = [0.0f32; 16];
    let mut most = 0.0f32;
    for ((x, values), scale) in
        x.as_chunks::<16>().0.iter().zip(values.as_chunks_mut::<16>().0).zip(&mut scales)
    {
        *scale = fit(x, values);
        most = if scale.abs() > most.abs() { *scale } else { most };
    }
    if most.abs() < NOTHING {
        out.fill(0);
        return;
    }
    let by = -128.0 / most;
    put_f16(1.0 / by, &mut out[208..]);
    let d = f16_to_f32(f32_to_f16(1.0 / by));
    for (part, (x, values)) in x.as_chunks::<16>().0.iter().zip(values.as_chunks_mut::<16>().0).enumerate() {
        let stored = nearest(by * scales[part]).min(127) as i8;
        out[192 + part] = stored as u8;
        let scale = d * f32::from(stored);
        if scale == 0.0 {
            continue;
        }
        for (value, x) in values.iter_mut().zip(x) {
            *value = (nearest(x / scale).clamp(-32, 31) + 32) as u8;
        }
    }
    for (half, values) in values.as_chunks::<128>().0.iter().enumerate() {
        for at in 0..32 {
            let [a, b, c, d] = [values[at], values[at + 32], values[at + 64], values[at + 96]];
            out[64 * half + at] = a & 15 | c << 4;
            out[64 * half + 32 + at] = b & 15 | d << 4;
            out[128 + 32 * half + at] = a >> 4 | (b >> 4) << 2 | (c >> 4) << 4 | (d >> 4) << 6;
        }
    }
}

/// The values (with 32 added) and the scale with the least squared error, weighted by the squares of elements.
fn fit(x: &[f32; 16], values: &mut [u8; 16]) -> f32 {
    let most = furthest(x);
    if most.abs() < NOTHING {
        values.fill(0);
        return 0.0;
    }
    let round = |by: f32| x.map(|x| nearest(by * x).clamp(-32, 31));
    let sums = |tried: &[i32; 16]| {
        tried.iter().zip(x).fold((0.0f32, 0.0f32), |(sum_lx, sum_ll), (&value, x)| {
            let (weight, value) = (x * x, value as f32);
            (sum_lx + weight * x * value, sum_ll + weight * value * value)
        })
    };
    let mut kept = round(-32.0 / most);
    let (sum_lx, sum_ll) = sums(&kept);
    let mut scale = if sum_ll == 0.0 { 0.0 } else { sum_lx / sum_ll };
    let mut best = scale * sum_lx;
    for step in (-9..=9).filter(|&step| step != 0) {
        let tried = round(-(32.0 + 0.1 * step as f32) / most);
        let (sum_lx, sum_ll) = sums(&tried);
        if sum_ll > 0.0 && sum_lx * sum_lx > best * sum_ll {
            kept = tried;
            scale = sum_lx / sum_ll;
            best = scale * sum_lx;
        }
    }
    for (to, value) in values.iter_mut().zip(kept) {
        *to = (value + 32) as u8;
    }
    scale
}

struct To8_0<'a>(&'a [f32], &'a mut [u8]);

impl Kernel for To8_0<'_> {
    type Out = ();

    fn scalar(self) {
        each(self.0, self.1, q8_0);
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        for (x, out) in self.0.as_chunks::<32>().0.iter().zip(self.1.as_chunks_mut::<Q8_0_BYTES>().0) {
            let (parts, _) = x.as_chunks::<LANES>();
            let (a, b) = (w.load(&parts[0]), w.load(&parts[1]));
            let d = greatest(w, w.max(size(w, a), size(w, b))) / 127.0;
            let by = w.splat(if d == 0.0 { 0.0 } else { 1.0 / d });
            out[..2].copy_from_slice(&f32_to_f16(d).to_le_bytes());
            let (to, _) = out[2..].as_chunks_mut::<LANES>();
            store_signed(w, half_away(w, w.mul(a, by)), &mut to[0]);
            store_signed(w, half_away(w, w.mul(b, by)), &mut to[1]);
        }
    }
}

struct To8K<'a>(&'a [f32], &'a mut [u8]);

impl Kernel for To8K<'_> {
    type Out = ();

    fn scalar(self) {
        each(self.0, self.1, q8_k);
    }

    #[inline(always)]
    fn wide<W: Wide>(self, w: W) {
        for (x, out) in self.0.as_chunks::<256>().0.iter().zip(self.1.as_chunks_mut::<Q8_K_BYTES>().0) {
            let (parts, _) = x.as_chunks::<LANES>();
            let mut most = w.splat(0.0);
            for part in parts {
                most = w.max(size(w, w.load(part)), most);
            }
            let most = greatest(w, most);
            if most == 0.0 {
                out.fill(0);
                continue;
            }
            // The sign of the first of that size.
            let most = x.iter().copied().find(|x| x.abs() == most).unwrap_or(most);
            let by = -127.0 / most;
            let (head, rest) = out.split_at_mut(4);
            head.copy_from_slice(&(1.0 / by).to_le_bytes());
            let (values, sums) = rest.split_at_mut(256);
            let by = w.splat(by);
            for ((part, values), sum) in
                parts.iter().zip(values.as_chunks_mut::<LANES>().0).zip(sums.as_chunks_mut::<2>().0)
            {
                let rounded = w.round(w.mul(w.load(part), by));
                store_signed(w, rounded, values);
                // Sixteen whole numbers below 128: exact.
                *sum = (w.sum(rounded) as i16).to_le_bytes();
            }
        }
    }
}

#[inline(always)]
fn size<W: Wide>(w: W, x: W::F) -> W::F {
    w.bits_to_f32(w.and(w.to_bits(x), w.splat_i32(i32::MAX)))
}

#[inline(always)]
fn greatest<W: Wide>(w: W, x: W::F) -> f32 {
    let mut lanes = [0.0; LANES];
    w.store(x, &mut lanes);
    let mut half = LANES / 2;
    while half > 0 {
        for at in 0..half {
            lanes[at] = if lanes[at + half] > lanes[at] { lanes[at + half] } else { lanes[at] };
        }
        half /= 2;
    }
    lanes[0]
}

/// To the nearest integer, halves away from zero.
#[inline(always)]
fn half_away<W: Wide>(w: W, x: W::F) -> W::F {
    let sign = w.and(w.to_bits(x), w.splat_i32(i32::MIN));
    let x = size(w, x);
    let even = w.round(x);
    // What was rounded down from a half is a half away; no other difference is as large.
    let up = w.select_lt(w.splat(0.499_999_97), w.sub(x, even), w.splat(1.0), w.splat(0.0));
    w.bits_to_f32(w.or(w.to_bits(w.add(even, up)), sign))
}

/// Whole numbers within -127..=127 as signed bytes.
#[inline(always)]
fn store_signed<W: Wide>(w: W, x: W::F, to: &mut [u8; LANES]) {
    w.store_u8(w.add(x, w.splat(128.0)), to);
    for to in to {
        *to ^= 0x80;
    }
}

/// Below this a part counts as zeros.
const NOTHING: f32 = 1e-15;
