//! Bodies that tests, the replay of seeds and fuzzing share.

use alloc::vec::Vec;

use crate::gguf::{self, Gguf};
use crate::model::{Model, gguf_config};
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

/// A GGUF file keeps its keys and tensors when it is written again, and a model is read of it or refused.
///
/// # Panics
///
/// If they do not.
pub fn check_gguf(data: &[u8]) {
    let Ok(file) = Gguf::parse(data) else { return };
    let mut head = gguf::Head::new();
    for key in file.metadata().iter() {
        head.copy(&key);
    }
    let specs: Vec<gguf::Spec<'_>> = file
        .tensors()
        .iter()
        .map(|t| gguf::Spec { name: t.name, element: t.element, shape: t.shape })
        .collect();
    let (mut again, offsets) = head.finish(&specs).expect("what was read can be written");
    let head_len = again.len() as u64;
    for (tensor, offset) in file.tensors().iter().zip(offsets) {
        assert_eq!(again.len() as u64 - head_len, offset);
        again.extend_from_slice(tensor.bytes);
        again.resize(again.len().next_multiple_of(gguf::ALIGNMENT as usize), 0);
    }
    let read = Gguf::parse(&again).expect("what was written can be read");
    assert!(read.tensors() == file.tensors(), "other tensors came back");
    let of = |file: &Gguf<'_>| file.metadata().iter().map(|key| key.raw.to_vec()).collect::<Vec<_>>();
    let known: Vec<_> = of(&file).into_iter().filter(|raw| !raw[8..].starts_with(b"general.alignment")).collect();
    assert!(of(&read) == known, "other keys came back");
    if let Ok(config) = gguf_config(&file)
        && let Ok(model) = Model::from_gguf(&file)
    {
        assert_eq!(model.config(), &config);
    }
}

/// A `config.json` is read or refused, and sound numbers have sound sums.
///
/// # Panics
///
/// If they do not.
pub fn check_config(data: &[u8]) {
    let Ok(config) = crate::Config::from_json(data) else { return };
    assert!(config.heads * config.head_len >= config.query_len());
    let frequencies = config.rope.as_ref().map(crate::config::Rope::frequencies).unwrap_or_default();
    assert!(frequencies.len() * 2 <= config.head_len);
}
