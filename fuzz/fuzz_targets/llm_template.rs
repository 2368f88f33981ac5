//! Templates of chats: read and run within their limits.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_llm::check::check_template(data));
