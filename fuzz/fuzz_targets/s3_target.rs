//! Request targets and sources of copies.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_s3::check::check_target(data));
