//! Annotations: small named payloads that hang on one version of an object and go with it.

use alloc::string::String;
use alloc::vec::Vec;

use super::codec::Enc;
use super::condition::EtagCondition;
use super::copy::Source;
use super::error::{Code, Corrupt, StateError};
use super::keys::{self, Order};
use super::object;
use super::record::{
    BucketRecord, Encryption, Extent, ObjectRecord, Version, get_checksum, get_encryption, get_etag,
    put_checksum, put_encryption, put_etag,
};
use super::tx::{Env, Tx, decode};
use crate::checksum::Checksum;
use crate::etag::ETag;
use crate::limits::{ANNOTATION_NAME_LEN_MAX, ANNOTATIONS_MAX};

/// An annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// When it was put.
    pub modified_ms: u64,
    /// Bytes.
    pub size: u64,
    /// MD5 of them.
    pub etag: ETag,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// Its media type.
    pub content_type: String,
    /// Where its bytes are.
    pub body: Vec<Extent>,
    /// How they are encrypted: with a key of their own, so that copies of an object share them whatever its key is.
    pub encryption: Encryption,
}

impl Annotation {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        e.u64(self.modified_ms).u64(self.size);
        put_etag(&mut e, &self.etag);
        e.option(self.checksum.as_ref(), put_checksum);
        e.str(&self.content_type);
        e.list(&self.body, |e, extent| {
            e.raw(&extent.blob.bytes()).u64(extent.offset).u64(extent.len);
        });
        put_encryption(&mut e, &self.encryption);
        e.finish()
    }

    /// From [`Annotation::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no annotation.
    pub fn decode(bytes: &[u8]) -> Result<Annotation, Corrupt> {
        decode(bytes, |d| {
            Ok(Annotation {
                modified_ms: d.u64()?,
                size: d.u64()?,
                etag: get_etag(d)?,
                checksum: d.option(get_checksum)?,
                content_type: d.string()?,
                body: d.list(|d| {
                    let blob = super::record::BlobId::from_bytes(d.array()?);
                    Ok(Extent { blob, offset: d.u64()?, len: d.u64()? })
                })?,
                // Those of before have nothing here.
                encryption: if d.is_empty() { Encryption::None } else { get_encryption(d)? },
            })
        })
    }
}

/// A name is 1 to 512 bytes of letters, digits and `!-_.*'()/:`.
fn check_name(name: &str) -> Result<(), StateError> {
    if name.len() > ANNOTATION_NAME_LEN_MAX {
        return Err(Code::AnnotationNameTooLong.into());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()/:".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(Code::InvalidAnnotationName.into());
    }
    Ok(())
}

fn check_match(if_match: Option<&EtagCondition>, record: &ObjectRecord) -> Result<(), StateError> {
    match if_match {
        Some(wanted) if !wanted.matches(&record.listed) => Err(Code::PreconditionFailed.into()),
        _ => Ok(()),
    }
}

/// An object whose key is its client's has none: nobody could read them without it.
fn check_encryption(record: &ObjectRecord) -> Result<(), StateError> {
    match record.encryption {
        Encryption::Customer { .. } => Err(Code::InvalidRequest.into()),
        _ => Ok(()),
    }
}

fn prefix_of(bucket: &BucketRecord, key: &[u8], order: Order) -> Vec<u8> {
    keys::annotation(bucket.id, key, order, "")
}

/// Names and annotations of a version, in order.
fn all(
    tx: &Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    order: Order,
    prefix: &str,
) -> Result<Vec<(String, Annotation)>, StateError> {
    let skip = prefix_of(bucket, key, order).len();
    let named = |(at, value): (Vec<u8>, Vec<u8>)| {
        let name = core::str::from_utf8(&at[skip..]).map_err(|_| Corrupt::Key)?;
        Ok((String::from(name), Annotation::decode(&value)?))
    };
    tx.entries(keys::annotation(bucket.id, key, order, prefix))?.into_iter().map(named).collect()
}

/// Puts an annotation onto the latest version, or the one that is named.
///
/// # Errors
/// Those of [`object::find`]; `InvalidAnnotationName`, `AnnotationNameTooLong`, `AnnotationLimitExceeded`; `PreconditionFailed` where
/// the object has another entity tag than `if_match` says; `InvalidRequest` where it is encrypted with its client's key.
pub fn put(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    (bucket, key, version): (&BucketRecord, &[u8], Option<Version>),
    name: &str,
    if_match: Option<&EtagCondition>,
    mut annotation: Annotation,
) -> Result<Option<Version>, StateError> {
    check_name(name)?;
    let (order, record) = object::find(tx, bucket, key, version)?;
    check_match(if_match, &record)?;
    check_encryption(&record)?;
    let at = keys::annotation(bucket.id, key, order, name);
    match tx.get(&at)? {
        Some(old) => tx.release(&Annotation::decode(&old)?.body)?,
        None if all(tx, bucket, key, order, "")?.len() >= ANNOTATIONS_MAX => {
            return Err(Code::AnnotationLimitExceeded.into());
        }
        None => {}
    }
    annotation.modified_ms = env.now_ms;
    tx.adopt(&annotation.body);
    tx.put(at, annotation.encode());
    Ok(object::shown(bucket, record.listed.version))
}

