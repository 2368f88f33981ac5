//! The operations against a plain twin, over random sequences with power cuts: before a batch is in the store, and between the batch and
//! the removal of files. After each step both say the same of every key, and references, blobs and files agree.

use std::collections::{BTreeMap, BTreeSet};

use dolmen_base::rng::Rng;
use dolmen_s3::ETag;
use dolmen_s3::state::condition::{DeleteCondition, EtagCondition, ReadCondition, WriteCondition};
use dolmen_s3::state::copy::{self, CopyBody, CopyRequest};
use dolmen_s3::state::list::{self, Item, Query, Start, What};
use dolmen_s3::state::multipart::{self, Complete, NamedPart, NewUpload, PartBytes};
use dolmen_s3::state::object::{self, NewObject, RenameCondition};
use dolmen_s3::state::record::{LockMode, Retention, Version};
use dolmen_s3::state::{
    Attributes, Batch, BlobId, BucketRecord, Code, Encryption, Env, Extent, ObjectRecord, PartRecord,
    StateError, Tx, Versioning, annotation, bucket, keys,
};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;
/// Runs of bytes: which blob they were first written to, where in it, how many.
type Content = Vec<(u64, u64, u64)>;
/// Entity tag and content by number.
type Parts = BTreeMap<u16, (String, Content)>;

#[derive(Clone, Debug, PartialEq)]
struct TwinVersion {
    /// `None` is the null version.
    id: Option<String>,
    marker: bool,
    etag: String,
    content: Content,
    tags: Vec<(String, String)>,
    retention: Option<Retention>,
    hold: bool,
    notes: BTreeSet<String>,
}

#[derive(Default)]
struct World {
    map: Map,
    /// What each blob that was ever written holds.
    written: BTreeMap<BlobId, (u64, u64)>,
    /// Blobs that are in files.
    files: BTreeSet<BlobId>,
    /// Newest first.
    twin: BTreeMap<Vec<u8>, Vec<TwinVersion>>,
    uploads: BTreeMap<String, (Vec<u8>, Parts)>,
    now_ms: u64,
    fresh: u64,
    cuts: u64,
}

const BUCKET: &str = "bucket";

