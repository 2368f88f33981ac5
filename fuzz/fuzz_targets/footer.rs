//! Table footers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_lsm::check::check_footer(data));
