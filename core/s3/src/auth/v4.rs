//! Claims of version 4.

use alloc::borrow::Cow;
use alloc::string::String;

use super::{
    ALGORITHM_V4, AuthError, Request, Rules, Scope, Seed, SigningKey, Verified, canonical_request, sha256,
};
use crate::encoding::{hex32, parse_hex};
use crate::limits::{ACCESS_KEY_LEN_MAX, SIGNED_HEADERS_MAX};
use crate::payload::{CONTENT_SHA256, PayloadMode, parse_len};
use crate::request::Headers;
use crate::target::Query;
use crate::time::Timestamp;

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the Authorization header.
    Header,
    /// In the query: a presigned URL.
    Query,
    /// In the fields of a form.
    Form,
}

/// A claim of version 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V4Claim<'a> {
    place: Place,
    access_key: &'a str,
    scope: Scope,
    signed_headers: Cow<'a, str>,
    signature: [u8; 32],
    at: Timestamp,
    expires_s: i64,
    token: Option<&'a str>,
}

/// Longest time that a presigned URL is good for: seven days.
const EXPIRES_S_MAX: u64 = 604_800;

/// `AKID/20150830/us-east-1/s3/aws4_request`. The access key may have slashes in it.
pub(super) fn parse_credential(text: &str) -> Option<(&str, Scope)> {
    let mut parts = text.rsplitn(5, '/');
    let (end, service, region, date) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let access_key = parts.next()?;
    let digits = date.bytes().all(|b| b.is_ascii_digit());
    let named = (1..=ACCESS_KEY_LEN_MAX).contains(&access_key.len()) && !region.is_empty();
    let date = date.as_bytes().try_into().ok()?;
    let ok = end == "aws4_request" && digits && named && region.len() <= 64 && service.len() <= 64;
    ok.then(|| (access_key, Scope { date, region: region.into(), service: service.into() }))
}

