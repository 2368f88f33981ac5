//! A deterministic world: seeded clock, scheduler and a disk that crashes.
#![no_std]
#![forbid(unsafe_code)]
