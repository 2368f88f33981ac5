//! Uploads from a browser's form: its fields say what a put's header would.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use dolmen_s3::auth::{Claim, PostClaim, Rules, Scope as KeyScope, Verified};
use dolmen_s3::body::Tagging;
use dolmen_s3::encoding::{Keep, percent};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::limits::PUT_LEN_MAX;
use dolmen_s3::operation::Operation;
use dolmen_s3::post::{Form, FormDecoder, FormEvent, PostPolicy};
use dolmen_s3::request::{Header, Headers};
use dolmen_s3::state::facts::AuthType;
use dolmen_s3::target::Target;
use dolmen_s3::xml::{Document as _, Writer};
use http::Response;
use hyper::body::Incoming;

use super::put;
use crate::answer::{Answer, Head, Refusal, stamp};
use crate::body;
use crate::call::Call;
use crate::gate::{Asked, admit};
use crate::intake::{Feed, Intake, Stored};
use crate::reply::Reply;
use crate::server::{Caller, Server, Signed};

/// Fields that sign, and are no property of the object.
const SIGNING: [&str; 6] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-content-sha256",
];
/// Fields that are headers of the object by the same name.
const PLAIN: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "expires",
];

/// The bytes of a form, as they come.
struct Reading<'a> {
    incoming: &'a mut Incoming,
    decoder: FormDecoder,
    piece: Bytes,
}

/// What came of it.
enum Step {
    File,
    Data(Bytes),
    End,
}

impl Reading<'_> {
    async fn next(&mut self) -> Result<Step, Refusal> {
        loop {
            let mut input: &[u8] = &self.piece;
            let step = match self.decoder.next(&mut input)? {
                FormEvent::File => Some(Step::File),
                FormEvent::Data(data) => Some(Step::Data(Bytes::copy_from_slice(data))),
                FormEvent::End => Some(Step::End),
                FormEvent::More => None,
            };
            self.piece = self.piece.slice_ref(input);
            if let Some(step) = step {
                return Ok(step);
            }
            match body::next(self.incoming).await? {
                Some(piece) => self.piece = piece,
                None => {
                    self.decoder.finish()?;
                    return Ok(Step::End);
                }
            }
        }
    }
}

pub(crate) async fn post(
    server: &Arc<Server>,
    target: &Target<'_>,
    headers: Headers<'_>,
    incoming: &mut Incoming,
    (from, request_id): (SocketAddr, &str),
) -> Answer {
    let source_ip = server.source_ip(headers, from);
    let kind = headers.get("content-type").unwrap_or("");
    let mut reading = Reading { incoming, decoder: FormDecoder::new(kind)?, piece: Bytes::new() };
    match reading.next().await? {
        Step::File => {}
        Step::Data(_) | Step::End => {
            return Err(Refusal::new(ErrorCode::IncorrectNumberOfFilesInPostRequest));
        }
    }
    let form = reading.decoder.form().clone();
    let bucket = target.bucket().ok_or(ErrorCode::InvalidBucketName)?.as_str();
    let key = form.key().filter(|key| !key.is_empty()).ok_or(ErrorCode::UserKeyMustBeSpecified)?;
    let (signed, policy) = authenticate(server, &form, bucket)?;
    // The object of the form, as a put would name it.
    let raw = format!("/{bucket}/{}", percent(key.as_bytes(), Keep::Slash));
    let target = Target::parse(raw.as_bytes(), None, &[])?;
    let fields = fields(&form, headers)?;
    let lines: Vec<Header<'_>> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let headers = Headers(&lines);
    let asked =
        Asked { operation: Operation::PostObject, target: &target, headers, signed: &signed, source_ip };
    let admitted = admit(server, &asked)?;
    let call = Call {
        server,
        operation: Operation::PostObject,
        target: &target,
        headers,
        caller: &signed.caller,
        source_ip,
        request_id,
    };
    let put = put::Ready::of(&call, &admitted)?;
    let told = body::Told::of_form(&call)?;
    let mut feed = Feed::new(Intake::new(call.engine().clone(), &told.wanted(put.key())));
    let mut len = 0;
    loop {
        match reading.next().await? {
            Step::Data(data) => {
                len += data.len() as u64;
                if len > PUT_LEN_MAX {
                    return Err(Refusal::new(ErrorCode::EntityTooLarge));
                }
                if let Some(policy) = &policy {
                    policy.check_len(len, false)?;
                }
                feed.push(data).await?;
            }
            Step::File => {}
            Step::End => break,
        }
    }
    if let Some(policy) = &policy {
        policy.check_len(len, true)?;
    }
    let stored: Stored = feed.finish().await?;
    told.check(&stored, None)?;
    let head = put.finish(&call, &admitted, stored).await?;
    Ok(answered(&call, &form, bucket, &key, head))
}

