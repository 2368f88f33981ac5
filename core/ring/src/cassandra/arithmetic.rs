//! Arithmetic of Murmur3Partitioner's tokens: sizes in fractions of the circle, midpoints, splits at a ratio.

use alloc::string::ToString;

/// The fraction of the circle in (from, to]; the whole circle when they are equal.
pub fn size(from: i64, to: i64) -> f64 {
    let fraction = to.wrapping_sub(from) as f64 * TWO_POW_MINUS_64;
    if fraction > 0.0 { fraction } else { fraction + 1.0 }
}

/// The token in the middle of (left, right].
pub fn midpoint(left: i64, right: i64) -> i64 {
    let (l, r) = (i128::from(left), i128::from(right));
    let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
    if l < r {
        return ((l + r) >> 1) as i64;
    }
    let middle = (max - min + l + r) >> 1;
    if middle > max { (min + (middle - max)) as i64 } else { middle as i64 }
}

/// The token that has `ratio` (0 to 1) of (left, right] on its left. The ratio counts as the shortest decimal that means
/// it, as Java's `BigDecimal.valueOf` takes it, and the result is cut towards zero.
pub fn split(left: i64, right: i64, ratio: f64) -> i64 {
    let (l, r) = (i128::from(left), i128::from(right));
    let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
    let width = if l < r { r - l } else { (max - l) + (r - min) };
    let (mantissa, scale) = decimal(ratio.clamp(0.0, 1.0));
    let token = (width * mantissa + l * scale) / scale;
    if token > max { (min + (token - max)) as i64 } else { token as i64 }
}

/// A number from 0 to 1 as mantissa / scale with at most 17 decimals, so that the products above fit 128 bits.
fn decimal(ratio: f64) -> (i128, i128) {
    let text = ratio.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = &fraction[..fraction.len().min(17)];
    let scale = 10i128.pow(fraction.len() as u32);
    let digits = |part: &str| part.bytes().fold(0i128, |n, digit| n * 10 + i128::from(digit - b'0'));
    (digits(whole) * scale + digits(fraction), scale)
}

const TWO_POW_MINUS_64: f64 = 1.0 / 18_446_744_073_709_551_616.0;
