//! Schemas and literals in CQL.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_bti::check::check_schema(data));
