//! Lists of backups.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_lsm::check::check_backup(data));
