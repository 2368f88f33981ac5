//! From a request to its answer.
//!
//! 1. The target is read once; method, target and headers say which operation it is.
//! 2. The signature is checked against what came over the wire: who asks is known, or the request ends here.
//! 3. The one gate ([`crate::gate`]) decides. Nothing of an object is read or written before.
//! 4. The body is read as the operation has it, decoded as the signature says it is framed, and checked.
//! 5. The operation runs, and its answer goes out.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dolmen_host::test_api::{self, TestApi};
use dolmen_s3::auth::{
    AuthError, Claim, Request as SignedRequest, Rules, Scope as KeyScope, SigningKey, Verified,
};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::operation::{Body, Level, Operation, Served};
use dolmen_s3::request::{Header, Headers, Method};
use dolmen_s3::state::facts::{self, AuthType, Facts};
use dolmen_s3::state::gate::{self, User};
use dolmen_s3::state::lifecycle;
use dolmen_s3::state::sse::SecretKey;
use dolmen_s3::target::Target;
use dolmen_s3::time::Timestamp;
use http::header::HeaderName;
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use parking_lot::RwLock;

use crate::accounts::Accounts;
use crate::answer::{Answer, Refusal, put, stamp};
use crate::body;
use crate::call::Call;
use crate::connection::Handler;
use crate::engine::Engine;
use crate::gate::{Admitted, Asked, admit};
use crate::numbers::Numbers;
use crate::ops;
use crate::reply::Reply;
use crate::website;

/// Longest body of a document.
const DOCUMENT_LEN_MAX: usize = dolmen_s3::limits::XML_LEN_MAX;
/// Signing keys that are kept.
const KEYS_MAX: usize = 1024;

/// Who asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// Id of the account that owns what it makes; empty for nobody.
    pub id: String,
    /// The user; `None` for nobody.
    pub user: Option<Arc<User>>,
}

impl Caller {
    pub fn as_core(&self) -> gate::Caller<'_> {
        match &self.user {
            None => gate::Caller::Anonymous,
            Some(user) => gate::Caller::User(user),
        }
    }
}

/// A server.
pub(crate) struct Server {
    pub engine: Arc<Engine>,
    pub accounts: Arc<Accounts>,
    pub numbers: Numbers,
    pub region: String,
    pub domains: Vec<String>,
    /// Those of websites.
    pub website_domains: Vec<String>,
    pub proxies: Vec<IpAddr>,
    pub signature_v2: bool,
    pub is_tls: bool,
    pub test_api: Option<Arc<TestApi>>,
    /// Wraps the keys of objects that the server encrypts.
    pub sse_key: SecretKey,
    /// What a lifecycle rule takes for a day.
    pub day_ms: u64,
    /// The store that objects are in, if it is not ours.
    #[cfg(feature = "gateway")]
    pub gateway: Option<Arc<crate::gateway::Gateway>>,
    /// Keys that signatures are checked with, by access key.
    pub keys: RwLock<HashMap<String, HashMap<KeyScope, SigningKey>>>,
}

/// What is known of a request whose signature is right.
pub(crate) struct Signed {
    pub caller: Caller,
    pub verified: Verified,
    pub auth: AuthType,
    pub signature_version: &'static str,
    pub age_ms: Option<u64>,
}

impl Handler for Server {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, from: SocketAddr) -> Response<Reply> {
        let (parts, mut incoming) = request.into_parts();
        let mut id = String::new();
        dolmen_s3::encoding::put_hex(&mut id, &self.engine.fresh()[..8]);
        id.make_ascii_uppercase();
        let mut seen = Noted::default();
        let is_head = parts.method == http::Method::HEAD;
        let answer = self.respond(&parts, &mut incoming, (from, &id), &mut seen).await;
        let is_refused = answer.is_err();
        let mut response = answer.unwrap_or_else(|refusal| refusal.answer(parts.uri.path(), &id, is_head));
        let is_expecting = parts.headers.contains_key(http::header::EXPECT);
        if is_refused && !body::drain(&mut incoming, is_expecting).await {
            put(response.headers_mut(), http::header::CONNECTION, "close");
        }
        put(response.headers_mut(), HeaderName::from_static("x-amz-request-id"), &id);
        put(response.headers_mut(), HeaderName::from_static("x-amz-id-2"), &id);
        put(response.headers_mut(), http::header::SERVER, "dolmen");
        self.cross_origin(&parts, &seen, &mut response);
        self.note(&parts, seen, &mut response);
        response
    }
}

