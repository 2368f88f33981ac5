//! Between the shapes of bodies and records: ACLs, locks, public access, ownership.

use alloc::string::String;
use alloc::vec::Vec;

use super::acl::acl_of;
use super::admin::{self, UserRecord};
use super::error::{Code, StateError};
use super::record::{
    Acl, BucketRecord, DefaultRetention, Grant, Grantee, LockMode, Ownership, Permission, PublicAccessBlock,
    Retention,
};
use super::tx::Tx;
use crate::body;
use crate::time::Timestamp;

/// The owner of something as a body shows it.
///
/// # Errors
/// [`StateError`] of reading.
pub fn owner(tx: &Tx<'_>, id: &str) -> Result<body::Owner, StateError> {
    let name = admin::user(tx, id)?.map(|user| user.name);
    Ok(body::Owner { display_name: name, id: Some(id.into()) })
}

/// An ACL as a body shows it: groups before users, otherwise in the order in which it was put (clients compare lists).
///
/// # Errors
/// [`StateError`] of reading.
pub fn acl_body(tx: &Tx<'_>, owner_id: &str, acl: &Acl) -> Result<body::AccessControlPolicy, StateError> {
    let mut grants = Vec::with_capacity(acl.grants.len());
    let is_group = |grant: &&Grant| grant.grantee.uri().is_some();
    let users = acl.grants.iter().filter(|grant| !is_group(grant));
    for grant in acl.grants.iter().filter(is_group).chain(users) {
        let grantee = match &grant.grantee {
            Grantee::User(id) => {
                let display_name = admin::user(tx, id)?.map(|user| user.name);
                body::Grantee::User { id: id.clone(), display_name }
            }
            group => body::Grantee::Group(String::from(group.uri().unwrap_or_default())),
        };
        let permission = body::Permission::parse(grant.permission.name());
        grants.push(body::Grant { grantee: Some(grantee), permission });
    }
    Ok(body::AccessControlPolicy {
        owner: Some(owner(tx, owner_id)?),
        grants: Some(body::AccessControlList { grants }),
    })
}

/// The ACL of a body that is put onto something of `owner_id`.
///
/// # Errors
/// `MalformedACLError` for a body without a list or a grant without its parts, `AccessDenied` for another owner, `InvalidArgument` for a
/// user or group that is not known (a user that is no account of its own is none here), `UnresolvableGrantByEmailAddress`.
pub fn acl_of_body(tx: &Tx<'_>, owner_id: &str, body: body::AccessControlPolicy) -> Result<Acl, StateError> {
    let named = body.owner.and_then(|owner| owner.id);
    if named.is_some_and(|named| named != owner_id) {
        return Err(Code::AccessDenied.into());
    }
    let list = body.grants.ok_or(Code::MalformedACLError)?;
    let mut grants = Vec::with_capacity(list.grants.len());
    for grant in list.grants {
        let (Some(grantee), Some(permission)) = (grant.grantee, grant.permission) else {
            return Err(Code::MalformedACLError.into());
        };
        let grantee = match grantee {
            body::Grantee::User { id, .. } => user_by_id(tx, &id)?,
            body::Grantee::Email(email) => user_by_email(tx, &email)?,
            body::Grantee::Group(uri) => Grantee::group(&uri).ok_or(Code::InvalidArgument)?,
        };
        let permission = Permission::parse(permission.as_str()).ok_or(Code::MalformedACLError)?;
        grants.push(Grant { grantee, permission });
    }
    acl_of(grants)
}

