//! A model folder in Hugging Face's layout: `config.json` and `model.safetensors`.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_text::json::Writer;

use crate::config::{Architecture, Config};
use crate::error::LoadError;
use crate::safetensors::{Spec, Type, append};
use crate::shape::Shape;
use crate::train::error::TrainError;
use crate::train::trainer::Trainer;

/// A GPT-2's `config.json`.
///
/// # Errors
///
/// [`TrainError::Unsupported`] for other architectures: their folder is the one that was fine-tuned.
pub fn config_json(config: &Config) -> Result<String, TrainError> {
    if config.architecture != Architecture::Gpt2 {
        return Err(TrainError::Unsupported { what: "the configuration of another architecture than GPT-2" });
    }
    let mut text = String::new();
    let mut json = Writer::new(&mut text);
    json.object().key("model_type").string("gpt2");
    json.key("architectures").array().string("GPT2LMHeadModel").end();
    json.key("activation_function").string("gelu_new");
    for (name, size) in [
        ("vocab_size", config.vocabulary),
        ("n_positions", config.context),
        ("n_embd", config.width),
        ("n_layer", config.layers),
        ("n_head", config.heads),
        ("n_inner", config.inner),
    ] {
        json.key(name).u64(size as u64);
    }
    json.key("layer_norm_epsilon").f64(1e-5);
    for name in ["attn_pdrop", "embd_pdrop", "resid_pdrop"] {
        json.key(name).f64(0.0);
    }
    json.key("tie_word_embeddings").bool(config.tied);
    for name in ["bos_token_id", "eos_token_id"] {
        json.key(name).null();
    }
    json.key("torch_dtype").string("float32").end();
    json.finish();
    text.push('\n');
    Ok(text)
}

/// A whole `model.safetensors`, low-rank additions added up.
///
/// # Errors
///
/// A size is beyond what a reader takes.
pub fn safetensors(trainer: &Trainer) -> Result<Vec<u8>, TrainError> {
    let (params, frozen) = trainer.parameters();
    let mut tensors = Vec::new();
    trainer.network().merged(params, frozen, |parameter, values| {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        tensors.push((&parameter.name, &parameter.dims, bytes));
    });
    let mut list = Vec::with_capacity(tensors.len());
    for (name, dims, bytes) in &tensors {
        let mut dimensions = [0; 8];
        let to = dimensions.get_mut(..dims.len()).ok_or(LoadError::Invalid { what: "a shape", at: 0 })?;
        to.iter_mut().zip(dims.iter()).for_each(|(to, &dim)| *to = dim as u64);
        let shape = Shape::new(to).ok_or(LoadError::Invalid { what: "a shape", at: 0 })?;
        list.push((Spec { name, element: Type::F32, shape }, &bytes[..]));
    }
    let mut out = Vec::new();
    append(&list, &[("format", "pt")], &mut out)?;
    Ok(out)
}
