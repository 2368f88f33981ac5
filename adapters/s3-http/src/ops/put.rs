//! Objects that come in: put whole, appended, copied, in parts.

use dolmen_s3::auth::Verified;
use dolmen_s3::body::{
    Checksums, CompleteMultipartUploadOutput, CompletedMultipartUpload, CopyObjectResult, CopyPartResult,
    CreateMultipartUploadOutput, Event,
};
use dolmen_s3::checksum::{Algorithm, Checksum, ChecksumType, ObjectChecksum};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::etag::ETag;
use dolmen_s3::head;
use dolmen_s3::limits::{PARTS_MAX, PUT_LEN_MAX};
use dolmen_s3::operation::Operation;
use dolmen_s3::state::annotation;
use dolmen_s3::state::condition::WriteCondition;
use dolmen_s3::state::copy::{self, CopyBody, CopyRequest, Plan};
use dolmen_s3::state::multipart::{self, Complete, NamedPart, NewUpload, PartBytes};
use dolmen_s3::state::notify::Happened;
use dolmen_s3::state::object::{self, NewObject, Put};
use dolmen_s3::state::record::{Attributes, BucketRecord, Encryption, Extent, PartRecord};
use dolmen_s3::state::sse::SecretKey;
use dolmen_s3::state::{Source, StateError, Tx, UploadId, acl as acls, bucket, shapes, tagging};
use hyper::body::Incoming;

use super::acl;
use crate::answer::{Answer, Head, Refusal, stamp};
use crate::body::{self, Told};
use crate::call::Call;
use crate::engine::{Scope, Written};
use crate::gate::{Admitted, Origin};
use crate::intake::{Intake, Stored, Wanted};
use crate::pieces;
use crate::reply::Pieces as _;

/// What the header of a request says about the object that it makes, and who will own it.
struct Making {
    attributes: Attributes,
    owner: String,
    key: Option<SecretKey>,
}

/// The bucket that the gate found.
fn found(admitted: &Admitted) -> Result<&BucketRecord, Refusal> {
    Ok(admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?)
}

fn making(call: &Call<'_>, bucket: &BucketRecord) -> Result<Making, Refusal> {
    let writer = call.caller.id.as_str();
    let canned = call.headers.get("x-amz-acl").and_then(acls::Canned::parse);
    let owner = acls::owner_of_new(bucket, writer, canned).to_owned();
    let asked = acl::of_headers(call, &owner, &bucket.owner)?;
    acls::may_put(bucket, &asked.acl, asked.canned)?;
    let (retention, legal_hold) = head::lock(call.headers)?;
    let tags = match call.headers.get("x-amz-tagging") {
        Some(text) => tagging::of_header(text)?,
        None => Vec::new(),
    };
    let chosen = super::encryption::of_put(call, bucket)?;
    let attributes = Attributes {
        headers: head::kept(call.headers)?,
        storage_class: head::storage_class(call.headers)?,
        tags,
        acl: asked.acl,
        retention,
        legal_hold,
        encryption: chosen.encryption,
    };
    Ok(Making { attributes, owner, key: chosen.key })
}

/// The checksum that an object keeps: the one that the client sent, or CRC-64/NVME.
fn kept(stored: &Stored) -> Option<ObjectChecksum> {
    stored.checksums.first().copied().map(ObjectChecksum::whole)
}

fn with_checksum(head: Head, checksum: Option<&ObjectChecksum>) -> Head {
    match checksum {
        Some(checksum) => head
            .with(checksum.checksum.algorithm().header(), checksum.text())
            .with("x-amz-checksum-type", checksum.kind.name()),
        None => head,
    }
}

/// A put that may go on: everything but its bytes is known.
pub(crate) struct Ready {
    making: Making,
    condition: WriteCondition,
    offset: Option<u64>,
}

