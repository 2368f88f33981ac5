//! Uploads in parts, conditional writes and locks: the answers that clients know, by code.

use std::collections::BTreeMap;

use dolmen_s3::ETag;
use dolmen_s3::checksum::{Algorithm, ChecksumType, Hasher, ObjectChecksum};
use dolmen_s3::state::condition::{DeleteCondition, EtagCondition, ReadCondition, WriteCondition};
use dolmen_s3::state::copy::{self, CopyRequest};
use dolmen_s3::state::lifecycle::Clock;
use dolmen_s3::state::multipart::{self, Complete, NamedPart, NewUpload, PartBytes};
use dolmen_s3::state::object::{self, NewObject, Put, RenameCondition};
use dolmen_s3::state::record::{LockMode, Retention, UploadId, Version};
use dolmen_s3::state::{
    Attributes, BlobId, BucketRecord, Code, Env, Extent, PartRecord, StateError, Tx, Versioning, bucket, lock,
};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

struct Store {
    map: Map,
    bucket: BucketRecord,
    step: u64,
    dropped: Vec<BlobId>,
}

impl Store {
    fn new(versioning: Versioning) -> Store {
        let mut store = Store {
            map: Map::new(),
            bucket: bucket::create(
                &mut Tx::new(&Map::new()),
                &Env { now_ms: 1, caller: "o", fresh: [9; 16] },
                "b",
                bucket::NewBucket::default(),
            )
            .unwrap(),
            step: 0,
            dropped: Vec::new(),
        };
        store.bucket.versioning = versioning;
        store
    }

    fn fresh(&mut self) -> [u8; 16] {
        self.step += 1;
        let mut fresh = [0; 16];
        fresh[8..].copy_from_slice(&self.step.to_be_bytes());
        fresh
    }

    fn run<T>(
        &mut self,
        operation: impl FnOnce(&mut Tx<'_>, &Env<'_>, &BucketRecord) -> Result<T, StateError>,
    ) -> Result<T, Code> {
        let env = Env { fresh: self.fresh(), now_ms: 1000 * self.step, caller: "o" };
        let mut tx = Tx::new(&self.map);
        let answer = operation(&mut tx, &env, &self.bucket).map_err(|error| error.code())?;
        let batch = tx.into_batch();
        self.dropped.extend(batch.dropped);
        for (key, value) in batch.writes {
            match value {
                Some(value) => self.map.insert(key, value),
                None => self.map.remove(&key),
            };
        }
        Ok(answer)
    }

    fn extent(&mut self, len: u64) -> Extent {
        Extent { blob: BlobId::file(self.fresh()), offset: 0, len }
    }

    fn new_object(&mut self, tag: u8) -> NewObject {
        NewObject {
            attributes: Attributes::default(),
            owner: "o".into(),
            size: 3,
            etag: ETag::Whole([tag; 16]),
            checksum: None,
            parts: Vec::new(),
            body: vec![self.extent(3)],
        }
    }

    fn put_if(&mut self, key: &[u8], tag: u8, condition: WriteCondition) -> Result<Put, Code> {
        let new = self.new_object(tag);
        self.run(|tx, env, bucket| object::put(tx, env, bucket, key, &condition, new))
    }

    fn delete_if(
        &mut self,
        key: &[u8],
        named: Option<Version>,
        condition: DeleteCondition,
    ) -> Result<object::Deleted, Code> {
        self.run(|tx, env, bucket| object::delete(tx, env, bucket, key, named, &condition, false))
    }

    fn begin(&mut self, new: NewUpload) -> UploadId {
        self.run(|tx, env, bucket| multipart::create(tx, env, bucket, b"k", new)).unwrap()
    }

    fn part(&mut self, id: UploadId, number: u16, len: u64, tag: u8) -> Result<NamedPart, Code> {
        let body = vec![self.extent(len)];
        let digest = crc32(&[tag]);
        let part = PartRecord { modified_ms: 0, size: len, md5: [tag; 16], checksum: Some(digest), body };
        self.run(|tx, _, bucket| multipart::put_part(tx, (bucket, b"k"), id, number, &part, PartBytes::New))?;
        Ok(NamedPart {
            number: number.into(),
            etag: format!("\"{}\"", ETag::Whole([tag; 16])),
            checksums: vec![digest],
        })
    }

