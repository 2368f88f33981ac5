//! Access control lists in headers and documents.

use dolmen_s3::body;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::state::acl::{self, Canned};
use dolmen_s3::state::record::{Acl, Grant, Grantee, Permission};
use dolmen_s3::state::{Tx, bucket, object};

use crate::answer::{Answer, Head, Refusal};
use crate::call::{Call, parse};

/// Headers that grant, with what they grant.
const GRANTS: [(&str, Permission); 5] = [
    ("x-amz-grant-full-control", Permission::FullControl),
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-read-acp", Permission::ReadAcp),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-write-acp", Permission::WriteAcp),
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
            for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                grants.push(Grant { grantee: grantee(call, item)?, permission });
            }
        }
    }
    if !grants.is_empty() {
        if canned.is_some() {
            let text = "Specifying both Canned ACLs and Header Grants is not allowed";
            return Err(Refusal::says(ErrorCode::InvalidRequest, text));
        }
        return Ok(Asked { acl: acl::acl_of(grants)?, canned: None, is_named: true });
    }
    let acl = canned.unwrap_or(Canned::Private).grants(owner, bucket_owner);
    Ok(Asked { acl, canned, is_named: canned.is_some() })
}

/// `id="ID"`, `uri="URI"` or `emailAddress="ADDRESS"`.
fn grantee(call: &Call<'_>, item: &str) -> Result<Grantee, Refusal> {
    let (kind, value) = item.split_once('=').ok_or(ErrorCode::InvalidArgument)?;
    let value = value.trim().trim_matches('"');
    match kind.trim() {
        "id" => user(call, value),
        "uri" => Ok(Grantee::group(value).ok_or(ErrorCode::InvalidArgument)?),
        "emailAddress" => by_email(call, value),
        _ => Err(ErrorCode::InvalidArgument.into()),
    }
}

fn user(call: &Call<'_>, id: &str) -> Result<Grantee, Refusal> {
    if call.server.has_user(id) {
        return Ok(Grantee::User(id.to_owned()));
    }
    Err(Refusal::says(ErrorCode::InvalidArgument, "Invalid id").field("ArgumentName", "CanonicalUser/ID"))
}

fn by_email(call: &Call<'_>, address: &str) -> Result<Grantee, Refusal> {
    let found = call.server.user_by_email(address);
    found.map(Grantee::User).ok_or_else(|| Refusal::new(ErrorCode::UnresolvableGrantByEmailAddress))
}

/// The ACL of a document.
fn of_document(call: &Call<'_>, body: &[u8], owner: &str) -> Result<Asked, Refusal> {
    let document = parse::<body::AccessControlPolicy>(body)
        .map_err(|_| Refusal::new(ErrorCode::MalformedACLError))?;
    if let Some(named) = document.owner.and_then(|owner| owner.id)
        && named != owner
    {
        return Err(Refusal::new(ErrorCode::AccessDenied));
    }
    let mut grants = Vec::new();
    for grant in document.grants.map(|list| list.grants).unwrap_or_default() {
        let (Some(whom), Some(permission)) = (grant.grantee, grant.permission) else {
            return Err(Refusal::new(ErrorCode::MalformedACLError));
        };
        let grantee = match whom {
            body::Grantee::User { id, .. } => user(call, &id)?,
            body::Grantee::Email(address) => by_email(call, &address)?,
            body::Grantee::Group(uri) => Grantee::group(&uri).ok_or(ErrorCode::InvalidArgument)?,
        };
        let permission = Permission::parse(permission.as_str()).ok_or(ErrorCode::MalformedACLError)?;
        grants.push(Grant { grantee, permission });
    }
    Ok(Asked { acl: acl::acl_of(grants)?, canned: None, is_named: true })
}

/// The document of an ACL.
fn document(call: &Call<'_>, owner: &str, acl: &Acl) -> body::AccessControlPolicy {
    let grants = acl.grants.iter().map(|grant| {
        let grantee = match (&grant.grantee, grant.grantee.uri()) {
            (_, Some(uri)) => body::Grantee::Group(uri.to_owned()),
            (Grantee::User(id), _) => {
                body::Grantee::User { id: id.clone(), display_name: Some(call.server.display_name(id)) }
            }
            (_, None) => body::Grantee::default(),
        };
        body::Grant { grantee: Some(grantee), permission: body::Permission::parse(grant.permission.name()) }
    });
    let grants = Some(body::AccessControlList { grants: grants.collect() });
    body::AccessControlPolicy { owner: Some(call.owner(owner)), grants }
}

pub(crate) fn get_bucket(call: &Call<'_>) -> Answer {
    let record = call.record()?;
    Ok(Head::new(200).xml(&document(call, &record.owner, &record.acl)))
}

pub(crate) async fn put_bucket(call: &Call<'_>, body: &[u8]) -> Answer {
    let record = call.record()?;
    let asked = asked(call, body, &record.owner, &record.owner)?;
    call.change_bucket(move |_, record| {
        acl::may_put(record, &asked.acl, asked.canned)?;
        record.acl = asked.acl.clone();
        Ok(())
    })
    .await?;
    Ok(Head::new(200).empty())
}

fn asked(call: &Call<'_>, body: &[u8], owner: &str, bucket_owner: &str) -> Result<Asked, Refusal> {
    let named = of_headers(call, owner, bucket_owner)?;
    match (named.is_named, body.is_empty()) {
        (true, false) => Err(Refusal::new(ErrorCode::UnexpectedContent)),
        (true, true) => Ok(named),
        (false, true) => Err(Refusal::new(ErrorCode::MissingSecurityHeader)),
        (false, false) => of_document(call, body, owner),
    }
}

pub(crate) fn get_object(call: &Call<'_>) -> Answer {
    let version = call.version()?;
    let (name, key) = (call.bucket(), call.key());
    let (record, shown) = call.read(|source| {
        let tx = Tx::new(source);
        let bucket = bucket::find(&tx, name)?;
        let (_, record) = object::find(&tx, &bucket, key, version)?;
        let shown = object::shown(&bucket, record.listed.version);
        Ok((record, shown))
    })?;
    Ok(Head::new(200).version(shown).xml(&document(call, &record.listed.owner, &record.acl)))
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
    let shown = call
        .change_key(Vec::new(), move |tx, _, bucket, key| {
            acl::may_put(bucket, &asked.acl, asked.canned)?;
            object::set_acl(tx, bucket, key, version, asked.acl.clone())
        })
        .await?;
    Ok(Head::new(200).version(shown).empty())
}
