//! SentencePiece models.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_tokenizer::check::check_sentencepiece(data));
