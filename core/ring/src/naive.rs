//! The plain twins that judge the clever code: each says in a few lines what its algorithm means, without an index, a table of
//! bits, a change in place or a shared helper of the code that it judges. Hash functions alone are common to both, and those
//! have published vectors.

pub mod allocators;
pub mod circle;
pub mod loads;
pub mod numbered;
pub mod plan;
pub mod replicas;
pub mod tables;
