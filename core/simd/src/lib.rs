#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(
    not(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        all(target_arch = "aarch64", target_feature = "neon")
    )),
    allow(dead_code, reason = "without vector registers only the scalar forms are used")
)]
#![cfg_attr(miri, feature(core_float_math))]

pub mod arith;
pub mod ascii;
pub mod bits;
#[doc(hidden)]
pub mod check;
pub mod cpu;
pub mod crc32;
pub mod crc32c;
pub mod crc64_nvme;
pub mod fastscan;
pub mod fold;
pub mod gemm;
pub mod gemv;
pub mod half;
#[cfg(test)]
mod judge;
pub mod level;
pub mod md5;
pub mod mix;
pub mod nn;
pub mod peak;
pub mod prefetch;
pub mod quant;
pub mod rotate;
pub mod row64;
pub mod rows;
pub mod slope;
pub mod sorted;
pub mod transpose;
pub mod utf8;
pub mod vector;
mod wide;
pub mod xxh3;

/// The square root. Miri knows no instructions but the compiler's own.
fn sqrt(x: f64) -> f64 {
    #[cfg(miri)]
    return core::f64::math::sqrt(x);
    #[cfg(not(miri))]
    libm::sqrt(x)
}

/// The square root, likewise.
fn sqrt_f32(x: f32) -> f32 {
    #[cfg(miri)]
    return core::f32::math::sqrt(x);
    #[cfg(not(miri))]
    libm::sqrtf(x)
}
