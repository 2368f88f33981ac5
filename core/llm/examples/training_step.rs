//! How long a training step takes, in CPU time of the thread: what `benches/record/training.md` has beside PyTorch.
//!
//! ```text
//! cargo run --release -p dolmen-llm --example training_step -- 5        nanoGPT's shape: 10.8 million weights, 8 sequences of 256
//! ```

use dolmen_llm::train::{Settings, Trainer, data};
use dolmen_tensor::Context;

const SETTINGS: Settings =
    Settings { n_layer: 6, n_head: 6, n_embd: 384, block_size: 256, batch_size: 8, ..Settings::GPT_CHAR };

/// Steps on this file, repeated.
pub fn main() {
    let steps = std::env::args().nth(1).and_then(|steps| steps.parse().ok()).unwrap_or(5);
    let text = include_str!("training_step.rs").repeat(4);
    let characters = data::Characters::of(&text);
    let tokens = characters.encode(&text);
    let mut trainer = Trainer::new(SETTINGS.config(characters.len()), SETTINGS, steps, 1)
        .expect("settings that make sense");
    println!("{} megabytes", trainer.memory_bytes() >> 20);
    while trainer.done() < steps {
        let begin = cpu_seconds();
        let loss = trainer.step(&Context::new(), &tokens).expect("a text that is long enough").loss;
        println!("step {}: loss {loss:.4}, {:.0} ms", trainer.done(), 1e3 * (cpu_seconds() - begin));
    }
}

/// CPU time of this thread; Linux says it in nanoseconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN) * 1e-9
}
