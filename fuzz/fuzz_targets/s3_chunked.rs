//! The framing aws-chunked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_s3::check::check_chunked(data));
