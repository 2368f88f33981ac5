//! Redis protocol server over a store.
