#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | module | what |
//! |---|---|
//! | [`hash`] | hash functions under stable names |
//! | [`members`] | nodes: names, weights, zones, racks |
//! | [`algorithm`] | the one trait: owner, walk, batch, bytes |
//! | [`ring`], [`lines`], [`ketama`], [`positional`], [`rendezvous`], [`maglev`], [`multi_probe`], [`anchor`], [`dx`] | the algorithms |
//! | [`bounded`], [`haproxy`] | bounded loads, of the paper and of HAProxy |
//! | [`slots`], [`cassandra`] | Redis Cluster slots; Cassandra's tokens, replicas and allocators |
//! | [`replicas`] | distinct nodes over zones and racks |
//! | [`placement`] | all of them by name, built, changed, shared |
//! | [`wire`] | the serialised form and the fingerprint |
//! | [`analysis`], [`plan`] | arcs, balance, movement, disruption; the rebalance plan |
//! | [`config`] | readers of other systems' configurations |
//! | [`viz`] | SVG and HTML |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod algorithm;
pub mod analysis;
pub mod anchor;
pub mod bounded;
pub mod cassandra;
#[doc(hidden)]
pub mod check;
pub mod config;
pub mod dx;
pub mod error;
pub mod haproxy;
pub mod hash;
pub mod ketama;
mod label;
pub mod limits;
pub mod lines;
pub mod maglev;
pub mod members;
pub mod multi_probe;
#[doc(hidden)]
pub mod naive;
pub mod placement;
pub mod plan;
pub mod positional;
pub mod rendezvous;
pub mod replicas;
pub mod ring;
pub mod slots;
pub mod viz;
pub mod wire;

pub use algorithm::Algorithm;
pub use error::RingError;
pub use hash::HashFunction;
pub use members::{Members, Node, NodeId, Weight};
pub use placement::{Kind, Placement, Settings};
pub use replicas::{Replicas, Spread};