/// What the request turned out to be, for those who count.
#[derive(Default)]
struct Noted {
    operation: Option<Operation>,
    bucket: Option<String>,
    principal: String,
    cut: Option<u64>,
}

impl Server {
    async fn respond(
        self: &Arc<Self>,
        parts: &Parts,
        incoming: &mut Incoming,
        (from, id): (SocketAddr, &str),
        seen: &mut Noted,
    ) -> Answer {
        let raw_target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let lines = lines(parts);
        let headers = Headers(&lines);
        if raw_target.starts_with(crate::admin::PREFIX) {
            return crate::admin::respond(self, parts, headers, raw_target, incoming).await;
        }
        let method = Method::from_name(parts.method.as_str()).ok_or(ErrorCode::MethodNotAllowed)?;
        if let Some(bucket) = website::bucket_at(self, headers.get("host")).filter(|_| !self.is_gateway()) {
            seen.bucket = Some(bucket.to_owned());
            return Ok(website::answer(self, method, bucket, raw_target, headers, from).await);
        }
        let domains: Vec<&str> = self.domains.iter().map(String::as_str).collect();
        let host = headers.get("host");
        let target = Target::parse(raw_target.as_bytes(), host, &domains)?;
        seen.bucket = target.bucket().map(|name| name.as_str().to_owned());
        let level = match (target.bucket(), target.key()) {
            (None, _) => Level::Service,
            (Some(_), None) => Level::Bucket,
            (Some(_), Some(_)) => Level::Object,
        };
        if method == Method::Options {
            return ops::cors::preflight(self, &target, headers);
        }
        let operation = Operation::recognise(method, level, target.query(), headers)?;
        seen.operation = Some(operation);
        self.fault(operation, parts.uri.path(), seen).await?;
        if operation == Operation::PostObject && self.is_gateway() {
            return Err(Refusal::new(ErrorCode::NotImplemented));
        }
        if operation == Operation::PostObject {
            return ops::form::post(self, &target, headers, incoming, (from, id)).await;
        }
        let signed = self.authenticate(method, &target, headers, host)?;
        seen.principal.clone_from(&signed.caller.id);
        if operation.served() != Served::Yes {
            return Err(Refusal::new(ErrorCode::NotImplemented));
        }
        let source_ip = self.source_ip(headers, from);
        let asked = Asked { operation, target: &target, headers, signed: &signed, source_ip };
        let admitted = admit(self, &asked)?;
        let call = Call {
            server: self,
            operation,
            target: &target,
            headers,
            caller: &signed.caller,
            source_ip,
            request_id: id,
        };
        carry_out(&call, &admitted, incoming, &signed.verified).await
    }

    /// Whether objects are in another store.
    #[cfg(feature = "gateway")]
    pub fn is_gateway(&self) -> bool {
        self.gateway.is_some()
    }

    /// Whether objects are in another store.
    #[cfg(not(feature = "gateway"))]
    pub fn is_gateway(&self) -> bool {
        false
    }

