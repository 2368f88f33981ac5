//! A record of __consumer_offsets and a request of groups from any bytes: refused, or taken over.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    dolmen_kafka::group::check::check_record(data);
    dolmen_kafka::group::check::check_request(data);
});
