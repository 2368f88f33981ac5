//! What is looked after without being asked: files that a crash left behind, and, when somebody asks, every byte that is kept.

use std::collections::BTreeMap;

use dolmen_base::io::IoError;
use dolmen_s3::state::record::{BucketRecord, ObjectRecord, PartRecord};
use dolmen_s3::state::{BlobId, Source, Unavailable, keys};
use dolmen_store::ReadMode;

use crate::blobs::Blobs;
use crate::engine::Engine;
use crate::meta::Meta;

/// Deletes files that no record counts: those of uploads that a crash cut off. Returns how many.
pub(crate) fn sweep(engine: &Engine) -> Result<u64, IoError> {
    let mut count = 0;
    for dir in 0..=u8::MAX {
        for (blob, _) in engine.blobs.list(dir)? {
            // First who is writing, then who is named: a file that is named between the two questions is found by the second.
            if engine.blobs.is_writing(blob) {
                continue;
            }
            let view = engine.meta.view(ReadMode::MayBlock);
            // What cannot be read is no proof that nobody needs the file.
            if !matches!(view.get(&keys::reference(blob)), Ok(None)) {
                continue;
            }
            match engine.blobs.delete(blob) {
                Ok(()) => count += 1,
                Err(fault) => {
                    tracing::warn!(target: "s3", "a file that nothing needs cannot be deleted: {fault}")
                }
            }
        }
    }
    Ok(count)
}

/// Buckets and uploads in progress.
pub(crate) fn counts(meta: &Meta) -> Result<(u64, u64), Unavailable> {
    let view = meta.view(ReadMode::MayBlock);
    let count = |kind: u8| {
        let mut cursor = view.cursor();
        cursor.seek(&[kind])?;
        let mut count = 0;
        while cursor.entry().is_some_and(|(key, _)| key.first() == Some(&kind)) {
            count += 1;
            cursor.next()?;
        }
        Ok(count)
    };
    Ok((count(keys::BUCKETS)?, count(keys::UPLOADS)?))
}

/// What a scrub found.
#[derive(Debug, Default)]
pub struct Scrubbed {
    /// Files that were read.
    pub file_count: u64,
    /// Bytes of data in them.
    pub bytes: u64,
    /// Objects in the store that were read.
    pub inline_count: u64,
    /// What is wrong, one line each, with the object's bucket and key where a record names them.
    pub damaged: Vec<String>,
}

/// Reads every byte that is kept. `tell` hears how many bytes were read.
pub(crate) fn scrub(meta: &Meta, blobs: &Blobs, tell: impl FnMut(u64)) -> Result<Scrubbed, String> {
    let mut found = Scrubbed::default();
    let losses = &meta.db().recovery().losses;
    found.damaged.extend(losses.iter().map(|loss| format!("metadata: recovery left something out: {loss}")));
    if let Err(error) = meta.db().verify() {
        found.damaged.push(format!("metadata: {error}"));
    }
    let cannot = |Unavailable| "the metadata cannot be read".to_owned();
    let view = meta.view(ReadMode::MayBlock);
    let mut bad = read_all(&view, blobs, &mut found, tell).map_err(cannot)?;
    name_all(&view, blobs, &mut found, &mut bad).map_err(cannot)?;
    found.damaged.extend(bad.into_values().map(|reason| format!("no object names it: {reason}")));
    Ok(found)
}