impl World {
    fn env(&mut self) -> Env<'static> {
        self.fresh += 1;
        self.now_ms += 1;
        let mut fresh = [7; 16];
        fresh[8..].copy_from_slice(&self.fresh.to_be_bytes());
        fresh[..8].copy_from_slice(&self.fresh.to_be_bytes());
        Env { now_ms: self.now_ms, caller: "owner", fresh }
    }

    fn bucket(&self) -> BucketRecord {
        bucket::find(&Tx::new(&self.map), BUCKET).unwrap()
    }

    fn write_blob(&mut self, len: u64, rng: &mut Rng) -> (Extent, Content) {
        self.fresh += 1;
        let mut id = [0; 16];
        id[8..].copy_from_slice(&self.fresh.to_be_bytes());
        let blob = if rng.one_in(2) { BlobId::inline(id) } else { BlobId::file(id) };
        if !blob.is_inline() {
            self.files.insert(blob);
        }
        self.written.insert(blob, (self.fresh, len));
        (Extent { blob, offset: 0, len }, vec![(self.fresh, 0, len)])
    }

    /// Applies a batch, or loses it in a power cut. Says whether it is in the store.
    fn commit(&mut self, batch: Batch, inline: &[BlobId], rng: &mut Rng) -> bool {
        if rng.one_in(10) {
            self.cuts += 1;
            self.sweep();
            return false;
        }
        for blob in inline.iter().filter(|blob| blob.is_inline()) {
            self.map.insert(keys::inline(*blob), vec![1]);
        }
        for (key, value) in batch.writes {
            match value {
                Some(value) => self.map.insert(key, value),
                None => self.map.remove(&key),
            };
        }
        if rng.one_in(10) {
            self.cuts += 1;
            self.sweep();
        } else {
            for blob in batch.dropped {
                assert!(self.files.remove(&blob), "a file is dropped once");
            }
        }
        true
    }

    /// What a start does after a power cut: files without a reference go.
    fn sweep(&mut self) {
        let map = &self.map;
        self.files.retain(|blob| map.contains_key(&keys::reference(*blob)));
    }

    fn content(&self, body: &[Extent]) -> Content {
        let mut found: Content = Vec::new();
        for extent in body {
            let (tag, len) = self.written[&extent.blob];
            assert!(extent.offset + extent.len <= len);
            if extent.blob.is_inline() {
                assert!(
                    self.map.contains_key(&keys::inline(extent.blob)),
                    "a blob that is referred to is there"
                );
            } else {
                assert!(self.files.contains(&extent.blob), "a file that is referred to is there");
            }
            found.push((tag, extent.offset, extent.len));
        }
        found
    }

    fn seen(&self, record: &ObjectRecord, notes: BTreeSet<String>) -> TwinVersion {
        TwinVersion {
            id: match record.listed.version {
                Version::Null => None,
                id => Some(id.to_string()),
            },
            marker: record.is_marker(),
            etag: if record.is_marker() { String::new() } else { record.listed.etag.to_string() },
            content: self.content(&record.body),
            tags: record.tags.clone(),
            retention: record.retention,
            hold: record.legal_hold,
            notes,
        }
    }

    /// Everything that the store says of the bucket, in the twin's form.
    fn check(&self) {
        let bucket = self.bucket();
        let tx = Tx::new(&self.map);
        let mut found: BTreeMap<Vec<u8>, Vec<TwinVersion>> = BTreeMap::new();
        let query = Query {
            what: What::Versions,
            prefix: Vec::new(),
            delimiter: Vec::new(),
            start: Start::First,
            max: usize::MAX,
        };
        for item in list::list(&self.map, bucket.id, &query).unwrap().items {
            let Item::Object { key, listed, latest, .. } = item else { panic!("no delimiter, no uploads") };
            let (_, record) =
                object::version(&tx, &bucket, &key, listed.version).unwrap().expect("it is listed");
            assert_eq!(latest, !found.contains_key(&key));
            let at = (&bucket, &key[..], Some(listed.version));
            let notes = match annotation::list(&tx, at, "", "", 100) {
                Ok((notes, false)) => notes.into_iter().map(|(name, _)| name).collect(),
                Err(StateError::DeleteMarker { .. }) => BTreeSet::new(),
                other => panic!("{other:?}"),
            };
            found.entry(key).or_default().push(self.seen(&record, notes));
        }
        assert_eq!(found, self.twin);
        for (key, versions) in &self.twin {
            let latest = object::find(&tx, &bucket, key, None);
            match versions.first() {
                Some(version) if !version.marker => {
                    assert_eq!(latest.unwrap().1.listed.etag.to_string(), version.etag);
                }
                _ => assert_eq!(latest.unwrap_err().code(), Code::NoSuchKey),
            }
        }
        self.check_listing(&bucket);
        self.check_references();
    }

    fn check_listing(&self, bucket: &BucketRecord) {
        let query = Query {
            what: What::Objects,
            prefix: Vec::new(),
            delimiter: Vec::new(),
            start: Start::First,
            max: 100,
        };
        let page = list::list(&self.map, bucket.id, &query).unwrap();
        let found: Vec<&[u8]> = page.items.iter().map(Item::name).collect();
        let twin: Vec<&[u8]> = self
            .twin
            .iter()
            .filter(|(_, v)| v.first().is_some_and(|v| !v.marker))
            .map(|(k, _)| &k[..])
            .collect();
        assert_eq!(found, twin);
    }

    /// Counts are what they count, and nothing else is kept.
    fn check_references(&self) {
        let mut counts: BTreeMap<BlobId, u64> = BTreeMap::new();
        for (key, value) in &self.map {
            let body = match key[0] {
                keys::OBJECTS => ObjectRecord::decode(value).unwrap().body,
                keys::PARTS => PartRecord::decode(value).unwrap().body,
                keys::ANNOTATIONS => annotation::Annotation::decode(value).unwrap().body,
                _ => continue,
            };
            for extent in body {
                *counts.entry(extent.blob).or_default() += 1;
            }
        }
        for (blob, count) in &counts {
            let stored = self.map.get(&keys::reference(*blob)).map(|bytes| u64::from(bytes[1]));
            let implied = if blob.is_inline() { Some(1) } else { None };
            assert_eq!(stored.or(implied), Some(*count), "{blob}");
        }
        let kept = |kind: u8| self.map.keys().filter(move |key| key[0] == kind);
        let id = |key: &Vec<u8>| BlobId::from_bytes(key[1..].try_into().unwrap());
        assert!(kept(keys::REFERENCES).all(|key| counts.contains_key(&id(key))));
        assert!(kept(keys::INLINE).all(|key| counts.contains_key(&id(key))));
        let used = counts.keys().filter(|blob| !blob.is_inline()).copied().collect::<BTreeSet<_>>();
        assert!(used.is_subset(&self.files));
    }
}

