//! The tries of Partitions.db and Rows.db: every walk ends, and sound ones agree.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_bti::check::check_trie(data));
