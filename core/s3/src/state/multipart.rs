//! Uploads in parts.
//!
//! ```text
//! create ──► U bucket ⟨key⟩ id              the upload, and what the object will have
//! part   ──► P id number                    a part; a part put again takes the place of the one before
//! complete ► O bucket ⟨key⟩ order           the parts' extents one after the other: no byte is copied
//!            D id                           what was answered, so that a repeat answers the same
//!            - U, - P …                     parts that were not named are dropped
//! abort  ──► - U, - P …
//! ```
//!
//! Each arrow is one batch: between two of them the power may go, and the upload is as it was before or after.

use alloc::string::String;
use alloc::vec::Vec;

use super::bucket::drop_parts;
use super::condition::WriteCondition;
use super::error::{Code, Corrupt, StateError};
use super::keys;
use super::object::{self, NewObject, Put};
use super::record::{
    Attributes, BucketRecord, DoneRecord, PartInfo, PartRecord, UploadId, UploadRecord, Version,
};
use super::source::Source;
use super::tx::{Env, Tx};
use crate::checksum::{Algorithm, Checksum, ChecksumType, ObjectChecksum};
use crate::etag::ETag;
use crate::limits::{OBJECT_LEN_MAX, PART_LEN_MIN, PARTS_MAX};

/// What an upload begins with.
#[derive(Clone, Debug, Default)]
pub struct NewUpload {
    /// What the object will have.
    pub attributes: Attributes,
    /// Id of the user that will own it.
    pub owner: String,
    /// Checksum algorithm, and its type when the client names one.
    pub checksum: Option<(Algorithm, Option<ChecksumType>)>,
}

/// Begins an upload.
///
/// # Errors
/// `InvalidRequest` for a checksum type that the algorithm cannot have, and for a lock where objects cannot be locked.
pub fn create(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    new: NewUpload,
) -> Result<UploadId, StateError> {
    let checksum = match new.checksum {
        Some((algorithm, kind)) => {
            let kind = kind.unwrap_or(algorithm.default_type());
            if !algorithm.allows(kind) {
                return Err(Code::InvalidRequest.into());
            }
            Some((algorithm, kind))
        }
        None => None,
    };
    super::lock::of_new(bucket, env.now_ms, new.attributes.retention, new.attributes.legal_hold)?;
    let id = upload_id(env);
    let record = UploadRecord {
        initiated_ms: env.now_ms,
        initiator: env.caller.into(),
        owner: new.owner,
        checksum,
        attributes: new.attributes,
    };
    tx.put(keys::upload(bucket.id, key, id), record.encode());
    Ok(id)
}

/// The time, then what was fresh: uploads of a key are listed in the order in which they began.
fn upload_id(env: &Env<'_>) -> UploadId {
    let mut id = env.fresh;
    id[..8].copy_from_slice(&env.now_ms.to_be_bytes());
    UploadId(id)
}

/// The upload with this id.
///
/// # Errors
/// `NoSuchUpload`.
pub fn find(
    tx: &Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    id: &str,
) -> Result<(UploadId, UploadRecord), StateError> {
    let id = UploadId::parse(id).ok_or(Code::NoSuchUpload)?;
    let bytes = tx.get(&keys::upload(bucket.id, key, id))?.ok_or(Code::NoSuchUpload)?;
    Ok((id, UploadRecord::decode(&bytes)?))
}

/// Part numbers are 1 to 10,000.
///
/// # Errors
/// `InvalidArgument`.
pub fn part_number(number: u64) -> Result<u16, StateError> {
    let number = u16::try_from(number).ok().filter(|n| (1..=PARTS_MAX).contains(n));
    number.ok_or(Code::InvalidArgument.into())
}

/// Whether the bytes of a part are new, or those of an object that is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartBytes {
    /// Just written.
    New,
    /// Others have them too.
    Shared,
}

/// Puts a part whose bytes are stored.
///
/// # Errors
/// `NoSuchUpload`: it may have been completed or aborted while the bytes came.
pub fn put_part(
    tx: &mut Tx<'_>,
    (bucket, key): (&BucketRecord, &[u8]),
    id: UploadId,
    number: u16,
    part: &PartRecord,
    bytes: PartBytes,
) -> Result<(), StateError> {
    if tx.get(&keys::upload(bucket.id, key, id))?.is_none() {
        return Err(Code::NoSuchUpload.into());
    }
    let at = keys::part(id, number);
    let old = tx.get(&at)?;
    match bytes {
        PartBytes::New => tx.adopt(&part.body),
        PartBytes::Shared => tx.share(&part.body)?,
    }
    if let Some(old) = old {
        tx.release(&PartRecord::decode(&old)?.body)?;
    }
    tx.put(at, part.encode());
    Ok(())
}

