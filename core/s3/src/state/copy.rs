//! Copies within the store: the bytes are shared when they can stay as they are, and read and written again when they cannot.

use alloc::string::String;
use alloc::vec::Vec;

use super::condition::{ReadCondition, WriteCondition};
use super::error::{Code, StateError};
use super::object::{self, NewObject, Put};
use super::record::{Attributes, BucketRecord, Encryption, Extent, ObjectRecord, Version};
use super::tx::{Env, Tx};
use crate::checksum::{Algorithm, ChecksumType, ObjectChecksum};
use crate::etag::ETag;
use crate::limits::PUT_LEN_MAX;

/// Which object a copy reads.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its bucket.
    pub bucket: &'a BucketRecord,
    /// Its key.
    pub key: &'a [u8],
    /// Its version, when the request names one.
    pub version: Option<Version>,
}

/// What a copy asks for.
#[derive(Clone, Debug, Default)]
pub struct CopyRequest {
    /// `x-amz-copy-source-if-*`.
    pub source: ReadCondition,
    /// Headers of the copy; `None` takes those of the source (`x-amz-metadata-directive: COPY`).
    pub headers: Option<Vec<(String, String)>>,
    /// Tags of the copy; `None` takes those of the source.
    pub tags: Option<Vec<(String, String)>>,
    /// Everything else; its `headers` and `tags` are not looked at.
    pub attributes: Attributes,
    /// Whether the request names a storage class, a redirect or an encryption: a copy onto itself must change something.
    pub changes: bool,
    /// The checksum algorithm that the copy is to have.
    pub algorithm: Option<Algorithm>,
    /// Id of the user that will own the copy.
    pub owner: String,
}

/// What is to be done for a copy.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The version that is read.
    pub source: ObjectRecord,
    /// The bytes can stay where they are; otherwise they are to be read, and written as the request's encryption has it.
    pub share: bool,
}

/// Bytes of a copy.
#[derive(Clone, Debug)]
pub enum CopyBody {
    /// Those of the source ([`Plan::share`]).
    Shared,
    /// Written again: entity tag, checksum and place.
    Written {
        /// MD5.
        etag: ETag,
        /// Checksum.
        checksum: Option<ObjectChecksum>,
        /// Where they are.
        body: Vec<Extent>,
    },
}

/// The version that a copy reads.
///
/// # Errors
/// `NoSuchKey`, `NoSuchVersion`, `InvalidRequest` for a delete marker that is named, what the condition says.
pub fn source(tx: &Tx<'_>, from: Source<'_>, condition: &ReadCondition) -> Result<ObjectRecord, StateError> {
    let found = object::find(tx, from.bucket, from.key, from.version);
    let (_, record) = found.map_err(|error| match error {
        StateError::DeleteMarker { code: Code::MethodNotAllowed, .. } => Code::InvalidRequest.into(),
        StateError::DeleteMarker { code, .. } => code.into(),
        other => other,
    })?;
    condition.check(&record.listed)?;
    Ok(record)
}

/// Finds the source and says what is to be done with its bytes.
///
/// # Errors
/// Those of [`source`]; `InvalidRequest` for a source over 5 GiB or a copy of the latest version onto itself that changes nothing;
/// `ObjectNotInActiveTierError` for one in an archive that was never restored.
pub fn plan(
    tx: &Tx<'_>,
    from: Source<'_>,
    to: (&BucketRecord, &[u8]),
    request: &CopyRequest,
) -> Result<Plan, StateError> {
    let source = source(tx, from, &request.source)?;
    if source.listed.size > PUT_LEN_MAX {
        return Err(Code::InvalidRequest.into());
    }
    if !object::is_readable(&source, 0) {
        return Err(Code::ObjectNotInActiveTierError.into());
    }
    let same = from.bucket.id == to.0.id && from.key == to.1 && from.version.is_none();
    if same && request.headers.is_none() && !request.changes {
        return Err(Code::InvalidRequest.into());
    }
    let plain = source.encryption == Encryption::None && request.attributes.encryption == Encryption::None;
    let has = source.listed.checksum.filter(|own| own.kind == ChecksumType::FullObject);
    let has = has.map(|own| own.checksum.algorithm());
    let checksum = request.algorithm.is_none_or(|wanted| has == Some(wanted));
    let whole = matches!(source.listed.etag, ETag::Whole(_));
    Ok(Plan { share: plain && checksum && whole, source })
}

/// Makes the copy. The plan must come from the same state: the caller holds both keys, or the plan is made again.
///
/// # Errors
/// What `condition` says about what is there, those of [`object::put`], and `ObjectNotInActiveTierError` for a source whose restored
/// bytes are gone again.
pub fn copy(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    to: (&BucketRecord, &[u8]),
    condition: &WriteCondition,
    plan: Plan,
    request: CopyRequest,
    bytes: CopyBody,
) -> Result<Put, StateError> {
    let source = plan.source;
    if !object::is_readable(&source, env.now_ms) {
        return Err(Code::ObjectNotInActiveTierError.into());
    }
    let attributes = Attributes {
        headers: request.headers.unwrap_or(source.headers),
        tags: request.tags.unwrap_or(source.tags),
        ..request.attributes
    };
    let size = source.listed.size;
    let owner = request.owner;
    match bytes {
        CopyBody::Shared => {
            let new = NewObject {
                attributes,
                owner,
                size,
                etag: source.listed.etag,
                checksum: source.listed.checksum,
                parts: Vec::new(),
                body: source.body,
            };
            object::put_shared(tx, env, to.0, to.1, condition, new)
        }
        CopyBody::Written { etag, checksum, body } => {
            let new = NewObject { attributes, owner, size, etag, checksum, parts: Vec::new(), body };
            object::put(tx, env, to.0, to.1, condition, new)
        }
    }
}

/// The extents of a range of a body, in order.
pub fn slice(body: &[Extent], mut offset: u64, mut len: u64) -> Vec<Extent> {
    let mut out = Vec::new();
    for extent in body {
        if offset >= extent.len {
            offset -= extent.len;
            continue;
        }
        let take = (extent.len - offset).min(len);
        if take == 0 {
            break;
        }
        out.push(Extent { blob: extent.blob, offset: extent.offset.saturating_add(offset), len: take });
        offset = 0;
        len -= take;
    }
    out
}
