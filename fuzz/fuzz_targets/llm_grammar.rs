//! Grammars and JSON schemas: read, and walked through.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_llm::check::check_grammar(data));
