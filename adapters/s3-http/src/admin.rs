//! The interface for users, keys and policies.

use std::sync::Arc;

use dolmen_s3::error::ErrorCode;
use dolmen_s3::request::Headers;
use http::request::Parts;
use hyper::body::Incoming;

use crate::answer::{Answer, Refusal};
use crate::server::Server;

/// Begins its targets: no bucket can be called so.
pub(crate) const PREFIX: &str = "/_dolmen/";

pub(crate) async fn respond(
    _server: &Arc<Server>,
    _parts: &Parts,
    _headers: Headers<'_>,
    _target: &str,
    _incoming: &mut Incoming,
) -> Answer {
    Err(Refusal::new(ErrorCode::NotImplemented))
}
