//! Write batches, as they stand in log records.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_lsm::check::check_batch(data));