    /// Who asks, if the signature is right.
    pub fn authenticate(
        &self,
        method: Method,
        target: &Target<'_>,
        headers: Headers<'_>,
        host: Option<&str>,
    ) -> Result<Signed, Refusal> {
        let claim = Claim::read(headers, target.query())?;
        let Some(access_key) = claim.access_key() else {
            let verified = Claim::verify_anonymous(headers)?;
            return Ok(Signed {
                caller: Caller::default(),
                verified,
                auth: AuthType::Anonymous,
                signature_version: "",
                age_ms: None,
            });
        };
        let known = self.accounts.by_key(access_key);
        let (user, secret) = known
            .ok_or_else(|| Refusal::new(ErrorCode::InvalidAccessKeyId).field("AWSAccessKeyId", access_key))?;
        if claim.token().is_some_and(|token| !token.is_empty()) {
            return Err(Refusal::new(ErrorCode::InvalidToken));
        }
        let request = SignedRequest {
            method,
            raw_path: target.raw_path(),
            query: target.query(),
            headers,
            host_bucket: host_bucket(host, target),
        };
        let rules = Rules { region: Some(&self.region), v2: self.signature_v2, ..Rules::default() };
        let now = stamp(self.engine.clock.now_ms());
        let key = |scope: &KeyScope| self.signing_key(access_key, &secret, scope);
        let verified = claim.verify(&request, &secret, key, &rules, now).map_err(|error| match error {
            // Whoever signed for another region signs again for the one that is named here.
            AuthError::Scope { .. } => Refusal::from(error)
                .field("Region", &self.region)
                .header("x-amz-bucket-region", self.region.clone()),
            _ => Refusal::from(error),
        })?;
        let (auth, signature_version) = match (&claim, headers.has("authorization")) {
            (Claim::V2(_), true) => (AuthType::Header, "AWS"),
            (Claim::V2(_), false) => (AuthType::Query, "AWS"),
            (_, true) => (AuthType::Header, "AWS4-HMAC-SHA256"),
            (_, false) => (AuthType::Query, "AWS4-HMAC-SHA256"),
        };
        let signed_at = target.query().get("X-Amz-Date").and_then(Timestamp::parse_basic);
        let age_ms = signed_at.and_then(|at| u64::try_from(now.unix_ms() - at.unix_ms()).ok());
        let caller = Caller { id: user.account.clone(), user: Some(user) };
        Ok(Signed { caller, verified, auth, signature_version, age_ms })
    }

    /// A key that is derived once a day.
    pub fn signing_key(
        &self,
        access_key: &str,
        secret: &dolmen_s3::auth::Secret,
        scope: &KeyScope,
    ) -> SigningKey {
        if let Some(key) = self.keys.read().get(access_key).and_then(|keys| keys.get(scope)) {
            return key.clone();
        }
        let key = SigningKey::derive(secret, scope);
        let mut keys = self.keys.write();
        if keys.values().map(HashMap::len).sum::<usize>() >= KEYS_MAX {
            keys.clear();
        }
        keys.entry(access_key.to_owned()).or_default().insert(scope.clone(), key.clone());
        key
    }

    /// Where the request comes from: a proxy is believed only if it is one of ours.
    pub fn source_ip(&self, headers: Headers<'_>, from: SocketAddr) -> IpAddr {
        let source = facts::source_address(from.ip(), headers, &self.proxies);
        if source.is_malformed {
            self.numbers.forwarded_wrongly(source.address);
        }
        source.address
    }

    /// Facts for the conditions of policies.
    pub fn facts<'a>(&self, asked: &Asked<'a>, tags: &'a [(String, String)]) -> Facts<'a> {
        Facts {
            now_ms: self.engine.clock.now_ms(),
            caller: asked.signed.caller.as_core(),
            source_ip: Some(asked.source_ip),
            secure: self.is_tls,
            auth: asked.signed.auth,
            signature_version: asked.signed.signature_version,
            signature_age_ms: asked.signed.age_ms,
            headers: asked.headers,
            query: asked.target.query(),
            tags,
            location: None,
        }
    }

    /// What lifecycle rules go by.
    pub fn lifecycle_clock(&self) -> lifecycle::Clock {
        lifecycle::Clock { now_ms: self.engine.clock.now_ms(), day_ms: self.day_ms }
    }

