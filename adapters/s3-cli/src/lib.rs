//! Verbs.
#![allow(dead_code)]
mod transport;
