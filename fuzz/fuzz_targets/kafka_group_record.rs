//! Records of __consumer_offsets.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_kafka::group::check::check_record(data));
