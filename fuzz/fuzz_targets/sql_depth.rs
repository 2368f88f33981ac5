//! SQL: see `dolmen_sql::check`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_sql::check::check_depth(data));