/// Parts behind `marker`, at most `max`; the second says whether there are more.
///
/// # Errors
/// [`StateError`] of reading.
pub fn list_parts(
    source: &dyn Source,
    id: UploadId,
    marker: u16,
    max: usize,
) -> Result<(Vec<(u16, PartRecord)>, bool), StateError> {
    let mut found = Vec::new();
    let Some(first) = marker.checked_add(1) else { return Ok((found, false)) };
    let prefix = keys::parts(id);
    let mut cursor = source.cursor();
    cursor.seek(&keys::part(id, first))?;
    while let Some((key, value)) = cursor.entry().filter(|(key, _)| key.starts_with(&prefix)) {
        if found.len() == max {
            return Ok((found, true));
        }
        found.push((keys::parse_part(key).ok_or(Corrupt::Key)?, PartRecord::decode(value)?));
        cursor.next()?;
    }
    Ok((found, false))
}

/// Gives an upload up.
///
/// # Errors
/// `NoSuchUpload`.
pub fn abort(
    tx: &mut Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    id: &str,
    initiated_s: Option<u64>,
) -> Result<(), StateError> {
    let (id, upload) = find(tx, bucket, key, id)?;
    if initiated_s.is_some_and(|initiated_s| initiated_s != upload.initiated_ms / 1000) {
        return Err(Code::PreconditionFailed.into());
    }
    drop_parts(tx, id)?;
    tx.delete(keys::upload(bucket.id, key, id));
    Ok(())
}

/// A part as the client names it when it completes.
#[derive(Clone, Debug, Default)]
pub struct NamedPart {
    /// Its number.
    pub number: u64,
    /// Its entity tag, with or without quotes.
    pub etag: String,
    /// Its checksums.
    pub checksums: Vec<Checksum>,
}

/// A request to complete.
#[derive(Clone, Debug, Default)]
pub struct Complete {
    /// Parts in order.
    pub parts: Vec<NamedPart>,
    /// `If-Match`, `If-None-Match`.
    pub condition: WriteCondition,
    /// `x-amz-mp-object-size`.
    pub size: Option<u64>,
    /// The object's checksum as text.
    pub checksum: Option<(Algorithm, String)>,
    /// `x-amz-checksum-type`.
    pub checksum_type: Option<ChecksumType>,
}

/// What completing answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// As for a put.
    pub put: Put,
    /// The object's checksum.
    pub checksum: Option<ObjectChecksum>,
}

/// Makes the object of its parts.
///
/// # Errors
/// `NoSuchUpload`; `MalformedXML` for no parts; `InvalidPartOrder`; `InvalidPart` for a part that is not there or has another tag or
/// checksum; `EntityTooSmall` for a part that is not the last and below 5 MiB; `BadDigest` and `InvalidRequest` for checksums and sizes
/// that do not fit; what the condition says.
pub fn complete(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    id: &str,
    request: &Complete,
) -> Result<Completed, StateError> {
    let id = UploadId::parse(id).ok_or(Code::NoSuchUpload)?;
    let Some(bytes) = tx.get(&keys::upload(bucket.id, key, id))? else {
        return repeat(tx, bucket, key, id);
    };
    let upload = UploadRecord::decode(&bytes)?;
    check_order(&request.parts)?;
    let parts = named_parts(tx, id, request)?;
    let size = check_sizes(&parts, request.size)?;
    let checksum = whole_checksum(&upload, &parts, request)?;
    let new = new_object(&upload, &parts, size, checksum);
    let put = object::put_moved(tx, env, bucket, key, &request.condition, new)?;
    drop_rest(tx, id, &parts)?;
    tx.delete(keys::upload(bucket.id, key, id));
    let version = put.version.unwrap_or(Version::Null);
    let done = DoneRecord {
        done_ms: env.now_ms,
        key: key.to_vec(),
        bucket: bucket.id,
        etag: put.etag.clone(),
        version,
        modified_ms: put.modified_ms,
        size,
        checksum,
    };
    tx.put(keys::done(id), done.encode());
    Ok(Completed { put, checksum })
}

/// Answers a repeat as the first was answered.
fn repeat(tx: &Tx<'_>, bucket: &BucketRecord, key: &[u8], id: UploadId) -> Result<Completed, StateError> {
    let bytes = tx.get(&keys::done(id))?.ok_or(Code::NoSuchUpload)?;
    let done = DoneRecord::decode(&bytes)?;
    if done.bucket != bucket.id || done.key != key {
        return Err(Code::NoSuchUpload.into());
    }
    let version = (done.version != Version::Null).then_some(done.version);
    let put = Put { version, etag: done.etag, modified_ms: done.modified_ms, size: done.size };
    Ok(Completed { put, checksum: done.checksum })
}

