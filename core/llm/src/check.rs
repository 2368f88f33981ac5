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
    let tensors: Vec<(Spec<'_>, &[u8])> =
        file.iter().map(|(name, t)| (Spec { name, element: t.element, shape: t.shape }, t.bytes)).collect();
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
    let kept = file.metadata().iter().filter(|key| key.name != b"general.alignment").map(|key| key.raw);
    assert!(read.metadata().iter().map(|key| key.raw).eq(kept), "other keys came back");
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

/// A template is read or refused, and runs over a small chat or ends with an error.
///
/// # Panics
///
/// If it does neither.
pub fn check_template(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Ok(template) = crate::template::Template::parse(text) else { return };
    let variables = br#"{"messages":[{"role":"user","content":"a \"b\"\n"},{"role":"assistant","content":null,"n":[1,2.5,true]}],"add_generation_prompt":true,"bos_token":"<s>","tools":null}"#;
    let document = dolmen_text::json::Document::read(variables).expect("the variables are sound");
    let once = template.render(document.root(), 0);
    assert_eq!(once, template.render(document.root(), 0), "another text the second time");
}

/// A grammar, or the grammar of a schema, is read or refused; walking along the shortest way completes a text.
///
/// # Panics
///
/// If it does not.
pub fn check_grammar(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let grammar = match text.starts_with('{') {
        true => crate::schema::grammar(data).ok(),
        false => crate::grammar::Grammar::parse(text).ok(),
    };
    let Some(grammar) = grammar else { return };
    let mut state = grammar.start();
    for _ in 0..64 {
        let before = grammar.distance(&state);
        let mut next = (0..=127u8).filter_map(|byte| grammar.take(&state, byte));
        // Most texts come nearer to their end with each character; those of other characters than ASCII are left alone.
        match next.find(|next| grammar.distance(next) < before) {
            Some(nearer) => state = nearer,
            None => break,
        }
    }
    assert!(!state.is_complete() || grammar.distance(&state) == 0);
}
