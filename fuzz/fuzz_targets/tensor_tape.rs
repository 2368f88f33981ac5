//! Programs of operations: no panic, the same bits however work is cut, results near the plain twin.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dolmen_tensor::check::check_tape(data));
