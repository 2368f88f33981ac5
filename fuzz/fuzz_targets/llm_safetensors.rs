//! Safetensors files: read, written, read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_llm::check::check_safetensors(data));