impl Ready {
    /// Reads the header, and refuses what cannot succeed before its bytes are taken.
    pub fn of(call: &Call<'_>, admitted: &Admitted) -> Result<Ready, Refusal> {
        let bucket = found(admitted)?;
        let mut making = making(call, bucket)?;
        let condition = head::write_condition(call.headers);
        let offset = match call.headers.get("x-amz-write-offset-bytes") {
            None => None,
            Some(text) => Some(text.parse::<u64>().map_err(|_| ErrorCode::InvalidWriteOffset)?),
        };
        let name = call.bucket();
        let depends = condition != WriteCondition::default() || offset.is_some();
        let look = |source: &dyn Source| {
            let tx = Tx::new(source);
            let bucket = bucket::find(&tx, name)?;
            let latest = object::latest(&tx, &bucket, call.key())?.map(|(_, record)| record);
            condition.check(latest.as_ref().map(|record| &record.listed))?;
            Ok(latest.filter(|record| !record.is_marker()))
        };
        let there = if depends { call.read(look)? } else { None };
        if let Some(there) = there.filter(|_| offset.is_some()) {
            // All bytes of an object are sealed with one key.
            if !there.encryption.is_like(&making.attributes.encryption) {
                return Err(Refusal::new(ErrorCode::EncryptionTypeMismatch));
            }
            making.key = super::encryption::key_of(call, &there)?;
            making.attributes.encryption = there.encryption;
        }
        Ok(Ready { making, condition, offset })
    }

    /// What seals the bytes.
    pub fn key(&self) -> Option<SecretKey> {
        self.making.key.clone()
    }

    /// Makes the object of its bytes; the head of the answer.
    pub async fn finish(
        self,
        call: &Call<'_>,
        admitted: &Admitted,
        mut stored: Stored,
    ) -> Result<Head, Refusal> {
        let Ready { making, condition, offset } = self;
        let checksum = kept(&stored);
        let etag = ETag::Whole(stored.md5);
        let written = std::mem::take(&mut stored.written);
        let encryption = making.attributes.encryption.clone();
        let new = NewObject {
            attributes: making.attributes,
            owner: making.owner,
            size: stored.len,
            etag,
            checksum,
            parts: Vec::new(),
            body: std::mem::take(&mut stored.body),
        };
        let telling = call.telling();
        let event = match call.operation {
            Operation::PostObject => Event::ObjectCreatedPost,
            _ => Event::ObjectCreatedPut,
        };
        let put = call
            .change_key(written, move |tx, env, bucket, key| {
                let put = match offset {
                    None => object::put(tx, env, bucket, key, &condition, new.clone())?,
                    Some(offset) => object::append(tx, env, bucket, key, offset, new.clone())?,
                };
                telling.found(tx, env, (bucket, key), None, &[event])?;
                Ok(put)
            })
            .await?;
        let head = Head::new(200).with("etag", put.etag.quoted().to_string()).version(put.version);
        let head = super::encryption::shown(head, &encryption);
        let head = if offset.is_some() { head.with("x-amz-object-size", put.size.to_string()) } else { head };
        Ok(with_checksum(super::read::expiration(call, admitted, head), checksum.as_ref()))
    }
}

pub(crate) async fn put_object(
    call: &Call<'_>,
    admitted: &Admitted,
    incoming: &mut Incoming,
    verified: &Verified,
) -> Answer {
    let ready = Ready::of(call, admitted)?;
    let told = Told::read(call, verified, PUT_LEN_MAX)?;
    let stored = body::receive(call, incoming, verified, &told, ready.key()).await?;
    Ok(ready.finish(call, admitted, stored).await?.empty())
}

/// The algorithm that a request asks for by name.
fn algorithm(call: &Call<'_>, name: &str) -> Result<Option<Algorithm>, Refusal> {
    match call.headers.get(name) {
        None => Ok(None),
        Some(text) => Ok(Some(Algorithm::from_name(text)?)),
    }
}

