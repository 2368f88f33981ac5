//! Records with their length in front.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_tensor::check::check_record(data));
