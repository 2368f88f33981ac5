//! The kernels that distances are made of.

use dolmen_simd::prefetch;

/// The level at which kernels run.
#[derive(Clone, Copy, Debug)]
pub struct Level;
impl Level {
    /// Best.
    pub fn best() -> Self {
        Level
    }
}

const LANES: usize = 16;

#[inline]
fn fold<A: Copy, B: Copy>(a: &[A], b: &[B], one: impl Fn(A, B) -> f32) -> f32 {
    let mut sums = [0f32; LANES];
    let (ac, bc) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = ac.remainder().iter().zip(bc.remainder()).map(|(x, y)| one(*x, *y)).sum();
    for (x, y) in ac.zip(bc) {
        for i in 0..LANES {
            sums[i] += one(x[i], y[i]);
        }
    }
    sums.iter().sum::<f32>() + tail
}

pub(crate) fn dot_f32(_: Level, a: &[f32], b: &[f32]) -> f32 {
    fold(a, b, |x, y| x * y)
}
pub(crate) fn l2_f32(_: Level, a: &[f32], b: &[f32]) -> f32 {
    fold(a, b, |x, y| (x - y) * (x - y))
}
pub(crate) fn dot_f32_u8(_: Level, a: &[f32], b: &[u8]) -> f32 {
    fold(a, b, |x, y| x * f32::from(y))
}
pub(crate) fn dot_i8(_: Level, a: &[i8], b: &[i8]) -> i64 {
    a.iter().zip(b).map(|(x, y)| i64::from(*x) * i64::from(*y)).sum()
}
pub(crate) fn l2_i8(_: Level, a: &[i8], b: &[i8]) -> u64 {
    a.iter().zip(b).map(|(x, y)| (i64::from(*x) - i64::from(*y)).pow(2) as u64).sum()
}
pub(crate) fn l2_u8(_: Level, a: &[u8], b: &[u8]) -> u64 {
    a.chunks(1024).zip(b.chunks(1024)).map(|(x, y)| u64::from(x.iter().zip(y).map(|(x, y)| {
        let d = i32::from(*x) - i32::from(*y);
        (d * d) as u32
    }).sum::<u32>())).sum()
}
pub(crate) fn l2_u7(level: Level, a: &[u8], b: &[u8]) -> u64 {
    l2_u8(level, a, b)
}
pub(crate) fn hamming(_: Level, a: &[u8], b: &[u8]) -> u64 {
    a.iter().zip(b).map(|(x, y)| u64::from((x ^ y).count_ones())).sum()
}

/// One query against rows that lie `stride` values apart.
pub(crate) fn rows_f32(level: Level, l2: bool, query: &[f32], rows: &[f32], stride: usize, ids: &[u32], out: &mut [f32]) {
    for (out, id) in out.iter_mut().zip(ids) {
        let row = rows.get(*id as usize * stride..).and_then(|rest| rest.get(..query.len())).unwrap_or(&[]);
        *out = if l2 { l2_f32(level, query, row) } else { dot_f32(level, query, row) };
    }
}

pub(crate) fn half_to_f32(half: u16) -> f32 {
    let (sign, exponent, mantissa) = (u32::from(half >> 15) << 31, u32::from(half >> 10 & 31), u32::from(half & 1023));
    match exponent {
        0 => {
            let value = mantissa as f32 / 16_777_216.0;
            if sign == 0 { value } else { -value }
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | mantissa << 13),
    }
}

pub(crate) fn f32_to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00;
    }
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    if magnitude < 0x3880_0000 {
        let scaled = libm::rintf(f32::from_bits(magnitude) * 16_777_216.0);
        return sign | scaled as u16;
    }
    let rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    sign | ((rounded >> 13) - (112 << 10)) as u16
}

pub(crate) fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

pub(crate) fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// Sums of 8-bit tables over packed nibbles of 32 codes: the scalar judge of FastScan.
pub(crate) fn fastscan_sums(_: Level, codes: &[u8], tables: &[u8], out: &mut [u32; 32]) {
    out.fill(0);
    for (codes, tables) in codes.chunks_exact(32).zip(tables.chunks_exact(32)) {
        for half in 0..2 {
            for j in 0..16 {
                let byte = codes[16 * half + j];
                let table = &tables[16 * half..16 * half + 16];
                out[crate::qg::PERM[j]] += u32::from(table[usize::from(byte & 15)]);
                out[crate::qg::PERM[j] + 16] += u32::from(table[usize::from(byte >> 4)]);
            }
        }
    }
}

pub(crate) fn prefetch_row<T>(slice: &[T], at: usize, step: usize, lines: usize) {
    for line in 0..lines {
        prefetch::read(slice, at + line * step);
    }
}

pub(crate) fn half_f16(_: Level, l2: bool, a: &[u16], b: &[u16]) -> f32 {
    let both = a.iter().zip(b).map(|(x, y)| (half_to_f32(*x), half_to_f32(*y)));
    if l2 { both.map(|(x, y)| (x - y) * (x - y)).sum() } else { both.map(|(x, y)| x * y).sum() }
}

pub(crate) fn half_bf16(_: Level, l2: bool, a: &[u16], b: &[u16]) -> f32 {
    let both = a.iter().zip(b).map(|(x, y)| (bf16_to_f32(*x), bf16_to_f32(*y)));
    if l2 { both.map(|(x, y)| (x - y) * (x - y)).sum() } else { both.map(|(x, y)| x * y).sum() }
}