pub(crate) async fn copy_object(call: &Call<'_>, admitted: &Admitted) -> Answer {
    let bucket = found(admitted)?;
    let origin = admitted.origin.as_ref().ok_or(ErrorCode::InvalidArgument)?;
    let making = making(call, bucket)?;
    let replaces = |name: &str| match call.headers.get(name) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(_) => Err(Refusal::new(ErrorCode::InvalidArgument)),
    };
    let (headers, tags) = (replaces("x-amz-metadata-directive")?, replaces("x-amz-tagging-directive")?);
    let changing = ["x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-server-side-encryption"];
    let request = CopyRequest {
        source: head::read_condition(call.headers, "x-amz-copy-source-"),
        headers: headers.then(|| making.attributes.headers.clone()),
        tags: tags.then(|| making.attributes.tags.clone()),
        changes: changing.iter().any(|name| call.headers.has(name)),
        algorithm: algorithm(call, "x-amz-checksum-algorithm")?,
        owner: making.owner,
        attributes: making.attributes,
    };
    let making_key = making.key;
    let condition = head::write_condition(call.headers);
    let plan = plan(call, origin, &request)?;
    let annotated = is_annotated(call, admitted, origin)?;
    if plan.source.listed.size > PUT_LEN_MAX {
        return Err(Refusal::new(ErrorCode::InvalidRequest));
    }
    let mut written = None;
    if !plan.share {
        let algorithm = request.algorithm.or(plan.source.listed.checksum.map(|c| c.checksum.algorithm()));
        written = Some(rewrite(call, &plan, plan.source.body.clone(), algorithm, making_key).await?);
    }
    let source_version = object::shown(&origin.bucket, plan.source.listed.version);
    let encryption = request.attributes.encryption.clone();
    let (put, checksum) = copied(call, origin, condition, plan, request, written, annotated).await?;
    let result = CopyObjectResult {
        etag: Some(put.etag.clone()),
        last_modified: Some(stamp(put.modified_ms)),
        checksum_type: checksum.map(|checksum| checksum.kind),
        checksums: checksum.map(|checksum| Checksums::of_object(&checksum)).unwrap_or_default(),
    };
    let head = Head::new(200)
        .version(put.version)
        .maybe("x-amz-copy-source-version-id", source_version.map(|version| version.to_string()));
    let head = super::encryption::shown(head, &encryption);
    Ok(super::read::expiration(call, admitted, head).xml(&result))
}

/// Whether annotations are to be copied: they are if there are any, unless the request says otherwise or the caller may not.
fn is_annotated(call: &Call<'_>, admitted: &Admitted, origin: &Origin) -> Result<bool, Refusal> {
    let named = call.query("x-amz-object-annotation-directive");
    match call.headers.get("x-amz-object-annotation-directive").or(named) {
        None | Some("COPY") => {}
        Some("EXCLUDE") => return Ok(false),
        Some(_) => return Err(Refusal::new(ErrorCode::InvalidArgument)),
    }
    let there = call.read(|source| {
        let tx = Tx::new(source);
        let bucket = bucket::find(&tx, origin.source.bucket.as_str())?;
        let at = (&bucket, origin.source.key.as_str().as_bytes(), origin.version);
        Ok(!annotation::list(&tx, at, "", "", 1)?.0.is_empty())
    })?;
    if there {
        crate::gate::admit_annotations(call, admitted, origin)?;
    }
    Ok(there)
}

fn plan(call: &Call<'_>, origin: &Origin, request: &CopyRequest) -> Result<Plan, Refusal> {
    let name = call.bucket();
    call.read(|source| {
        let tx = Tx::new(source);
        let to = bucket::find(&tx, name)?;
        copy::plan(&tx, from(origin), (&to, call.key()), request)
    })
}

fn from(origin: &Origin) -> copy::Source<'_> {
    copy::Source {
        bucket: &origin.bucket,
        key: origin.source.key.as_str().as_bytes(),
        version: origin.version,
    }
}

/// Reads bytes and writes them again.
async fn rewrite(
    call: &Call<'_>,
    plan: &Plan,
    body: Vec<Extent>,
    algorithm: Option<Algorithm>,
    to: Option<SecretKey>,
) -> Result<Stored, Refusal> {
    let len: u64 = body.iter().map(|extent| extent.len).sum();
    let key = super::encryption::key_of_source(call, &plan.source)?;
    let algorithms = vec![algorithm.unwrap_or(Algorithm::Crc64Nvme)];
    let wanted = Wanted { sha256: false, algorithms, announced: Some(len), key: to };
    let engine = call.engine().clone();
    let copied = tokio::task::spawn_blocking(move || {
        let mut pieces = pieces::Body::open(&engine, body, key)?;
        let mut intake = Intake::new(engine.clone(), &wanted);
        loop {
            let next = pieces.next()?;
            if next.is_empty() {
                return intake.finish();
            }
            intake.write_all(&next)?;
        }
    });
    Ok(copied.await.map_err(|_| ErrorCode::ServiceUnavailable)??)
}

