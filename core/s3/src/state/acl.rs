//! Access control lists: canned ones, grants, and what they allow.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, StateError};
use super::record::{Acl, BucketRecord, Grant, Grantee, Ownership, Permission, PublicAccessBlock};

/// `http://acs.amazonaws.com/groups/global/AllUsers`.
pub const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
/// `http://acs.amazonaws.com/groups/global/AuthenticatedUsers`.
pub const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
/// `http://acs.amazonaws.com/groups/s3/LogDelivery`.
pub const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// A canned ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Amazon's")]
pub enum Canned {
    Private,
    PublicRead,
    PublicReadWrite,
    AuthenticatedRead,
    AwsExecRead,
    BucketOwnerRead,
    BucketOwnerFullControl,
    LogDeliveryWrite,
}

impl Canned {
    /// From `x-amz-acl`.
    pub fn parse(text: &str) -> Option<Canned> {
        Some(match text {
            "private" => Canned::Private,
            "public-read" => Canned::PublicRead,
            "public-read-write" => Canned::PublicReadWrite,
            "authenticated-read" => Canned::AuthenticatedRead,
            "aws-exec-read" => Canned::AwsExecRead,
            "bucket-owner-read" => Canned::BucketOwnerRead,
            "bucket-owner-full-control" => Canned::BucketOwnerFullControl,
            "log-delivery-write" => Canned::LogDeliveryWrite,
            _ => return None,
        })
    }

    /// Its grants, for something that `owner` owns in a bucket of `bucket_owner` (for a bucket both are the same).
    pub fn grants(self, owner: &str, bucket_owner: &str) -> Acl {
        let user = |id: &str, permission| Grant { grantee: Grantee::User(String::from(id)), permission };
        let group = |grantee, permission| Grant { grantee, permission };
        let mut grants = alloc::vec![user(owner, Permission::FullControl)];
        match self {
            Canned::Private | Canned::AwsExecRead => {}
            Canned::PublicRead => grants.push(group(Grantee::AllUsers, Permission::Read)),
            Canned::PublicReadWrite => {
                grants.push(group(Grantee::AllUsers, Permission::Read));
                grants.push(group(Grantee::AllUsers, Permission::Write));
            }
            Canned::AuthenticatedRead => grants.push(group(Grantee::AuthenticatedUsers, Permission::Read)),
            Canned::BucketOwnerRead if owner != bucket_owner => {
                grants.push(user(bucket_owner, Permission::Read))
            }
            Canned::BucketOwnerFullControl if owner != bucket_owner => {
                grants.push(user(bucket_owner, Permission::FullControl));
            }
            Canned::BucketOwnerRead | Canned::BucketOwnerFullControl => {}
            Canned::LogDeliveryWrite => {
                grants.push(group(Grantee::LogDelivery, Permission::Write));
                grants.push(group(Grantee::LogDelivery, Permission::ReadAcp));
            }
        }
        Acl { grants }
    }
}

impl Permission {
    /// From a grant in XML.
    pub fn parse(text: &str) -> Option<Permission> {
        Some(match text {
            "FULL_CONTROL" => Permission::FullControl,
            "READ" => Permission::Read,
            "READ_ACP" => Permission::ReadAcp,
            "WRITE" => Permission::Write,
            "WRITE_ACP" => Permission::WriteAcp,
            _ => return None,
        })
    }

    /// As it stands in XML.
    pub const fn name(self) -> &'static str {
        match self {
            Permission::FullControl => "FULL_CONTROL",
            Permission::Read => "READ",
            Permission::ReadAcp => "READ_ACP",
            Permission::Write => "WRITE",
            Permission::WriteAcp => "WRITE_ACP",
        }
    }
}

impl Grantee {
    /// From the URI of a group.
    pub fn group(uri: &str) -> Option<Grantee> {
        Some(match uri {
            ALL_USERS => Grantee::AllUsers,
            AUTHENTICATED_USERS => Grantee::AuthenticatedUsers,
            LOG_DELIVERY => Grantee::LogDelivery,
            _ => return None,
        })
    }

