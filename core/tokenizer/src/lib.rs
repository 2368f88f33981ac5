#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bpe;
mod cache;
#[doc(hidden)]
pub mod check;
pub mod config;
pub mod decode;
pub mod definition;
pub mod error;
pub mod image;
pub mod limits;
pub mod load;
#[doc(hidden)]
pub mod naive;
mod normalize;
pub mod pattern;
mod pretokenize;
pub mod scan;
mod sink;
mod table;
mod tokenizer;
pub mod train;
mod trie;
pub mod unicode;
mod unigram;
mod wordpiece;

pub use definition::Definition;
pub use image::Aligned;
pub use tokenizer::{Scratch, Span, Specials, Tokenizer};