/// Who sends the form, and what its policy allows. A form without a policy is nobody's.
fn authenticate(server: &Server, form: &Form, bucket: &str) -> Result<(Signed, Option<PostPolicy>), Refusal> {
    let verified = Claim::verify_anonymous(Headers(&[]))?;
    let signed = |caller: Caller, verified: Verified, auth, signature_version| Signed {
        caller,
        verified,
        auth,
        signature_version,
        age_ms: None,
    };
    let now = stamp(server.engine.clock.now_ms());
    let Some(claim) = PostClaim::read(|name| form.get(name))? else {
        return Ok((signed(Caller::default(), verified, AuthType::Anonymous, ""), None));
    };
    let access_key = claim.access_key();
    let (user, secret) = server
        .accounts
        .by_key(access_key)
        .ok_or_else(|| Refusal::new(ErrorCode::InvalidAccessKeyId).field("AWSAccessKeyId", access_key))?;
    if claim.token().is_some_and(|token| !token.is_empty()) {
        return Err(Refusal::new(ErrorCode::InvalidToken));
    }
    let document = form.get("policy").ok_or(ErrorCode::InvalidArgument)?;
    let rules = Rules { region: Some(&server.region), v2: server.signature_v2, ..Rules::default() };
    let key = |scope: &KeyScope| server.signing_key(access_key, &secret, scope);
    claim.verify(document, &secret, key, &rules)?;
    let policy = PostPolicy::parse(document)?;
    policy.check(form, bucket, now)?;
    let caller = Caller { id: user.account.clone(), user: Some(user) };
    let version = if form.get("x-amz-signature").is_some() { "AWS4-HMAC-SHA256" } else { "AWS" };
    Ok((signed(caller, verified, AuthType::Form, version), Some(policy)))
}

/// The header that a put of the same object would have.
fn fields(form: &Form, headers: Headers<'_>) -> Result<Vec<(String, String)>, Refusal> {
    let mut out = Vec::new();
    for (name, value) in form.fields() {
        if name == "acl" {
            out.push(("x-amz-acl".to_owned(), value.to_owned()));
        } else if name == "tagging" {
            let document = Tagging::parse(value.as_bytes())?;
            let pair = |text: &str| percent(text.as_bytes(), Keep::Unreserved);
            let pairs =
                document.tag_set.tags.iter().map(|tag| format!("{}={}", pair(&tag.key), pair(&tag.value)));
            out.push(("x-amz-tagging".to_owned(), pairs.collect::<Vec<_>>().join("&")));
        } else if PLAIN.contains(&name) || (name.starts_with("x-amz-") && !SIGNING.contains(&name)) {
            out.push((name.to_owned(), value.to_owned()));
        }
    }
    for name in ["host", "origin", "user-agent", "referer"] {
        if let Some(value) = headers.get(name) {
            out.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(out)
}

/// What the form asks to be answered.
fn answered(call: &Call<'_>, form: &Form, bucket: &str, key: &str, head: Head) -> Response<Reply> {
    let mut response = head.empty();
    let etag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or("").to_owned();
    let location = format!("{}/{bucket}/{}", call.origin(), percent(key.as_bytes(), Keep::Slash));
    let redirect = form.get("success_action_redirect").or(form.get("redirect"));
    let redirect = redirect.filter(|to| to.starts_with("http://") || to.starts_with("https://"));
    let encoded = |text: &str| percent(text.as_bytes(), Keep::Unreserved);
    if let Some(to) = redirect {
        let mark = if to.contains('?') { '&' } else { '?' };
        let to = format!("{to}{mark}bucket={}&key={}&etag={}", encoded(bucket), encoded(key), encoded(&etag));
        *response.status_mut() = http::StatusCode::SEE_OTHER;
        crate::answer::put(response.headers_mut(), http::header::LOCATION, &to);
        return response;
    }
    crate::answer::put(response.headers_mut(), http::header::LOCATION, &location);
    match form.get("success_action_status") {
        Some("200") => *response.status_mut() = http::StatusCode::OK,
        Some("201") => {
            *response.status_mut() = http::StatusCode::CREATED;
            let mut text = String::new();
            let mut xml = Writer::document(&mut text);
            xml.open("PostResponse");
            xml.text("Location", &location);
            xml.text("Bucket", bucket);
            xml.text("Key", key);
            xml.text("ETag", &etag);
            xml.close("PostResponse");
            crate::answer::put(response.headers_mut(), http::header::CONTENT_TYPE, "application/xml");
            *response.body_mut() = text.into();
        }
        _ => *response.status_mut() = http::StatusCode::NO_CONTENT,
    }
    response
}
