//! IDX files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_tensor::check::check_idx(data));
