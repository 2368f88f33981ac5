//! CPU detection without std and byte kernels behind level tokens.
#![no_std]
