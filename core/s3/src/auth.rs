//! Who asks, and whether it is true: signatures of version 4 in header, query and form, and of version 2 behind a switch.
//!
//! 1. [`Claim::read`] says who the request claims to be from, from its header or its query, never both.
//! 2. The caller looks the secret up by [`Claim::access_key`] and derives a [`SigningKey`] (or has it cached under [`Scope`]).
//! 3. [`Claim::verify`] recomputes the signature from the request as it came, checks the times and that every `x-amz-` header is part of
//!    it, and compares in constant time. Only then there is a [`Verified`], which says how the body is protected.
//!
//! The canonical request is S3's own: the path is neither normalised nor encoded twice. Source: "Authenticating Requests (AWS Signature
//! Version 4)" and "Signing and authenticating REST requests (AWS signature version 2)", Amazon S3 API reference.

mod canonical;
mod post;
mod sign;
mod v2;
mod v4;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::error::{ErrorCode, error_codes};
use crate::payload::{CONTENT_SHA256, PayloadMode};
use crate::request::{Headers, Method};
use crate::target::Query;
use crate::time::Timestamp;

pub use canonical::canonical_request;
pub use post::PostClaim;
pub use sign::{Presign, Signed, Signer};
pub use v2::V2Claim;
pub use v4::{Place, V4Claim};

/// The algorithm of version 4.
pub const ALGORITHM_V4: &str = "AWS4-HMAC-SHA256";

/// A secret key. It has no way out but signatures and the store's record of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Of its text.
    pub fn new(text: &str) -> Secret {
        Secret(text.into())
    }

    /// The text, for the record of a key.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a signing key is good for: one day, one region, one service. With the access key it is what a cache of keys is looked up by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// `20150830`
    pub date: [u8; 8],
    /// `us-east-1`
    pub region: String,
    /// `s3`
    pub service: String,
}

impl Scope {
    /// A scope.
    pub fn new(at: Timestamp, region: &str, service: &str) -> Scope {
        Scope { date: at.date(), region: region.into(), service: service.into() }
    }

    /// The date as text.
    pub fn date(&self) -> &str {
        core::str::from_utf8(&self.date).expect("eight digits")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/aws4_request", self.date(), self.region, self.service)
    }
}

/// A key derived from a secret for one scope.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// Four rounds of HMAC.
    pub fn derive(secret: &Secret, scope: &Scope) -> SigningKey {
        let mut first = Vec::with_capacity(4 + secret.bytes().len());
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(secret.bytes());
        let date = hmac(&first, &[&scope.date]);
        let region = hmac(&date, &[scope.region.as_bytes()]);
        let service = hmac(&region, &[scope.service.as_bytes()]);
        SigningKey(hmac(&service, &[b"aws4_request"]))
    }

    /// The signature of a text.
    pub fn signature(&self, text: &[u8]) -> [u8; 32] {
        self.sign(&[text])
    }

    /// The signature of a text in pieces.
    pub(crate) fn sign(&self, pieces: &[&[u8]]) -> [u8; 32] {
        hmac(&self.0, pieces)
    }

    /// Whether it is the signature of the text in pieces, in constant time.
    pub(crate) fn verify(&self, pieces: &[&[u8]], signature: &[u8; 32]) -> bool {
        let mut mac = keyed(&self.0);
        pieces.iter().for_each(|piece| mac.update(piece));
        mac.verify_slice(signature).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn hmac(key: &[u8], pieces: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(key);
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().into()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The parts of a request that are signed, as they came.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The path as it came: [`crate::target::Target::raw_path`].
    pub raw_path: &'a [u8],
    /// The query.
    pub query: &'a Query<'a>,
    /// The header, `host` included.
    pub headers: Headers<'a>,
    /// The bucket, if it stands in the host: version 2 signs it in front of the path.
    pub host_bucket: Option<&'a str>,
}

/// What is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The region that signatures must be for; `None` takes any.
    pub region: Option<&'a str>,
    /// How far apart the clocks may be.
    pub skew_ms_max: i64,
    /// Whether signatures of version 2 are looked at.
    pub v2: bool,
}