/// Reads every file and every small object; those that are damaged, with the reason.
fn read_all(
    view: &dyn Source,
    blobs: &Blobs,
    found: &mut Scrubbed,
    mut tell: impl FnMut(u64),
) -> Result<BTreeMap<BlobId, String>, Unavailable> {
    let mut bad = BTreeMap::new();
    let mut cursor = view.cursor();
    cursor.seek(&[keys::REFERENCES])?;
    while let Some((key, _)) = cursor.entry().filter(|(key, _)| key.first() == Some(&keys::REFERENCES)) {
        match key.get(1..).and_then(|bytes| bytes.try_into().ok()).map(BlobId::from_bytes) {
            None => found.damaged.push("metadata: a count of references has no file".into()),
            Some(blob) => {
                if blob.is_inline() {
                    cursor.next()?;
                    continue;
                }
                found.file_count += 1;
                let read = length(view, blobs, blob, Depth::Bytes)?;
                match read {
                    Ok(len) => {
                        found.bytes += len;
                        tell(len);
                    }
                    Err(reason) => drop(bad.insert(blob, reason)),
                }
            }
        }
        cursor.next()?;
    }
    // Small objects stand in the store's blocks, which have checksums of their own.
    cursor.seek(&[keys::INLINE])?;
    while let Some((_, value)) = cursor.entry().filter(|(key, _)| key.first() == Some(&keys::INLINE)) {
        found.inline_count += 1;
        found.bytes += value.len() as u64;
        tell(value.len() as u64);
        cursor.next()?;
    }
    Ok(bad)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Length,
    Bytes,
}

/// Bytes of data that there are, or why they cannot be had.
fn length(
    view: &dyn Source,
    blobs: &Blobs,
    blob: BlobId,
    depth: Depth,
) -> Result<Result<u64, String>, Unavailable> {
    if blob.is_inline() {
        let bytes = view.get(&keys::inline(blob))?;
        return Ok(bytes
            .map(|bytes| bytes.len() as u64)
            .ok_or_else(|| format!("{blob}: its bytes are gone")));
    }
    let opened = blobs.open(blob).and_then(|reader| {
        if depth == Depth::Bytes {
            reader.verify()?;
        }
        Ok(reader.data_len())
    });
    Ok(opened.map_err(|fault| fault.to_string()))
}

/// Finds out which objects the damage is in, and whether each object has as many bytes as its record says.
fn name_all(
    view: &dyn Source,
    blobs: &Blobs,
    found: &mut Scrubbed,
    bad: &mut BTreeMap<BlobId, String>,
) -> Result<(), Unavailable> {
    let mut buckets = BTreeMap::new();
    let mut named = Vec::new();
    let mut cursor = view.cursor();
    cursor.seek(&[])?;
    while let Some((key, value)) = cursor.entry() {
        let (name, body) = match key.first() {
            Some(&keys::BUCKETS) => {
                let name = String::from_utf8_lossy(&key[1..]).into_owned();
                match BucketRecord::decode(value) {
                    Ok(bucket) => drop(buckets.insert(bucket.id, name)),
                    Err(error) => found.damaged.push(format!("s3://{name}: {error}")),
                }
                cursor.next()?;
                continue;
            }
            Some(&keys::OBJECTS) => match (keys::parse_object(key), ObjectRecord::decode(value)) {
                (Some((bucket, key, _)), Ok(record)) => {
                    let bucket = buckets.get(&bucket).map_or("?", String::as_str);
                    let key = String::from_utf8_lossy(&key).into_owned();
                    (format!("s3://{bucket}/{key} version {}", record.listed.version), record.body)
                }
                (_, Err(error)) => (format!("metadata: an object's record: {error}"), Vec::new()),
                (None, _) => ("metadata: an object's key is damaged".to_owned(), Vec::new()),
            },
            Some(&keys::PARTS) => match PartRecord::decode(value) {
                Ok(part) => ("a part of an upload in progress".to_owned(), part.body),
                Err(error) => (format!("metadata: a part's record: {error}"), Vec::new()),
            },
            _ => {
                cursor.next()?;
                continue;
            }
        };
        if name.starts_with("metadata: ") {
            found.damaged.push(name.clone());
        }
        for extent in body {
            if let Some(reason) = bad.get(&extent.blob) {
                found.damaged.push(format!("{name}: {reason}"));
                named.push(extent.blob);
                continue;
            }
            let end = extent.offset.saturating_add(extent.len);
            match length(view, blobs, extent.blob, Depth::Length)? {
                Ok(len) if len >= end => {}
                Ok(len) => {
                    found.damaged.push(format!("{name}: {} ends after {len} of {end} bytes", extent.blob))
                }
                Err(reason) => found.damaged.push(format!("{name}: {reason}")),
            }
        }
        cursor.next()?;
    }
    named.iter().for_each(|blob| drop(bad.remove(blob)));
    Ok(())
}
