#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_s3::state::check::check_policy(data));
