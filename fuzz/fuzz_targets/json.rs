//! JSON texts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_text::check::check_json(data));
