//! Keys of the metadata. One byte says the kind; numbers are big-endian so that they sort.
//!
//! ```text
//! a name                      account: a user            B name                            a bucket
//! k access key                account: an access key     C bucket kind id                  a configuration document
//! p name                      account: a policy          O bucket ⟨key⟩ inverted order     a version of an object
//!                                                        N bucket ⟨key⟩                    order of the key's null version, when it is not 0
//! R blob                      references to a blob       U bucket ⟨key⟩ upload             an upload
//! I blob                      bytes of a small blob      P upload part                     a part of it
//!                                                        D upload                          what completing it answered
//! T token                     what a rename answered     A bucket ⟨key⟩ order name         an annotation of a version
//! G upload number             id of a part, or (without its number) of an upload, in the store behind a gateway
//! E target 0 sequence n       a message that waits       e                                 the highest sequence of one that is gone
//! ```
//!
//! `⟨key⟩` is the object's key with 0x00 written as 0x00 0xFF, then 0x00 0x01: the order of keys is kept, no key is the prefix of
//! another, and a prefix of a key is a prefix of its encoding. The order of a version is a number that grows with each version of a
//! key; it is stored inverted, so that the first entry of a key is its latest version. Objects of a bucket that never had
//! versioning have order 0: reading one is a point lookup.

use alloc::vec::Vec;

use super::record::{BlobId, BucketId, ConfigKind, UploadId};

/// Prefix of all users.
pub const USERS: u8 = b'a';
/// Prefix of all access keys.
pub const ACCESS_KEYS: u8 = b'k';
/// Prefix of all managed policies.
pub const POLICIES: u8 = b'p';
/// Prefix of all buckets.
pub const BUCKETS: u8 = b'B';
/// Prefix of all configuration documents.
pub const CONFIGS: u8 = b'C';
/// Prefix of all object versions.
pub const OBJECTS: u8 = b'O';
/// Prefix of all pointers to null versions.
pub const NULLS: u8 = b'N';
/// Prefix of all uploads in progress.
pub const UPLOADS: u8 = b'U';
/// Prefix of all parts.
pub const PARTS: u8 = b'P';
/// Prefix of what completed uploads answered.
pub const DONE: u8 = b'D';
/// Prefix of annotations.
pub const ANNOTATIONS: u8 = b'A';
/// Prefix of reference counts: every blob that is in use has one entry.
pub const REFERENCES: u8 = b'R';
/// Prefix of the bytes of small blobs.
pub const INLINE: u8 = b'I';
/// Prefix of answers to renames, by client token.
pub const TOKENS: u8 = b'T';

/// Prefix of ids that a store behind a gateway gave.
pub const PASSED: u8 = b'G';
/// Prefix of messages that wait for their target.
pub const EVENTS: u8 = b'E';
/// The key of the highest sequence of a message that is gone.
pub const EVENTS_MARK: u8 = b'e';

/// Room for the end of `⟨key⟩` and an order.
const BEHIND_KEY_LEN: usize = 10;

/// Position among the versions of one key; larger is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order(pub u64);

/// Writes `⟨key⟩` without its end: also the encoding of a prefix.
fn escape(key: &[u8], out: &mut Vec<u8>) {
    for &byte in key {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
}

/// Reads `⟨key⟩` at the start of `bytes`; what follows it is the second.
pub fn unescape(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut key = Vec::with_capacity(bytes.len());
    let mut at = 0;
    loop {
        match (*bytes.get(at)?, bytes.get(at + 1)) {
            (0, Some(0xff)) => {
                key.push(0);
                at += 2;
            }
            (0, Some(0x01)) => return Some((key, &bytes[at + 2..])),
            (0, _) => return None,
            (byte, _) => {
                key.push(byte);
                at += 1;
            }
        }
    }
}

fn named(kind: u8, name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + name.len());
    out.push(kind);
    out.extend_from_slice(name);
    out
}

/// The key of a user.
pub fn user(name: &str) -> Vec<u8> {
    named(USERS, name.as_bytes())
}

/// The key of an access key.
pub fn access_key(access_key: &str) -> Vec<u8> {
    named(ACCESS_KEYS, access_key.as_bytes())
}

/// The key of a managed policy.
pub fn policy(name: &str) -> Vec<u8> {
    named(POLICIES, name.as_bytes())
}

/// The key of a bucket.
pub fn bucket(name: &str) -> Vec<u8> {
    named(BUCKETS, name.as_bytes())
}

/// The first part of keys of one kind within a bucket.
pub fn in_bucket(kind: u8, bucket: BucketId) -> Vec<u8> {
    with_room(kind, bucket, 0)
}

/// The same, with room for more.
fn with_room(kind: u8, bucket: BucketId, more: usize) -> Vec<u8> {
    let bucket = bucket.0.to_be_bytes();
    let mut out = Vec::with_capacity(1 + bucket.len() + more);
    out.push(kind);
    out.extend_from_slice(&bucket);
    out
}

/// The key of a configuration document; `id` is empty for kinds that have one document.
pub fn config(bucket: BucketId, kind: ConfigKind, id: &str) -> Vec<u8> {
    let mut out = with_room(CONFIGS, bucket, 1 + id.len());
    out.push(kind.byte());
    out.extend_from_slice(id.as_bytes());
    out
}

/// The first part of the keys of all objects whose key starts with `prefix`.
pub fn prefixed(kind: u8, bucket: BucketId, prefix: &[u8]) -> Vec<u8> {
    let mut out = with_room(kind, bucket, prefix.len() + BEHIND_KEY_LEN);
    escape(prefix, &mut out);
    out
}

