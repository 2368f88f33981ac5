//! Buckets as websites, under domains of their own: readers are nobody, answers are pages, and errors are too.
//!
//! 1. The routing rules may send the reader elsewhere before anything is looked for.
//! 2. The object answers, as a GET of nobody's: the one gate decides. A folder's answer is its index.
//! 3. What is missing may be a folder without its slash: the reader is sent there.
//! 4. An error goes through the rules again; then to the object that shows errors, with the error's status; then to a page of ours.

use std::net::SocketAddr;
use std::sync::Arc;

use dolmen_s3::auth::Claim;
use dolmen_s3::body::WebsiteConfiguration;
use dolmen_s3::encoding::{Keep, percent};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::operation::Operation;
use dolmen_s3::request::{Headers, Method};
use dolmen_s3::state::facts::AuthType;
use dolmen_s3::state::website::{self, Redirect, Route};
use dolmen_s3::state::{Tx, bucket, config};
use dolmen_s3::target::{Target, bucket_of_host};
use http::Response;

use crate::answer::{Head, Refusal};
use crate::call::Call;
use crate::gate::{Asked, admit};
use crate::ops;
use crate::reply::Reply;
use crate::server::{Caller, Server, Signed};

/// One reader's request.
struct Visit<'a> {
    server: &'a Arc<Server>,
    operation: Operation,
    bucket: &'a str,
    headers: Headers<'a>,
    from: SocketAddr,
}

/// The bucket whose website stands at a host.
pub(crate) fn bucket_at<'h>(server: &Server, host: Option<&'h str>) -> Option<&'h str> {
    let domains: Vec<&str> = server.website_domains.iter().map(String::as_str).collect();
    bucket_of_host(host?, &domains)
}

/// Answers a reader.
pub(crate) async fn answer(
    server: &Arc<Server>,
    method: Method,
    bucket: &str,
    raw_target: &str,
    headers: Headers<'_>,
    from: SocketAddr,
) -> Response<Reply> {
    let operation = match method {
        Method::Get => Operation::GetObject,
        Method::Head => Operation::HeadObject,
        _ => return page(&Refusal::new(ErrorCode::MethodNotAllowed), method == Method::Head),
    };
    let visit = Visit { server, operation, bucket, headers, from };
    let path = raw_target.split('?').next().unwrap_or("/");
    let answered = visit.answer(path).await;
    answered.unwrap_or_else(|refusal| page(&refusal, operation == Operation::HeadObject))
}

impl Visit<'_> {
    async fn answer(&self, path: &str) -> Result<Response<Reply>, Refusal> {
        let raw = format!("/{}{path}", self.bucket);
        let target = Target::parse(raw.as_bytes(), None, &[])?;
        let key = target.key().map_or("", |key| key.as_str());
        let website = self.website()?;
        let wanted = match website::route(&website, key) {
            Route::Redirect(to) => return Ok(self.redirected(&to)),
            Route::Serve(wanted) => wanted,
        };
        let refusal = match self.object(&wanted, self.headers).await {
            Ok(response) => return Ok(response),
            Err(refusal) => refusal,
        };
        if matches!(refusal.code, ErrorCode::NoSuchKey | ErrorCode::AccessDenied)
            && !key.is_empty()
            && !key.ends_with('/')
        {
            let Route::Serve(index) = website::route(&website, &format!("{key}/")) else {
                return Err(refusal);
            };
            if self.object(&index, Headers(&[])).await.is_ok() {
                let to = Redirect { code: 302, protocol: None, host: None, key: format!("{key}/") };
                return Ok(self.redirected(&to));
            }
        }
        match website::on_error(&website, key, refusal.code.status()) {
            Some(Route::Redirect(to)) => Ok(self.redirected(&to)),
            // Conditions and ranges were about another object.
            Some(Route::Serve(error)) => match self.object(&error, Headers(&[])).await {
                Ok(mut response) => {
                    *response.status_mut() = http::StatusCode::from_u16(refusal.code.status())
                        .unwrap_or(http::StatusCode::NOT_FOUND);
                    Ok(response)
                }
                Err(_) => Err(refusal),
            },
            None => Err(refusal),
        }
    }

    fn website(&self) -> Result<WebsiteConfiguration, Refusal> {
        Ok(self.server.engine.meta.read(|source| {
            let tx = Tx::new(source);
            let record = bucket::find(&tx, self.bucket)?;
            config::get::<WebsiteConfiguration>(&tx, record.id, "")
        })?)
    }

    /// An object as nobody gets it; or where it sends its reader.
    async fn object(&self, key: &str, headers: Headers<'_>) -> Result<Response<Reply>, Refusal> {
        let raw = format!("/{}/{}", self.bucket, percent(key.as_bytes(), Keep::Slash));
        let target = Target::parse(raw.as_bytes(), None, &[])?;
        let signed = Signed {
            caller: Caller::default(),
            verified: Claim::verify_anonymous(Headers(&[]))?,
            auth: AuthType::Anonymous,
            signature_version: "",
            age_ms: None,
        };
        let source_ip = self.server.source_ip(self.headers, self.from);
        let asked = Asked { operation: self.operation, target: &target, headers, signed: &signed, source_ip };
        let admitted = admit(self.server, &asked)?;
        let call = Call {
            server: self.server,
            operation: self.operation,
            target: &target,
            headers,
            caller: &signed.caller,
            source_ip,
            request_id: "",
        };
        let response = ops::plain(&call, &admitted).await?;
        match response.headers().get("x-amz-website-redirect-location").and_then(|to| to.to_str().ok()) {
            Some(to) => Ok(Head::new(301).with("location", to).empty()),
            None => Ok(response),
        }
    }

    fn redirected(&self, to: &Redirect) -> Response<Reply> {
        let protocol = to.protocol.unwrap_or(if self.server.is_tls { "https" } else { "http" });
        let host = to.host.as_deref().or(self.headers.get("host")).unwrap_or("localhost");
        let path = percent(to.key.as_bytes(), Keep::Slash);
        Head::new(to.code).with("location", format!("{protocol}://{host}/{path}")).empty()
    }
}

/// The page that an error is if the website has none of its own.
fn page(refusal: &Refusal, is_head: bool) -> Response<Reply> {
    let (status, name) = (refusal.code.status(), refusal.code.name());
    let message = refusal.code.message();
    let head = Head::new(status).with("content-type", "text/html; charset=utf-8");
    if is_head {
        return head.empty();
    }
    head.body(format!(
        "<!doctype html>\n<html><head><title>{status} {name}</title></head>\n<body><h1>{status} {name}</h1><p>{message}</p></body></html>\n"
    ))
}
