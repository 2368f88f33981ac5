//! Records of the metadata log.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_kafka::check::check_metadata(data));
