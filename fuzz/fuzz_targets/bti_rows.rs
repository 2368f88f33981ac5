//! Data.db: rows, markers, cells.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_bti::check::check_rows(data));
