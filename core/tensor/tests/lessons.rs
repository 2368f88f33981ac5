//! The lessons run, on what they make themselves.
#![expect(clippy::duplicate_mod, reason = "two lessons share a module, and each is a program of its own")]

#[path = "../examples/attention.rs"]
mod attention;
#[path = "../examples/autograd.rs"]
mod autograd;
#[path = "../examples/cnn.rs"]
mod cnn;
#[path = "../examples/mlp.rs"]
mod mlp;
#[path = "../examples/recurrent.rs"]
mod recurrent;

#[test]
fn lesson_1_gradients() {
    autograd::main();
}

#[test]
fn lesson_2_layers() {
    mlp::main();
}

#[test]
fn lesson_3_windows() {
    cnn::main();
}

#[test]
fn lesson_4_memory() {
    recurrent::main();
}

#[test]
fn lesson_5_attention() {
    attention::main();
}
