//! Ring configurations of other programs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_ring::check::check_config(data));
