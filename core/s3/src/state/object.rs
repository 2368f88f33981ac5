//! Objects and their versions: put, find, delete, append, rename, and what can be changed in place.
//!
//! | bucket | a put makes | a delete without a version makes |
//! |---|---|---|
//! | unversioned | the null version at order 0, over the one before | nothing: the object goes |
//! | enabled | a new version | a delete marker with an id |
//! | suspended | a new null version; an older null version goes | a null delete marker; an older null version goes |

use alloc::string::String;
use alloc::vec::Vec;

use md5::{Digest, Md5};

use super::codec::{Dec, Enc};
use super::condition::{DeleteCondition, ReadCondition, WriteCondition};
use super::error::{Code, Corrupt, StateError};
use super::keys::{self, Order};
use super::lifecycle::Clock;
use super::lock;
use super::record::{
    Acl, Attributes, BucketRecord, Encryption, Extent, Listed, ObjectRecord, PartInfo, Retention, Version,
    VersionKind, Versioning,
};
use super::tx::{Env, Tx, decode};
use crate::checksum::ObjectChecksum;
use crate::etag::ETag;
use crate::limits::APPENDS_MAX;

/// The bytes of a new object, already stored, and what is known of them.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// What the request says.
    pub attributes: Attributes,
    /// Id of the user that will own it.
    pub owner: String,
    /// Bytes.
    pub size: u64,
    /// Entity tag.
    pub etag: ETag,
    /// Checksum, when there is one.
    pub checksum: Option<ObjectChecksum>,
    /// Parts, of an upload in parts.
    pub parts: Vec<PartInfo>,
    /// Where its bytes are.
    pub body: Vec<Extent>,
}

/// What a put answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// `x-amz-version-id`, in buckets that keep versions.
    pub version: Option<Version>,
    /// The entity tag.
    pub etag: ETag,
    /// When it became the latest version.
    pub modified_ms: u64,
    /// Bytes it has.
    pub size: u64,
}

/// What a delete answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// `x-amz-version-id`: the marker that was made, or the version that was named.
    pub version: Option<Version>,
    /// `x-amz-delete-marker`: a marker was made or removed.
    pub marker: bool,
    /// Whether something was written.
    pub changed: bool,
}

/// The latest version of a key, delete markers included.
///
/// # Errors
/// [`StateError`] of reading.
pub fn latest(
    tx: &Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
) -> Result<Option<(Order, ObjectRecord)>, StateError> {
    if bucket.versioning == Versioning::Unversioned {
        return at(tx, bucket, key, Order(0));
    }
    match tx.scan(keys::of_key(keys::OBJECTS, bucket.id, key))?.step()? {
        Some((found, value)) => {
            let (_, _, order) = keys::parse_object(&found).ok_or(Corrupt::Key)?;
            Ok(Some((order, ObjectRecord::decode(&value)?)))
        }
        None => Ok(None),
    }
}

fn at(
    tx: &Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    order: Order,
) -> Result<Option<(Order, ObjectRecord)>, StateError> {
    match tx.get(&keys::object(bucket.id, key, order))? {
        Some(value) => Ok(Some((order, ObjectRecord::decode(&value)?))),
        None => Ok(None),
    }
}

/// The order of the key's null version, if it has one.
pub(super) fn null_order(tx: &Tx<'_>, bucket: &BucketRecord, key: &[u8]) -> Result<Order, StateError> {
    match tx.get(&keys::null(bucket.id, key))? {
        Some(bytes) => Ok(Order(decode(&bytes, Dec::u64)?)),
        None => Ok(Order(0)),
    }
}

/// One version of a key.
///
/// # Errors
/// [`StateError`] of reading.
pub fn version(
    tx: &Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    version: Version,
) -> Result<Option<(Order, ObjectRecord)>, StateError> {
    let order = match version {
        Version::Null => null_order(tx, bucket, key)?,
        Version::Id { order, .. } => order,
    };
    Ok(at(tx, bucket, key, order)?.filter(|(_, record)| record.listed.version == version))
}

