//! The token that kernels take as their first argument: a set of vector registers that this CPU is known to have.
//!
//! | level | needs |
//! |---|---|
//! | scalar | nothing; the readable form, which judges the others |
//! | sse4 | SSE4.2, SSSE3, POPCNT |
//! | avx2 | those, AVX2, FMA, F16C, and YMM registers saved by the system |
//! | avx512 | those, AVX-512 F, BW, DQ, VL, and ZMM registers saved; VNNI, VPOPCNTDQ, VBMI and BF16 are used where found |
//! | neon | aarch64 compiled with NEON, which every such system has |
//!
//! A program finds its level once, keeps the two bytes, and hands them to each call or batch. Tests and measurements take each level in
//! turn, or one by name.

use core::fmt;

/// A set of vector registers that this CPU has: only detection makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(pub(crate) Kind);

/// Ascending on each architecture: a CPU that has one has those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Sse4,
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx2,
    /// F, BW, DQ and VL alone (Skylake-X).
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx512,
    /// And VNNI, VPOPCNTDQ and VBMI (Ice Lake, Zen 4).
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx512Integers,
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon,
}

impl Level {
    /// Every name that [`Level::by_name`] knows, on whatever CPU.
    pub const NAMES: [&'static str; 5] = ["scalar", "sse4", "avx2", "avx512", "neon"];

    /// The level without vector registers, which is everywhere.
    pub const SCALAR: Level = Level(Kind::Scalar);

    /// The fastest level of this CPU.
    #[inline]
    pub fn best() -> Level {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        {
            let features = crate::cpu::features();
            if features.avx2_f16c() && features.avx512() {
                return Level(if features.avx512_integers() { Kind::Avx512Integers } else { Kind::Avx512 });
            }
            if features.avx2_f16c() {
                return Level(Kind::Avx2);
            }
            if features.sse4() {
                return Level(Kind::Sse4);
            }
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
        return Level(Kind::Neon);
        #[cfg(not(all(target_arch = "aarch64", target_feature = "neon", not(miri))))]
        Level::SCALAR
    }

    /// Every level of this CPU, the scalar one first, the fastest last.
    pub fn available() -> impl Iterator<Item = Level> {
        // AVX-512 stands there once, with what the CPU has of it.
        Level::each().filter(|level| level.name() != Level::best().name() || *level == Level::best())
    }

    /// [`Level::available`], and AVX-512 without its later instructions where both are: what tests run through.
    #[doc(hidden)]
    pub fn each() -> impl Iterator<Item = Level> {
        let below_best = [
            Kind::Scalar,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Sse4,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx2,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx512,
        ];
        let best = Level::best();
        below_best.into_iter().map(Level).take_while(move |level| *level != best).chain([best])
    }

    /// The level of this name.
    ///
    /// # Errors
    ///
    /// The name is none of [`Level::NAMES`], or this CPU does not have that level.
    pub fn by_name(name: &str) -> Result<Level, Absent<'_>> {
        Level::available().find(|level| level.name() == name).ok_or(Absent { name })
    }

    /// The level's name.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Sse4 => "sse4",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx2 => "avx2",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx512 | Kind::Avx512Integers => "avx512",
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Kind::Neon => "neon",
        }
    }

    /// Bits of one vector register; 0 for the scalar level.
    pub const fn register_bits(self) -> usize {
        match self.0 {
            Kind::Scalar => 0,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Sse4 => 128,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx2 => 256,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Kind::Avx512 | Kind::Avx512Integers => 512,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Kind::Neon => 128,
        }
    }

    /// Later instructions that kernels of this level use on this CPU.
    pub fn extensions(self) -> impl Iterator<Item = &'static str> {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        let found = {
            let integers = self.0 == Kind::Avx512Integers;
            [
                integers.then_some("vnni"),
                integers.then_some("vpopcntdq"),
                integers.then_some("vbmi"),
                self.bf16().then_some("bf16"),
            ]
        };
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
        let found: [Option<&'static str>; 0] = [];
        found.into_iter().flatten()
    }

    /// Whether AVX-512's sums of bf16 products belong to this level.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline]
    pub(crate) fn bf16(self) -> bool {
        self.0 == Kind::Avx512Integers && crate::cpu::features().avx512_bf16()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A level that was asked for by name and is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absent<'a> {
    name: &'a str,
}

impl fmt::Display for Absent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Absent { name } = self;
        if Level::NAMES.contains(name) {
            write!(f, "this CPU has no level {name}; it has")?;
        } else {
            write!(f, "no level is called {name:?}; this CPU has")?;
        }
        for (nth, level) in Level::available().enumerate() {
            write!(f, "{} {level}", if nth == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl core::error::Error for Absent<'_> {}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn levels_are_listed_and_found_by_name() {
        let all: Vec<Level> = Level::available().collect();
        assert_eq!(all[0], Level::SCALAR);
        assert_eq!(*all.last().unwrap(), Level::best());
        let mut names: Vec<&str> = all.iter().map(|level| level.name()).collect();
        names.dedup();
        assert_eq!(names.len(), all.len(), "a name twice");
        for level in all {
            assert_eq!(Level::by_name(level.name()), Ok(level));
            assert!(Level::each().any(|each| each == level));
        }
    }

    #[test]
    fn absent_levels_are_refused_by_name() {
        let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
        let error = Level::by_name(foreign).unwrap_err().to_string();
        assert!(
            error.starts_with(&std::format!("this CPU has no level {foreign}; it has scalar")),
            "{error}"
        );
        let error = Level::by_name("mmx").unwrap_err().to_string();
        assert!(error.starts_with("no level is called \"mmx\"; this CPU has scalar"), "{error}");
    }
}