/// Makes the copy. If the source changed since the plan was made, it is made again; bytes that were written are those of the plan.
async fn copied(
    call: &Call<'_>,
    origin: &Origin,
    condition: WriteCondition,
    plan: Plan,
    request: CopyRequest,
    mut written: Option<Stored>,
    annotated: bool,
) -> Result<(Put, Option<ObjectChecksum>), Refusal> {
    let kept_bytes = written.as_mut().map(|stored| std::mem::take(&mut stored.written)).unwrap_or_default();
    let bytes = written.as_ref().map(|stored| CopyBody::Written {
        etag: ETag::Whole(stored.md5),
        checksum: kept(stored),
        body: stored.body.clone(),
    });
    let checksum = match &bytes {
        Some(CopyBody::Written { checksum, .. }) => *checksum,
        _ => plan.source.listed.checksum,
    };
    let (to, key) = (call.bucket().to_owned(), call.key().to_vec());
    let (from_name, from_key) =
        (origin.source.bucket.as_str().to_owned(), origin.source.key.as_str().as_bytes().to_vec());
    let version = origin.version;
    let mut held = vec![key.clone()];
    if from_name == to {
        held.push(from_key.clone());
    }
    let telling = call.telling();
    // A file that is shared cannot go meanwhile: its count is looked at again before the batch is written.
    let put = call
        .engine()
        .change(&call.caller.id, Scope::Keys(to.clone(), held), kept_bytes, move |tx, env| {
            let target = bucket::find(tx, &to)?;
            let source = bucket::find(tx, &from_name)?;
            let from = copy::Source { bucket: &source, key: &from_key, version };
            let notes = if annotated { annotation::take(tx, from)? } else { Vec::new() };
            let plan = if bytes.is_some() {
                plan.clone()
            } else {
                let again = copy::plan(tx, from, (&target, &key), &request)?;
                if !again.share {
                    return Err(StateError::Refused(ErrorCode::OperationAborted));
                }
                again
            };
            let body = bytes.clone().unwrap_or(CopyBody::Shared);
            let put = copy::copy(tx, env, (&target, &key), &condition, plan, request.clone(), body)?;
            annotation::give(tx, env, (&target, &key), notes)?;
            telling.found(tx, env, (&target, &key), None, &[Event::ObjectCreatedCopy])?;
            Ok(put)
        })
        .await?;
    Ok((put, checksum))
}

/// The kind of checksum that a request asks for.
pub(crate) fn checksum_type(call: &Call<'_>) -> Result<Option<ChecksumType>, Refusal> {
    match call.headers.get("x-amz-checksum-type") {
        None => Ok(None),
        Some(text) => Ok(Some(ChecksumType::from_name(text).ok_or(ErrorCode::InvalidRequest)?)),
    }
}

pub(crate) async fn create_upload(call: &Call<'_>, admitted: &Admitted) -> Answer {
    let bucket = found(admitted)?;
    let making = making(call, bucket)?;
    let algorithm = algorithm(call, "x-amz-checksum-algorithm")?;
    let kind = checksum_type(call)?;
    if algorithm.is_none() && kind.is_some() {
        return Err(Refusal::new(ErrorCode::InvalidRequest));
    }
    // Without a choice of the client's the object gets a checksum of its whole, at no cost.
    let checksum = algorithm.map(|algorithm| (algorithm, kind));
    let encryption = making.attributes.encryption.clone();
    let new = NewUpload { attributes: making.attributes, owner: making.owner, checksum };
    let id = call
        .change_key(Written::default(), move |tx, env, bucket, key| {
            multipart::create(tx, env, bucket, key, new.clone())
        })
        .await?;
    let document = CreateMultipartUploadOutput {
        bucket: call.bucket().to_owned(),
        key: call.key_text().to_owned(),
        upload_id: id.to_string(),
    };
    let mut head = Head::new(200).maybe("x-amz-checksum-algorithm", algorithm.map(Algorithm::name));
    if let Some(algorithm) = algorithm {
        head = head.with("x-amz-checksum-type", kind.unwrap_or(algorithm.default_type()).name());
    }
    Ok(super::encryption::shown(head, &encryption).xml(&document))
}

