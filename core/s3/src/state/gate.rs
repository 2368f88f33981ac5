//! The one gate: whether a caller may do what a request asks.
//!
//! Which permissions a request needs, on which resources, is the table of operations' to say ([`Operation::needs`]); each of them must
//! be allowed. For one permission:
//!
//! 1. A deny of the bucket's policy or of the user's own policies ends it. (An account may always read, replace and remove its
//!    bucket's policy, unless the policy was put with leave to shut it out.)
//! 2. The bucket's policy allows it: enough for anybody, but a user of another account also needs leave from its own policies, and
//!    with `RestrictPublicBuckets` a public policy allows nothing to other accounts.
//! 3. The caller's account owns the resource and the user's own policies allow it. An account itself has no policies and may all.
//! 4. An ACL grants it, unless ACLs are off (`BucketOwnerEnforced`); `IgnorePublicAcls` leaves out grants to groups of everybody.
//! 5. Otherwise not. What is not known (a policy that cannot be read) refuses.
//!
//! Whether an object is absent is told only to those who may list: for others a read of it is refused.

use alloc::string::String;
use core::cell::LazyCell;
use core::fmt;
use core::ops::Deref;

use super::acl;
use super::error::{Code, StateError};
use super::policy::{Context, Kind, Policy, Verdict, Who};
use super::record::{BucketRecord, ObjectRecord, Ownership, Permission};
use crate::operation::{Operation, Resource};
use crate::request::Headers;

/// A user that asks.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The account that it belongs to. A user that is its own account may do everything with what the account owns.
    pub account: String,
    /// Policies of a user that is not its account.
    pub policies: alloc::vec::Vec<Policy>,
}

impl User {
    /// Whether it is its own account.
    pub fn is_account(&self) -> bool {
        self.id == self.account
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Caller<'a> {
    /// A request without a signature.
    Anonymous,
    /// A request whose signature is right.
    User(&'a User),
}

impl<'a> Caller<'a> {
    /// The account that will own what it makes; empty for nobody.
    pub fn account(self) -> &'a str {
        match self {
            Caller::Anonymous => "",
            Caller::User(user) => &user.account,
        }
    }

    fn who(self) -> Who<'a> {
        match self {
            Caller::Anonymous => Who::Anonymous,
            Caller::User(user) => Who::User { id: &user.id, name: &user.name, account: &user.account },
        }
    }

    /// What its own policies say.
    fn own(self, action: &str, resource: &str, context: Facts<'_>) -> Verdict {
        match self {
            Caller::Anonymous => Verdict::Silent,
            Caller::User(user) if user.is_account() => Verdict::Allow,
            Caller::User(user) => user.policies.iter().fold(Verdict::Silent, |so_far, policy| {
                so_far.and(policy.evaluate(None, action, resource, &context))
            }),
        }
    }
}

/// What is known of the object of a request.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// It does not matter: the request does not read one.
    Any,
    /// It is not there.
    Absent,
    /// It is there.
    Present(&'a ObjectRecord),
}

/// A bucket, or an object in it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The bucket's name.
    pub name: &'a str,
    /// The bucket; `None` while it is not made.
    pub bucket: Option<&'a BucketRecord>,
    /// Its policy ([`policy_of`]).
    pub policy: Option<&'a Policy>,
    /// The object's key.
    pub key: &'a str,
    /// The object.
    pub object: Object<'a>,
}

/// The policy of a bucket.
///
/// # Errors
/// `AccessDenied` for one that is stored and cannot be read: nothing is allowed on what is not known.
pub fn policy_of(name: &str, bucket: &BucketRecord) -> Result<Option<Policy>, StateError> {
    let parse = |text: &String| Policy::parse(text.as_bytes(), Kind::Bucket(name));
    bucket.policy.as_ref().map(parse).transpose().map_err(|_| Code::AccessDenied.into())
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub caller: Caller<'a>,
    /// For what.
    pub operation: Operation,
    /// With which headers.
    pub headers: Headers<'a>,
    /// Whether it names a version.
    pub versioned: bool,
    /// Whether the source of its copy names a version.
    pub source_versioned: bool,
    /// The bucket or object that it is about.
    pub target: Option<Place<'a>>,
    /// The object that a copy reads.
    pub source: Option<Place<'a>>,
    /// Facts for conditions.
    pub context: Facts<'a>,
}