impl Default for Rules<'_> {
    /// Any region, 15 minutes, no version 2.
    fn default() -> Self {
        Rules { region: None, skew_ms_max: 15 * 60 * 1000, v2: false }
    }
}

/// Why a request is not from whom it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// Credentials in the header and in the query.
    Several,
    /// No scheme that is known.
    Scheme,
    /// SigV4A: signatures with elliptic curves.
    Asymmetric,
    /// Version 2, and the switch is off.
    V2,
    /// The Authorization header is not in its form.
    Header,
    /// The query's parameters are not in their form.
    Query,
    /// The form's fields are not in their form.
    Form,
    /// The scope is of another region, day or service.
    Scope {
        /// Where it stands.
        place: Place,
    },
    /// No time, or none that can be read.
    DateMissing,
    /// The clocks are too far apart.
    Skewed,
    /// `X-Amz-Expires` is not 1 to 604800.
    Expires,
    /// It was good until a time that is over.
    Expired,
    /// It is good from a time that is to come.
    Early,
    /// A header that must be signed is not.
    Unsigned,
    /// No `x-amz-content-sha256`.
    PayloadMissing,
    /// `x-amz-content-sha256` is none of the values it may have.
    Payload,
    /// A mode of the body that this kind of signature cannot have.
    PayloadMode,
    /// The signature is another one.
    Mismatch,
}

impl AuthError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Several | Self::Scheme | Self::Payload => ErrorCode::InvalidArgument,
            Self::Asymmetric => ErrorCode::NotImplemented,
            Self::V2 | Self::PayloadMissing | Self::PayloadMode => ErrorCode::InvalidRequest,
            Self::Header | Self::Scope { place: Place::Header } => ErrorCode::AuthorizationHeaderMalformed,
            Self::Query | Self::Expires | Self::Scope { .. } => ErrorCode::AuthorizationQueryParametersError,
            Self::Form => ErrorCode::InvalidArgument,
            Self::DateMissing | Self::Expired | Self::Early | Self::Unsigned => ErrorCode::AccessDenied,
            Self::Skewed => ErrorCode::RequestTimeTooSkewed,
            Self::Mismatch => ErrorCode::SignatureDoesNotMatch,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Several => "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
            Self::Scheme => "Unsupported Authorization Type",
            Self::Asymmetric => "Signatures of AWS4-ECDSA-P256-SHA256 are not implemented",
            Self::V2 => "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            Self::Header => "The authorization header is malformed.",
            Self::Query => "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            Self::Form => "The form's fields for authentication are malformed.",
            Self::Scope { .. } => "The credential's scope is of another region, day or service.",
            Self::DateMissing => "AWS authentication requires a valid Date or x-amz-date header",
            Self::Skewed => "The difference between the request time and the current time is too large.",
            Self::Expires => "X-Amz-Expires must be a number from 1 to 604800",
            Self::Expired => "Request has expired",
            Self::Early => "Request is not valid yet",
            Self::Unsigned => "There were headers present in the request which were not signed",
            Self::PayloadMissing => "Missing required header for this request: x-amz-content-sha256",
            Self::Payload => "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value.",
            Self::PayloadMode => "This mode of the payload cannot be used with this kind of signature.",
            Self::Mismatch => ErrorCode::SignatureDoesNotMatch.message(),
        })
    }
}

error_codes!(AuthError);

/// Who a request claims to be from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// Nobody.
    Anonymous,
    /// A signature of version 4.
    V4(V4Claim<'a>),
    /// A signature of version 2.
    V2(V2Claim<'a>),
}

/// A claim that holds, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How the body is protected.
    pub payload: PayloadMode,
    /// What the first chunk's signature follows on, if the body is chunked and signed.
    pub seed: Option<Seed>,
}

/// What a chain of chunks begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    pub(crate) key: SigningKey,
    /// `date\nscope\n`, as every chunk signs it.
    pub(crate) place: Box<str>,
    pub(crate) signature: [u8; 32],
}

