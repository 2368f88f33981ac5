//! Lesson 8: teaching a model something new with few weights.
//!
//! A model that is trained on is changed everywhere, and every task needs a copy of all of it. LoRA leaves the weights W as they are and adds a
//! product of two thin matrices: W + B·A. Only A and B are trained; B begins as zeros, so nothing changes at first. At the end the
//! product can be added to W, and the model is as fast as before.
//!
//! ```text
//! cargo run --release -p dolmen-llm --example lora
//! ```

use dolmen_llm::safetensors::SafeTensors;
use dolmen_llm::train::{Settings, Trainer, data, export};
use dolmen_tensor::Context;

const BASE: Settings = Settings {
    n_layer: 2,
    n_embd: 32,
    block_size: 32,
    batch_size: 8,
    warmup_iters: 10,
    learning_rate: 1e-2,
    min_lr: 1e-3,
    ..Settings::GPT_CHAR
};

/// Learns this lesson, then, with few weights, the same in capitals.
pub fn main() {
    let prose = include_str!("lora.rs").repeat(4);
    let capitals = prose.to_uppercase();
    let characters = data::Characters::of(&format!("{prose}{capitals}"));
    let (prose, capitals) = (characters.encode(&prose), characters.encode(&capitals));
    let (config, context) = (BASE.config(characters.len()), Context::new());

    // 1. The base model reads prose.
    let mut base = Trainer::new(config.clone(), BASE, 80, 1).expect("settings that make sense");
    while base.done() < 80 {
        base.step(&context, &prose).expect("a text that is long enough");
    }
    let know =
        |trainer: &mut Trainer, text: &[u32]| trainer.evaluate(&context, text).expect("a tenth to look at");
    println!("base:  prose {:.3}, capitals {:.3}", know(&mut base, &prose), know(&mut base, &capitals));
    let file = export::safetensors(&base).expect("names and shapes that a file can hold");

    // 2. Its weights are frozen; additions of rank 4 are trained on capitals.
    let settings = Settings { lora_rank: 4, lora_alpha: 8.0, ..BASE };
    let mut tuned = Trainer::new(config.clone(), settings, 80, 1).expect("settings that make sense");
    tuned.load(&SafeTensors::parse(&file).expect("our own file")).expect("the same model");
    let (trained, frozen) = tuned.parameters();
    println!("{} weights are trained, {} stay as they are", trained.len(), frozen.len());
    let frozen = frozen.to_vec();
    let before = know(&mut tuned, &capitals);
    while tuned.done() < 80 {
        tuned.step(&context, &capitals).expect("a text that is long enough");
    }
    let after = know(&mut tuned, &capitals);
    println!("tuned: capitals {before:.3} before, {after:.3} after");
    assert!(after < before - 0.1 && tuned.parameters().1 == frozen);

    // 3. Added up, it is an ordinary model of the same size.
    let file = export::safetensors(&tuned).expect("names and shapes that a file can hold");
    let mut whole = Trainer::new(config, BASE, 1, 1).expect("settings that make sense");
    whole.load(&SafeTensors::parse(&file).expect("our own file")).expect("the same model");
    let same = know(&mut whole, &capitals);
    println!("whole: capitals {same:.3}");
    assert!((same - after).abs() < 1e-4);
}
