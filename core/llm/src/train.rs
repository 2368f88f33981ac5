#![doc = include_str!("../TRAINING.md")]
//!
//! Training: models as tapes, a data loader, the loop as a machine, checkpoints, LoRA.
//!
//! | module | what |
//! |---|---|
//! | [`network`] | every architecture of [`Config`](crate::Config) on a [`Tape`](dolmen_tensor::Tape), by Hugging Face's names |
//! | [`settings`] | what a training is told, in nanoGPT's terms; `gpt-char` |
//! | [`data`] | characters as a vocabulary; the batch of a step, which follows from seed and step alone |
//! | [`trainer`] | memory, a step, evaluation, samples |
//! | [`machine`] | what is to be done next: steps, evaluations, checkpoints |
//! | [`checkpoint`] | the file from which a training goes on bit for bit |
//! | [`export`] | a model folder as Hugging Face has it |
//! | [`chart`] | the losses as a picture |
//!
//! Same settings, same text, same bits: batches and dropout are drawn by step number, and no sum is cut differently for other numbers of
//! threads.

pub mod chart;
pub mod checkpoint;
pub mod data;
mod error;
pub mod export;
pub mod machine;
pub mod network;
pub mod settings;
pub mod trainer;

pub use error::TrainError;
pub use network::Network;
pub use settings::Settings;
pub use trainer::Trainer;
