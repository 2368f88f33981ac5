//! Blocks of a table: both directions and every seek agree.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_lsm::check::check_block(data));
