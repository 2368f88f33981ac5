//! Facts of a request for the conditions of policies.
//!
//! Keys under `aws:` are set from what the server knows, keys under `s3:x-amz-` from headers of a fixed list: no header can become a
//! key that the server sets, whatever its name.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::gate::Caller;
use super::policy::Context;
use crate::request::Headers;
use crate::target::Query;
use crate::time::Timestamp;

/// How a request was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    /// Not at all.
    Anonymous,
    /// In the header `Authorization`.
    Header,
    /// In the query.
    Query,
    /// In the fields of a form.
    Form,
}

/// What the server knows of a request.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Who asks.
    pub caller: Caller<'a>,
    /// From where: the peer's address, or what a proxy that is trusted says.
    pub source_ip: Option<IpAddr>,
    /// Whether over TLS.
    pub secure: bool,
    /// How it was signed.
    pub auth: AuthType,
    /// `AWS4-HMAC-SHA256` or `AWS`, empty for none.
    pub signature_version: &'a str,
    /// How long ago a presigned request was signed.
    pub signature_age_ms: Option<u64>,
    /// Its headers.
    pub headers: Headers<'a>,
    /// Its query.
    pub query: &'a Query<'a>,
    /// Tags that the object is to have.
    pub tags: &'a [(String, String)],
    /// Where a new bucket is to be.
    pub location: Option<&'a str>,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    /// The address that counts for conditions.
    pub address: IpAddr,
    /// Whether one of our own proxies says something that is no address: then it is the peer's that counts.
    pub is_malformed: bool,
}

/// Where a request comes from: the peer's address, unless the peer is one of `proxies`. Then it is what that proxy says in
/// `X-Forwarded-For`, and so on from the last entry of its last line towards the first, as long as the one who says it is one of ours. What
/// stands further left was told by others and counts for nothing.
pub fn source_address(peer: IpAddr, headers: Headers<'_>, proxies: &[IpAddr]) -> SourceAddress {
    let peer = peer.to_canonical();
    let mut address = peer;
    let lines = headers.0.iter().rev().filter(|(name, _)| *name == "x-forwarded-for");
    for hop in lines.flat_map(|(_, list)| list.rsplit(|byte| *byte == b',')) {
        if !proxies.contains(&address) {
            break;
        }
        match core::str::from_utf8(hop).ok().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) {
            Some(said) => address = said.to_canonical(),
            None => return SourceAddress { address: peer, is_malformed: true },
        }
    }
    SourceAddress { address, is_malformed: false }
}

/// Headers that conditions can ask for, as `s3:` and the name.
const HEADERS: [&str; 24] = [
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "x-amz-object-ownership",
    "x-amz-bucket-namespace",
    "x-amz-if-match",
    "x-amz-rename-source",
    "x-amz-tagging-directive",
    "x-amz-checksum-algorithm",
    "x-amz-request-payer",
    "x-amz-write-offset-bytes",
    "x-amz-mp-object-size",
    "x-amz-expected-bucket-owner",
];

/// Other headers and what conditions call them.
const RENAMED: [(&str, &str); 5] = [
    ("x-amz-object-lock-mode", "s3:object-lock-mode"),
    ("x-amz-object-lock-retain-until-date", "s3:object-lock-retain-until-date"),
    ("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"),
    ("if-match", "s3:if-match"),
    ("if-none-match", "s3:if-none-match"),
];

/// Members of the query and what conditions call them.
const QUERY: [(&str, &str); 5] = [
    ("prefix", "s3:prefix"),
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("versionId", "s3:VersionId"),
    ("annotationName", "s3:AnnotationName"),
];

/// The facts by key.
pub fn context(facts: &Facts<'_>) -> Context {
    let mut context = Context::default();
    for name in HEADERS {
        if let Some(value) = facts.headers.get(name) {
            context.set(&alloc::format!("s3:{name}"), value);
        }
    }
    for (name, key) in RENAMED {
        if let Some(value) = facts.headers.get(name) {
            context.set(key, value);
        }
    }
    for (name, key) in QUERY {
        if let Some(value) = facts.query.get(name) {
            context.set(key, value);
        }
    }
    let until = facts.headers.get("x-amz-object-lock-retain-until-date").and_then(Timestamp::parse_iso8601);
    if let Some(until) = until {
        let left = until.unix_ms().saturating_sub(i64::try_from(facts.now_ms).unwrap_or(i64::MAX));
        context.set("s3:object-lock-remaining-retention-days", left.div_euclid(86_400_000).to_string());
    }
    for (key, value) in facts.tags {
        context.set(&alloc::format!("s3:RequestObjectTag/{key}"), value.as_str());
    }
    let keys: Vec<String> = facts.tags.iter().map(|(key, _)| key.clone()).collect();
    context.set_all("s3:RequestObjectTagKeys", keys);
    if let Some(location) = facts.location {
        context.set("s3:LocationConstraint", location);
    }
    of_server(facts, &mut context);
    context
}

fn of_server(facts: &Facts<'_>, context: &mut Context) {
    if let Some(address) = facts.source_ip {
        context.set("aws:SourceIp", address.to_string());
    }
    context.set("aws:SecureTransport", if facts.secure { "true" } else { "false" });
    let now = Timestamp::from_unix_ms(i64::try_from(facts.now_ms).unwrap_or(i64::MAX));
    context.set("aws:CurrentTime", now.iso8601().to_string());
    context.set("aws:EpochTime", now.unix_s().to_string());
    if let Some(agent) = facts.headers.get("user-agent") {
        context.set("aws:UserAgent", agent);
    }
    if let Some(referer) = facts.headers.get("referer") {
        context.set("aws:Referer", referer);
    }
    match facts.caller {
        Caller::Anonymous => context.set("aws:PrincipalType", "Anonymous"),
        Caller::User(user) => {
            let kind = if user.is_account() { "Account" } else { "User" };
            context.set("aws:PrincipalType", kind);
            context.set("aws:userid", user.id.as_str());
            context.set("aws:username", user.name.as_str());
            context.set("aws:PrincipalAccount", user.account.as_str());
            let last =
                if user.is_account() { String::from("root") } else { alloc::format!("user/{}", user.name) };
            context.set("aws:PrincipalArn", alloc::format!("arn:aws:iam::{}:{last}", user.account));
        }
    }
    let auth = match facts.auth {
        AuthType::Anonymous => return,
        AuthType::Header => "REST-HEADER",
        AuthType::Query => "REST-QUERY-STRING",
        AuthType::Form => "POST",
    };
    context.set("s3:authType", auth);
    context.set("s3:signatureversion", facts.signature_version);
    if let Some(age) = facts.signature_age_ms {
        context.set("s3:signatureAge", age.to_string());
    }
}
