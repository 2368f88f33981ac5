//! Vector search as a service: collections of points with payloads over HTTP, with the routes and bodies that Qdrant's clients send for
//! creating, upserting, retrieving, searching with a filter, counting and deleting. `/openapi.json` describes them.
//!
//! A 2xx answer to a write means that it is on disk. How a collection is kept stands in `collection`.
#![forbid(unsafe_code)]

mod api;
mod collection;
mod fail;
mod filter;
mod id;
mod service;
#[cfg(test)]
mod tests;

pub use service::{Config, Vectors};
