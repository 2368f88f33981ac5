//! What tests share. A dev-dependency of whoever wants it, core crates included; nothing here is part of a program.
//!
//! | helper | for |
//! |---|---|
//! | [`testdata`] | files of the real systems that are not committed; a test without them says [`skip`] |
//! | [`replay`] | the committed seeds of a fuzz target, through the same body |
//! | [`flips`], [`cuts`] | every single-bit damage, every torn end |
//! | [`golden`] | expected text in a file, rewritten with `DOLMEN_REWRITE=1` |
//! | [`soak`] | tests that run longer on demand |
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the shared test data of one system: `DOLMEN_TESTDATA`, else `shared/data` in a folder above the repository. `None`: this
/// machine has none, and the test calls [`skip`].
pub fn testdata(system: &str) -> Option<PathBuf> {
    let root = std::env::var_os("DOLMEN_TESTDATA").map(PathBuf::from).or_else(|| {
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        above.map(|folder| folder.join("shared/data")).find(|path| path.is_dir())
    });
    root.map(|root| root.join(system)).filter(|path| path.is_dir())
}

/// Says that a test had nothing to work on.
pub fn skip(test: &str) {
    println!("{test}: skipped: no data");
}

/// How often a long test runs: `usual` times `DOLMEN_SOAK`.
pub fn soak(usual: u64) -> u64 {
    let factor = std::env::var("DOLMEN_SOAK").ok().and_then(|text| text.parse().ok());
    usual.saturating_mul(factor.unwrap_or(1))
}

/// Runs a fuzz target's body over its committed seeds, and says over how many.
///
/// # Panics
///
/// If there are no seeds, or the body panics; the seed is named then.
pub fn replay(target: &str, body: impl Fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
    for seed in &seeds {
        let named = Named(seed);
        body(&fs::read(seed).unwrap_or_else(|error| panic!("{}: {error}", seed.display())));
        std::mem::forget(named);
    }
    seeds.len()
}

/// Says which seed it was, if its body panics.
struct Named<'a>(&'a Path);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        eprintln!("seed {}", self.0.display());
    }
}

/// The bytes with each bit flipped in turn, and which bit that was. The same buffer is lent each time.
pub fn flips(bytes: &[u8], mut body: impl FnMut(usize, &[u8])) {
    let mut damaged = bytes.to_vec();
    for bit in 0..bytes.len() * 8 {
        damaged[bit / 8] ^= 1 << (bit % 8);
        body(bit, &damaged);
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Every beginning of the bytes that is shorter than they are, the shortest first.
pub fn cuts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).map(|len| &bytes[..len])
}

/// Compares text with a file, line by line. With `DOLMEN_REWRITE=1` the file is written instead: look at the difference before it is
/// committed, for nothing is right because the program says so.
///
/// # Panics
///
/// Where they differ, with the line.
pub fn golden(path: &Path, found: &str) {
    if std::env::var_os("DOLMEN_REWRITE").is_some() {
        fs::write(path, found).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let wanted = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (number, (wanted, found)) in wanted.lines().zip(found.lines()).enumerate() {
        assert_eq!(found, wanted, "{}, line {}", path.display(), number + 1);
    }
    assert_eq!(found.lines().count(), wanted.lines().count(), "{}: number of lines", path.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_flipped_once() {
        let mut seen = Vec::new();
        flips(&[0, 0xff], |_, damaged| seen.push(damaged.to_vec()));
        assert_eq!(seen.len(), 16);
        assert_eq!((&seen[0][..], &seen[15][..]), (&[1, 0xff][..], &[0, 0x7f][..]));
        assert_eq!(cuts(b"abc").collect::<Vec<_>>(), [&b""[..], b"a", b"ab"]);
    }

    #[test]
    fn golden_text_is_compared_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("wanted");
        fs::write(&file, "a\nb\n").unwrap();
        golden(&file, "a\nb\n");
        for wrong in ["a\nc\n", "a\n", "a\nb\nc\n"] {
            assert!(std::panic::catch_unwind(|| golden(&file, wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn seeds_are_found_and_a_target_without_any_is_an_error() {
        assert!(replay("log", |_| {}) > 0);
        assert!(std::panic::catch_unwind(|| replay("no-such-target", |_| {})).is_err());
    }
}