/// The twin's answer to a write over a key.
fn condition_of(rng: &mut Rng, versions: &[TwinVersion]) -> (WriteCondition, Result<(), Code>) {
    let live = versions.first().filter(|v| !v.marker);
    let tag = live.map_or_else(|| "0".repeat(32), |v| v.etag.clone());
    match rng.below(8) {
        0 => {
            let refused = if live.is_some() { Err(Code::PreconditionFailed) } else { Ok(()) };
            (WriteCondition { if_none_match: Some(EtagCondition::Any), if_match: None }, refused)
        }
        1 => {
            let refused = if live.is_some() { Ok(()) } else { Err(Code::NoSuchKey) };
            (WriteCondition { if_match: Some(EtagCondition::parse(&tag)), if_none_match: None }, refused)
        }
        2 => {
            let refused = if live.is_some() { Err(Code::PreconditionFailed) } else { Err(Code::NoSuchKey) };
            (WriteCondition { if_match: Some(EtagCondition::parse("bad")), if_none_match: None }, refused)
        }
        _ => (WriteCondition::default(), Ok(())),
    }
}

/// What the twin does when a version becomes the latest.
fn twin_insert(versioning: Versioning, versions: &mut Vec<TwinVersion>, version: TwinVersion) {
    if versioning == Versioning::Enabled {
        assert!(version.id.is_some());
    } else {
        assert!(version.id.is_none());
        versions.retain(|v| v.id.is_some());
    }
    versions.insert(0, version);
}

fn twin_delete_latest(world: &mut World, key: &[u8], versioning: Versioning, id: Option<String>) {
    if versioning == Versioning::Unversioned {
        world.twin.remove(key);
        return;
    }
    let marker = TwinVersion {
        id,
        marker: true,
        etag: String::new(),
        content: Vec::new(),
        tags: Vec::new(),
        retention: None,
        hold: false,
        notes: BTreeSet::new(),
    };
    twin_insert(versioning, world.twin.entry(key.to_vec()).or_default(), marker);
}

fn is_locked(version: &TwinVersion, now_ms: u64, bypass: bool) -> bool {
    version.hold
        || version
            .retention
            .is_some_and(|r| r.until_ms > now_ms && !(bypass && r.mode == LockMode::Governance))
}

fn new_object(world: &mut World, rng: &mut Rng, len: u64) -> (NewObject, Content) {
    let (extent, content) = world.write_blob(len, rng);
    let mut md5 = [0; 16];
    rng.fill(&mut md5);
    let tags = if rng.one_in(3) { vec![("k".into(), world.fresh.to_string())] } else { Vec::new() };
    let attributes = Attributes { tags, ..Attributes::default() };
    let new = NewObject {
        attributes,
        owner: "owner".into(),
        size: len,
        etag: ETag::Whole(md5),
        checksum: None,
        parts: Vec::new(),
        body: vec![extent],
    };
    (new, content)
}

fn id_of(version: Option<Version>) -> Option<String> {
    version.filter(|v| *v != Version::Null).map(|v| v.to_string())
}

fn put(world: &mut World, rng: &mut Rng, key: &[u8]) {
    let bucket = world.bucket();
    let len = rng.below(100);
    let (mut new, content) = new_object(world, rng, len);
    let versions = world.twin.get(key).cloned().unwrap_or_default();
    let (condition, expected) = condition_of(rng, &versions);
    let env = world.env();
    if bucket.lock_enabled && rng.one_in(4) {
        let mode = if rng.one_in(2) { LockMode::Governance } else { LockMode::Compliance };
        new.attributes.retention = Some(Retention { mode, until_ms: env.now_ms + 1 + rng.below(40) });
        new.attributes.legal_hold = rng.one_in(4);
    }
    let (tags, retention, hold) =
        (new.attributes.tags.clone(), new.attributes.retention, new.attributes.legal_hold);
    let (etag, blob) = (new.etag.to_string(), new.body[0].blob);
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let answer = object::put(&mut tx, &env, &bucket, key, &condition, new);
    assert_eq!(answer.as_ref().map(|_| ()).map_err(StateError::code), expected);
    let Ok(answer) = answer else { return };
    if world.commit(tx.into_batch(), &[blob], rng) {
        let id = id_of(answer.version);
        let version =
            TwinVersion { id, marker: false, etag, content, tags, retention, hold, notes: BTreeSet::new() };
        twin_insert(bucket.versioning, world.twin.entry(key.to_vec()).or_default(), version);
    }
}