    fn complete(&mut self, id: UploadId, request: &Complete) -> Result<multipart::Completed, Code> {
        self.run(|tx, env, bucket| multipart::complete(tx, env, bucket, b"k", &id.to_string(), request))
    }
}

fn crc32(bytes: &[u8]) -> dolmen_s3::checksum::Checksum {
    Hasher::hash(Algorithm::Crc32, bytes)
}

fn parts(parts: &[&NamedPart]) -> Complete {
    Complete { parts: parts.iter().map(|part| (*part).clone()).collect(), ..Complete::default() }
}

const MIB: u64 = 1 << 20;

#[test]
fn s3_11_completing_twice_unordered_and_partly() {
    let mut store = Store::new(Versioning::Unversioned);
    let id = store.begin(NewUpload::default());
    let one = store.part(id, 1, 5 * MIB, 1).unwrap();
    let two = store.part(id, 2, 5 * MIB, 2).unwrap();
    let three = store.part(id, 3, 10, 3).unwrap();
    let _ = two;
    assert_eq!(store.complete(id, &parts(&[&three, &one])), Err(Code::InvalidPartOrder));
    assert_eq!(store.complete(id, &parts(&[&one, &one])), Err(Code::InvalidPartOrder));
    assert_eq!(store.complete(id, &parts(&[])), Err(Code::MalformedXML));
    let wrong = NamedPart { etag: "f".repeat(32), ..one.clone() };
    assert_eq!(store.complete(id, &parts(&[&wrong, &three])), Err(Code::InvalidPart));
    let absent = NamedPart { number: 9999, ..one.clone() };
    assert_eq!(store.complete(id, &parts(&[&one, &absent])), Err(Code::InvalidPart));
    let beyond = NamedPart { number: 10_001, ..one.clone() };
    assert_eq!(store.complete(id, &parts(&[&one, &beyond])), Err(Code::InvalidPart));
    let done = store.complete(id, &parts(&[&one, &three])).unwrap();
    assert!(done.put.etag.to_string().ends_with("-2"));
    assert_eq!(store.dropped.len(), 1, "the part that was left out is dropped");
    assert_eq!(store.complete(id, &parts(&[&one, &three])).unwrap(), done);
    assert_eq!(store.part(id, 4, 5, 4).map(|_| ()), Err(Code::NoSuchUpload));
    let id = store.begin(NewUpload::default());
    let one = store.part(id, 1, MIB, 1).unwrap();
    let two = store.part(id, 2, MIB, 2).unwrap();
    assert_eq!(store.complete(id, &parts(&[&one, &two])), Err(Code::EntityTooSmall));
    let alone = store.complete(id, &parts(&[&two])).unwrap();
    assert_eq!(alone.put.size, MIB);
}

#[test]
fn sizes_and_conditions_of_a_completed_upload() {
    let mut store = Store::new(Versioning::Unversioned);
    let id = store.begin(NewUpload::default());
    let one = store.part(id, 1, 5, 1).unwrap();
    let mut request = parts(&[&one]);
    request.size = Some(6);
    assert_eq!(store.complete(id, &request), Err(Code::InvalidRequest));
    request.size = Some(5);
    request.condition.if_match = Some(EtagCondition::Any);
    assert_eq!(store.complete(id, &request), Err(Code::NoSuchKey));
    request.condition = WriteCondition { if_none_match: Some(EtagCondition::Any), if_match: None };
    store.complete(id, &request).unwrap();
    let id = store.begin(NewUpload::default());
    let one = store.part(id, 1, 5, 1).unwrap();
    let mut request = parts(&[&one]);
    request.condition = WriteCondition { if_none_match: Some(EtagCondition::Any), if_match: None };
    assert_eq!(store.complete(id, &request), Err(Code::PreconditionFailed));
    request.condition = if_match("stale");
    assert_eq!(store.complete(id, &request), Err(Code::PreconditionFailed));
    request.condition = WriteCondition::default();
    store.complete(id, &request).unwrap();
}

