//! Lesson 9: the same model in a quarter of the bytes.
//!
//! To write one token, every weight is read once: a model is as fast as its bytes are few. ggml's blocks keep 32 weights as bytes or half bytes with a
//! scale for all of them. Here a model is trained, written as GGUF in several forms, and asked how surprised it is by a text it has not
//! seen.
//!
//! ```text
//! cargo run --release -p dolmen-llm --example quantised
//! ```

use dolmen_base::Serial;
use dolmen_llm::convert::Conversion;
use dolmen_llm::element::Element;
use dolmen_llm::gguf::Gguf;
use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm::train::{Settings, Trainer, data, export};
use dolmen_llm::{Engine, Model, Options, Plan, Row};
use dolmen_simd::level::Level;
use dolmen_simd::row64::Row64;
use dolmen_tensor::Context;

const SETTINGS: Settings = Settings {
    n_layer: 2,
    n_embd: 64,
    block_size: 32,
    batch_size: 8,
    warmup_iters: 10,
    learning_rate: 1e-2,
    min_lr: 1e-3,
    ..Settings::GPT_CHAR
};

/// Trains, writes, reads, compares.
pub fn main() {
    let text = include_str!("quantised.rs").repeat(4);
    let characters = data::Characters::of(&text);
    let tokens = characters.encode(&text);
    let config = SETTINGS.config(characters.len());
    let mut trainer = Trainer::new(config.clone(), SETTINGS, 80, 1).expect("settings that make sense");
    while trainer.done() < 80 {
        trainer.step(&Context::new(), &tokens).expect("a text that is long enough");
    }
    let file = export::safetensors(&trainer).expect("names and shapes that a file can hold");
    let files = [SafeTensors::parse(&file).expect("our own file")];
    let unseen = &tokens[data::split(tokens.len())..][..33];
    let mut exact = None;
    for (name, worse) in [("F32", 1e-3), ("F16", 5e-3), ("Q8_0", 0.05), ("Q4_0", 0.6)] {
        let wanted = Element::by_name(name).expect("one of ggml's names");
        let bytes =
            gguf(&Conversion::from_safetensors(&config, &files, wanted, |_| {}).expect("a whole model"));
        let gguf = Gguf::parse(&bytes).expect("our own file");
        let model = Model::from_gguf(&gguf).expect("a model that is known");
        let loss = surprise(&model, unseen);
        println!("{name:>5}: {:>7} bytes, loss {loss:.4}", bytes.len());
        let best = *exact.get_or_insert(loss);
        assert!(loss < best + worse, "{name} is too far from {best}");
    }
}

/// A whole GGUF file: the head, then tensor after tensor.
fn gguf(conversion: &Conversion<'_>) -> Vec<u8> {
    let (mut file, mut tensor) = (conversion.head().to_vec(), Vec::new());
    for nth in 0..conversion.len() {
        conversion.tensor(nth, &Serial, &mut tensor).expect("a form that is written here");
        file.extend_from_slice(&tensor);
    }
    file
}

/// The mean of -ln p of each token after the first.
fn surprise(model: &Model<'_>, tokens: &[u32]) -> f64 {
    let options = Options { batch: tokens.len() - 1, context: tokens.len() - 1, ..Options::default() };
    let plan = Plan::new(model, options).expect("a small model");
    let mut memory = vec![Row64::ZERO; plan.blocks()];
    let mut engine = Engine::new(model, &plan, Level::best(), &mut memory).expect("as much as planned");
    let known = &tokens[..tokens.len() - 1];
    let rows: Vec<Row> =
        known.iter().enumerate().map(|(at, &id)| Row::new(id, 0, at as u32).with_logits()).collect();
    let width = model.config().vocabulary;
    let mut logits = vec![0.0; rows.len() * width];
    engine.step(&Serial, &rows, &mut logits).expect("ids that there are");
    let losses = logits.chunks(width).zip(&tokens[1..]).map(|(row, &next)| {
        let sum: f64 = row.iter().map(|x| f64::from(*x).exp()).sum();
        sum.ln() - f64::from(row[next as usize])
    });
    losses.sum::<f64>() / rows.len() as f64
}
