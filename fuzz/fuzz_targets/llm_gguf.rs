//! GGUF files: read, written, read again, and models of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_llm::check::check_gguf(data));
