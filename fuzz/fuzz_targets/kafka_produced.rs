//! What a client sends to be appended.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_kafka::check::check_produced(data));
