//! Blocks of weights and of activations; UTF-8.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_simd::check::check_blocks(data));
