//! The lessons run, on what they make themselves.

#[path = "../examples/gpt.rs"]
mod gpt;
#[path = "../examples/lora.rs"]
mod lora;
#[path = "../examples/quantised.rs"]
mod quantised;

#[test]
fn lesson_7_a_gpt() {
    gpt::main();
}

#[test]
fn lesson_8_low_rank_additions() {
    lora::main();
}

#[test]
fn lesson_9_fewer_bytes() {
    quantised::main();
}
