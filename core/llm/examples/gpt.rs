//! Lesson 7: a GPT that writes like what it read.
//!
//! Every lesson before comes together: characters become rows of a table, positions are added, layers of attention and of two plain layers
//! follow each other with a way past each, and at the end stands a score for every character that could come next. It learns from a
//! text without anybody's help: each character is the answer to those before it.
//!
//! ```text
//! cargo run --release -p dolmen-llm --example gpt -- TEXT        two thousand steps of nanoGPT's small configuration
//! cargo run --release -p dolmen-llm --example gpt                this lesson, with a tiny model
//! ```

use dolmen_llm::train::machine::{Effect, Input, Machine, Rhythm};
use dolmen_llm::train::{Settings, Trainer, data};
use dolmen_tensor::Context;

/// The tiny model: two layers, 32 wide.
pub const TINY: Settings = Settings {
    n_layer: 2,
    n_embd: 32,
    block_size: 32,
    batch_size: 8,
    warmup_iters: 10,
    learning_rate: 1e-2,
    min_lr: 1e-3,
    eval_interval: 50,
    ..Settings::GPT_CHAR
};

/// Learns a text, says what it lost on the way, and lets it write.
pub fn main() {
    let named = std::env::args().nth(1).and_then(|path| std::fs::read_to_string(path).ok());
    let (settings, steps) = if named.is_some() { (Settings::GPT_CHAR, 2000) } else { (TINY, 100) };
    let text = named.unwrap_or_else(|| include_str!("gpt.rs").repeat(4));

    // 1. A text is a row of numbers: one for each distinct character.
    let characters = data::Characters::of(&text);
    let tokens = characters.encode(&text);
    println!("{} characters, {} of them distinct", tokens.len(), characters.len());

    // 2. The model, and all memory that its training will take.
    let config = settings.config(characters.len());
    let mut trainer = Trainer::new(config, settings.clone(), steps, 1).expect("settings that make sense");
    let weights = trainer.parameters().0.len();
    println!("{weights} weights, {} kilobytes in all", trainer.memory_bytes() >> 10);

    // 3. A machine says what comes next: a step, a look at the last tenth of the text, a checkpoint. It does none of it.
    let rhythm = Rhythm { steps, evaluate_every: settings.eval_interval, save_every: 0 };
    let mut machine = Machine::new(rhythm, 0);
    let (context, mut first, mut last) = (Context::new(), None, f64::NAN);
    while let Some(effect) = machine.poll() {
        let input = match effect {
            Effect::Step(_) => {
                let stepped = trainer.step(&context, &tokens).expect("a text that is long enough");
                first.get_or_insert(stepped.loss);
                Input::Stepped(stepped.loss)
            }
            Effect::Evaluate(step) => {
                last = trainer.evaluate(&context, &tokens).expect("a tenth that is long enough");
                println!("after {step} steps: {last:.3} on what it has not seen");
                Input::Evaluated(last)
            }
            Effect::Save(_) => Input::Saved(true),
            Effect::Finish(_) => break,
        };
        machine.handle(input).expect("losses that are numbers");
    }

    // 4. It writes: each character drawn by the probabilities that it gives, and read again.
    let drawn = trainer.sample(&context, &tokens[..1], (200, 0.8, 1)).expect("tokens that it knows");
    println!("{}", characters.decode(&drawn));
    let first = f64::from(first.unwrap_or(f32::NAN));
    assert!(last < first - 0.5, "it knew {first:.3} before, {last:.3} after");
}
