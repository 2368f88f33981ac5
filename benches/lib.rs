//! What the benches share: keys and values in the shape that db_bench uses.
#![forbid(unsafe_code)]

use dolmen_base::Rng;

/// The key of a number: 16 decimal digits, so that numbers and keys have one order.
pub fn key(number: u64) -> [u8; 16] {
    let mut out = [b'0'; 16];
    let mut rest = number;
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out
}

/// Bytes that no compression makes smaller.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    Rng::new(seed).fill(&mut out);
    out
}