#[test]
fn checksums_of_the_parts_make_the_objects() {
    for (kind, text) in [(ChecksumType::Composite, "-2"), (ChecksumType::FullObject, "=")] {
        let mut store = Store::new(Versioning::Unversioned);
        let new = NewUpload { checksum: Some((Algorithm::Crc32, Some(kind))), ..NewUpload::default() };
        let id = store.begin(new);
        let one = store.part(id, 1, 5 * MIB, 1).unwrap();
        let two = store.part(id, 2, 1, 2).unwrap();
        let whole =
            ObjectChecksum::of_parts(Algorithm::Crc32, kind, [(crc32(&[1]), 5 * MIB), (crc32(&[2]), 1)])
                .unwrap();
        let mut request = parts(&[&one, &two]);
        request.checksum = Some((Algorithm::Crc32, "bad".into()));
        assert_eq!(store.complete(id, &request), Err(Code::BadDigest));
        request.checksum = Some((Algorithm::Crc32, whole.text()));
        let mut swapped = request.clone();
        swapped.parts[0].checksums = vec![crc32(&[7])];
        assert_eq!(store.complete(id, &swapped), Err(Code::InvalidPart));
        let mut silent = request.clone();
        silent.parts[1].checksums.clear();
        let before = (store.map.clone(), store.bucket.clone());
        assert_eq!(store.complete(id, &silent).unwrap().checksum, Some(whole));
        (store.map, store.bucket) = before;
        let mut other = request.clone();
        other.checksum_type = Some(if kind == ChecksumType::Composite {
            ChecksumType::FullObject
        } else {
            ChecksumType::Composite
        });
        assert_eq!(store.complete(id, &other), Err(Code::InvalidRequest));
        let done = store.complete(id, &request).unwrap();
        assert_eq!(done.checksum, Some(whole));
        assert!(done.checksum.unwrap().text().ends_with(text));
        let tx = Tx::new(&store.map);
        let (_, record) = object::find(&tx, &store.bucket, b"k", None).unwrap();
        assert_eq!(record.listed.checksum, Some(whole));
        assert_eq!(
            record.parts.iter().map(|part| (part.number, part.size)).collect::<Vec<_>>(),
            [(1, 5 * MIB), (2, 1)]
        );
        let (page, more) = object::parts_page(&record, 1, 1);
        assert_eq!((page.len(), page[0].number, more), (1, 2, false));
    }
    let mut store = Store::new(Versioning::Unversioned);
    let new = NewUpload {
        checksum: Some((Algorithm::Sha256, Some(ChecksumType::FullObject))),
        ..NewUpload::default()
    };
    let refused = store.run(|tx, env, bucket| multipart::create(tx, env, bucket, b"k", new));
    assert_eq!(refused, Err(Code::InvalidRequest));
}

#[test]
fn parts_are_listed_in_pages_and_given_up_together() {
    let mut store = Store::new(Versioning::Unversioned);
    let id = store.begin(NewUpload::default());
    for number in [3, 1, 2, 10_000] {
        store.part(id, number, 5, number as u8).unwrap();
    }
    store.part(id, 2, 6, 9).unwrap();
    assert_eq!(store.dropped.len(), 1);
    let mut seen = Vec::new();
    let mut marker = 0;
    loop {
        let (page, more) = multipart::list_parts(&store.map, id, marker, 3).unwrap();
        seen.extend(page.iter().map(|(number, part)| (*number, part.size)));
        marker = page.last().unwrap().0;
        if !more {
            break;
        }
    }
    assert_eq!(seen, [(1, 5), (2, 6), (3, 5), (10_000, 5)]);
    for number in [0, 10_001, u64::MAX] {
        assert_eq!(multipart::part_number(number).unwrap_err().code(), Code::InvalidArgument);
    }
    for wrong in ["56788", "", &"z".repeat(32), &"0".repeat(32)] {
        let answer = store.run(|tx, _, bucket| multipart::abort(tx, bucket, b"k", wrong, None));
        assert_eq!(answer, Err(Code::NoSuchUpload));
    }
    let text = id.to_string();
    assert_eq!(
        store.run(|tx, _, bucket| multipart::abort(tx, bucket, b"other", &text, None)),
        Err(Code::NoSuchUpload)
    );
    store.run(|tx, _, bucket| multipart::abort(tx, bucket, b"k", &text, None)).unwrap();
    assert!(store.map.is_empty(), "nothing is left");
    assert_eq!(store.dropped.len(), 5);
}

fn none_match(value: &str) -> WriteCondition {
    WriteCondition { if_none_match: Some(EtagCondition::parse(value)), if_match: None }
}

fn if_match(value: &str) -> WriteCondition {
    WriteCondition { if_match: Some(EtagCondition::parse(value)), if_none_match: None }
}

