//! The serialised form of a placement, behind its checksum.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_ring::check::check_wire_body(data));