/// What a read of the object finds: the latest version, or the one that is named.
///
/// # Errors
/// `NoSuchKey`, `NoSuchVersion`; [`StateError::DeleteMarker`] with `NoSuchKey` or `MethodNotAllowed` for a delete marker.
pub fn find(
    tx: &Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    named: Option<Version>,
) -> Result<(Order, ObjectRecord), StateError> {
    let (found, absent, marked) = match named {
        None => (latest(tx, bucket, key)?, Code::NoSuchKey, Code::NoSuchKey),
        Some(id) => (version(tx, bucket, key, id)?, Code::NoSuchVersion, Code::MethodNotAllowed),
    };
    let (order, record) = found.ok_or(absent)?;
    if record.is_marker() {
        let Listed { version, modified_ms, .. } = record.listed;
        return Err(StateError::DeleteMarker { code: marked, version, modified_ms });
    }
    Ok((order, record))
}

/// The `x-amz-version-id` of a read; buckets that never kept versions show none.
pub fn shown(bucket: &BucketRecord, version: Version) -> Option<Version> {
    (bucket.versioning != Versioning::Unversioned).then_some(version)
}

/// Puts an object whose bytes are stored.
///
/// # Errors
/// What `condition` says, and [`lock::of_new`].
pub fn put(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    condition: &WriteCondition,
    new: NewObject,
) -> Result<Put, StateError> {
    let latest = latest(tx, bucket, key)?;
    condition.check(latest.as_ref().map(|(_, record)| &record.listed))?;
    let record = record_of(env, bucket, new)?;
    tx.adopt(&record.body);
    insert(tx, env, bucket, key, latest, record)
}

/// As [`put`], for bytes that other versions have too.
pub(super) fn put_shared(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    condition: &WriteCondition,
    new: NewObject,
) -> Result<Put, StateError> {
    let latest = latest(tx, bucket, key)?;
    condition.check(latest.as_ref().map(|(_, record)| &record.listed))?;
    let record = record_of(env, bucket, new)?;
    tx.share(&record.body)?;
    insert(tx, env, bucket, key, latest, record)
}

/// As [`put`], for bytes that are already counted: those of an upload's parts.
pub(super) fn put_moved(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    condition: &WriteCondition,
    new: NewObject,
) -> Result<Put, StateError> {
    let latest = latest(tx, bucket, key)?;
    condition.check(latest.as_ref().map(|(_, record)| &record.listed))?;
    let record = record_of(env, bucket, new)?;
    insert(tx, env, bucket, key, latest, record)
}

fn record_of(env: &Env<'_>, bucket: &BucketRecord, new: NewObject) -> Result<ObjectRecord, StateError> {
    let NewObject { attributes: a, owner, size, etag, checksum, parts, body } = new;
    let retention = lock::of_new(bucket, env.now_ms, a.retention, a.legal_hold)?;
    let storage_class = if a.storage_class.is_empty() { String::from("STANDARD") } else { a.storage_class };
    Ok(ObjectRecord {
        listed: Listed {
            kind: VersionKind::Object,
            version: Version::Null,
            modified_ms: env.now_ms,
            size,
            etag,
            owner,
            storage_class,
            checksum,
        },
        headers: a.headers,
        parts,
        body,
        encryption: a.encryption,
        tags: a.tags,
        acl: a.acl,
        retention,
        legal_hold: a.legal_hold,
        restored_until_ms: 0,
    })
}

