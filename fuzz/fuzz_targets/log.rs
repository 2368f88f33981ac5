//! Logs, read in every recovery mode and dumped.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_wal::check::check_log(data));
