//! Language models on threads and mapped files.
//!
//! | module | holds |
//! |---|---|
//! | [`fault`] | what goes wrong, as a sentence |
//! | [`files`] | a model's files, mapped: a folder of Hugging Face's, or one GGUF file |
//! | [`export`] | what a GGUF file gets besides its tensors |
//! | [`memory`] | what a model takes, before it starts |
//! | [`server`] | OpenAI's interface over HTTP, and the service of `dolmen up` |
//! | [`vocabulary`] | vocabulary files and a cache of their prebuilt forms |
//! | [`threads`] | the threads that a step is cut over |
#![forbid(unsafe_code)]

pub mod export;
pub mod fault;
pub mod files;
pub mod memory;
pub mod server;
pub mod threads;
pub mod vocabulary;

pub use files::Files;
pub use server::Llm;
pub use threads::Threads;