#[test]
fn s3_12_conditional_writes() {
    for versioning in [Versioning::Unversioned, Versioning::Enabled, Versioning::Suspended] {
        let mut store = Store::new(versioning);
        store.put_if(b"k", 1, none_match("*")).unwrap();
        let quoted = format!("\"{}\"", ETag::Whole([1; 16]));
        let code = |answer: Result<Put, Code>| answer.map(|_| ()).unwrap_err();
        assert_eq!(code(store.put_if(b"k", 2, none_match("*"))), Code::PreconditionFailed);
        assert_eq!(code(store.put_if(b"k", 2, none_match(&quoted))), Code::PreconditionFailed);
        assert_eq!(code(store.put_if(b"k", 2, if_match("stale"))), Code::PreconditionFailed);
        store.put_if(b"k", 1, none_match("badetag")).unwrap();
        store.put_if(b"k", 1, if_match(&quoted)).unwrap();
        store.put_if(b"k", 1, if_match(&format!("\"x\", {quoted}"))).unwrap();
        store.put_if(b"k", 1, if_match("*")).unwrap();
        store.delete_if(b"k", None, DeleteCondition::default()).unwrap();
        assert_eq!(code(store.put_if(b"k", 2, if_match("*"))), Code::NoSuchKey);
        assert_eq!(code(store.put_if(b"k", 2, if_match("badetag"))), Code::NoSuchKey);
        store.put_if(b"k", 2, none_match(&quoted)).unwrap();
    }
}

#[test]
fn conditional_deletes() {
    let tag = |text: &str| DeleteCondition {
        if_match: Some(EtagCondition::parse(text)),
        ..DeleteCondition::default()
    };
    let size = |size: u64| DeleteCondition { if_size: Some(size), ..DeleteCondition::default() };
    let time = |ms: u64| DeleteCondition { if_modified_ms: Some(ms), ..DeleteCondition::default() };
    let etag = ETag::Whole([1; 16]).to_string();
    let mut store = Store::new(Versioning::Unversioned);
    store.put_if(b"k", 1, WriteCondition::default()).unwrap();
    for wrong in [tag("bad"), size(9999), time(0)] {
        assert_eq!(store.delete_if(b"k", None, wrong), Err(Code::PreconditionFailed));
    }
    let absent = object::Deleted { version: None, marker: false, changed: false };
    assert!(store.delete_if(b"k", None, tag(&etag)).unwrap().changed);
    assert_eq!(store.delete_if(b"k", None, tag("bad")), Ok(absent), "what is absent is no error");
    let mut store = Store::new(Versioning::Enabled);
    assert_eq!(
        store.delete_if(b"k", None, tag("*")),
        Ok(absent),
        "no marker comes of a condition on nothing"
    );
    let put = store.put_if(b"k", 1, WriteCondition::default()).unwrap();
    assert_eq!(store.delete_if(b"k", put.version, size(9999)), Err(Code::PreconditionFailed));
    let at = put.modified_ms / 1000 * 1000;
    assert!(store.delete_if(b"k", None, time(at)).unwrap().marker);
    for wrong in [tag("bad"), size(9999), time(0)] {
        assert_eq!(
            store.delete_if(b"k", None, wrong),
            Err(Code::PreconditionFailed),
            "a marker has no tag and no size"
        );
    }
    assert!(store.delete_if(b"k", None, tag("*")).unwrap().marker);
    assert!(!store.delete_if(b"k", put.version, size(3)).unwrap().marker);
    assert!(!store.delete_if(b"k", put.version, tag("bad")).unwrap().changed);
}

