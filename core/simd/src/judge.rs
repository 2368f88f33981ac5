//! The tests that every checksum passes at every level.

extern crate std;

use core::fmt::Debug;
use std::vec;

use dolmen_base::Rng;

/// `found` equals `wanted` at every length up to 4200 bytes and at several alignments.
pub fn every_length<T: PartialEq + Debug>(
    level: &str,
    found: impl Fn(&[u8]) -> T,
    wanted: impl Fn(&[u8]) -> T,
) {
    // Miri is slow, and a few lengths enter every path.
    let (len_max, step) = if cfg!(miri) { (600, 37) } else { (4200, 1) };
    let mut bytes = vec![0; len_max + 8];
    Rng::new(1).fill(&mut bytes);
    for start in [0, 1, 3, 7] {
        for len in (0..=len_max).step_by(step) {
            let part = &bytes[start..start + len];
            assert_eq!(found(part), wanted(part), "{len} bytes from {start} at level {level}");
        }
    }
}

/// A text in two parts gives the same as the whole, wherever it is cut.
pub fn every_cut<T: PartialEq + Debug + Default>(level: &str, extend: impl Fn(T, &[u8]) -> T) {
    let mut rng = Rng::new(2);
    let mut bytes = vec![0; 20_000];
    rng.fill(&mut bytes);
    for _ in 0..if cfg!(miri) { 5 } else { 500 } {
        let len = rng.below(20_000) as usize;
        let cut = rng.below(len as u64 + 1) as usize;
        let parts = extend(extend(T::default(), &bytes[..cut]), &bytes[cut..len]);
        assert_eq!(parts, extend(T::default(), &bytes[..len]), "{len} bytes cut at {cut}, level {level}");
    }
}
