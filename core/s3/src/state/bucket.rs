//! Buckets: made, found, listed, changed, removed.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, Corrupt, StateError};
use super::keys;
use super::policy::{Kind, Policy};
use super::record::{Acl, BucketId, BucketRecord, DefaultRetention, Ownership, PartRecord, Versioning};
use super::source::Source;
use super::tx::{Env, Tx};

/// What a bucket is made of.
#[derive(Clone, Debug, Default)]
pub struct NewBucket {
    /// As the client wrote it.
    pub region: String,
    /// Grants from headers, or of a canned ACL.
    pub acl: Acl,
    /// Whether objects can be locked; the bucket then keeps versions.
    pub lock_enabled: bool,
    /// When the request names it.
    pub ownership: Option<Ownership>,
}

/// The bucket of that name.
///
/// # Errors
/// `NoSuchBucket`, and [`StateError`] of reading.
pub fn find(tx: &Tx<'_>, name: &str) -> Result<BucketRecord, StateError> {
    let bytes = tx.get(&keys::bucket(name))?.ok_or(Code::NoSuchBucket)?;
    Ok(BucketRecord::decode(&bytes)?)
}

/// Stores a changed bucket.
pub fn save(tx: &mut Tx<'_>, name: &str, bucket: &BucketRecord) {
    tx.put(keys::bucket(name), bucket.encode());
}

/// Makes a bucket. Names are not checked here. As in us-east-1, an account that makes its own bucket once more, with the same ACL,
/// gets it as it is.
///
/// # Errors
/// `BucketAlreadyExists` for one of somebody else, or with another ACL; `BucketAlreadyOwnedByYou` when the request names another region;
/// `InvalidBucketAclWithObjectOwnership` for grants where ACLs are off.
pub fn create(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    name: &str,
    new: NewBucket,
) -> Result<BucketRecord, StateError> {
    if let Some(bytes) = tx.get(&keys::bucket(name))? {
        let there = BucketRecord::decode(&bytes)?;
        if there.owner != env.caller || there.acl != new.acl {
            return Err(Code::BucketAlreadyExists.into());
        }
        let home = matches!(&*new.region, "" | "us-east-1");
        return if home { Ok(there) } else { Err(Code::BucketAlreadyOwnedByYou.into()) };
    }
    let ownership = new.ownership.unwrap_or_default();
    if ownership == Ownership::BucketOwnerEnforced && !super::acl::is_owner_only(&new.acl, env.caller) {
        return Err(Code::InvalidBucketAclWithObjectOwnership.into());
    }
    let id = env.fresh.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let bucket = BucketRecord {
        id: BucketId(id),
        owner: env.caller.into(),
        created_ms: env.now_ms,
        region: new.region,
        versioning: if new.lock_enabled { Versioning::Enabled } else { Versioning::Unversioned },
        lock_enabled: new.lock_enabled,
        default_retention: None,
        ownership,
        ownership_set: new.ownership.is_some(),
        acl: new.acl,
        public_access_block: None,
        policy: None,
        policy_binds_owner: false,
        encrypt: false,
    };
    save(tx, name, &bucket);
    Ok(bucket)
}

/// Removes an empty bucket, its documents, and uploads that nobody completed.
///
/// # Errors
/// `NoSuchBucket`, `BucketNotEmpty`.
pub fn remove(tx: &mut Tx<'_>, name: &str) -> Result<(), StateError> {
    let bucket = find(tx, name)?;
    if tx.any(keys::in_bucket(keys::OBJECTS, bucket.id))? {
        return Err(Code::BucketNotEmpty.into());
    }
    for (key, _) in tx.entries(keys::in_bucket(keys::UPLOADS, bucket.id))? {
        let (_, _, id) = keys::parse_upload(&key).ok_or(Corrupt::Key)?;
        drop_parts(tx, id)?;
        tx.delete(key);
    }
    for kind in [keys::CONFIGS, keys::NULLS, keys::ANNOTATIONS, keys::TOKENS] {
        for (key, _) in tx.entries(keys::in_bucket(kind, bucket.id))? {
            tx.delete(key);
        }
    }
    tx.delete(keys::bucket(name));
    Ok(())
}

