//! Listings: current objects, all versions, uploads. One walk for all of them.
//!
//! ```text
//! seek to where the page begins
//! per entry   its key does not start with the prefix ─► end
//!             the delimiter stands behind the prefix ─► a common prefix: one item, one seek over all that share it
//!             otherwise the entry's own rule: the latest version of a key, every version, every upload
//! ```
//!
//! Keys are compared as bytes. A page ends when it has `max` items and the walk finds one more.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, Corrupt, StateError};
use super::keys::{self, Order};
use super::record::{BucketId, Listed, ObjectRecord, UploadId, UploadRecord, Version, VersionKind};
use super::source::{Cursor, Source};

/// Older versions of a key that are stepped over one by one before the walk seeks.
const STEPS_MAX: usize = 4;

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Latest versions that are no delete markers.
    Objects,
    /// All versions.
    Versions,
    /// Uploads in progress.
    Uploads,
}

/// Where a page begins: behind what this names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the first.
    #[default]
    First,
    /// Behind a key and all its versions; keys that share a common prefix with it still make an item of it.
    Key(Vec<u8>),
    /// Behind all keys that start so.
    Prefix(Vec<u8>),
    /// Behind one version of a key.
    Version(Vec<u8>, Order),
    /// Behind one upload of a key.
    Upload(Vec<u8>, UploadId),
}

/// What to list.
#[derive(Clone, Debug)]
pub struct Query {
    /// Objects, versions or uploads.
    pub what: What,
    /// Only keys that start so.
    pub prefix: Vec<u8>,
    /// Keys are rolled up behind the first of these after the prefix; empty rolls up nothing.
    pub delimiter: Vec<u8>,
    /// Where the page begins.
    pub start: Start,
    /// Items of a page: entries and common prefixes.
    pub max: usize,
}

/// One item of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Keys that share this beginning.
    Prefix(Vec<u8>),
    /// A version of an object.
    Object {
        /// Its key.
        key: Vec<u8>,
        /// Its place.
        order: Order,
        /// The record.
        listed: Box<Listed>,
        /// Whether no version of the key is newer.
        latest: bool,
    },
    /// An upload in progress.
    Upload {
        /// Its key.
        key: Vec<u8>,
        /// Its id.
        id: UploadId,
        /// The record.
        record: Box<UploadRecord>,
    },
}

impl Item {
    /// The key, or the common prefix.
    pub fn name(&self) -> &[u8] {
        match self {
            Item::Prefix(name) | Item::Object { key: name, .. } | Item::Upload { key: name, .. } => name,
        }
    }

    /// Where a page that follows this item begins.
    pub fn end(&self, what: What) -> Start {
        match self {
            Item::Prefix(prefix) => Start::Prefix(prefix.clone()),
            Item::Object { key, order, .. } if what == What::Versions => Start::Version(key.clone(), *order),
            Item::Object { key, .. } => Start::Key(key.clone()),
            Item::Upload { key, id, .. } => Start::Upload(key.clone(), *id),
        }
    }
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its items in order.
    pub items: Vec<Item>,
    /// Where the next one begins, when there is more.
    pub next: Option<Start>,
}

/// One page.
///
/// # Errors
/// [`StateError::Storage`], [`StateError::Corrupt`].
pub fn list(source: &dyn Source, bucket: BucketId, query: &Query) -> Result<Page, StateError> {
    let mut page = Page { items: Vec::new(), next: None };
    if query.max == 0 {
        return Ok(page);
    }
    let mut walk = Walk::new(source, bucket, query)?;
    while let Some(item) = walk.step()? {
        if page.items.len() == query.max {
            page.next = page.items.last().map(|last| last.end(query.what));
            break;
        }
        page.items.push(item);
    }
    Ok(page)
}

struct Walk<'a> {
    cursor: Box<dyn Cursor + 'a>,
    bucket: BucketId,
    query: &'a Query,
    kind: u8,
    /// Every entry of the listing starts so.
    bound: Vec<u8>,
    /// The key of the entry before, to know which version is its latest.
    key: Option<Vec<u8>>,
}

