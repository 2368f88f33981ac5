//! JSON, SVG and annotated byte dumps: the one rendering of internals.
#![no_std]
#![forbid(unsafe_code)]
