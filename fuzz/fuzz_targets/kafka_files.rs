//! The files beside a segment, and checkpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_kafka::check::check_files(data));