impl<'a> V4Claim<'a> {
    /// From what stands behind the algorithm in the Authorization header.
    pub(super) fn read_header(rest: &'a str, headers: Headers<'a>) -> Result<Self, AuthError> {
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for part in rest.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or(AuthError::Header)?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => return Err(AuthError::Header),
            };
            if slot.replace(value.trim()).is_some() {
                return Err(AuthError::Header);
            }
        }
        let (access_key, scope) = credential.and_then(parse_credential).ok_or(AuthError::Header)?;
        let signature = signature.and_then(|text| parse_hex(text.as_bytes())).ok_or(AuthError::Header)?;
        let signed = signed.filter(|text| check_names(text)).ok_or(AuthError::Header)?;
        let at = match headers.get("x-amz-date") {
            Some(text) => Timestamp::parse_basic(text).or_else(|| Timestamp::parse_http_date(text)),
            None => headers
                .get("date")
                .and_then(|text| Timestamp::parse_http_date(text).or_else(|| Timestamp::parse_basic(text))),
        };
        Ok(V4Claim {
            place: Place::Header,
            access_key,
            scope,
            signed_headers: Cow::Borrowed(signed),
            signature,
            at: at.ok_or(AuthError::DateMissing)?,
            expires_s: 0,
            token: headers.get("x-amz-security-token"),
        })
    }

    /// From the parameters of a presigned URL.
    pub(super) fn read_query(query: &'a Query<'_>) -> Result<Self, AuthError> {
        let need = |name| query.get(name).ok_or(AuthError::Query);
        match need("X-Amz-Algorithm")? {
            ALGORITHM_V4 => {}
            "AWS4-ECDSA-P256-SHA256" => return Err(AuthError::Asymmetric),
            _ => return Err(AuthError::Query),
        }
        let names =
            ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"];
        let more = ["X-Amz-Signature", "X-Amz-Security-Token"];
        let twice = |name: &&str| query.pairs().filter(|pair| pair.0 == *name).count() > 1;
        if names.iter().chain(&more).any(twice) {
            return Err(AuthError::Query);
        }
        let (access_key, scope) = parse_credential(need("X-Amz-Credential")?).ok_or(AuthError::Query)?;
        let signature = parse_hex(need("X-Amz-Signature")?.as_bytes()).ok_or(AuthError::Query)?;
        let signed = need("X-Amz-SignedHeaders")?;
        if !check_names(signed) {
            return Err(AuthError::Query);
        }
        let at = Timestamp::parse_basic(need("X-Amz-Date")?).ok_or(AuthError::Query)?;
        let expires = parse_len(need("X-Amz-Expires")?).filter(|s| (1..=EXPIRES_S_MAX).contains(s));
        Ok(V4Claim {
            place: Place::Query,
            access_key,
            scope,
            signed_headers: Cow::Borrowed(signed),
            signature,
            at,
            expires_s: expires.ok_or(AuthError::Expires)? as i64,
            token: query.get("X-Amz-Security-Token"),
        })
    }

    /// The access key.
    pub fn access_key(&self) -> &'a str {
        self.access_key
    }

    /// What the signing key must be for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// When it was signed.
    pub fn signed_at(&self) -> Timestamp {
        self.at
    }

    /// The session token, if there is one.
    pub fn token(&self) -> Option<&'a str> {
        self.token
    }

    /// The scope is for this service, this region, and the day of the signature. To be asked before a key is derived.
    ///
    /// # Errors
    ///
    /// [`AuthError::Scope`].
    pub fn check_scope(&self, rules: &Rules<'_>) -> Result<(), AuthError> {
        let region = rules.region.is_none_or(|region| region == self.scope.region);
        let day = self.at.date() == self.scope.date;
        let ok = self.scope.service == "s3" && region && day;
        if ok { Ok(()) } else { Err(AuthError::Scope { place: self.place }) }
    }

    /// Checks times, headers and signature.
    ///
    /// # Errors
    ///
    /// [`AuthError`].
    pub fn verify(
        &self,
        request: &Request<'_>,
        key: &SigningKey,
        rules: &Rules<'_>,
        now: Timestamp,
    ) -> Result<Verified, AuthError> {
        self.check_scope(rules)?;
        self.check_time(rules, now)?;
        self.check_headers(request.headers)?;
        let (payload, hash) = self.payload(request)?;
        let without = (self.place == Place::Query).then_some("X-Amz-Signature");
        let mut canonical = String::with_capacity(1024);
        canonical_request(request, without, &self.signed_headers, hash, &mut canonical);
        let hash = hex32(&sha256(canonical.as_bytes()));
        let place = alloc::format!("{ALGORITHM_V4}\n{}\n{}\n", self.at.basic(), self.scope);
        if !key.verify(&[place.as_bytes(), &hash], &self.signature) {
            return Err(AuthError::Mismatch);
        }
        let seed = payload.is_chunk_signed().then(|| Seed::new(key, self.at, &self.scope, self.signature));
        Ok(Verified { payload, seed })
    }

    fn check_time(&self, rules: &Rules<'_>, now: Timestamp) -> Result<(), AuthError> {
        let age_ms = now.unix_ms() - self.at.unix_ms();
        match self.place {
            Place::Header if age_ms.abs() > rules.skew_ms_max => Err(AuthError::Skewed),
            Place::Query if age_ms > self.expires_s * 1000 => Err(AuthError::Expired),
            Place::Query if -age_ms > rules.skew_ms_max => Err(AuthError::Early),
            Place::Header | Place::Query | Place::Form => Ok(()),
        }
    }

    /// `host` and everything that begins with `x-amz-` is signed. The payload's hash always is, as a line of its own.
    fn check_headers(&self, headers: Headers<'_>) -> Result<(), AuthError> {
        let is_signed = |name: &str| self.signed_headers.split(';').any(|signed| signed == name);
        let must = |name: &str| name.starts_with("x-amz-") && name != CONTENT_SHA256;
        let all = headers.0.iter().all(|header| !must(header.0) || is_signed(header.0));
        if all && is_signed("host") { Ok(()) } else { Err(AuthError::Unsigned) }
    }

    /// How the body is protected, and how that stands in the canonical request.
    fn payload<'r>(&self, request: &Request<'r>) -> Result<(PayloadMode, &'r str), AuthError> {
        if request.headers.all(CONTENT_SHA256).count() > 1 {
            return Err(AuthError::Payload);
        }
        let header = request.headers.get(CONTENT_SHA256);
        match self.place {
            Place::Header => {
                let hash = header.ok_or(AuthError::PayloadMissing)?;
                Ok((PayloadMode::parse(hash)?, hash))
            }
            Place::Query | Place::Form => {
                let hash = header
                    .or_else(|| request.query.get("X-Amz-Content-Sha256"))
                    .unwrap_or("UNSIGNED-PAYLOAD");
                let mode = PayloadMode::parse(hash)?;
                if mode.is_chunk_signed() { Err(AuthError::PayloadMode) } else { Ok((mode, hash)) }
            }
        }
    }
}

/// Names of headers in lower case, parted by semicolons, not too many.
fn check_names(text: &str) -> bool {
    let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.!#$%&'*+^`|~".contains(&b);
    let ok = |name: &str| !name.is_empty() && name.bytes().all(part);
    text.split(';').count() <= SIGNED_HEADERS_MAX && text.split(';').all(ok)
}
