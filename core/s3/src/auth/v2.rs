//! Claims of version 2: HMAC-SHA1 with the secret itself. Old clients, and awscli 1 for presigned URLs.

use alloc::string::String;
use alloc::vec::Vec;

use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use super::{AuthError, Request, Rules, Secret, Verified, unsigned_mode};
use crate::encoding::get_base64;
use crate::limits::ACCESS_KEY_LEN_MAX;
use crate::request::Headers;
use crate::target::Query;
use crate::time::Timestamp;

/// A claim of version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V2Claim<'a> {
    access_key: &'a str,
    signature: [u8; 20],
    /// Seconds since 1970 at which a presigned URL ends.
    expires: Option<&'a str>,
    token: Option<&'a str>,
}

/// Parameters that are part of what is signed; the others are not.
const SIGNED_PARAMETERS: [&str; 33] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "delete",
    "encryption",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "select-type",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "ownershipControls",
];

fn parse_signature(text: &str) -> Option<[u8; 20]> {
    let mut bytes = [0; 21];
    let len = get_base64(text.as_bytes(), &mut bytes)?;
    bytes[..len].try_into().ok()
}

/// Whether it is the signature of a text, in constant time.
pub(super) fn verify_v2(secret: &Secret, text: &[u8], signature: &[u8; 20]) -> bool {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.bytes()).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.verify_slice(signature).is_ok()
}

impl<'a> V2Claim<'a> {
    /// From what stands behind `AWS` in the Authorization header: `AKID:signature`.
    pub(super) fn read_header(rest: &'a str, headers: Headers<'a>) -> Result<Self, AuthError> {
        let token = headers.get("x-amz-security-token");
        rest.trim()
            .rsplit_once(':')
            .and_then(|(key, text)| Self::new(key, text, None, token))
            .ok_or(AuthError::Scheme)
    }

    /// From the parameters of a presigned URL.
    pub(super) fn read_query(query: &'a Query<'_>) -> Result<Self, AuthError> {
        let get = |name| query.get(name).ok_or(AuthError::DateMissing);
        let (key, text, expires) = (get("AWSAccessKeyId")?, get("Signature")?, get("Expires")?);
        Self::new(key, text, Some(expires), query.get("x-amz-security-token")).ok_or(AuthError::Mismatch)
    }

    /// From the fields of a form, whose policy says until when it is good.
    pub(super) fn new(
        key: &'a str,
        signature: &str,
        expires: Option<&'a str>,
        token: Option<&'a str>,
    ) -> Option<Self> {
        let named = (1..=ACCESS_KEY_LEN_MAX).contains(&key.len());
        let signature = parse_signature(signature).filter(|_| named)?;
        Some(V2Claim { access_key: key, signature, expires, token })
    }

    /// The access key.
    pub fn access_key(&self) -> &'a str {
        self.access_key
    }

    /// The session token, if there is one.
    pub fn token(&self) -> Option<&'a str> {
        self.token
    }

    pub(super) fn signature(&self) -> &[u8; 20] {
        &self.signature
    }

    pub(super) fn verify(
        &self,
        request: &Request<'_>,
        secret: &Secret,
        rules: &Rules<'_>,
        now: Timestamp,
    ) -> Result<Verified, AuthError> {
        if !rules.v2 {
            return Err(AuthError::V2);
        }
        self.check_time(request.headers, rules, now)?;
        // A bucket in the path is signed with a slash behind it, whether it came with one or without.
        let is_bucket =
            request.host_bucket.is_none() && !request.raw_path.get(1..).unwrap_or(b"/").contains(&b'/');
        let fits = |path: &[u8]| {
            let text = self.string_to_sign(request, path);
            verify_v2(secret, text.as_bytes(), &self.signature)
        };
        let is_right = fits(request.raw_path) || (is_bucket && fits(&[request.raw_path, b"/"].concat()));
        if !is_right {
            return Err(AuthError::Mismatch);
        }
        Ok(Verified { payload: unsigned_mode(request.headers)?, seed: None })
    }

    fn check_time(&self, headers: Headers<'_>, rules: &Rules<'_>, now: Timestamp) -> Result<(), AuthError> {
        if let Some(expires) = self.expires {
            let end = expires.parse::<i64>().map_err(|_| AuthError::DateMissing)?;
            return if now.unix_s() > end { Err(AuthError::Expired) } else { Ok(()) };
        }
        let text = headers.get("x-amz-date").or_else(|| headers.get("date")).ok_or(AuthError::DateMissing)?;
        let at = Timestamp::parse_http_date(text).or_else(|| Timestamp::parse_basic(text));
        // A time before 1970 is none.
        let at = at.filter(|at| at.unix_ms() >= 0).ok_or(AuthError::DateMissing)?;
        let apart_ms = now.unix_ms().saturating_sub(at.unix_ms());
        if apart_ms.saturating_abs() > rules.skew_ms_max { Err(AuthError::Skewed) } else { Ok(()) }
    }

    /// Method, three headers, the `x-amz-` headers in order, and the resource.
    fn string_to_sign(&self, request: &Request<'_>, raw_path: &[u8]) -> String {
        let header = |name| request.headers.get(name).unwrap_or("");
        let date = match self.expires {
            Some(expires) => expires,
            None if request.headers.has("x-amz-date") => "",
            None => header("date"),
        };
        let (md5, kind) = (header("content-md5"), header("content-type"));
        let mut text = alloc::format!("{}\n{md5}\n{kind}\n{date}\n", request.method);
        let mut names: Vec<&str> = request.headers.0.iter().map(|header| header.0).collect();
        names.retain(|name| name.starts_with("x-amz-"));
        names.sort_unstable();
        names.dedup();
        for name in names {
            text.push_str(name);
            for (i, value) in request.headers.all(name).enumerate() {
                text.push(if i == 0 { ':' } else { ',' });
                text.push_str(String::from_utf8_lossy(value).trim());
            }
            text.push('\n');
        }
        put_resource(request, raw_path, &mut text);
        text
    }
}

/// The path as it came, the bucket in front of it if it stood in the host, and the parameters that count, in order.
fn put_resource(request: &Request<'_>, raw_path: &[u8], text: &mut String) {
    if let Some(bucket) = request.host_bucket {
        text.push('/');
        text.push_str(bucket);
    }
    text.push_str(&String::from_utf8_lossy(raw_path));
    let counts = |name: &str| SIGNED_PARAMETERS.contains(&name) || name.starts_with("response-");
    let mut pairs: Vec<_> = request.query.pairs().filter(|pair| counts(pair.0)).collect();
    pairs.sort_unstable();
    for (i, (name, value)) in pairs.into_iter().enumerate() {
        text.push(if i == 0 { '?' } else { '&' });
        text.push_str(name);
        if let Some(value) = value {
            text.push('=');
            text.push_str(value);
        }
    }
}
