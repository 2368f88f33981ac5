//! Arena skiplist with inlined keys and lock-free reads.
#![no_std]
