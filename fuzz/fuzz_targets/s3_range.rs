//! Ranges, times, tags and other short values of headers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_s3::check::check_range(data));