/// Writes a record as the key's latest version; gives it its place and its id.
fn insert(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    latest: Option<(Order, ObjectRecord)>,
    mut record: ObjectRecord,
) -> Result<Put, StateError> {
    let next = next_order(env, latest.as_ref().map(|(order, _)| *order));
    record.listed.version = Version::Null;
    let order = match bucket.versioning {
        Versioning::Unversioned => {
            if let Some((order, old)) = latest {
                remove(tx, bucket, key, order, &old)?;
            }
            Order(0)
        }
        Versioning::Enabled => {
            let salt = env.fresh.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            record.listed.version = Version::Id { order: next, salt };
            next
        }
        Versioning::Suspended => {
            if let Some((order, old)) = version(tx, bucket, key, Version::Null)? {
                remove(tx, bucket, key, order, &old)?;
            }
            tx.put(keys::null(bucket.id, key), Enc::new().u64(next.0).finish());
            next
        }
    };
    let put = Put {
        version: (bucket.versioning == Versioning::Enabled).then_some(record.listed.version),
        etag: record.listed.etag.clone(),
        modified_ms: record.listed.modified_ms,
        size: record.listed.size,
    };
    tx.put(keys::object(bucket.id, key, order), record.encode());
    Ok(put)
}

/// Above every version of the key, and near the time, so that ids of one key tell their age.
fn next_order(env: &Env<'_>, latest: Option<Order>) -> Order {
    let above = latest.map_or(1, |order| order.0.saturating_add(1));
    Order(above.max(env.now_ms.saturating_mul(1000)))
}

/// Removes a version and all that hangs on it.
pub(super) fn remove(
    tx: &mut Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    order: Order,
    record: &ObjectRecord,
) -> Result<(), StateError> {
    tx.release(&record.body)?;
    tx.delete(keys::object(bucket.id, key, order));
    if record.listed.version == Version::Null && order != Order(0) {
        tx.delete(keys::null(bucket.id, key));
    }
    super::annotation::remove_all(tx, bucket, key, order)
}

/// Deletes the object, or the version that is named.
///
/// `bypass` says that the caller may and wants to bypass governance.
///
/// # Errors
/// What `condition` says; `AccessDenied` for a version that is locked.
pub fn delete(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    named: Option<Version>,
    condition: &DeleteCondition,
    bypass: bool,
) -> Result<Deleted, StateError> {
    let found = match named {
        Some(id) => version(tx, bucket, key, id)?,
        None => latest(tx, bucket, key)?,
    };
    if let Some((_, record)) = &found {
        condition.check(&record.listed)?;
    }
    let Some(id) = named else { return delete_latest(tx, env, bucket, key, found, condition) };
    let mut marker = false;
    if let Some((order, record)) = &found {
        lock::may_delete(record, env.now_ms, bypass)?;
        marker = record.is_marker();
        remove(tx, bucket, key, *order, record)?;
    }
    Ok(Deleted { version: shown(bucket, id), marker, changed: found.is_some() })
}

fn delete_latest(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    found: Option<(Order, ObjectRecord)>,
    condition: &DeleteCondition,
) -> Result<Deleted, StateError> {
    if bucket.versioning == Versioning::Unversioned {
        let changed = found.is_some();
        if let Some((order, record)) = found {
            remove(tx, bucket, key, order, &record)?;
        }
        return Ok(Deleted { version: None, marker: false, changed });
    }
    if found.is_none() && !condition.is_empty() {
        return Ok(Deleted { version: None, marker: false, changed: false });
    }
    insert(tx, env, bucket, key, found, marker(env, bucket))?;
    let (_, made) = latest(tx, bucket, key)?.ok_or(Corrupt::Key)?;
    Ok(Deleted { version: Some(made.listed.version), marker: true, changed: true })
}

fn marker(env: &Env<'_>, bucket: &BucketRecord) -> ObjectRecord {
    ObjectRecord {
        listed: Listed {
            kind: VersionKind::DeleteMarker,
            version: Version::Null,
            modified_ms: env.now_ms,
            size: 0,
            etag: ETag::Whole([0; 16]),
            owner: bucket.owner.clone(),
            storage_class: String::from("STANDARD"),
            checksum: None,
        },
        headers: Vec::new(),
        parts: Vec::new(),
        body: Vec::new(),
        encryption: Encryption::None,
        tags: Vec::new(),
        acl: Acl::default(),
        retention: None,
        legal_hold: false,
        restored_until_ms: 0,
    }
}

