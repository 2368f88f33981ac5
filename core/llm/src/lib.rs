#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod attention;
pub mod beam;
#[doc(hidden)]
pub mod check;
pub mod config;
pub mod constrain;
pub mod convert;
pub mod element;
pub mod embed;
mod engine;
mod error;
mod forward;
pub mod gguf;
pub mod grammar;
pub mod limits;
pub mod lookup;
mod matrix;
pub mod model;
mod names;
mod parts;
mod plan;
pub mod safetensors;
pub mod sample;
pub mod scheduler;
pub mod schema;
pub mod shape;
pub mod stop;
pub mod template;
pub mod train;
pub mod vocabulary;

pub use config::Config;
pub use engine::{Engine, Row, Watch};
pub use error::{LoadError, StepError};
pub use matrix::{Matrix, Stored};
pub use model::Model;
pub use plan::{Options, Plan};
pub use shape::Shape;