fn check_order(parts: &[NamedPart]) -> Result<(), StateError> {
    if parts.is_empty() || parts.len() > usize::from(PARTS_MAX) {
        return Err(Code::MalformedXML.into());
    }
    if parts.windows(2).any(|pair| pair[0].number >= pair[1].number) {
        return Err(Code::InvalidPartOrder.into());
    }
    Ok(())
}

fn named_parts(tx: &Tx<'_>, id: UploadId, request: &Complete) -> Result<Vec<(u16, PartRecord)>, StateError> {
    let mut found = Vec::with_capacity(request.parts.len());
    for named in &request.parts {
        let number = part_number(named.number).map_err(|_| Code::InvalidPart)?;
        let bytes = tx.get(&keys::part(id, number))?.ok_or(Code::InvalidPart)?;
        let part = PartRecord::decode(&bytes)?;
        if ETag::parse(&named.etag) != ETag::Whole(part.md5) {
            return Err(Code::InvalidPart.into());
        }
        let differs = |told: &Checksum, own: Checksum| told.algorithm() == own.algorithm() && *told != own;
        if part.checksum.is_some_and(|own| named.checksums.iter().any(|told| differs(told, own))) {
            return Err(Code::InvalidPart.into());
        }
        found.push((number, part));
    }
    Ok(found)
}

fn check_sizes(parts: &[(u16, PartRecord)], told: Option<u64>) -> Result<u64, StateError> {
    let mut size = 0u64;
    for (at, (_, part)) in parts.iter().enumerate() {
        if part.size < PART_LEN_MIN && at + 1 < parts.len() {
            return Err(Code::EntityTooSmall.into());
        }
        size = size.checked_add(part.size).ok_or(Code::EntityTooLarge)?;
    }
    if size > OBJECT_LEN_MAX {
        return Err(Code::EntityTooLarge.into());
    }
    if told.is_some_and(|told| told != size) {
        return Err(Code::InvalidRequest.into());
    }
    Ok(size)
}

/// The object's checksum, when every part has one of the upload's algorithm; it must be the one that the client tells.
fn whole_checksum(
    upload: &UploadRecord,
    parts: &[(u16, PartRecord)],
    request: &Complete,
) -> Result<Option<ObjectChecksum>, StateError> {
    let Some((algorithm, kind)) = upload.checksum else { return Ok(None) };
    if request.checksum_type.is_some_and(|told| told != kind) {
        return Err(Code::InvalidRequest.into());
    }
    let own = |(_, part): &(u16, PartRecord)| {
        let own = part.checksum.filter(|own| own.algorithm() == algorithm)?;
        Some((own, part.size))
    };
    let sums: Option<Vec<_>> = parts.iter().map(own).collect();
    let Some(sums) = sums else { return Ok(None) };
    let whole = ObjectChecksum::of_parts(algorithm, kind, sums).map_err(|_| Code::InvalidRequest)?;
    match &request.checksum {
        Some((told, text)) if *told == algorithm && *text != whole.text() => Err(Code::BadDigest.into()),
        _ => Ok(Some(whole)),
    }
}

fn new_object(
    upload: &UploadRecord,
    parts: &[(u16, PartRecord)],
    size: u64,
    checksum: Option<ObjectChecksum>,
) -> NewObject {
    let info = |(number, part): &(u16, PartRecord)| PartInfo {
        number: *number,
        size: part.size,
        checksum: part.checksum.filter(|_| checksum.is_some()),
    };
    NewObject {
        attributes: upload.attributes.clone(),
        owner: upload.owner.clone(),
        size,
        etag: ETag::of_parts(parts.iter().map(|(_, part)| &part.md5)),
        checksum,
        parts: parts.iter().map(info).collect(),
        body: parts.iter().flat_map(|(_, part)| part.body.iter().copied()).collect(),
    }
}

/// Removes the records of all parts, and the bytes of those that did not become part of the object.
fn drop_rest(tx: &mut Tx<'_>, id: UploadId, kept: &[(u16, PartRecord)]) -> Result<(), StateError> {
    for (key, value) in tx.entries(keys::parts(id))? {
        let number = keys::parse_part(&key).ok_or(Corrupt::Key)?;
        if kept.binary_search_by_key(&number, |(number, _)| *number).is_err() {
            tx.release(&PartRecord::decode(&value)?.body)?;
        }
        tx.delete(key);
    }
    Ok(())
}