    /// The URI of a group.
    pub const fn uri(&self) -> Option<&'static str> {
        match self {
            Grantee::AllUsers => Some(ALL_USERS),
            Grantee::AuthenticatedUsers => Some(AUTHENTICATED_USERS),
            Grantee::LogDelivery => Some(LOG_DELIVERY),
            Grantee::User(_) => None,
        }
    }

    fn is_public(&self) -> bool {
        matches!(self, Grantee::AllUsers | Grantee::AuthenticatedUsers)
    }
}

impl Acl {
    /// Whether it lets in everybody, or everybody with credentials.
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(|grant| grant.grantee.is_public())
    }

    /// Whether it grants a permission to a caller; `None` is nobody that is known.
    pub fn allows(&self, caller: Option<&str>, wanted: Permission, ignore_public: bool) -> bool {
        self.grants.iter().any(|grant| {
            let whom = match (&grant.grantee, caller) {
                (Grantee::AllUsers, _) => !ignore_public,
                (Grantee::AuthenticatedUsers, caller) => caller.is_some() && !ignore_public,
                (Grantee::User(id), Some(caller)) => id == caller,
                (Grantee::User(_), None) | (Grantee::LogDelivery, _) => false,
            };
            whom && (grant.permission == wanted || grant.permission == Permission::FullControl)
        })
    }
}

/// Whether nobody but the owner is granted anything.
pub fn is_owner_only(acl: &Acl, owner: &str) -> bool {
    acl.grants.iter().all(|grant| matches!(&grant.grantee, Grantee::User(id) if id == owner))
}

/// An ACL may be put onto a bucket, or onto an object in it. `canned` is the canned ACL that it came from.
///
/// # Errors
/// `AccessControlListNotSupported` where ACLs are off (but for `bucket-owner-full-control`, and grants to the owner alone), `AccessDenied` for a public
/// one that the public access block refuses.
pub fn may_put(bucket: &BucketRecord, acl: &Acl, canned: Option<Canned>) -> Result<(), StateError> {
    let harmless = match canned {
        Some(canned) => canned == Canned::BucketOwnerFullControl,
        None => is_owner_only(acl, &bucket.owner),
    };
    if bucket.ownership == Ownership::BucketOwnerEnforced && !harmless {
        return Err(Code::AccessControlListNotSupported.into());
    }
    if block(bucket).block_public_acls && acl.is_public() {
        return Err(Code::AccessDenied.into());
    }
    Ok(())
}

/// The public access block, absent ones blocking nothing.
pub fn block(bucket: &BucketRecord) -> PublicAccessBlock {
    bucket.public_access_block.unwrap_or_default()
}

/// Who owns an object that `writer` puts.
pub fn owner_of_new<'a>(bucket: &'a BucketRecord, writer: &'a str, canned: Option<Canned>) -> &'a str {
    let given = match bucket.ownership {
        Ownership::BucketOwnerEnforced => true,
        Ownership::BucketOwnerPreferred => canned == Some(Canned::BucketOwnerFullControl),
        Ownership::ObjectWriter => false,
    };
    // What nobody puts belongs to the bucket's owner, so that somebody can manage it.
    if given || writer.is_empty() { &bucket.owner } else { writer }
}

/// Changes who owns what is put.
///
/// # Errors
/// `InvalidBucketAclWithObjectOwnership`: ACLs cannot go off while the bucket's grants somebody else something.
pub fn set_ownership(bucket: &mut BucketRecord, ownership: Option<Ownership>) -> Result<(), StateError> {
    if ownership == Some(Ownership::BucketOwnerEnforced) && !is_owner_only(&bucket.acl, &bucket.owner) {
        return Err(Code::InvalidBucketAclWithObjectOwnership.into());
    }
    bucket.ownership = ownership.unwrap_or_default();
    bucket.ownership_set = ownership.is_some();
    Ok(())
}

/// Grants as they are put: at most a hundred.
///
/// # Errors
/// `MalformedACLError` for more.
pub fn acl_of(grants: Vec<Grant>) -> Result<Acl, StateError> {
    if grants.len() > 100 { Err(Code::MalformedACLError.into()) } else { Ok(Acl { grants }) }
}