#[test]
fn s3_04_copies_of_what_is_not_there_and_onto_itself() {
    let mut store = Store::new(Versioning::Enabled);
    let request = CopyRequest { owner: "o".into(), ..CopyRequest::default() };
    let plan = |store: &Store, key: &[u8], version: Option<Version>, to: &[u8], request: &CopyRequest| {
        let tx = Tx::new(&store.map);
        let source = copy::Source { bucket: &store.bucket, key, version };
        copy::plan(&tx, source, (&store.bucket, to), request).map_err(|error| error.code())
    };
    assert_eq!(plan(&store, b"k1", None, b"k2", &request).unwrap_err(), Code::NoSuchKey);
    let put = store.put_if(b"k1", 1, WriteCondition::default()).unwrap();
    let marker = store.delete_if(b"k1", None, DeleteCondition::default()).unwrap();
    assert_eq!(plan(&store, b"k1", None, b"k2", &request).unwrap_err(), Code::NoSuchKey);
    assert_eq!(plan(&store, b"k1", marker.version, b"k2", &request).unwrap_err(), Code::InvalidRequest);
    assert!(
        plan(&store, b"k1", put.version, b"k1", &request).unwrap().share,
        "an old version is brought back"
    );
    let gone = Version::parse(&"0".repeat(32));
    assert_eq!(plan(&store, b"k1", gone, b"k2", &request).unwrap_err(), Code::NoSuchVersion);
    store.put_if(b"k1", 1, WriteCondition::default()).unwrap();
    assert_eq!(plan(&store, b"k1", None, b"k1", &request).unwrap_err(), Code::InvalidRequest);
    let replace = CopyRequest { headers: Some(Vec::new()), ..request.clone() };
    assert!(plan(&store, b"k1", None, b"k1", &replace).unwrap().share);
    let checksum = CopyRequest { algorithm: Some(Algorithm::Sha256), ..request.clone() };
    assert!(!plan(&store, b"k1", None, b"k2", &checksum).unwrap().share, "another checksum must be computed");
    let condition = |source: ReadCondition| CopyRequest { source, ..request.clone() };
    let tag = EtagCondition::parse(&ETag::Whole([1; 16]).to_string());
    let bad = EtagCondition::parse("ABCORZ");
    let table: [(ReadCondition, bool); 8] = [
        (ReadCondition { if_match: Some(bad.clone()), ..ReadCondition::default() }, false),
        (ReadCondition { if_match: Some(tag.clone()), ..ReadCondition::default() }, true),
        (ReadCondition { if_none_match: Some(tag.clone()), ..ReadCondition::default() }, false),
        (ReadCondition { if_none_match: Some(bad), ..ReadCondition::default() }, true),
        (ReadCondition { modified_since_ms: Some(u64::MAX), ..ReadCondition::default() }, false),
        (ReadCondition { unmodified_since_ms: Some(0), ..ReadCondition::default() }, false),
        // A tag that matches makes up for a time that does not.
        (
            ReadCondition {
                if_match: Some(tag.clone()),
                unmodified_since_ms: Some(0),
                ..ReadCondition::default()
            },
            true,
        ),
        (
            ReadCondition {
                if_none_match: Some(tag),
                modified_since_ms: Some(0),
                ..ReadCondition::default()
            },
            false,
        ),
    ];
    for (source, allowed) in table {
        let answer = plan(&store, b"k1", None, b"k2", &condition(source.clone())).map(|_| ());
        assert_eq!(answer, if allowed { Ok(()) } else { Err(Code::PreconditionFailed) }, "{source:?}");
    }
}

#[test]
fn a_rename_is_done_once_for_a_token() {
    let mut store = Store::new(Versioning::Unversioned);
    store.put_if(b"a", 1, WriteCondition::default()).unwrap();
    let condition = RenameCondition { token: "t".into(), ..RenameCondition::default() };
    let rename = |store: &mut Store, from: &[u8], to: &[u8], condition: &RenameCondition| {
        store.run(|tx, env, bucket| object::rename(tx, env, bucket, from, to, condition))
    };
    rename(&mut store, b"a", b"b", &condition).unwrap();
    assert!(store.dropped.is_empty());
    rename(&mut store, b"a", b"b", &condition).unwrap();
    assert_eq!(rename(&mut store, b"a", b"c", &condition), Err(Code::IdempotencyParameterMismatch));
    store.put_if(b"a", 2, WriteCondition::default()).unwrap();
    let careful = RenameCondition { target: none_match("*"), ..RenameCondition::default() };
    assert_eq!(rename(&mut store, b"a", b"b", &careful), Err(Code::PreconditionFailed));
    rename(&mut store, b"a", b"b", &RenameCondition::default()).unwrap();
    assert_eq!(store.dropped.len(), 1, "what had the name is dropped");
    let tx = Tx::new(&store.map);
    assert_eq!(object::find(&tx, &store.bucket, b"b", None).unwrap().1.listed.etag, ETag::Whole([2; 16]));
    assert_eq!(object::find(&tx, &store.bucket, b"a", None).unwrap_err().code(), Code::NoSuchKey);
}