/// Facts for conditions, which need not be made before a policy asks for one.
#[derive(Clone, Copy)]
pub struct Facts<'a>(pub &'a dyn Deref<Target = Context>);

impl Deref for Facts<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.0
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts(..)")
    }
}

/// The answer of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// `AccessDenied`.
    Deny,
}

impl Decision {
    /// As a result.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn check(self) -> Result<(), StateError> {
        match self {
            Decision::Allow => Ok(()),
            Decision::Deny => Err(Code::AccessDenied.into()),
        }
    }
}

fn decision(allowed: bool) -> Decision {
    if allowed { Decision::Allow } else { Decision::Deny }
}

/// Whether the request may go on. What DeleteObjects names in its body is asked for one by one, with [`authorize_entry`].
pub fn authorize(ask: &Ask<'_>) -> Decision {
    let mut needed = false;
    for (action, resource) in ask.operation.needs(ask.headers, ask.versioned, ask.source_versioned) {
        needed = true;
        let place = match resource {
            Resource::All => None,
            Resource::Bucket => ask.target.map(|place| Place { key: "", object: Object::Any, ..place }),
            Resource::Object => ask.target,
            Resource::Source => ask.source,
            Resource::Entries => continue,
        };
        let known = resource == Resource::All || place.is_some();
        if !known || allows(ask, action, place.as_ref()) == Decision::Deny {
            return Decision::Deny;
        }
    }
    // An operation that needs nothing is one that the table does not know.
    decision(needed)
}

/// Whether one entry of DeleteObjects may be deleted.
pub fn authorize_entry(ask: &Ask<'_>, entry: &Place<'_>, versioned: bool) -> Decision {
    let needs = ask.operation.needs(ask.headers, versioned, false);
    let mut needed = false;
    for (action, _) in needs.filter(|(_, resource)| *resource == Resource::Entries) {
        needed = true;
        let action = match action {
            "s3:DeleteObject" if versioned => "s3:DeleteObjectVersion",
            other => other,
        };
        if allows(ask, action, Some(entry)) == Decision::Deny {
            return Decision::Deny;
        }
    }
    decision(needed)
}

/// Whether one permission is given.
pub fn allows(ask: &Ask<'_>, action: &str, place: Option<&Place<'_>>) -> Decision {
    let Some(place) = place else {
        return decision(ask.caller.own(action, "arn:aws:s3:::*", ask.context) == Verdict::Allow);
    };
    if matches!(place.object, Object::Absent) && reads_object(action) && !sets_on_new(ask.operation, action) {
        return may_list(ask, place);
    }
    match place.object {
        Object::Present(record) if !record.tags.is_empty() => {
            let context = LazyCell::new(|| {
                let mut context = Context::clone(&ask.context);
                for (key, value) in &record.tags {
                    context.set(&alloc::format!("s3:ExistingObjectTag/{key}"), value.as_str());
                }
                context
            });
            decide(ask, action, place, Facts(&context))
        }
        _ => decide(ask, action, place, ask.context),
    }
}

/// Whether the caller may know that the object is absent: whether it may list the bucket with the key as prefix.
fn may_list(ask: &Ask<'_>, place: &Place<'_>) -> Decision {
    let context = LazyCell::new(|| {
        let mut context = Context::clone(&ask.context);
        context.set("s3:prefix", place.key);
        context
    });
    decide(ask, "s3:ListBucket", &Place { key: "", object: Object::Any, ..*place }, Facts(&context))
}

fn decide(ask: &Ask<'_>, action: &str, place: &Place<'_>, context: Facts<'_>) -> Decision {
    let caller = ask.caller;
    let slash = if place.key.is_empty() { "" } else { "/" };
    let resource = alloc::format!("arn:aws:s3:::{}{slash}{}", place.name, place.key);
    let own = caller.own(action, &resource, context);
    let Some(bucket) = place.bucket else { return decision(own == Verdict::Allow) };
    let policy = place.policy;
    let said =
        policy.map_or(Verdict::Silent, |p| p.evaluate(Some(caller.who()), action, &resource, &context));
    let denied = said == Verdict::Deny && !is_spared(caller, bucket, action);
    if own == Verdict::Deny || denied {
        return Decision::Deny;
    }
    let account = caller.account();
    let anonymous = matches!(caller, Caller::Anonymous);
    let at_home = !anonymous && account == bucket.owner;
    let restricted =
        !at_home && acl::block(bucket).restrict_public_buckets && policy.is_some_and(Policy::is_public);
    if said == Verdict::Allow && !restricted && (anonymous || at_home || own == Verdict::Allow) {
        return Decision::Allow;
    }
    if own == Verdict::Allow && account == owner_of(ask, place, bucket, action) {
        return Decision::Allow;
    }
    let granted = bucket.ownership != Ownership::BucketOwnerEnforced
        && !(restricted && anonymous)
        && (anonymous || own == Verdict::Allow)
        && is_granted(caller, place, bucket, action);
    decision(granted)
}

