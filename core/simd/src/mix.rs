//! A bijective mix of 64 bits, and rendezvous hashing's choice among many nodes: the seed whose mix with a key is highest, or the next
//! that may win when every node's chance has a weight.
//!
//! | level | how |
//! |---|---|
//! | portable | one seed after another, the judge |
//! | AVX2 | four seeds a register; a product of 64 bits out of three of 32 |
//! | AVX-512 | eight seeds a register, VPMULLQ |
//!
//! aarch64 stays portable: NEON has no product of 64 bits, and out of products of 32 it takes more instructions for two seeds than the
//! scalar unit for both.
//!
//! Sources: Sebastiano Vigna's SplitMix64 (the finaliser); Intel 64 and IA-32 Architectures Software Developer's Manual, VPMULLQ.

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx512;

/// SplitMix64's finaliser.
#[inline]
pub const fn mix64(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(FIRST);
    z = (z ^ (z >> 27)).wrapping_mul(SECOND);
    z ^ (z >> 31)
}

/// A way to choose that this CPU is known to have: only detection makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx2,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx512,
}

impl Level {
    /// The fastest level of this CPU.
    #[inline]
    pub fn best() -> Level {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        {
            let features = crate::cpu::features();
            if features.avx512() {
                return Level(Kind::Avx512);
            }
            if features.avx2() {
                return Level(Kind::Avx2);
            }
        }
        Level(Kind::Portable)
    }

    /// Every level of this CPU, the portable one first.
    pub fn available() -> impl Iterator<Item = Level> {
        let below_best = [
            Level(Kind::Portable),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level(Kind::Avx2),
        ];
        let best = Level::best();
        // The levels ascend: a CPU that has one has those before it.
        below_best.into_iter().take_while(move |level| *level != best).chain([best])
    }

    /// The level's name for reports.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx2 => "avx2",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx512 => "avx512",
        }
    }

    /// The place of the seed for which `mix64(key ^ seed)` is highest, the first of several; `None` without seeds.
    #[inline]
    pub fn highest(self, key: u64, seeds: &[u64]) -> Option<usize> {
        // Below two registers of eight, joining the lanes costs more than they save.
        if seeds.len() < SHORT {
            return highest_portable(key, seeds);
        }
        match self.0 {
            Kind::Portable => highest_portable(key, seeds),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: the function needs AVX2 with YMM registers saved. `Kind::Avx2` is private to this module, and `Level` makes it
            // only where `Features::avx2` or `Features::avx512`, which includes it, has named both.
            Kind::Avx2 => Some(unsafe { avx2::highest(key, seeds) }),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: the function needs AVX-512 F and DQ with ZMM registers saved. `Kind::Avx512` is private to this module, and
            // `Level::best` makes it only after `Features::avx512` has named all.
            Kind::Avx512 => Some(unsafe { avx512::highest(key, seeds) }),
        }
    }
}

/// A number in (0, 1) out of 64 mixed bits, the highest 52 of them: with one more, the half that keeps it from 0 could round it to 1.
#[inline]
pub const fn unit(mixed: u64) -> f64 {
    ((mixed >> 12) as f64 + 0.5) * UNIT
}

/// Seeds with as many weights.
#[derive(Clone, Copy, Debug)]
pub struct Weighted<'a> {
    /// What the key is mixed with.
    pub seeds: &'a [u64],
    /// Weights, not negative.
    pub weights: &'a [f64],
}

impl Level {
    /// The first place at or after `from` where `weight > bar · (1 - u)`, u being [`unit()`] of the mix: since -ln u is never less than
    /// 1 - u, no other seed reaches a score `weight / -ln u` above `bar`. Seeds without a weight are not looked at.
    #[inline]
    pub fn next_above(self, key: u64, nodes: Weighted<'_>, from: usize, bar: f64) -> Option<usize> {
        let len = nodes.seeds.len().min(nodes.weights.len());
        let nodes = Weighted { seeds: nodes.seeds.get(from..len)?, weights: nodes.weights.get(from..len)? };
        let found = match self.0 {
            Kind::Portable => next_above_portable(key, nodes, bar),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: as for `highest`: AVX2 with YMM registers saved, which making the token has established.
            Kind::Avx2 => unsafe { avx2::next_above(key, nodes, bar) },
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            // SAFETY: as for `highest`: AVX-512 F and DQ with ZMM registers saved, which making the token has established.
            Kind::Avx512 => unsafe { avx512::next_above(key, nodes, bar) },
        };
        Some(from + found?)
    }
}

