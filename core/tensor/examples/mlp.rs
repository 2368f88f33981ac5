//! Lesson 2: two layers learn digits.
//!
//! Each picture is a row of 784 greys. A layer multiplies it with weights; between layers stands a function that is not straight, else two
//! layers could do no more than one. The loss says how surprised the network is by the right digit, its gradient how each weight is to
//! change, and the optimiser changes them all, a hundred pictures at a time.
//!
//! ```text
//! cargo run --release -p dolmen-tensor --example mlp -- FOLDER        MNIST's four gzipped files: over 98 % in five rounds
//! cargo run --release -p dolmen-tensor --example mlp                  digits drawn here
//! ```

mod digits;

use digits::{AREA, Digits, Learner};
use dolmen_tensor::op::{Unary, Weights};
use dolmen_tensor::{Id, Tape, TapeError};

fn network(tape: &mut Tape, pictures: Id, training: bool) -> Result<Id, TapeError> {
    let mut x = tape.reshape(pictures, &[100, AREA])?;
    for (ins, outs) in [(AREA, 256), (256, 128)] {
        x = layer(tape, x, ins, outs)?;
        x = tape.unary(Unary::Relu, x)?;
        if training {
            // A tenth of what it knows is hidden in each step, so that it does not learn by heart.
            x = tape.dropout(x, 0.1)?;
        }
    }
    layer(tape, x, 128, 10)
}

fn layer(tape: &mut Tape, x: Id, ins: usize, outs: usize) -> Result<Id, TapeError> {
    let (w, b) = (tape.param(&[outs, ins])?, tape.param(&[outs])?);
    tape.linear(x, w, Some(b), Weights::OutIn)
}

/// Learns MNIST from the folder that is named, or digits drawn here.
pub fn main() {
    let folder = std::env::args().nth(1).filter(|folder| std::path::Path::new(folder).is_dir());
    let (train, test) =
        (Digits::load(folder.as_deref(), "train", 2000), Digits::load(folder.as_deref(), "t10k", 300));
    println!("{} pictures to learn, {} to be tested with", train.len(), test.len());
    let mut learner = Learner::new(network).expect("the layers fit");
    let known = learner.learn(&train, &test, 6);
    assert!(known > if folder.is_some() { 0.98 } else { 0.8 }, "{known}");
}