/// The number of the part that a request is about.
pub(crate) fn part_number(call: &Call<'_>) -> Result<u16, Refusal> {
    let text = call.query("partNumber").unwrap_or("");
    let number = text.parse::<u64>().map_err(|_| ErrorCode::InvalidArgument)?;
    multipart::part_number(number).map_err(|_| {
        let message = format!("Part number must be an integer between 1 and {PARTS_MAX}, inclusive");
        Refusal::says(ErrorCode::InvalidArgument, message)
            .field("ArgumentName", "partNumber")
            .field("ArgumentValue", text)
    })
}

/// The upload that a request names.
fn upload(call: &Call<'_>) -> Result<(UploadId, dolmen_s3::state::UploadRecord), Refusal> {
    let (name, key, id) = (call.bucket(), call.key(), call.query("uploadId").unwrap_or(""));
    call.read(|source| {
        let tx = Tx::new(source);
        let bucket = bucket::find(&tx, name)?;
        multipart::find(&tx, &bucket, key, id)
    })
}

pub(crate) async fn upload_part(call: &Call<'_>, incoming: &mut Incoming, verified: &Verified) -> Answer {
    let number = part_number(call)?;
    let (id, record) = upload(call)?;
    let key = super::encryption::of_part(call, &record)?;
    let mut told = Told::read(call, verified, PUT_LEN_MAX)?;
    if let Some((algorithm, _)) = record.checksum {
        told.fit(algorithm)?;
    }
    let mut stored = body::receive(call, incoming, verified, &told, key).await?;
    let sent = stored.checksums.first().copied().filter(|_| told.is_named());
    let md5 = stored.md5;
    put_part(call, id, number, &mut stored, PartBytes::New).await?;
    let mut head = Head::new(200).with("etag", ETag::Whole(md5).quoted().to_string());
    head = super::encryption::shown(head, &record.attributes.encryption);
    Ok(match sent {
        Some(checksum) => head.with(checksum.algorithm().header(), checksum.base64()).empty(),
        None => head.empty(),
    })
}

async fn put_part(
    call: &Call<'_>,
    id: UploadId,
    number: u16,
    stored: &mut Stored,
    bytes: PartBytes,
) -> Result<u64, Refusal> {
    let written = std::mem::take(&mut stored.written);
    let (size, md5, body) = (stored.len, stored.md5, std::mem::take(&mut stored.body));
    let checksum: Option<Checksum> = stored.checksums.first().copied();
    call.change_key(written, move |tx, env, bucket, key| {
        let part = PartRecord { modified_ms: env.now_ms, size, md5, checksum, body: body.clone() };
        multipart::put_part(tx, (bucket, key), id, number, &part, bytes)?;
        Ok(env.now_ms)
    })
    .await
}

