//! The other side: signing, for our own client and for tests.

use alloc::string::String;
use alloc::vec::Vec;

use super::{ALGORITHM_V4, Request, Scope, Secret, Seed, SigningKey, canonical_request, sha256};
use crate::encoding::{Keep, hex32, percent, put_hex};
use crate::payload::CONTENT_SHA256;
use crate::request::{Header, Headers, Method};
use crate::target::Query;
use crate::time::Timestamp;

/// Signs requests with one access key.
#[derive(Clone, Debug)]
pub struct Signer<'a> {
    /// The access key.
    pub access_key: &'a str,
    /// Its secret.
    pub secret: &'a Secret,
    /// The session's token, if it is of one.
    pub token: Option<&'a str>,
    /// The region.
    pub region: &'a str,
    /// `s3`.
    pub service: &'a str,
}

/// What a signed request has in its header beside what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The value of `authorization`.
    pub authorization: String,
    /// The value of `x-amz-date`.
    pub date: String,
    /// What a chain of chunks begins with.
    pub seed: Seed,
}

/// What a presigned URL is for.
#[derive(Clone, Copy, Debug)]
pub struct Presign<'a> {
    /// The method.
    pub method: Method,
    /// The path, percent-encoded.
    pub raw_path: &'a [u8],
    /// The query that it has anyway, percent-encoded.
    pub raw_query: &'a str,
    /// Headers that will be sent, `host` among them.
    pub headers: &'a [Header<'a>],
    /// How long it is good for.
    pub expires_s: u32,
}

impl Signer<'_> {
    /// Signs a request in its header. All of the headers given are signed, with `x-amz-date` and the token; `payload` is the value of
    /// `x-amz-content-sha256`, which is added unless it was given.
    pub fn sign(&self, request: &Request<'_>, payload: &str, now: Timestamp) -> Signed {
        let date = alloc::format!("{}", now.basic());
        let mut headers: Vec<Header<'_>> = request.headers.0.to_vec();
        headers.push(("x-amz-date", date.as_bytes()));
        if let Some(token) = self.token {
            headers.push(("x-amz-security-token", token.as_bytes()));
        }
        if self.service == "s3" && !request.headers.has(CONTENT_SHA256) {
            headers.push((CONTENT_SHA256, payload.as_bytes()));
        }
        let names = signed_names(&headers);
        let request = Request { headers: Headers(&headers), ..*request };
        let (key, scope, signature) = self.signature(&request, &names, payload, now);
        let mut authorization = alloc::format!(
            "{ALGORITHM_V4} Credential={}/{scope}, SignedHeaders={names}, Signature=",
            self.access_key
        );
        put_hex(&mut authorization, &signature);
        Signed { authorization, seed: Seed::new(&key, now, &scope, signature), date }
    }

    /// The whole query of a presigned URL.
    pub fn presign(&self, presign: &Presign<'_>, now: Timestamp) -> String {
        let names = signed_names(presign.headers);
        let scope = Scope::new(now, self.region, self.service);
        let credential = alloc::format!("{}/{scope}", self.access_key);
        let mut query = String::from(presign.raw_query);
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
        query.push_str(&percent(credential.as_bytes(), Keep::Unreserved));
        query.push_str(&alloc::format!("&X-Amz-Date={}&X-Amz-Expires={}", now.basic(), presign.expires_s));
        if let Some(token) = self.token {
            query.push_str("&X-Amz-Security-Token=");
            query.push_str(&percent(token.as_bytes(), Keep::Unreserved));
        }
        query.push_str("&X-Amz-SignedHeaders=");
        query.push_str(&percent(names.as_bytes(), Keep::Unreserved));
        let headers = Headers(presign.headers);
        let payload = headers.get(CONTENT_SHA256).unwrap_or("UNSIGNED-PAYLOAD");
        // What we encoded ourselves can be decoded; a query of the caller that cannot is refused by any server.
        let parsed = Query::parse(query.as_bytes()).unwrap_or_default();
        let request = Request {
            method: presign.method,
            raw_path: presign.raw_path,
            query: &parsed,
            headers,
            host_bucket: None,
        };
        let (_, _, signature) = self.signature(&request, &names, payload, now);
        query.push_str("&X-Amz-Signature=");
        put_hex(&mut query, &signature);
        query
    }

    fn signature(
        &self,
        request: &Request<'_>,
        names: &str,
        payload: &str,
        now: Timestamp,
    ) -> (SigningKey, Scope, [u8; 32]) {
        let scope = Scope::new(now, self.region, self.service);
        let key = SigningKey::derive(self.secret, &scope);
        let mut canonical = String::new();
        canonical_request(request, None, names, payload, &mut canonical);
        let hash = hex32(&sha256(canonical.as_bytes()));
        let place = alloc::format!("{ALGORITHM_V4}\n{}\n{scope}\n", now.basic());
        let signature = key.sign(&[place.as_bytes(), &hash]);
        (key, scope, signature)
    }
}

/// The headers' names in order, once each, parted by semicolons.
fn signed_names(headers: &[Header<'_>]) -> String {
    let mut names: Vec<&str> = headers.iter().map(|header| header.0).collect();
    names.sort_unstable();
    names.dedup();
    names.join(";")
}
