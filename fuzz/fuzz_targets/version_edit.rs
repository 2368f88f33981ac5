//! Version edits, as they stand in MANIFEST records.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_lsm::check::check_version_edit(data));