impl<'a> Walk<'a> {
    fn new(source: &'a dyn Source, bucket: BucketId, query: &'a Query) -> Result<Walk<'a>, StateError> {
        let kind = if query.what == What::Uploads { keys::UPLOADS } else { keys::OBJECTS };
        let bound = keys::prefixed(kind, bucket, &query.prefix);
        let mut walk = Walk { cursor: source.cursor(), bucket, query, kind, bound, key: None };
        let start = match &query.start {
            Start::First => None,
            Start::Key(key) => keys::successor(keys::of_key(kind, bucket, key)),
            Start::Prefix(prefix) => keys::successor(keys::prefixed(kind, bucket, prefix)),
            Start::Version(key, order) => {
                walk.key = walk.first_is_before(key, *order)?.then(|| key.clone());
                Some(after(keys::object(bucket, key, *order)))
            }
            Start::Upload(key, id) => Some(after(keys::upload(bucket, key, *id))),
        };
        let start = start.map_or_else(|| walk.bound.clone(), |start| start.max(walk.bound.clone()));
        walk.cursor.seek(&start)?;
        Ok(walk)
    }

    /// Whether the key's latest version is at or before `order` in the listing.
    fn first_is_before(&mut self, key: &[u8], order: Order) -> Result<bool, StateError> {
        let prefix = keys::of_key(keys::OBJECTS, self.bucket, key);
        self.cursor.seek(&prefix)?;
        let first = self.cursor.entry().filter(|(at, _)| at.starts_with(&prefix));
        let first = first.and_then(|(at, _)| keys::parse_object(at));
        Ok(first.is_some_and(|(_, _, first)| first >= order))
    }

    fn step(&mut self) -> Result<Option<Item>, StateError> {
        loop {
            let Some((at, value)) = self.cursor.entry().filter(|(at, _)| at.starts_with(&self.bound)) else {
                return Ok(None);
            };
            let (key, rest) = keys::unescape(&at[9..]).ok_or(Corrupt::Key)?;
            let order = match rest.first_chunk::<8>() {
                Some(order) => Order(!u64::from_be_bytes(*order)),
                None => return Err(Corrupt::Key.into()),
            };
            let upload = <[u8; 16]>::try_from(rest).ok().map(UploadId);
            let latest = self.key.as_ref().is_none_or(|before| *before != key);
            let shown = match self.query.what {
                What::Uploads => Shown::Upload(UploadRecord::decode(value)?),
                _ => Shown::Object(ObjectRecord::decode_listed(value)?),
            };
            let hidden = self.query.what == What::Objects
                && matches!(&shown, Shown::Object(listed) if !latest || listed.kind == VersionKind::DeleteMarker);
            self.key = Some(key.clone());
            if hidden {
                self.leave(&key)?;
                continue;
            }
            if let Some(prefix) = self.rolled(&key) {
                self.seek_behind(keys::prefixed(self.kind, self.bucket, &prefix))?;
                return Ok(Some(Item::Prefix(prefix)));
            }
            if self.query.what == What::Objects {
                self.leave(&key)?
            } else {
                self.cursor.next()?
            }
            return Ok(Some(match shown {
                Shown::Object(listed) => Item::Object { key, order, listed: Box::new(listed), latest },
                Shown::Upload(record) => {
                    Item::Upload { key, id: upload.ok_or(Corrupt::Key)?, record: Box::new(record) }
                }
            }));
        }
    }

    /// The common prefix that the key is rolled up into.
    fn rolled(&self, key: &[u8]) -> Option<Vec<u8>> {
        let delimiter = &self.query.delimiter[..];
        if delimiter.is_empty() {
            return None;
        }
        let start = self.query.prefix.len();
        let at = key[start..].windows(delimiter.len()).position(|window| window == delimiter)?;
        Some(key[..start + at + delimiter.len()].to_vec())
    }

    /// Goes behind all versions of a key: most have one, so that the next entry is tried first.
    fn leave(&mut self, key: &[u8]) -> Result<(), StateError> {
        let prefix = keys::of_key(self.kind, self.bucket, key);
        for _ in 0..STEPS_MAX {
            self.cursor.next()?;
            if self.cursor.entry().is_none_or(|(at, _)| !at.starts_with(&prefix)) {
                return Ok(());
            }
        }
        self.seek_behind(prefix)
    }

    fn seek_behind(&mut self, prefix: Vec<u8>) -> Result<(), StateError> {
        // A key starts with a byte of a letter, so there is always a successor.
        let next = keys::successor(prefix).ok_or(Corrupt::Key)?;
        Ok(self.cursor.seek(&next)?)
    }
}

