//! Tapes against PyTorch's vectors, against the plain twin, and under hostile programs.
#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod common;
mod gradients;
mod ops;
mod optimisers;
mod plans;
mod stored;