/// The first part of the keys of one object: all its versions, uploads, or its null pointer.
pub fn of_key(kind: u8, bucket: BucketId, key: &[u8]) -> Vec<u8> {
    let mut out = prefixed(kind, bucket, key);
    out.extend_from_slice(&[0, 1]);
    out
}

/// The key of a version.
pub fn object(bucket: BucketId, key: &[u8], order: Order) -> Vec<u8> {
    let mut out = of_key(OBJECTS, bucket, key);
    out.extend_from_slice(&(!order.0).to_be_bytes());
    out
}

/// The key of the pointer to a key's null version.
pub fn null(bucket: BucketId, key: &[u8]) -> Vec<u8> {
    of_key(NULLS, bucket, key)
}

/// Bucket, key and order that [`object`] encoded.
pub fn parse_object(bytes: &[u8]) -> Option<(BucketId, Vec<u8>, Order)> {
    let (kind, rest) = bytes.split_first()?;
    let (bucket, rest) = rest.split_first_chunk::<8>()?;
    let (key, rest) = unescape(rest)?;
    let order = <[u8; 8]>::try_from(rest).ok()?;
    (*kind == OBJECTS).then_some((
        BucketId(u64::from_be_bytes(*bucket)),
        key,
        Order(!u64::from_be_bytes(order)),
    ))
}

/// The key of an upload.
pub fn upload(bucket: BucketId, key: &[u8], upload: UploadId) -> Vec<u8> {
    let mut out = of_key(UPLOADS, bucket, key);
    out.extend_from_slice(&upload.0);
    out
}

/// Bucket, key and id that [`upload`] encoded.
pub fn parse_upload(bytes: &[u8]) -> Option<(BucketId, Vec<u8>, UploadId)> {
    let (kind, rest) = bytes.split_first()?;
    let (bucket, rest) = rest.split_first_chunk::<8>()?;
    let (key, rest) = unescape(rest)?;
    let id = <[u8; 16]>::try_from(rest).ok()?;
    (*kind == UPLOADS).then_some((BucketId(u64::from_be_bytes(*bucket)), key, UploadId(id)))
}

/// The first part of the keys of all parts of an upload.
pub fn parts(upload: UploadId) -> Vec<u8> {
    named(PARTS, &upload.0)
}

/// The key of a part.
pub fn part(upload: UploadId, number: u16) -> Vec<u8> {
    let mut out = parts(upload);
    out.extend_from_slice(&number.to_be_bytes());
    out
}

/// The number that [`part`] encoded.
pub fn parse_part(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.last_chunk::<2>()?))
}

/// The key of the id that a store behind a gateway gave an upload, or one of its parts.
pub fn passed(upload: UploadId, number: Option<u16>) -> Vec<u8> {
    let mut out = named(PASSED, &upload.0);
    out.extend(number.into_iter().flat_map(u16::to_be_bytes));
    out
}

/// The number of the part that [`passed`] encoded, if it did.
pub fn parse_passed_part(bytes: &[u8]) -> Option<u16> {
    let number = bytes.strip_prefix(&[PASSED])?.get(16..)?;
    Some(u16::from_be_bytes(number.try_into().ok()?))
}

/// The key of what completing an upload answered.
pub fn done(upload: UploadId) -> Vec<u8> {
    named(DONE, &upload.0)
}

/// The key of an answer to a rename.
pub fn token(bucket: BucketId, token: &str) -> Vec<u8> {
    let mut out = in_bucket(TOKENS, bucket);
    out.extend_from_slice(token.as_bytes());
    out
}

/// The first part of the keys of all messages of a target.
pub fn events(target: &str) -> Vec<u8> {
    let mut out = named(EVENTS, target.as_bytes());
    out.push(0);
    out
}

/// The key of a message; `at` tells those of one event apart.
pub fn event(target: &str, sequence: u64, at: u16) -> Vec<u8> {
    let mut out = events(target);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&at.to_be_bytes());
    out
}

/// Target and sequence that [`event`] encoded.
pub fn parse_event(bytes: &[u8]) -> Option<(&str, u64)> {
    let rest = bytes.strip_prefix(&[EVENTS])?;
    let (target, rest) = rest.split_at_checked(rest.iter().position(|&byte| byte == 0)?)?;
    let (sequence, at) = rest.get(1..)?.split_first_chunk::<8>()?;
    (at.len() == 2).then_some((core::str::from_utf8(target).ok()?, u64::from_be_bytes(*sequence)))
}

/// The first part of the keys of a version's annotations; with a name, the key of one.
pub fn annotation(bucket: BucketId, key: &[u8], order: Order, name: &str) -> Vec<u8> {
    let mut out = of_key(ANNOTATIONS, bucket, key);
    out.extend_from_slice(&order.0.to_be_bytes());
    out.extend_from_slice(name.as_bytes());
    out
}

/// The key of a blob's count of references.
pub fn reference(blob: BlobId) -> Vec<u8> {
    named(REFERENCES, &blob.bytes())
}

/// The key of a small blob's bytes.
pub fn inline(blob: BlobId) -> Vec<u8> {
    named(INLINE, &blob.bytes())
}

/// The least byte string that is above everything that starts with `prefix`; `None` if there is none.
pub fn successor(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if last < 0xff {
            prefix.push(last + 1);
            return Some(prefix);
        }
    }
    None
}
