#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

// Bytes and requests.
pub mod auth;
pub mod body;
pub mod checksum;
pub mod chunked;
pub mod encoding;
pub mod error;
pub mod etag;
pub mod head;
pub mod limits;
pub mod md5;
#[doc(hidden)]
pub mod naive;
pub mod name;
pub mod operation;
pub mod payload;
pub mod post;
pub mod range;
pub mod request;
pub mod target;
pub mod time;
pub mod xml;

// Decisions.
pub mod blob;
pub mod state;

#[doc(hidden)]
pub mod check;

pub use auth::{Claim, Secret, SigningKey};
pub use error::{ErrorCode, ErrorDocument};
pub use etag::ETag;
pub use name::{BucketName, Key};
pub use operation::Operation;
pub use payload::PayloadMode;
pub use request::{Header, Headers, Method};
pub use target::{CopySource, Query, Target};
pub use time::Timestamp;
