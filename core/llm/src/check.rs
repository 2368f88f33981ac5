//! Bodies that tests, the replay of seeds and fuzzing share.

use alloc::vec::Vec;

use crate::safetensors::{self, SafeTensors, Spec};

/// Bytes that are a safetensors file are the same tensors when written again.
///
/// # Panics
///
/// If they are not.
pub fn check_safetensors(data: &[u8]) {
    let Ok(file) = SafeTensors::parse(data) else { return };
    let tensors: Vec<(Spec<'_>, &[u8])> = file
        .iter()
        .map(|(name, t)| (Spec { name, element: t.element, shape: t.shape }, t.bytes))
        .collect();
    let metadata: Vec<(&str, &str)> = file.metadata().collect();
    let mut again = Vec::new();
    safetensors::append(&tensors, &metadata, &mut again).expect("what was read can be written");
    let read = SafeTensors::parse(&again).expect("what was written can be read");
    assert!(read.iter().eq(file.iter()), "other tensors came back");
    assert!(read.metadata().eq(file.metadata()), "other metadata came back");
}