pub(crate) async fn upload_part_copy(call: &Call<'_>, admitted: &Admitted) -> Answer {
    let number = part_number(call)?;
    let (id, record) = upload(call)?;
    let origin = admitted.origin.as_ref().ok_or(ErrorCode::InvalidArgument)?;
    let condition = head::read_condition(call.headers, "x-amz-copy-source-");
    let source = call.read(|source| copy::source(&Tx::new(source), from(origin), &condition))?;
    let size = source.listed.size;
    let (start, len) = match call.headers.get("x-amz-copy-source-range") {
        None => (0, size),
        Some(text) => {
            let span = dolmen_s3::range::copy_source_range(text, size)?;
            (span.start, span.end - span.start)
        }
    };
    if len > PUT_LEN_MAX {
        return Err(Refusal::new(ErrorCode::InvalidRequest));
    }
    let body = copy::slice(&source.body, start, len);
    let plan = Plan { source, share: false };
    let algorithm = record.checksum.map(|(algorithm, _)| algorithm);
    let to = super::encryption::of_part(call, &record)?;
    let mut stored = rewrite(call, &plan, body, algorithm, to).await?;
    let (md5, checksum) = (stored.md5, stored.checksums.first().copied());
    let modified = put_part(call, id, number, &mut stored, PartBytes::New).await?;
    let result = CopyPartResult {
        etag: Some(ETag::Whole(md5)),
        last_modified: Some(stamp(modified)),
        checksums: checksum.filter(|_| algorithm.is_some()).map(Checksums::from).unwrap_or_default(),
    };
    let version = object::shown(&origin.bucket, plan.source.listed.version);
    let head =
        Head::new(200).maybe("x-amz-copy-source-version-id", version.map(|version| version.to_string()));
    Ok(super::encryption::shown(head, &record.attributes.encryption).xml(&result))
}

/// What a request says of the upload that it completes.
pub(crate) fn completion(call: &Call<'_>, document: &[u8]) -> Result<Complete, Refusal> {
    if document.is_empty() {
        return Err(Refusal::new(ErrorCode::MalformedXML));
    }
    let list: CompletedMultipartUpload = crate::call::parse(document)?;
    let mut parts = Vec::with_capacity(list.parts.len());
    for part in list.parts {
        let number = u64::try_from(part.part_number).map_err(|_| ErrorCode::InvalidPart)?;
        let mut checksums = Vec::new();
        for (algorithm, text) in &part.checksums.0 {
            checksums.push(Checksum::parse(*algorithm, text)?);
        }
        parts.push(NamedPart { number, etag: part.etag.to_string(), checksums });
    }
    let size = match call.headers.get("x-amz-mp-object-size") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| ErrorCode::InvalidRequest)?),
    };
    let checksum = call.headers.0.iter().find_map(|(name, value)| {
        let algorithm = Algorithm::from_header(name)?;
        Some((algorithm, String::from_utf8_lossy(value).trim().to_owned()))
    });
    let checksum_type = checksum_type(call)?;
    Ok(Complete { parts, condition: head::write_condition(call.headers), size, checksum, checksum_type })
}

pub(crate) async fn complete(call: &Call<'_>, admitted: &Admitted, document: &[u8]) -> Answer {
    let request = completion(call, document)?;
    let id = call.query("uploadId").unwrap_or("").to_owned();
    let encryption = match upload(call) {
        Ok((_, record)) => {
            super::encryption::of_part(call, &record)?;
            record.attributes.encryption
        }
        // A repeat is answered although its upload is gone.
        Err(refusal) if refusal.code == ErrorCode::NoSuchUpload => Encryption::None,
        Err(refusal) => return Err(refusal),
    };
    let telling = call.telling();
    let completed = call
        .change_key(Written::default(), move |tx, env, bucket, key| {
            // A repeat finds no upload, and nothing happens.
            let is_first = multipart::find(tx, bucket, key, &id).is_ok();
            let completed = multipart::complete(tx, env, bucket, key, &id, &request)?;
            if is_first {
                telling.found(
                    tx,
                    env,
                    (bucket, key),
                    None,
                    &[Event::ObjectCreatedCompleteMultipartUpload],
                )?;
            }
            Ok(completed)
        })
        .await?;
    let path = dolmen_s3::encoding::percent(call.key(), dolmen_s3::encoding::Keep::Slash);
    let document = CompleteMultipartUploadOutput {
        location: Some(format!("{}/{}/{path}", call.origin(), call.bucket())),
        bucket: Some(call.bucket().to_owned()),
        key: Some(call.key_text().to_owned()),
        etag: Some(completed.put.etag.clone()),
        checksums: completed.checksum.map(|checksum| Checksums::of_object(&checksum)).unwrap_or_default(),
        checksum_type: completed.checksum.map(|checksum| checksum.kind),
    };
    let head = super::encryption::shown(Head::new(200).version(completed.put.version), &encryption);
    Ok(super::read::expiration(call, admitted, head).xml(&document))
}

