#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dolmen_simd::check::check_blocks(bytes));
