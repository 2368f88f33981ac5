//! First tokens: one random one, then repeated splits of the largest range at a ratio that varies, which start a ring with
//! ranges of suitably different sizes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use dolmen_base::Rng;

use super::arithmetic::{size, split};
use crate::members::NodeId;

/// Splits the largest range again and again.
pub(super) fn generate_splits(
    ring: &mut BTreeMap<i64, NodeId>,
    node: NodeId,
    count: usize,
    seed: u64,
) -> Vec<i64> {
    let mut random = JavaRandom::new(ring.len() as u64);
    let mut tokens = Vec::with_capacity(count);
    if ring.is_empty() {
        let token = random_token(&mut Rng::new(seed));
        ring.insert(token, node);
        tokens.push(token);
    }
    while tokens.len() < count {
        let (left, right) = largest_range(ring);
        let token = split(left, right, SPLIT_MIN + SPLIT_SPREAD * random.next_f64());
        ring.insert(token, node);
        tokens.push(token);
    }
    tokens
}

/// The largest range, the first of several in ascending order of its end.
fn largest_range(ring: &BTreeMap<i64, NodeId>) -> (i64, i64) {
    let mut prev = ring.last_key_value().map_or(0, |(&token, _)| token);
    let mut best = (0.0, (prev, prev));
    for &token in ring.keys() {
        let width = size(prev, token);
        if width > best.0 {
            best = (width, (prev, token));
        }
        prev = token;
    }
    best.1
}

fn random_token(rng: &mut Rng) -> i64 {
    match rng.next_u64() as i64 {
        i64::MIN => i64::MAX,
        token => token,
    }
}

/// `java.util.Random`: a 48-bit linear congruential generator, specified by the Java API.
struct JavaRandom(u64);

impl JavaRandom {
    fn new(seed: u64) -> Self {
        JavaRandom((seed ^ 0x5_deec_e66d) & ((1 << 48) - 1))
    }

    fn next(&mut self, bits: u32) -> u64 {
        self.0 = self.0.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & ((1 << 48) - 1);
        self.0 >> (48 - bits)
    }

    fn next_f64(&mut self) -> f64 {
        let high = self.next(26) << 27;
        (high + self.next(27)) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

/// 1 − 1/√5.
const SPLIT_MIN: f64 = 0.552_786_404_500_042_1;
/// The ratio varies by this much.
const SPLIT_SPREAD: f64 = 0.075;

#[cfg(test)]
mod tests {
    use super::JavaRandom;

    /// `new java.util.Random(42).nextDouble()` twice, as the Java API documents the generator.
    #[test]
    fn follows_the_java_generator() {
        let mut random = JavaRandom::new(42);
        assert_eq!(random.next_f64(), 0.727_563_680_032_868_1);
        assert_eq!(random.next_f64(), 0.683_223_471_759_845_4);
    }
}