impl Seed {
    pub(crate) fn new(key: &SigningKey, at: Timestamp, scope: &Scope, signature: [u8; 32]) -> Seed {
        let place = alloc::format!("{}\n{scope}\n", at.basic()).into_boxed_str();
        Seed { key: key.clone(), place, signature }
    }
}

impl<'a> Claim<'a> {
    /// Finds the claim of a request.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if there are several, or one that cannot be read.
    pub fn read(headers: Headers<'a>, query: &'a Query<'_>) -> Result<Claim<'a>, AuthError> {
        let mut lines = headers.all("authorization");
        let header = lines.next().filter(|value| !value.is_empty());
        let in_query =
            query.has("X-Amz-Algorithm") || query.has("X-Amz-Signature") || query.has("X-Amz-Credential");
        let in_query_v2 = query.has("Signature") || query.has("AWSAccessKeyId");
        let count = usize::from(header.is_some()) + usize::from(in_query) + usize::from(in_query_v2);
        if count > 1 || lines.next().is_some() {
            return Err(AuthError::Several);
        }
        if in_query {
            return V4Claim::read_query(query).map(Claim::V4);
        }
        if in_query_v2 {
            return V2Claim::read_query(query).map(Claim::V2);
        }
        let Some(header) = header else { return Ok(Claim::Anonymous) };
        let header = core::str::from_utf8(header).map_err(|_| AuthError::Header)?.trim();
        match header.split_once(' ') {
            Some((ALGORITHM_V4, rest)) => V4Claim::read_header(rest, headers).map(Claim::V4),
            Some(("AWS4-ECDSA-P256-SHA256", _)) => Err(AuthError::Asymmetric),
            Some(("AWS", rest)) => V2Claim::read_header(rest, headers).map(Claim::V2),
            _ => Err(AuthError::Scheme),
        }
    }

    /// The access key, if it names one.
    pub fn access_key(&self) -> Option<&str> {
        match self {
            Claim::Anonymous => None,
            Claim::V4(claim) => Some(claim.access_key()),
            Claim::V2(claim) => Some(claim.access_key()),
        }
    }

    /// The session token, if it names one.
    pub fn token(&self) -> Option<&str> {
        match self {
            Claim::Anonymous => None,
            Claim::V4(claim) => claim.token(),
            Claim::V2(claim) => claim.token(),
        }
    }

    /// Checks the claim. `secret` is the one of [`Claim::access_key`]; `key` gives the signing key for a scope, from a cache or by
    /// [`SigningKey::derive`].
    ///
    /// # Errors
    ///
    /// [`AuthError`].
    pub fn verify(
        &self,
        request: &Request<'_>,
        secret: &Secret,
        key: impl FnOnce(&Scope) -> SigningKey,
        rules: &Rules<'_>,
        now: Timestamp,
    ) -> Result<Verified, AuthError> {
        match self {
            Claim::Anonymous => Claim::verify_anonymous(request.headers),
            Claim::V4(claim) => {
                claim.check_scope(rules)?;
                claim.verify(request, &key(claim.scope()), rules, now)
            }
            Claim::V2(claim) => claim.verify(request, secret, rules, now),
        }
    }

    /// A request of nobody has nothing to check, but its body may be framed.
    ///
    /// # Errors
    ///
    /// [`AuthError::PayloadMode`] if its chunks should have signatures, [`AuthError::Payload`] for no mode at all.
    pub fn verify_anonymous(headers: Headers<'_>) -> Result<Verified, AuthError> {
        unsigned_mode(headers).map(|payload| Verified { payload, seed: None })
    }
}

/// The mode of a body whose signature does not cover chunks.
fn unsigned_mode(headers: Headers<'_>) -> Result<PayloadMode, AuthError> {
    let mode = headers.get(CONTENT_SHA256).map_or(Ok(PayloadMode::Unsigned), PayloadMode::parse)?;
    if mode.is_chunk_signed() { Err(AuthError::PayloadMode) } else { Ok(mode) }
}