#[test]
fn delete_markers_and_versions_answer_as_clients_know() {
    let mut store = Store::new(Versioning::Enabled);
    let first = store.put_if(b"k", 1, WriteCondition::default()).unwrap().version.unwrap();
    let marker = store.delete_if(b"k", None, DeleteCondition::default()).unwrap();
    let tx = Tx::new(&store.map);
    match object::find(&tx, &store.bucket, b"k", None).unwrap_err() {
        StateError::DeleteMarker { code, version, .. } => {
            assert_eq!((code, Some(version)), (Code::NoSuchKey, marker.version));
        }
        other => panic!("{other:?}"),
    }
    let named = object::find(&tx, &store.bucket, b"k", marker.version).unwrap_err();
    assert_eq!(named.code(), Code::MethodNotAllowed);
    assert!(object::find(&tx, &store.bucket, b"k", Some(first)).is_ok());
    let absent = object::find(&tx, &store.bucket, b"k", Some(Version::Null)).unwrap_err();
    assert_eq!(absent.code(), Code::NoSuchVersion);
    assert_eq!(Version::parse(&first.to_string()), Some(first));
    for wrong in ["", "Null", "00", &"A".repeat(32), &"g".repeat(32)] {
        assert_eq!(Version::parse(wrong), None);
    }
    // Removing the marker brings the object back.
    assert!(store.delete_if(b"k", marker.version, DeleteCondition::default()).unwrap().marker);
    let tx = Tx::new(&store.map);
    assert!(object::find(&tx, &store.bucket, b"k", None).is_ok());
    // Without versioning a put names no version, and with it suspended neither; reads then show null.
    store.bucket.versioning = Versioning::Suspended;
    assert_eq!(store.put_if(b"k", 2, WriteCondition::default()).unwrap().version, None);
    assert_eq!(object::shown(&store.bucket, Version::Null), Some(Version::Null));
    let marker = store.delete_if(b"k", None, DeleteCondition::default()).unwrap();
    assert_eq!((marker.version, marker.marker), (Some(Version::Null), true));
    assert_eq!(store.dropped.len(), 1, "the null object made way for the null marker");
}

#[test]
fn locks_weaken_only_when_they_may() {
    let governance = |until_ms: u64| Some(Retention { mode: LockMode::Governance, until_ms });
    let compliance = |until_ms: u64| Some(Retention { mode: LockMode::Compliance, until_ms });
    // present, wanted, bypass, refusal; now is 100
    let table = [
        (None, governance(200), false, None),
        (None, governance(100), false, Some(Code::InvalidArgument)),
        (governance(200), governance(300), false, None),
        (governance(200), governance(150), false, Some(Code::AccessDenied)),
        (governance(200), governance(150), true, None),
        (governance(200), None, false, Some(Code::AccessDenied)),
        (governance(200), None, true, None),
        (governance(200), compliance(200), false, Some(Code::AccessDenied)),
        (governance(200), compliance(200), true, None),
        (compliance(200), compliance(300), false, None),
        (compliance(200), compliance(150), true, Some(Code::AccessDenied)),
        (compliance(200), governance(300), true, Some(Code::AccessDenied)),
        (compliance(200), None, true, Some(Code::AccessDenied)),
        (compliance(99), None, false, None),
    ];
    for (present, wanted, bypass, refusal) in table {
        let answer = lock::may_change(present, wanted, 100, bypass).map_err(|error| error.code());
        assert_eq!(answer.err(), refusal, "{present:?} {wanted:?} {bypass}");
    }
    let mut bucket = Store::new(Versioning::Enabled).bucket;
    assert_eq!(lock::of_new(&bucket, 100, governance(200), false).unwrap_err().code(), Code::InvalidRequest);
    assert_eq!(lock::of_new(&bucket, 100, None, true).unwrap_err().code(), Code::InvalidRequest);
    let default =
        dolmen_s3::state::record::DefaultRetention { mode: LockMode::Compliance, count: 2, years: true };
    bucket::set_object_lock(&mut bucket, Some(default)).unwrap();
    let until_ms = 100 + 2 * 365 * 86_400_000;
    assert_eq!(lock::of_new(&bucket, 100, None, false).unwrap(), compliance(until_ms));
    assert_eq!(lock::of_new(&bucket, 100, governance(200), false).unwrap(), governance(200));
    assert_eq!(
        bucket::set_versioning(&mut bucket, Versioning::Suspended).unwrap_err().code(),
        Code::InvalidBucketState
    );
    let zero = dolmen_s3::state::record::DefaultRetention { count: 0, ..default };
    let refused = bucket::set_object_lock(&mut bucket, Some(zero));
    assert_eq!(refused.unwrap_err().code(), Code::InvalidRetentionPeriod);
    let mut plain = Store::new(Versioning::Suspended).bucket;
    assert_eq!(bucket::set_object_lock(&mut plain, None).unwrap_err().code(), Code::InvalidBucketState);
}