/// Stores a version that was changed in place: its tags, ACL, retention, hold, storage class.
pub fn update(tx: &mut Tx<'_>, bucket: &BucketRecord, key: &[u8], order: Order, record: &ObjectRecord) {
    tx.put(keys::object(bucket.id, key, order), record.encode());
}

/// Sets the retention of a version.
///
/// # Errors
/// `InvalidRequest` where objects cannot be locked, `InvalidArgument` for a time that is past, `AccessDenied` when the present one may
/// not be weakened.
pub fn set_retention(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    named: Option<Version>,
    retention: Option<Retention>,
    bypass: bool,
) -> Result<(), StateError> {
    lock::of_bucket(bucket)?;
    let (order, mut record) = find(tx, bucket, key, named)?;
    lock::may_change(record.retention, retention, env.now_ms, bypass)?;
    record.retention = retention;
    update(tx, bucket, key, order, &record);
    Ok(())
}

/// Sets or lifts the legal hold of a version.
///
/// # Errors
/// `InvalidRequest` where objects cannot be locked.
pub fn set_legal_hold(
    tx: &mut Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    named: Option<Version>,
    on: bool,
) -> Result<(), StateError> {
    lock::of_bucket(bucket)?;
    let (order, mut record) = find(tx, bucket, key, named)?;
    record.legal_hold = on;
    update(tx, bucket, key, order, &record);
    Ok(())
}

/// Sets the tags of a version; the version is the answer.
///
/// # Errors
/// Those of [`find`].
pub fn set_tags(
    tx: &mut Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    named: Option<Version>,
    tags: Vec<(String, String)>,
) -> Result<Option<Version>, StateError> {
    let (order, mut record) = find(tx, bucket, key, named)?;
    record.tags = tags;
    update(tx, bucket, key, order, &record);
    Ok(shown(bucket, record.listed.version))
}

/// Sets the ACL of a version; the version is the answer.
///
/// # Errors
/// Those of [`find`].
pub fn set_acl(
    tx: &mut Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    named: Option<Version>,
    acl: Acl,
) -> Result<Option<Version>, StateError> {
    let (order, mut record) = find(tx, bucket, key, named)?;
    record.acl = acl;
    update(tx, bucket, key, order, &record);
    Ok(shown(bucket, record.listed.version))
}

/// Appends bytes to an object (`x-amz-write-offset-bytes`); at offset 0 and without an object it is a put.
///
/// The entity tag becomes that of an upload in parts: MD5 of the old tag's digest and the new one's.
///
/// # Errors
/// `InvalidWriteOffset` when the object does not end there, `TooManyParts` after [`APPENDS_MAX`] appends,
/// `EncryptionTypeMismatch` when the object is encrypted in another way, or with another key.
pub fn append(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    offset: u64,
    new: NewObject,
) -> Result<Put, StateError> {
    let latest = latest(tx, bucket, key)?;
    let Some((order, old)) = latest.filter(|(_, record)| !record.is_marker()) else {
        if offset != 0 {
            return Err(Code::InvalidWriteOffset.into());
        }
        return put(tx, env, bucket, key, &WriteCondition::default(), new);
    };
    if old.listed.size != offset {
        return Err(Code::InvalidWriteOffset.into());
    }
    if old.encryption != new.attributes.encryption {
        return Err(Code::EncryptionTypeMismatch.into());
    }
    let (ETag::Whole(before) | ETag::Parts(before, _), ETag::Whole(appended) | ETag::Parts(appended, _)) =
        (&old.listed.etag, &new.etag)
    else {
        return Err(Code::InvalidRequest.into());
    };
    let parts = if let ETag::Parts(_, parts) = old.listed.etag { parts } else { 1 };
    if parts >= APPENDS_MAX {
        return Err(Code::TooManyParts.into());
    }
    let mut record = old.clone();
    record.listed.size = old.listed.size.checked_add(new.size).ok_or(Code::EntityTooLarge)?;
    record.listed.modified_ms = env.now_ms;
    let digest = Md5::new().chain_update(before).chain_update(appended).finalize();
    record.listed.etag = ETag::Parts(digest.into(), parts + 1);
    record.listed.checksum = None;
    record.parts = Vec::new();
    record.body.extend_from_slice(&new.body);
    tx.adopt(&new.body);
    tx.share(&old.body)?;
    insert(tx, env, bucket, key, Some((order, old)), record)
}

