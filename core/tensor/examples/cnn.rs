//! Lesson 3: windows learn digits better.
//!
//! A stroke is a stroke wherever it is. A convolution looks through a window of 3 × 3 at every place with the same few weights; pooling keeps the
//! strongest of four neighbours. After two such rounds each number stands for a piece of a digit, and two plain layers put them together.
//!
//! ```text
//! cargo run --release -p dolmen-tensor --example cnn -- FOLDER        MNIST's four gzipped files: over 99 % in five rounds
//! cargo run --release -p dolmen-tensor --example cnn                  digits drawn here
//! ```

mod digits;

use digits::{Digits, Learner};
use dolmen_tensor::op::{Pool, Stride, Unary, Weights};
use dolmen_tensor::{Id, Tape, TapeError};

fn network(tape: &mut Tape, pictures: Id, training: bool) -> Result<Id, TapeError> {
    let (same, half) =
        (Stride { padding: [1; 2], ..Stride::PLAIN }, Pool { size: [2; 2], stride: [2; 2], padding: [0; 2] });
    let mut x = pictures;
    for (channels, outs) in [(1, 16), (16, 32)] {
        let (w, b) = (tape.param(&[outs, channels, 3, 3])?, tape.param(&[outs])?);
        x = tape.conv2d(x, w, Some(b), same)?;
        x = tape.unary(Unary::Relu, x)?;
        x = tape.max_pool2d(x, half)?;
    }
    // 28 → 14 → 7.
    x = tape.reshape(x, &[100, 32 * 7 * 7])?;
    let (w, b) = (tape.param(&[128, 32 * 7 * 7])?, tape.param(&[128])?);
    x = tape.linear(x, w, Some(b), Weights::OutIn)?;
    x = tape.unary(Unary::Relu, x)?;
    if training {
        x = tape.dropout(x, 0.3)?;
    }
    let (w, b) = (tape.param(&[10, 128])?, tape.param(&[10])?);
    tape.linear(x, w, Some(b), Weights::OutIn)
}

/// Learns MNIST from the folder that is named, or digits drawn here.
pub fn main() {
    let folder = std::env::args().nth(1).filter(|folder| std::path::Path::new(folder).is_dir());
    let (train, test) =
        (Digits::load(folder.as_deref(), "train", 1200), Digits::load(folder.as_deref(), "t10k", 200));
    println!("{} pictures to learn, {} to be tested with", train.len(), test.len());
    let mut learner = Learner::new(network).expect("the layers fit");
    let known = learner.learn(&train, &test, 5);
    assert!(known > if folder.is_some() { 0.99 } else { 0.8 }, "{known}");
}