fn next_above_portable(key: u64, nodes: Weighted<'_>, bar: f64) -> Option<usize> {
    let mut pairs = nodes.seeds.iter().zip(nodes.weights);
    pairs.position(|(&seed, &weight)| weight > bar * (1.0 - unit(mix64(key ^ seed))))
}

fn highest_portable(key: u64, seeds: &[u64]) -> Option<usize> {
    let (&first, rest) = seeds.split_first()?;
    let (mut best, mut best_at) = (mix64(key ^ first), 0);
    for (&seed, at) in rest.iter().zip(1..) {
        let score = mix64(key ^ seed);
        if score > best {
            (best, best_at) = (score, at);
        }
    }
    Some(best_at)
}

/// The seeds in registers of `N`; the last register is filled up with the last seed, which comes too late to win.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
fn registers<const N: usize>(seeds: &[u64]) -> (&[[u64; N]], Option<[u64; N]>) {
    let (whole, rest) = seeds.as_chunks::<N>();
    let filled = rest.last().map(|&last| {
        let mut filled = [last; N];
        filled[..rest.len()].copy_from_slice(rest);
        filled
    });
    (whole, filled)
}

const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;
const SHORT: usize = 12;
/// 2^-52.
const UNIT: f64 = 1.0 / (1u64 << 52) as f64;

#[cfg(test)]
mod tests {
    extern crate std;

    use dolmen_base::Rng;
    use std::vec::Vec;

    use super::*;

    /// The generator that SplitMix64's author publishes, seeded with 1234567.
    #[test]
    fn values_of_the_reference() {
        let states = (1..=5u64).map(|i| 1_234_567u64.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let values: Vec<u64> = states.map(mix64).collect();
        let reference = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(values, reference);
    }

    #[test]
    fn every_level_finds_what_the_portable_one_finds() {
        let mut rng = Rng::new(3);
        let rounds = if cfg!(miri) { 1 } else { 40 };
        for level in Level::available() {
            for len in (0..80).chain([255, 256, 257, 1000]) {
                for round in 0..rounds {
                    // Few distinct seeds make equal scores, which go to the first.
                    let distinct = if round % 2 == 0 { u64::MAX } else { 7 };
                    let seeds: Vec<u64> = (0..len).map(|_| rng.next_u64() % distinct).collect();
                    let key = rng.next_u64();
                    assert_eq!(
                        level.highest(key, &seeds),
                        highest_portable(key, &seeds),
                        "{len} at level {}",
                        level.name()
                    );
                }
            }
        }
    }

    /// Scores on either side of 2^63, which a signed comparison would order wrongly.
    #[test]
    fn scores_compare_without_sign() {
        for level in Level::available() {
            for at in 0..40 {
                let mut seeds = [0u64; 40];
                let (low, high) =
                    ((0..).find(|&s| mix64(s) >> 63 == 0), (0..).find(|&s| mix64(s) >> 63 == 1));
                seeds.fill(low.unwrap());
                seeds[at] = high.unwrap();
                assert_eq!(level.highest(0, &seeds), Some(at), "{}", level.name());
            }
        }
    }

    #[test]
    fn a_unit_is_neither_zero_nor_one() {
        assert!(unit(0) > 0.0 && unit(u64::MAX) < 1.0);
        assert_eq!(unit(1 << 63), 0.5 + 2f64.powi(-53));
    }

    #[test]
    fn every_level_stops_where_the_portable_one_stops() {
        let mut rng = Rng::new(4);
        for level in Level::available() {
            for len in (0..40).chain([100]) {
                let seeds: Vec<u64> = (0..len).map(|_| rng.next_u64()).collect();
                let weights: Vec<f64> = (0..len).map(|_| rng.below(4) as f64 / 3.0).collect();
                let nodes = Weighted { seeds: &seeds, weights: &weights };
                for bar in [0.0, 0.1, 1.0, 5.0, 1e3, f64::INFINITY] {
                    let key = rng.next_u64();
                    for from in 0..=len {
                        let rest = Weighted { seeds: &seeds[from..], weights: &weights[from..] };
                        let wanted = next_above_portable(key, rest, bar).map(|at| from + at);
                        let found = level.next_above(key, nodes, from, bar);
                        assert_eq!(found, wanted, "{len} from {from} at level {}", level.name());
                    }
                }
                assert_eq!(level.next_above(0, nodes, len + 1, 0.0), None);
            }
        }
    }
}
