//! Forms and their policies.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_s3::check::check_post(data));
