//! The numbers of a model, from config.json.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_llm::check::check_config(data));