/// Removes all parts of an upload.
pub(super) fn drop_parts(tx: &mut Tx<'_>, upload: super::record::UploadId) -> Result<(), StateError> {
    for (key, value) in tx.entries(keys::parts(upload))? {
        tx.release(&PartRecord::decode(&value)?.body)?;
        tx.delete(key);
    }
    Ok(())
}

/// Which buckets to list.
#[derive(Clone, Debug, Default)]
pub struct BucketQuery<'a> {
    /// Only those of this user; `None` lists all.
    pub owner: Option<&'a str>,
    /// Only names that start so.
    pub prefix: &'a str,
    /// Only names above this one (the token of the page before).
    pub after: &'a str,
    /// Only of this region.
    pub region: Option<&'a str>,
    /// At most so many.
    pub max: usize,
}

/// Buckets by name; the second says whether there are more.
///
/// # Errors
/// [`StateError`] of reading.
pub fn list(
    source: &dyn Source,
    query: &BucketQuery<'_>,
) -> Result<(Vec<(String, BucketRecord)>, bool), StateError> {
    let prefix = keys::bucket(query.prefix);
    let mut found = Vec::new();
    let mut cursor = source.cursor();
    cursor.seek(&keys::bucket(query.after).max(prefix.clone()))?;
    while let Some((key, value)) = cursor.entry() {
        if !key.starts_with(&prefix) {
            break;
        }
        let name = core::str::from_utf8(&key[1..]).map_err(|_| Corrupt::Key)?;
        let bucket = BucketRecord::decode(value)?;
        let wanted = name > query.after
            && query.owner.is_none_or(|owner| owner == bucket.owner)
            && query.region.is_none_or(|region| region == bucket.region);
        if wanted {
            if found.len() == query.max {
                return Ok((found, true));
            }
            found.push((String::from(name), bucket));
        }
        cursor.next()?;
    }
    Ok((found, false))
}

/// Turns versioning on or off.
///
/// # Errors
/// `InvalidBucketState` when it would stop in a bucket with object lock.
pub fn set_versioning(bucket: &mut BucketRecord, versioning: Versioning) -> Result<(), StateError> {
    if bucket.lock_enabled && versioning != Versioning::Enabled {
        return Err(Code::InvalidBucketState.into());
    }
    bucket.versioning = versioning;
    Ok(())
}

/// Turns object lock on, with or without a default retention.
///
/// # Errors
/// `InvalidBucketState` when the bucket does not keep versions, `InvalidRetentionPeriod` when the retention counts no time or more than
/// a hundred years.
pub fn set_object_lock(
    bucket: &mut BucketRecord,
    default: Option<DefaultRetention>,
) -> Result<(), StateError> {
    if bucket.versioning != Versioning::Enabled {
        return Err(Code::InvalidBucketState.into());
    }
    if let Some(retention) = default {
        let max = if retention.years { 100 } else { 36_500 };
        if retention.count == 0 || retention.count > max {
            return Err(Code::InvalidRetentionPeriod.into());
        }
    }
    bucket.lock_enabled = true;
    bucket.default_retention = default;
    Ok(())
}

/// Puts a bucket policy: checks it, and keeps it as it was written. `binds_owner` is `x-amz-confirm-remove-self-bucket-access`.
///
/// # Errors
/// `MalformedPolicy`; `AccessDenied` for a public one that the public access block refuses.
pub fn set_policy(
    bucket: &mut BucketRecord,
    name: &str,
    text: &str,
    binds_owner: bool,
) -> Result<(), StateError> {
    let policy = Policy::parse(text.as_bytes(), Kind::Bucket(name)).map_err(|_| Code::MalformedPolicy)?;
    if super::acl::block(bucket).block_public_policy && policy.is_public() {
        return Err(Code::AccessDenied.into());
    }
    bucket.policy = Some(text.into());
    bucket.policy_binds_owner = binds_owner;
    Ok(())
}

/// Whether the bucket is public, by its policy or its ACL (`GetBucketPolicyStatus`).
///
/// # Errors
/// `AccessDenied` for a policy that is stored and cannot be read.
pub fn is_public(bucket: &BucketRecord, name: &str) -> Result<bool, StateError> {
    let by_policy = super::gate::policy_of(name, bucket)?.is_some_and(|policy| policy.is_public());
    let by_acl = bucket.ownership != Ownership::BucketOwnerEnforced && bucket.acl.is_public();
    Ok(by_policy || (by_acl && !super::acl::block(bucket).ignore_public_acls))
}