enum Shown {
    Object(Listed),
    Upload(UploadRecord),
}

/// The least byte string above `key`.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// Where a listing with `marker` or `key-marker` begins. A marker that is itself a common prefix stands for all that share it.
pub fn start_at_marker(marker: &[u8], prefix: &[u8], delimiter: &[u8]) -> Start {
    if marker.is_empty() {
        return Start::First;
    }
    let rolled = !delimiter.is_empty()
        && marker.strip_prefix(prefix).is_some_and(|rest| {
            let first = rest.windows(delimiter.len()).position(|window| window == delimiter);
            first.is_some_and(|at| at + delimiter.len() == rest.len())
        });
    if rolled { Start::Prefix(marker.to_vec()) } else { Start::Key(marker.to_vec()) }
}

/// Where a listing of versions with `key-marker` and `version-id-marker` begins.
///
/// # Errors
/// `InvalidArgument` for a version without a key or one that is no id.
pub fn start_at_version(
    tx: &super::tx::Tx<'_>,
    bucket: &super::record::BucketRecord,
    marker: &[u8],
    version: &str,
    (prefix, delimiter): (&[u8], &[u8]),
) -> Result<Start, StateError> {
    if version.is_empty() {
        return Ok(start_at_marker(marker, prefix, delimiter));
    }
    if marker.is_empty() {
        return Err(Code::InvalidArgument.into());
    }
    let order = match Version::parse(version).ok_or(Code::InvalidArgument)? {
        Version::Id { order, .. } => order,
        Version::Null => super::object::null_order(tx, bucket, marker)?,
    };
    Ok(Start::Version(marker.to_vec(), order))
}

/// Where a listing of uploads with `key-marker` and `upload-id-marker` begins; the id is ignored without a key.
///
/// # Errors
/// `InvalidArgument` for an id that is none.
pub fn start_at_upload(
    marker: &[u8],
    id: &str,
    (prefix, delimiter): (&[u8], &[u8]),
) -> Result<Start, StateError> {
    if id.is_empty() || marker.is_empty() {
        return Ok(start_at_marker(marker, prefix, delimiter));
    }
    let id = UploadId::parse(id).ok_or(Code::InvalidArgument)?;
    Ok(Start::Upload(marker.to_vec(), id))
}

/// A continuation token: the bytes of a start with a check in front, as hexadecimal digits.
pub fn token(start: &Start) -> String {
    let (tag, bytes) = match start {
        Start::First => (0, &[][..]),
        Start::Key(key) | Start::Version(key, _) | Start::Upload(key, _) => (1, &key[..]),
        Start::Prefix(prefix) => (2, &prefix[..]),
    };
    let mut out = String::new();
    let mut put = |byte: u8| {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    };
    check(tag, bytes).to_be_bytes().into_iter().for_each(&mut put);
    put(tag);
    bytes.iter().for_each(|&byte| put(byte));
    out
}

/// The start that [`token`] wrote; an empty text is the first page.
///
/// # Errors
/// `InvalidArgument` for anything else.
pub fn start_of_token(token: &str) -> Result<Start, StateError> {
    if token.is_empty() {
        return Ok(Start::First);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = token.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect();
    let bytes = bytes.ok_or(Code::InvalidArgument)?;
    let (sum, rest) = bytes.split_first_chunk::<4>().ok_or(Code::InvalidArgument)?;
    let (&tag, key) = rest.split_first().ok_or(Code::InvalidArgument)?;
    if u32::from_be_bytes(*sum) != check(tag, key) {
        return Err(Code::InvalidArgument.into());
    }
    match tag {
        0 if key.is_empty() => Ok(Start::First),
        1 => Ok(Start::Key(key.to_vec())),
        2 => Ok(Start::Prefix(key.to_vec())),
        _ => Err(Code::InvalidArgument.into()),
    }
}

/// FNV-1a: tells a token of ours from anything else; a token gives no rights, so nothing stronger is needed.
fn check(tag: u8, bytes: &[u8]) -> u32 {
    let mix = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    core::iter::once(&tag).chain(bytes).fold(0x811c_9dc5, mix)
}