/// Conditions of a rename.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenameCondition {
    /// Of the object that is renamed.
    pub source: ReadCondition,
    /// Of what has the new name.
    pub target: WriteCondition,
    /// Of what has the new name, by time.
    pub target_times: ReadCondition,
    /// Repeats of a request with the same token answer the same and do nothing.
    pub token: String,
}

/// Gives an object another key in its bucket, in one step; the bytes stay where they are. The answer says whether it did: a repeat with a
/// token does nothing.
///
/// # Errors
/// `NoSuchKey`, what the conditions say, `IdempotencyParameterMismatch` for a token that came with other keys.
pub fn rename(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    from: &[u8],
    to: &[u8],
    condition: &RenameCondition,
) -> Result<bool, StateError> {
    let token = keys::token(bucket.id, &condition.token);
    if !condition.token.is_empty()
        && let Some(bytes) = tx.get(&token)?
    {
        let (_, a, b) = decode(&bytes, |d| Ok((d.u64()?, d.bytes()?, d.bytes()?)))?;
        let same = a == from && b == to;
        return if same { Ok(false) } else { Err(Code::IdempotencyParameterMismatch.into()) };
    }
    let (_, record) = find(tx, bucket, from, None)?;
    condition.source.check(&record.listed)?;
    let target = latest(tx, bucket, to)?;
    condition.target.check(target.as_ref().map(|(_, record)| &record.listed))?;
    if let Some((_, there)) = target.as_ref().filter(|(_, record)| !record.is_marker()) {
        condition.target_times.check(&there.listed)?;
    }
    if from == to {
        return Err(Code::InvalidRequest.into());
    }
    tx.share(&record.body)?;
    insert(tx, env, bucket, to, target, record)?;
    delete(tx, env, bucket, from, None, &DeleteCondition::default(), false)?;
    if !condition.token.is_empty() {
        tx.put(token, Enc::new().u64(env.now_ms).bytes(from).bytes(to).finish());
    }
    Ok(true)
}

/// Parts of an object for `GetObjectAttributes`: those behind `marker`, at most `max`; the second says whether there are more.
pub fn parts_page(record: &ObjectRecord, marker: u16, max: usize) -> (&[PartInfo], bool) {
    let start = record.parts.partition_point(|part| part.number <= marker);
    let rest = &record.parts[start..];
    let len = rest.len().min(max);
    (&rest[..len], rest.len() > len)
}

/// Whether its class is one whose bytes must be restored before they can be read.
pub fn is_archived(listed: &Listed) -> bool {
    matches!(&*listed.storage_class, "GLACIER" | "DEEP_ARCHIVE")
}

/// Whether its bytes can be read now.
pub fn is_readable(record: &ObjectRecord, now_ms: u64) -> bool {
    !is_archived(&record.listed) || record.restored_until_ms > now_ms
}

/// Makes an archived object readable for so many days, at once: there is no slower place here. The answer says whether it was
/// restored already (200, and the time is new) or not (202).
///
/// # Errors
/// Those of [`find`]; `ObjectAlreadyInActiveTierError` for one that is not archived, `InvalidArgument` for no days.
pub fn restore(
    tx: &mut Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    named: Option<Version>,
    days: i32,
    clock: Clock,
) -> Result<bool, StateError> {
    let (order, mut record) = find(tx, bucket, key, named)?;
    if !is_archived(&record.listed) {
        return Err(Code::ObjectAlreadyInActiveTierError.into());
    }
    if days < 1 {
        return Err(Code::InvalidArgument.into());
    }
    let already = is_readable(&record, clock.now_ms);
    record.restored_until_ms = clock.after(clock.now_ms, days);
    update(tx, bucket, key, order, &record);
    Ok(already)
}
