//! The lesson runs, on its own text.

#[path = "../examples/bpe_training.rs"]
mod bpe_training;

#[test]
fn lesson_6_byte_pairs() {
    bpe_training::main();
}
