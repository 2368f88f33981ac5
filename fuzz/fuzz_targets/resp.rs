//! Requests of the Redis protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_resp::check::check_resp(data));
