//! What a browser may do from another origin.

use dolmen_s3::body::CorsConfiguration;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::request::Headers;
use dolmen_s3::state::cors::{self, Asked};
use dolmen_s3::state::{StateError, Tx, bucket, config};
use dolmen_s3::target::Target;
use http::Response;
use http::header::HeaderName;

use crate::answer::{Answer, Head, Refusal, put};
use crate::reply::Reply;
use crate::server::Server;

fn rules(server: &Server, name: &str) -> Result<Option<CorsConfiguration>, StateError> {
    server.engine.meta.read(|source| {
        let tx = Tx::new(source);
        let record = bucket::find(&tx, name)?;
        config::find(&tx, record.id, "")
    })
}

/// Answers a browser that asks before it sends. Nothing of the bucket is told but its rules.
pub(crate) fn preflight(server: &Server, target: &Target<'_>, headers: Headers<'_>) -> Answer {
    let (Some(origin), Some(method)) = (headers.get("origin"), headers.get("access-control-request-method")) else {
        let text = "Insufficient information. Origin request header needed.";
        return Err(Refusal::says(ErrorCode::BadRequest, text));
    };
    let denied = || Refusal::says(ErrorCode::AccessDenied, "CORSResponse: This CORS request is not allowed.");
    let name = target.bucket().ok_or_else(denied)?;
    let rules = match rules(server, name.as_str()) {
        Err(StateError::Refused(ErrorCode::NoSuchBucket)) => return Err(Refusal::new(ErrorCode::NoSuchBucket)),
        Err(error) => return Err(error.into()),
        Ok(rules) => rules.ok_or_else(denied)?,
    };
    let asked = Asked { origin, method, headers: headers.get("access-control-request-headers") };
    let answer = cors::answer(&rules, &asked).ok_or_else(denied)?;
    let mut response = Head::new(200).empty();
    add(&mut response, &answer);
    Ok(response)
}

/// Tells a browser that an answer may be read, if a rule of the bucket says so.
pub(crate) fn grant(server: &Server, name: &str, origin: &str, method: &str, response: &mut Response<Reply>) {
    let Ok(Some(rules)) = rules(server, name) else { return };
    if let Some(answer) = cors::answer(&rules, &Asked { origin, method, headers: None }) {
        add(response, &answer);
    }
}

fn add(response: &mut Response<Reply>, answer: &cors::Answer) {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| put(headers, HeaderName::from_static(name), value);
    set("access-control-allow-origin", &answer.origin);
    set("access-control-allow-methods", &answer.methods);
    set("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    if answer.credentials {
        set("access-control-allow-credentials", "true");
    }
    if let Some(names) = &answer.headers {
        set("access-control-allow-headers", names);
    }
    if let Some(names) = &answer.expose {
        set("access-control-expose-headers", names);
    }
    if let Some(seconds) = answer.max_age_s {
        set("access-control-max-age", &seconds.to_string());
    }
}
