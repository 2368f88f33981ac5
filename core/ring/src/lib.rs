//! Consistent hashing: every algorithm with its real vectors.
#![no_std]
#![forbid(unsafe_code)]