/// Grants of the headers `x-amz-grant-*`: pairs of permission and value, such as `id="…", uri="…", emailAddress="…"`.
///
/// # Errors
/// `InvalidArgument` and `UnresolvableGrantByEmailAddress`.
pub fn acl_of_headers(tx: &Tx<'_>, headers: &[(Permission, &str)]) -> Result<Acl, StateError> {
    let mut grants = Vec::new();
    for (permission, value) in headers {
        for item in value.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (kind, who) = item.split_once('=').ok_or(Code::InvalidArgument)?;
            let who = who.trim();
            let who = who.strip_prefix('"').and_then(|who| who.strip_suffix('"')).unwrap_or(who);
            let kind = kind.trim();
            let grantee = if kind.eq_ignore_ascii_case("id") {
                user_by_id(tx, who)?
            } else if kind.eq_ignore_ascii_case("emailAddress") {
                user_by_email(tx, who)?
            } else if kind.eq_ignore_ascii_case("uri") {
                Grantee::group(who).ok_or(Code::InvalidArgument)?
            } else {
                return Err(Code::InvalidArgument.into());
            };
            grants.push(Grant { grantee, permission: *permission });
        }
    }
    grants.sort_by_key(|grant| ORDER.iter().position(|permission| *permission == grant.permission));
    acl_of(grants)
}

/// The order in which grants of headers are kept.
const ORDER: [Permission; 5] =
    [Permission::Read, Permission::Write, Permission::ReadAcp, Permission::WriteAcp, Permission::FullControl];

fn user_by_id(tx: &Tx<'_>, id: &str) -> Result<Grantee, StateError> {
    let user = admin::user(tx, id)?.filter(UserRecord::is_account).ok_or(Code::InvalidArgument)?;
    Ok(Grantee::User(user.id))
}

fn user_by_email(tx: &Tx<'_>, email: &str) -> Result<Grantee, StateError> {
    let user = admin::user_with_email(tx, email)?.filter(UserRecord::is_account);
    Ok(Grantee::User(user.ok_or(Code::UnresolvableGrantByEmailAddress)?.id))
}

fn mode_of(mode: body::RetentionMode) -> LockMode {
    match mode {
        body::RetentionMode::Governance => LockMode::Governance,
        body::RetentionMode::Compliance => LockMode::Compliance,
    }
}

fn mode_body(mode: LockMode) -> body::RetentionMode {
    match mode {
        LockMode::Governance => body::RetentionMode::Governance,
        LockMode::Compliance => body::RetentionMode::Compliance,
    }
}

/// The default retention that a lock configuration asks for.
///
/// # Errors
/// `MalformedXML` for one that is not enabled, has no mode, or not exactly one of days and years; `InvalidRetentionPeriod` for a negative
/// count; `NotImplemented` for event holds.
pub fn default_retention(
    lock: &body::ObjectLockConfiguration,
) -> Result<Option<DefaultRetention>, StateError> {
    if lock.object_lock_enabled.is_none() {
        return Err(Code::MalformedXML.into());
    }
    let Some(rule) = &lock.rule else { return Ok(None) };
    let default = rule.default_retention.as_ref().ok_or(Code::MalformedXML)?;
    if default.default_event_hold.is_some() {
        return Err(Code::NotImplemented.into());
    }
    let mode = mode_of(default.mode.ok_or(Code::MalformedXML)?);
    let (count, years) = match (default.days, default.years) {
        (Some(days), None) => (days, false),
        (None, Some(years)) => (years, true),
        _ => return Err(Code::MalformedXML.into()),
    };
    let count = u32::try_from(count).map_err(|_| Code::InvalidRetentionPeriod)?;
    Ok(Some(DefaultRetention { mode, count, years }))
}

/// The lock configuration of a bucket.
///
/// # Errors
/// `ObjectLockConfigurationNotFoundError`.
pub fn lock_body(bucket: &BucketRecord) -> Result<body::ObjectLockConfiguration, StateError> {
    if !bucket.lock_enabled {
        return Err(Code::ObjectLockConfigurationNotFoundError.into());
    }
    let rule = bucket.default_retention.map(|default| {
        let count = i32::try_from(default.count).ok();
        body::ObjectLockRule {
            default_retention: Some(body::DefaultRetention {
                mode: Some(mode_body(default.mode)),
                days: count.filter(|_| !default.years),
                years: count.filter(|_| default.years),
                default_event_hold: None,
            }),
        }
    });
    Ok(body::ObjectLockConfiguration { object_lock_enabled: Some(body::ObjectLockEnabled::Enabled), rule })
}

