//! CompressionInfo.db, CRC.db, Digest.crc32, TOC.txt, Summary.db.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_bti::check::check_compression(data));
