//! Access control lists in headers and documents.

use dolmen_s3::body::{AccessControlPolicy, Event};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::state::acl::{self, Canned};
use dolmen_s3::state::record::{Acl, Permission};
use dolmen_s3::state::{Tx, bucket, object, shapes};

use crate::answer::{Answer, Head, Refusal};
use crate::call::{Call, parse};
use crate::engine::Written;

/// Headers that grant, with what they grant.
const GRANTS: [(&str, Permission); 5] = [
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-read-acp", Permission::ReadAcp),
    ("x-amz-grant-write-acp", Permission::WriteAcp),
    ("x-amz-grant-full-control", Permission::FullControl),
];

/// An ACL that a request asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub acl: Acl,
    pub canned: Option<Canned>,
    /// Whether the request says anything about it.
    pub is_named: bool,
}

/// The ACL that the headers ask for; private if they say nothing.
pub(crate) fn of_headers(call: &Call<'_>, owner: &str, bucket_owner: &str) -> Result<Asked, Refusal> {
    let canned = match call.headers.get("x-amz-acl") {
        None => None,
        Some(text) => Some(Canned::parse(text).ok_or(ErrorCode::InvalidArgument)?),
    };
    let mut grants = Vec::new();
    for (name, permission) in GRANTS {
        for value in call.headers.all(name) {
            let text = std::str::from_utf8(value).map_err(|_| ErrorCode::InvalidArgument)?;
            grants.push((permission, text));
        }
    }
    if grants.is_empty() {
        let acl = canned.unwrap_or(Canned::Private).grants(owner, bucket_owner);
        return Ok(Asked { acl, canned, is_named: canned.is_some() });
    }
    if canned.is_some() {
        let text = "Specifying both Canned ACLs and Header Grants is not allowed";
        return Err(Refusal::says(ErrorCode::InvalidRequest, text));
    }
    let acl = call.read(|source| shapes::acl_of_headers(&Tx::new(source), &grants))?;
    Ok(Asked { acl, canned: None, is_named: true })
}

fn asked(call: &Call<'_>, body: &[u8], owner: &str, bucket_owner: &str) -> Result<Asked, Refusal> {
    let named = of_headers(call, owner, bucket_owner)?;
    match (named.is_named, body.is_empty()) {
        (true, false) => Err(Refusal::new(ErrorCode::UnexpectedContent)),
        (true, true) => Ok(named),
        (false, true) => Err(Refusal::new(ErrorCode::MissingSecurityHeader)),
        (false, false) => {
            let document: AccessControlPolicy =
                parse(body).map_err(|_| Refusal::new(ErrorCode::MalformedACLError))?;
            let acl = call.read(|source| shapes::acl_of_body(&Tx::new(source), owner, document.clone()))?;
            Ok(Asked { acl, canned: None, is_named: true })
        }
    }
}

pub(crate) fn get_bucket(call: &Call<'_>) -> Answer {
    let name = call.bucket();
    let document = call.read(|source| {
        let tx = Tx::new(source);
        let record = bucket::find(&tx, name)?;
        shapes::acl_body(&tx, &record.owner, &record.acl)
    })?;
    Ok(Head::new(200).xml(&document))
}

pub(crate) async fn put_bucket(call: &Call<'_>, body: &[u8]) -> Answer {
    let record = call.record()?;
    let asked = asked(call, body, &record.owner, &record.owner)?;
    call.change_bucket(move |_, _, record| {
        acl::may_put(record, &asked.acl, asked.canned)?;
        record.acl = asked.acl.clone();
        Ok(())
    })
    .await?;
    Ok(Head::new(200).empty())
}

pub(crate) fn get_object(call: &Call<'_>) -> Answer {
    let version = call.version()?;
    let (name, key) = (call.bucket(), call.key());
    let (document, shown) = call.read(|source| {
        let tx = Tx::new(source);
        let bucket = bucket::find(&tx, name)?;
        let (_, record) = object::find(&tx, &bucket, key, version)?;
        let shown = object::shown(&bucket, record.listed.version);
        Ok((shapes::acl_body(&tx, &record.listed.owner, &record.acl)?, shown))
    })?;
    Ok(Head::new(200).version(shown).xml(&document))
}

pub(crate) async fn put_object(call: &Call<'_>, body: &[u8]) -> Answer {
    let version = call.version()?;
    let (name, key) = (call.bucket(), call.key());
    let (owner, bucket_owner) = call.read(|source| {
        let tx = Tx::new(source);
        let bucket = bucket::find(&tx, name)?;
        let (_, record) = object::find(&tx, &bucket, key, version)?;
        Ok((record.listed.owner, bucket.owner))
    })?;
    let asked = asked(call, body, &owner, &bucket_owner)?;
    let telling = call.telling();
    let shown = call
        .change_key(Written::default(), move |tx, env, bucket, key| {
            acl::may_put(bucket, &asked.acl, asked.canned)?;
            let shown = object::set_acl(tx, bucket, key, version, asked.acl.clone())?;
            telling.found(tx, env, (bucket, key), version, &[Event::ObjectAclPut])?;
            Ok(shown)
        })
        .await?;
    Ok(Head::new(200).version(shown).empty())
}