fn delete(world: &mut World, rng: &mut Rng, key: &[u8]) {
    let bucket = world.bucket();
    let versions = world.twin.get(key).cloned().unwrap_or_default();
    let env = world.env();
    let bypass = rng.one_in(3);
    let named = if rng.one_in(2) && !versions.is_empty() {
        Some(rng.below(versions.len() as u64) as usize)
    } else {
        None
    };
    let condition = match versions.get(named.unwrap_or(0)) {
        Some(version) if !version.marker && rng.one_in(4) => DeleteCondition {
            if_match: Some(EtagCondition::parse(&version.etag)),
            ..DeleteCondition::default()
        },
        _ => DeleteCondition::default(),
    };
    let wanted = named.map(|at| Version::parse(versions[at].id.as_deref().unwrap_or("null")).unwrap());
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let answer = object::delete(&mut tx, &env, &bucket, key, wanted, &condition, bypass);
    if let Some(at) = named {
        if is_locked(&versions[at], env.now_ms, bypass) {
            assert_eq!(answer.unwrap_err().code(), Code::AccessDenied);
            return;
        }
        assert_eq!(answer.unwrap().marker, versions[at].marker);
        if world.commit(tx.into_batch(), &[], rng) {
            let left = world.twin.get_mut(key).unwrap();
            left.remove(at);
            if left.is_empty() {
                world.twin.remove(key);
            }
        }
        return;
    }
    let answer = answer.unwrap();
    assert_eq!(answer.marker, bucket.versioning != Versioning::Unversioned);
    if world.commit(tx.into_batch(), &[], rng) {
        twin_delete_latest(world, key, bucket.versioning, id_of(answer.version));
    }
}

fn copy_object(world: &mut World, rng: &mut Rng, from: &[u8], to: &[u8]) {
    let bucket = world.bucket();
    let env = world.env();
    let request = CopyRequest { owner: "owner".into(), changes: true, ..CopyRequest::default() };
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let source = copy::Source { bucket: &bucket, key: from, version: None };
    let versions = world.twin.get(from).cloned().unwrap_or_default();
    let plan = copy::plan(&tx, source, (&bucket, to), &request);
    let Some(live) = versions.first().filter(|v| !v.marker).cloned() else {
        assert_eq!(plan.unwrap_err().code(), Code::NoSuchKey);
        return;
    };
    let plan = plan.unwrap();
    assert_eq!(plan.share, !live.etag.contains('-'));
    let any = WriteCondition::default();
    let (bytes, content, etag, blobs) = if plan.share {
        (CopyBody::Shared, live.content, live.etag, Vec::new())
    } else {
        let (extent, content) = world.write_blob(plan.source.listed.size, rng);
        let etag = ETag::Whole([3; 16]);
        let text = etag.to_string();
        (CopyBody::Written { etag, checksum: None, body: vec![extent] }, content, text, vec![extent.blob])
    };
    let answer = copy::copy(&mut tx, &env, (&bucket, to), &any, plan, request, bytes).unwrap();
    if world.commit(tx.into_batch(), &blobs, rng) {
        let id = id_of(answer.version);
        let (tags, notes) = (live.tags, BTreeSet::new());
        let version =
            TwinVersion { id, marker: false, etag, content, tags, retention: None, hold: false, notes };
        twin_insert(bucket.versioning, world.twin.entry(to.to_vec()).or_default(), version);
    }
}