/// An account cannot shut itself out of its bucket's policy by mistake.
fn is_spared(caller: Caller<'_>, bucket: &BucketRecord, action: &str) -> bool {
    let about_policy =
        matches!(action, "s3:GetBucketPolicy" | "s3:PutBucketPolicy" | "s3:DeleteBucketPolicy");
    let Caller::User(user) = caller else { return false };
    about_policy && user.is_account() && user.account == bucket.owner && !bucket.policy_binds_owner
}

/// Whose resource it is: an object is its owner's to read and to change, a bucket's owner's to write and to delete; what a put sets on
/// the object that it makes is the writer's.
fn owner_of<'a>(ask: &Ask<'a>, place: &Place<'a>, bucket: &'a BucketRecord, action: &str) -> &'a str {
    if place.key.is_empty() || bucket.ownership == Ownership::BucketOwnerEnforced || writes_bucket(action) {
        return &bucket.owner;
    }
    if sets_on_new(ask.operation, action) {
        return ask.caller.account();
    }
    match place.object {
        Object::Present(record) => &record.listed.owner,
        _ => &bucket.owner,
    }
}

/// Actions on an object that are the bucket's owner's.
fn writes_bucket(action: &str) -> bool {
    matches!(
        action,
        "s3:PutObject"
            | "s3:DeleteObject"
            | "s3:DeleteObjectVersion"
            | "s3:AbortMultipartUpload"
            | "s3:ListMultipartUploadParts"
            | "s3:BypassGovernanceRetention"
            | "s3:RestoreObject"
    )
}

/// Actions that tell whether the object is there: everything on an object but what writes the bucket.
fn reads_object(action: &str) -> bool {
    let on_object = action.contains("Object")
        && !action.starts_with("s3:GetBucket")
        && !action.starts_with("s3:PutBucket");
    on_object && !writes_bucket(action)
}

/// What a put sets on the object that it makes: its ACL, tags and lock.
fn sets_on_new(operation: Operation, action: &str) -> bool {
    let makes = matches!(
        operation,
        Operation::PutObject
            | Operation::CopyObject
            | Operation::CreateMultipartUpload
            | Operation::PostObject
    );
    makes && !action.starts_with("s3:GetObject")
}

/// Whether an ACL gives the permission: the bucket's or the object's.
fn is_granted(caller: Caller<'_>, place: &Place<'_>, bucket: &BucketRecord, action: &str) -> bool {
    let account = match caller {
        Caller::Anonymous => None,
        Caller::User(user) => Some(&user.account[..]),
    };
    let ignore = acl::block(bucket).ignore_public_acls;
    let of_bucket = match action {
        "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads" => Some(Permission::Read),
        "s3:PutObject" | "s3:DeleteObject" | "s3:AbortMultipartUpload" | "s3:ListMultipartUploadParts" => {
            Some(Permission::Write)
        }
        "s3:GetBucketAcl" => Some(Permission::ReadAcp),
        "s3:PutBucketAcl" => Some(Permission::WriteAcp),
        _ => None,
    };
    if let Some(permission) = of_bucket {
        return bucket.acl.allows(account, permission, ignore);
    }
    let of_object = match action {
        "s3:GetObject"
        | "s3:GetObjectVersion"
        | "s3:GetObjectAttributes"
        | "s3:GetObjectVersionAttributes" => Permission::Read,
        "s3:GetObjectAcl" | "s3:GetObjectVersionAcl" => Permission::ReadAcp,
        "s3:PutObjectAcl" | "s3:PutObjectVersionAcl" => Permission::WriteAcp,
        _ => return false,
    };
    match place.object {
        Object::Present(record) => record.acl.allows(account, of_object, ignore),
        _ => false,
    }
}