/// The retention that a body asks for; an empty body lifts it.
///
/// # Errors
/// `MalformedXML` for half a retention, `NotImplemented` for event holds.
pub fn retention_of(retention: &body::Retention) -> Result<Option<Retention>, StateError> {
    if retention.event_hold.is_some() || retention.event_hold_duration.is_some() {
        return Err(Code::NotImplemented.into());
    }
    match (retention.mode, retention.retain_until_date) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => {
            let until_ms = u64::try_from(until.unix_ms()).unwrap_or(0);
            Ok(Some(Retention { mode: mode_of(mode), until_ms }))
        }
        _ => Err(Code::MalformedXML.into()),
    }
}

/// A retention as a body shows it.
///
/// # Errors
/// `NoSuchObjectLockConfiguration` when there is none.
pub fn retention_body(retention: Option<Retention>) -> Result<body::Retention, StateError> {
    let retention = retention.ok_or(Code::NoSuchObjectLockConfiguration)?;
    let until = Timestamp::from_unix_ms(i64::try_from(retention.until_ms).unwrap_or(i64::MAX));
    Ok(body::Retention {
        mode: Some(mode_body(retention.mode)),
        retain_until_date: Some(until),
        event_hold: None,
        event_hold_duration: None,
    })
}

/// A public access block from its body; what is left out is off.
pub fn block_of(body: &body::PublicAccessBlockConfiguration) -> PublicAccessBlock {
    let on = |flag: Option<bool>| flag == Some(true);
    PublicAccessBlock {
        block_public_acls: on(body.block_public_acls),
        ignore_public_acls: on(body.ignore_public_acls),
        block_public_policy: on(body.block_public_policy),
        restrict_public_buckets: on(body.restrict_public_buckets),
    }
}

/// A public access block as a body shows it.
///
/// # Errors
/// `NoSuchPublicAccessBlockConfiguration` when there is none.
pub fn block_body(bucket: &BucketRecord) -> Result<body::PublicAccessBlockConfiguration, StateError> {
    let block = bucket.public_access_block.ok_or(Code::NoSuchPublicAccessBlockConfiguration)?;
    Ok(body::PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    })
}

/// Ownership from its body: exactly one rule.
///
/// # Errors
/// `MalformedXML`.
pub fn ownership_of(body: &body::OwnershipControls) -> Result<Ownership, StateError> {
    match &body.rules[..] {
        [rule] => Ok(match rule.object_ownership {
            body::ObjectOwnership::BucketOwnerEnforced => Ownership::BucketOwnerEnforced,
            body::ObjectOwnership::BucketOwnerPreferred => Ownership::BucketOwnerPreferred,
            body::ObjectOwnership::ObjectWriter => Ownership::ObjectWriter,
        }),
        _ => Err(Code::MalformedXML.into()),
    }
}

/// Ownership as a body shows it.
///
/// # Errors
/// `OwnershipControlsNotFoundError` when none was set.
pub fn ownership_body(bucket: &BucketRecord) -> Result<body::OwnershipControls, StateError> {
    if !bucket.ownership_set {
        return Err(Code::OwnershipControlsNotFoundError.into());
    }
    let object_ownership = match bucket.ownership {
        Ownership::BucketOwnerEnforced => body::ObjectOwnership::BucketOwnerEnforced,
        Ownership::BucketOwnerPreferred => body::ObjectOwnership::BucketOwnerPreferred,
        Ownership::ObjectWriter => body::ObjectOwnership::ObjectWriter,
    };
    Ok(body::OwnershipControls { rules: alloc::vec![body::OwnershipControlsRule { object_ownership }] })
}