#[test]
fn archived_objects_are_restored_for_a_while() {
    let mut store = Store::new(Versioning::Unversioned);
    store.put_if(b"warm", 1, WriteCondition::default()).unwrap();
    let mut new = store.new_object(1);
    new.attributes.storage_class = "GLACIER".into();
    store
        .run(|tx, env, bucket| object::put(tx, env, bucket, b"cold", &WriteCondition::default(), new))
        .unwrap();
    let clock = |now_ms| Clock { now_ms, day_ms: 100 };
    let mut restore = |key: &[u8], days, now_ms| {
        store.run(|tx, _, bucket| object::restore(tx, bucket, key, None, days, clock(now_ms)))
    };
    assert_eq!(restore(b"warm", 1, 0), Err(Code::ObjectAlreadyInActiveTierError));
    assert_eq!(restore(b"cold", 0, 0), Err(Code::InvalidArgument));
    assert_eq!(restore(b"cold", 1, 1000), Ok(false));
    assert_eq!(restore(b"cold", 2, 1050), Ok(true));
    assert_eq!(restore(b"cold", 2, 1250), Ok(false), "it had been over");
    let tx = Tx::new(&store.map);
    let (_, record) = object::find(&tx, &store.bucket, b"cold", None).unwrap();
    assert!(object::is_readable(&record, 1449) && !object::is_readable(&record, 1450));
}

/// Three parts of 5 MiB; the values are those of ceph/s3-tests, made by RGW's unit tests.
#[test]
fn checksums_of_uploads_are_those_of_s3_tests() {
    let table = [
        (
            Algorithm::Sha256,
            [
                "275VF5loJr1YYawit0XSHREhkFXYkkPKGuoK0x9VKxI=",
                "mrHwOfjTL5Zwfj74F05HOQGLdUb7E5szdCbxgUSq6NM=",
                "Vw7oB/nKQ5xWb3hNgbyfkvDiivl+U+/Dft48nfJfDow=",
                "uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3",
            ],
        ),
        (
            Algorithm::Sha1,
            [
                "iIaTCGbm+vdVjNqIMF2S0T7ibMk=",
                "LS/TJ32bAVKEwRu+sE3X7awh/lk=",
                "6DDwovUaHwrKNXDMzOGbuvj9kxI=",
                "sizjvY4eud3MrcHdZM3cQ/ol39o=-3",
            ],
        ),
        (Algorithm::Crc64Nvme, ["L/E4WYn8v98=", "xW1l19VobYM=", "cK5MnNaWrW4=", "i+6LR0y3eFo="]),
        (Algorithm::Crc32, ["JRTCyQ==", "QoZTGg==", "YAgjqw==", "WgDhBQ=="]),
        (Algorithm::Crc32c, ["MDaLrw==", "TH4EZg==", "Z7mBIQ==", "xU+Krw=="]),
    ];
    for (algorithm, [one, two, three, whole]) in table {
        let mut store = Store::new(Versioning::Unversioned);
        let kind = if whole.ends_with("-3") { ChecksumType::Composite } else { ChecksumType::FullObject };
        let id = store.begin(NewUpload { checksum: Some((algorithm, Some(kind))), ..NewUpload::default() });
        let mut request = Complete { checksum: Some((algorithm, whole.into())), ..Complete::default() };
        for (number, text) in [(1, one), (2, two), (3, three)] {
            let checksum = dolmen_s3::checksum::Checksum::parse(algorithm, text).unwrap();
            let body = vec![store.extent(5 * MIB)];
            let md5 = [number as u8; 16];
            let part = PartRecord { modified_ms: 0, size: 5 * MIB, md5, checksum: Some(checksum), body };
            store
                .run(|tx, _, bucket| {
                    multipart::put_part(tx, (bucket, b"k"), id, number, &part, PartBytes::New)
                })
                .unwrap();
            let etag = ETag::Whole(md5).to_string();
            request.parts.push(NamedPart { number: number.into(), etag, checksums: vec![checksum] });
        }
        let done = store.complete(id, &request).unwrap();
        assert_eq!(done.checksum.unwrap().text(), whole);
    }
}