fn append(world: &mut World, rng: &mut Rng, key: &[u8]) {
    let bucket = world.bucket();
    let len = rng.below(50);
    let (mut new, content) = new_object(world, rng, len);
    new.attributes.tags.clear();
    let versions = world.twin.get(key).cloned().unwrap_or_default();
    let live = versions.first().filter(|v| !v.marker).cloned();
    let size: u64 = live.as_ref().map_or(0, |v| v.content.iter().map(|run| run.2).sum());
    let offset = if rng.one_in(4) { size + 1 } else { size };
    let env = world.env();
    let blob = new.body[0].blob;
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let answer = object::append(&mut tx, &env, &bucket, key, offset, new);
    if offset != size {
        assert_eq!(answer.unwrap_err().code(), Code::InvalidWriteOffset);
        return;
    }
    let answer = answer.unwrap();
    if world.commit(tx.into_batch(), &[blob], rng) {
        let id = id_of(answer.version);
        let mut version = live.unwrap_or(TwinVersion {
            id: None,
            marker: false,
            etag: String::new(),
            content: Vec::new(),
            tags: Vec::new(),
            retention: None,
            hold: false,
            notes: BTreeSet::new(),
        });
        version.id = id;
        version.etag = answer.etag.to_string();
        version.content.extend(content);
        version.notes.clear();
        twin_insert(bucket.versioning, world.twin.entry(key.to_vec()).or_default(), version);
    }
}

fn rename(world: &mut World, rng: &mut Rng, from: &[u8], to: &[u8]) {
    let bucket = world.bucket();
    let env = world.env();
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let condition = RenameCondition { source: ReadCondition::default(), ..RenameCondition::default() };
    let answer = object::rename(&mut tx, &env, &bucket, from, to, &condition);
    let versions = world.twin.get(from).cloned().unwrap_or_default();
    let Some(live) = versions.first().filter(|v| !v.marker).cloned() else {
        assert_eq!(answer.unwrap_err().code(), Code::NoSuchKey);
        return;
    };
    if from == to {
        assert_eq!(answer.unwrap_err().code(), Code::InvalidRequest);
        return;
    }
    answer.unwrap();
    let batch = tx.into_batch();
    if world.commit(batch, &[], rng) {
        let now = world.map.clone();
        let tx = Tx::new(&now);
        let id = |key: &[u8]| {
            object::latest(&tx, &bucket, key).unwrap().map(|(_, r)| id_of(Some(r.listed.version)))
        };
        let version = TwinVersion { id: id(to).unwrap(), notes: BTreeSet::new(), ..live };
        twin_insert(bucket.versioning, world.twin.entry(to.to_vec()).or_default(), version);
        let marker = id(from).flatten();
        twin_delete_latest(world, from, bucket.versioning, marker);
    }
}

fn upload(world: &mut World, rng: &mut Rng, key: &[u8]) {
    let bucket = world.bucket();
    let env = world.env();
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let open: Vec<String> = world.uploads.keys().cloned().collect();
    let pick = open.get(rng.below(open.len().max(1) as u64) as usize).cloned();
    let (Some(id), false) = (pick, rng.one_in(4)) else {
        let id = multipart::create(
            &mut tx,
            &env,
            &bucket,
            key,
            NewUpload { owner: "owner".into(), ..NewUpload::default() },
        );
        let id = id.unwrap().to_string();
        if world.commit(tx.into_batch(), &[], rng) {
            world.uploads.insert(id, (key.to_vec(), BTreeMap::new()));
        }
        return;
    };
    let key = world.uploads[&id].0.clone();
    match rng.below(4) {
        0 | 1 => put_part(world, rng, &bucket, &key, &id),
        2 => complete(world, rng, &bucket, &key, &id),
        _ => {
            multipart::abort(&mut tx, &bucket, &key, &id, None).unwrap();
            if world.commit(tx.into_batch(), &[], rng) {
                world.uploads.remove(&id);
                let tx = Tx::new(&world.map);
                assert_eq!(multipart::find(&tx, &bucket, &key, &id).unwrap_err().code(), Code::NoSuchUpload);
            }
        }
    }
}

