//! faiss' files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_hnsw::check::check_faiss(data));
