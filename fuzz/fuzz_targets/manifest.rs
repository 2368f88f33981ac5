//! MANIFEST files in the log's framing.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_lsm::check::check_manifest(data));