fn put_part(world: &mut World, rng: &mut Rng, bucket: &BucketRecord, key: &[u8], id: &str) {
    let env = world.env();
    let number = 1 + rng.below(4) as u16;
    let len = if rng.one_in(3) { 10 } else { 5 << 20 };
    let (extent, content) = world.write_blob(len, rng);
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let (upload, _) = multipart::find(&tx, bucket, key, id).unwrap();
    let mut md5 = [0; 16];
    rng.fill(&mut md5);
    let part = PartRecord { modified_ms: env.now_ms, size: len, md5, checksum: None, body: vec![extent] };
    multipart::put_part(&mut tx, (bucket, key), upload, number, &part, PartBytes::New).unwrap();
    if world.commit(tx.into_batch(), &[extent.blob], rng) {
        let etag = ETag::Whole(md5).to_string();
        world.uploads.get_mut(id).unwrap().1.insert(number, (etag, content));
    }
}

fn complete(world: &mut World, rng: &mut Rng, bucket: &BucketRecord, key: &[u8], id: &str) {
    let env = world.env();
    let parts = world.uploads[id].1.clone();
    let named: Vec<u16> = parts.keys().copied().filter(|_| !rng.one_in(4)).collect();
    let request = Complete {
        parts: named
            .iter()
            .map(|n| NamedPart { number: u64::from(*n), etag: parts[n].0.clone(), checksums: Vec::new() })
            .collect(),
        ..Complete::default()
    };
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let answer = multipart::complete(&mut tx, &env, bucket, key, id, &request);
    let small = |n: &u16| parts[n].1[0].2 < 5 << 20;
    let expected = if named.is_empty() {
        Err(Code::MalformedXML)
    } else if named[..named.len() - 1].iter().any(small) {
        Err(Code::EntityTooSmall)
    } else {
        Ok(())
    };
    assert_eq!(answer.as_ref().map(|_| ()).map_err(StateError::code), expected);
    let Ok(answer) = answer else { return };
    assert!(answer.put.etag.to_string().ends_with(&format!("-{}", named.len())));
    if !world.commit(tx.into_batch(), &[], rng) {
        return;
    }
    world.uploads.remove(id);
    let version = TwinVersion {
        id: id_of(answer.put.version),
        marker: false,
        etag: answer.put.etag.to_string(),
        content: named.iter().flat_map(|n| parts[n].1.clone()).collect(),
        tags: Vec::new(),
        retention: None,
        hold: false,
        notes: BTreeSet::new(),
    };
    twin_insert(bucket.versioning, world.twin.entry(key.to_vec()).or_default(), version);
    // A repeat answers the same and changes nothing.
    let mut again = Tx::new(&world.map);
    assert_eq!(multipart::complete(&mut again, &env, bucket, key, id, &request).unwrap(), answer);
    assert_eq!(again.into_batch(), Batch::default());
}

fn annotate(world: &mut World, rng: &mut Rng, key: &[u8]) {
    let bucket = world.bucket();
    let env = world.env();
    let live = world.twin.get(key).is_some_and(|v| !v[0].marker);
    let name = format!("n{}", rng.below(3));
    let (extent, _) = world.write_blob(5, rng);
    let map = world.map.clone();
    let mut tx = Tx::new(&map);
    let at = (&bucket, key, None);
    let remove = rng.one_in(3);
    let answer = if remove {
        annotation::delete(&mut tx, at, &name, None).map(|_| ())
    } else {
        let note = annotation::Annotation {
            modified_ms: 0,
            size: 5,
            etag: ETag::Whole([1; 16]),
            checksum: None,
            content_type: String::new(),
            body: vec![extent],
            encryption: Encryption::default(),
        };
        annotation::put(&mut tx, &env, at, &name, None, note).map(|_| ())
    };
    assert_eq!(answer.is_ok(), live);
    if live
        && world.commit(tx.into_batch(), if remove { &[] } else { std::slice::from_ref(&extent.blob) }, rng)
    {
        let notes = &mut world.twin.get_mut(key).unwrap()[0].notes;
        if remove {
            notes.remove(&name)
        } else {
            notes.insert(name)
        };
    }
}

fn change(world: &mut World, rng: &mut Rng) {
    let mut bucket = world.bucket();
    let wanted = if rng.one_in(2) { Versioning::Enabled } else { Versioning::Suspended };
    let answer = bucket::set_versioning(&mut bucket, wanted);
    assert_eq!(answer.is_err(), bucket.lock_enabled && wanted == Versioning::Suspended);
    if answer.is_ok() {
        let map = world.map.clone();
        let mut tx = Tx::new(&map);
        bucket::save(&mut tx, BUCKET, &bucket);
        world.commit(tx.into_batch(), &[], rng);
    }
}

