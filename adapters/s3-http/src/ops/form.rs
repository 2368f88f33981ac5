//! Uploads from a browser's form.

use std::net::SocketAddr;
use std::sync::Arc;

use dolmen_s3::error::ErrorCode;
use dolmen_s3::request::Headers;
use dolmen_s3::target::Target;
use hyper::body::Incoming;

use crate::answer::{Answer, Refusal};
use crate::server::Server;

pub(crate) async fn post(
    _server: &Arc<Server>,
    _target: &Target<'_>,
    _headers: Headers<'_>,
    _incoming: &mut Incoming,
    _from: SocketAddr,
    _id: &str,
) -> Answer {
    Err(Refusal::new(ErrorCode::NotImplemented))
}
