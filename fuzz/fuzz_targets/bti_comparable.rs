//! Byte-comparable forms of every type, there and back.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_bti::check::check_comparable(data));