    /// Whether a bucket may be asked to be there. One server is every region.
    pub fn takes_region(&self, region: &str) -> bool {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (region == "EU" || region.chars().all(plain)) && region.len() <= 64
    }

    /// A fault that a test has ordered.
    async fn fault(&self, operation: Operation, path: &str, seen: &mut Noted) -> Result<(), Refusal> {
        let ordered = self.test_api.as_ref().and_then(|api| api.fault("s3", operation.name(), path));
        match ordered {
            None => Ok(()),
            Some(test_api::Answer::Error { code, .. }) => {
                Err(Refusal::new(ErrorCode::from_name(&code).unwrap_or(ErrorCode::InternalError)))
            }
            Some(test_api::Answer::DelayMs(ms)) => {
                tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
                Ok(())
            }
            Some(test_api::Answer::DropAfter(bytes)) => {
                seen.cut = Some(bytes);
                Ok(())
            }
        }
    }

    fn cross_origin(&self, parts: &Parts, seen: &Noted, response: &mut Response<Reply>) {
        let origin = parts.headers.get(http::header::ORIGIN).and_then(|value| value.to_str().ok());
        if let (Some(origin), Some(bucket)) = (origin, &seen.bucket)
            && parts.method != http::Method::OPTIONS
        {
            let named = parts.headers.get(http::header::ACCESS_CONTROL_REQUEST_METHOD);
            let method = named.and_then(|method| method.to_str().ok()).unwrap_or(parts.method.as_str());
            ops::cors::grant(self, bucket, origin, method, response);
        }
    }

    fn note(&self, parts: &Parts, seen: Noted, response: &mut Response<Reply>) {
        let (status, bytes) = (response.status().as_u16(), response.body().len());
        self.numbers.answered(seen.operation, status);
        self.numbers.sent.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        if let Some(left) = seen.cut {
            let body = Box::new(std::mem::replace(response.body_mut(), Reply::Empty));
            *response.body_mut() = Reply::Cut { body, left };
        }
        if let Some(api) = &self.test_api {
            api.note(test_api::Seen {
                id: 0,
                at_ms: self.engine.clock.now_ms(),
                service: "s3",
                method: parts.method.to_string(),
                operation: seen.operation.map_or("", Operation::name).to_owned(),
                resource: parts.uri.path().to_owned(),
                principal: seen.principal,
                status,
                bytes,
            });
        }
    }
}

/// Does what was let in.
async fn carry_out(
    call: &Call<'_>,
    admitted: &Admitted,
    incoming: &mut Incoming,
    verified: &Verified,
) -> Answer {
    #[cfg(feature = "gateway")]
    if let Some(gateway) = &call.server.gateway
        && let Some(answer) = crate::gateway::answer(gateway, call, admitted, incoming, verified).await
    {
        return answer;
    }
    match call.operation.body() {
        Body::Stream => ops::stream(call, admitted, incoming, verified).await,
        Body::Xml | Body::Json => {
            let document = body::whole(call, incoming, verified, DOCUMENT_LEN_MAX).await?;
            ops::document(call, admitted, &document).await
        }
        Body::Nothing | Body::Form => ops::plain(call, admitted).await,
    }
}

/// The lines of a header, as the core reads them. In the absolute form of a target the host stands there.
fn lines(parts: &Parts) -> Vec<Header<'_>> {
    let mut lines: Vec<Header<'_>> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    if !parts.headers.contains_key(http::header::HOST)
        && let Some(authority) = parts.uri.authority()
    {
        lines.push(("host", authority.as_str().as_bytes()));
    }
    lines
}

/// The bucket, if it stands in the host.
fn host_bucket<'a>(host: Option<&'a str>, target: &'a Target<'_>) -> Option<&'a str> {
    let bucket = target.bucket()?.as_str();
    let in_host =
        host.is_some_and(|host| host.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.')));
    let in_path = target.raw_path().get(1..).is_some_and(|path| path.starts_with(bucket.as_bytes()));
    (in_host && !in_path).then_some(bucket)
}