/// One annotation, and the version that it hangs on.
///
/// # Errors
/// Those of [`object::find`]; `NoSuchAnnotation`.
pub fn get(
    tx: &Tx<'_>,
    (bucket, key, version): (&BucketRecord, &[u8], Option<Version>),
    name: &str,
) -> Result<(Annotation, Option<Version>), StateError> {
    check_name(name)?;
    let (order, record) = object::find(tx, bucket, key, version)?;
    let value = tx.get(&keys::annotation(bucket.id, key, order, name))?.ok_or(Code::NoSuchAnnotation)?;
    Ok((Annotation::decode(&value)?, object::shown(bucket, record.listed.version)))
}

/// Annotations whose names start with `prefix` and stand behind `after`, at most `max`; the second says whether there are more.
///
/// # Errors
/// Those of [`object::find`]; `InvalidPrefix` for one that no name begins with.
pub fn list(
    tx: &Tx<'_>,
    (bucket, key, version): (&BucketRecord, &[u8], Option<Version>),
    prefix: &str,
    after: &str,
    max: usize,
) -> Result<(Vec<(String, Annotation)>, bool), StateError> {
    let (order, _) = object::find(tx, bucket, key, version)?;
    if !prefix.is_empty() && check_name(prefix).is_err() {
        return Err(Code::InvalidPrefix.into());
    }
    let mut found = all(tx, bucket, key, order, prefix)?;
    found.retain(|(name, _)| &name[..] > after);
    let more = found.len() > max;
    found.truncate(max);
    Ok((found, more))
}

/// Removes an annotation, whether it is there or not.
///
/// # Errors
/// Those of [`object::find`]; `PreconditionFailed` as for [`put`].
pub fn delete(
    tx: &mut Tx<'_>,
    (bucket, key, version): (&BucketRecord, &[u8], Option<Version>),
    name: &str,
    if_match: Option<&EtagCondition>,
) -> Result<Option<Version>, StateError> {
    check_name(name)?;
    let (order, record) = object::find(tx, bucket, key, version)?;
    check_match(if_match, &record)?;
    let at = keys::annotation(bucket.id, key, order, name);
    if let Some(old) = tx.get(&at)? {
        tx.release(&Annotation::decode(&old)?.body)?;
        tx.delete(at);
    }
    Ok(object::shown(bucket, record.listed.version))
}

/// The annotations of the version that a copy reads, each counted once more; [`give`] hangs them on the copy. They are taken before the
/// copy is made, which may stand where they hang.
///
/// # Errors
/// Those of [`object::find`].
pub fn take(tx: &mut Tx<'_>, from: Source<'_>) -> Result<Vec<(String, Annotation)>, StateError> {
    let (order, _) = object::find(tx, from.bucket, from.key, from.version)?;
    let notes = all(tx, from.bucket, from.key, order, "")?;
    for (_, note) in &notes {
        tx.share(&note.body)?;
    }
    Ok(notes)
}

/// Hangs annotations that were taken on the latest version of a key.
///
/// # Errors
/// `NoSuchKey`; `InvalidRequest` where there are annotations and the copy is encrypted with its client's key.
pub fn give(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    (bucket, key): (&BucketRecord, &[u8]),
    notes: Vec<(String, Annotation)>,
) -> Result<(), StateError> {
    let (order, record) = object::latest(tx, bucket, key)?.ok_or(Code::NoSuchKey)?;
    if !notes.is_empty() {
        check_encryption(&record)?;
    }
    for (name, mut note) in notes {
        note.modified_ms = env.now_ms;
        tx.put(keys::annotation(bucket.id, key, order, &name), note.encode());
    }
    Ok(())
}

/// Removes all annotations of a version that is removed.
pub(super) fn remove_all(
    tx: &mut Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    order: Order,
) -> Result<(), StateError> {
    if !tx.may_hold(keys::ANNOTATIONS) {
        return Ok(());
    }
    for (name, annotation) in all(tx, bucket, key, order, "")? {
        tx.release(&annotation.body)?;
        tx.delete(keys::annotation(bucket.id, key, order, &name));
    }
    Ok(())
}