pub(crate) async fn abort(call: &Call<'_>) -> Answer {
    let id = call.query("uploadId").unwrap_or("").to_owned();
    let initiated_s = head::initiated_s(call.headers)?;
    call.change_key(Written::default(), move |tx, _, bucket, key| {
        multipart::abort(tx, bucket, key, &id, initiated_s)
    })
    .await?;
    Ok(Head::new(204).empty())
}

pub(crate) fn list_parts(call: &Call<'_>) -> Answer {
    use dolmen_s3::body::{ListPartsOutput, Part, StorageClass};
    let (id, record) = upload(call)?;
    let max = call.number("max-parts", i32::MAX as u64)?.unwrap_or(1000).min(1000);
    let marker = call.number("part-number-marker", i32::MAX as u64)?.unwrap_or(0);
    let marker = u16::try_from(marker).unwrap_or(u16::MAX);
    let limit = usize::try_from(max).unwrap_or(1000);
    let (found, more, owner, initiator) = call.read(|source| {
        let (found, more) = multipart::list_parts(source, id, marker, limit)?;
        let tx = Tx::new(source);
        Ok((found, more, shapes::owner(&tx, &record.owner)?, shapes::owner(&tx, &record.initiator)?))
    })?;
    let told = record.checksum.map(|(algorithm, _)| algorithm);
    let document = ListPartsOutput {
        bucket: call.bucket().to_owned(),
        key: Some(call.key_text().to_owned()),
        upload_id: id.to_string(),
        part_number_marker: Some(u32::from(marker)),
        next_part_number_marker: found.last().map(|(number, _)| u32::from(*number)),
        max_parts: u32::try_from(max).unwrap_or(1000),
        is_truncated: more,
        parts: found
            .into_iter()
            .map(|(number, part)| Part {
                part_number: u32::from(number),
                last_modified: Some(stamp(part.modified_ms)),
                etag: Some(ETag::Whole(part.md5)),
                size: part.size,
                checksums: part
                    .checksum
                    .filter(|checksum| told == Some(checksum.algorithm()))
                    .map(Checksums::from)
                    .unwrap_or_default(),
            })
            .collect(),
        initiator: Some(initiator),
        owner: Some(owner),
        storage_class: StorageClass::parse(match record.attributes.storage_class.as_str() {
            "" => "STANDARD",
            class => class,
        }),
        checksum_algorithm: told,
        checksum_type: record.checksum.map(|(_, kind)| kind),
    };
    Ok(Head::new(200).xml(&document))
}

pub(crate) async fn rename(call: &Call<'_>, admitted: &Admitted) -> Answer {
    use dolmen_s3::state::object::RenameCondition;
    let origin = admitted.origin.as_ref().ok_or(ErrorCode::InvalidArgument)?;
    if origin.source.bucket.as_str() != call.bucket() || origin.version.is_some() {
        return Err(Refusal::new(ErrorCode::InvalidRequest));
    }
    let mut times = head::read_condition(call.headers, "");
    (times.if_match, times.if_none_match) = (None, None);
    let condition = RenameCondition {
        source: head::read_condition(call.headers, "x-amz-rename-source-"),
        target: head::write_condition(call.headers),
        target_times: times,
        token: call.headers.get("x-amz-client-token").unwrap_or("").to_owned(),
    };
    let name = call.bucket().to_owned();
    let (from, to) = (origin.source.key.as_str().as_bytes().to_vec(), call.key().to_vec());
    let scope = Scope::Keys(name.clone(), vec![from.clone(), to.clone()]);
    let telling = call.telling();
    let renamed = call.engine().change(&call.caller.id, scope, Written::default(), move |tx, env| {
        let bucket = bucket::find(tx, &name)?;
        if object::rename(tx, env, &bucket, &from, &to, &condition)? {
            telling.found(tx, env, (&bucket, &to), None, &[Event::ObjectCreatedCopy])?;
            let gone = Happened::without(Event::ObjectRemovedDelete, None);
            telling.happened(tx, env, (&bucket, &from), &gone)?;
        }
        Ok(())
    });
    renamed.await?;
    Ok(Head::new(200).empty())
}
