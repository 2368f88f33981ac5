//! Class strings: what parses prints as itself.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_bti::check::check_type(data));
