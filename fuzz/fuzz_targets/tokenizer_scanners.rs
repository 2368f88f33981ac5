//! Texts for the scanners and their expressions.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_tokenizer::check::check_scanners(data));