fn run(seed: u64, steps: u64, lock_enabled: bool) -> u64 {
    let mut rng = Rng::new(seed);
    let mut world = World { now_ms: 1_000_000, ..World::default() };
    let env = world.env();
    let mut tx = Tx::new(&world.map);
    let new = bucket::NewBucket { lock_enabled, ..bucket::NewBucket::default() };
    bucket::create(&mut tx, &env, BUCKET, new).unwrap();
    let batch = tx.into_batch();
    world.map.extend(batch.writes.into_iter().map(|(key, value)| (key, value.unwrap())));
    let names: [&[u8]; 4] = [b"a", b"a/b", b"a\0", &[0xff; 9]];
    for _ in 0..steps {
        let key = names[rng.below(4) as usize];
        let other = names[rng.below(4) as usize];
        match rng.below(13) {
            0..=2 => put(&mut world, &mut rng, key),
            3 | 4 => delete(&mut world, &mut rng, key),
            5 => copy_object(&mut world, &mut rng, key, other),
            6 => append(&mut world, &mut rng, key),
            7 if !lock_enabled => rename(&mut world, &mut rng, key, other),
            8..=10 => upload(&mut world, &mut rng, key),
            11 => annotate(&mut world, &mut rng, key),
            12 if rng.one_in(3) => change(&mut world, &mut rng),
            _ => {}
        }
        world.check();
    }
    world.cuts
}

#[test]
fn operations_do_what_the_twin_does_whatever_is_cut_off() {
    let mut cuts = 0;
    for seed in 0..dolmen_testkit::soak(40) {
        cuts += run(seed, 120, false);
    }
    assert!(cuts > 100, "{cuts} power cuts");
}

#[test]
fn locked_versions_stay_whatever_is_asked() {
    for seed in 1000..1000 + dolmen_testkit::soak(30) {
        run(seed, 120, true);
    }
}

#[test]
fn a_bucket_is_removed_only_when_it_is_empty_and_leaves_nothing() {
    let mut map = Map::new();
    let env = Env { now_ms: 5, caller: "owner", fresh: [1; 16] };
    let mut tx = Tx::new(&map);
    let bucket = bucket::create(&mut tx, &env, BUCKET, bucket::NewBucket::default()).unwrap();
    let id = multipart::create(&mut tx, &env, &bucket, b"k", NewUpload::default()).unwrap();
    let extent = Extent { blob: BlobId::file([1; 16]), offset: 0, len: 3 };
    let part = PartRecord { modified_ms: 5, size: 3, md5: [0; 16], checksum: None, body: vec![extent] };
    multipart::put_part(&mut tx, (&bucket, b"k"), id, 1, &part, PartBytes::New).unwrap();
    let again = bucket::create(&mut tx, &env, BUCKET, bucket::NewBucket::default());
    assert_eq!(again, Ok(bucket.clone()));
    let abroad = bucket::NewBucket { region: "eu-west-1".into(), ..bucket::NewBucket::default() };
    let again = bucket::create(&mut tx, &env, BUCKET, abroad);
    assert_eq!(again.unwrap_err().code(), Code::BucketAlreadyOwnedByYou);
    let acl = dolmen_s3::state::acl::Canned::PublicRead.grants("owner", "owner");
    let again =
        bucket::create(&mut tx, &env, BUCKET, bucket::NewBucket { acl, ..bucket::NewBucket::default() });
    assert_eq!(again.unwrap_err().code(), Code::BucketAlreadyExists);
    let other = Env { caller: "other", ..env.clone() };
    let again = bucket::create(&mut tx, &other, BUCKET, bucket::NewBucket::default());
    assert_eq!(again.unwrap_err().code(), Code::BucketAlreadyExists);
    let writes = tx.into_batch().writes;
    map.extend(writes.into_iter().filter_map(|(key, value)| Some((key, value?))));
    let mut tx = Tx::new(&map);
    bucket::remove(&mut tx, BUCKET).unwrap();
    let batch = tx.into_batch();
    assert_eq!(batch.dropped, [extent.blob]);
    for (key, value) in batch.writes {
        assert_eq!(value, None);
        map.remove(&key);
    }
    assert!(map.is_empty(), "{map:?}");
}
