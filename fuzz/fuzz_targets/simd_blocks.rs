#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_simd::check::check_blocks(data));
