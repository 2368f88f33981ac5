//! Objects behind the gateway: put, get, copy, delete.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use dolmen_base::io::IoError;
use dolmen_s3::auth::Verified;
use dolmen_s3::body::{Checksums, CopyObjectResult};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::head;
use dolmen_s3::limits::PUT_LEN_MAX;
use dolmen_s3::state::BlobId;
use dolmen_s3::state::condition::{DeleteCondition, WriteCondition};
use dolmen_s3::state::record::{Listed, ObjectRecord};
use futures_util::StreamExt as _;
use hyper::body::Incoming;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, CopyMode, CopyOptions, GetResult, GetResultPayload, PutMode, UpdateVersion,
};

use super::upload::{self, Upload};
use super::upstream::{etag, listed};
use super::{Gateway, name, not_here};
use crate::answer::{Answer, Head, Refusal, stamp};
use crate::blobs::BlobFault;
use crate::body::Told;
use crate::call::Call;
use crate::gate::{Admitted, admit_absent};
use crate::ops;
use crate::reply::{Pieces, Relay, Reply, Stream};

/// Bytes that are read of a file at a time.
const FILE_PIECE_LEN: u64 = 256 << 10;
/// Attempts at an object that changes between being looked at and being read.
const ATTEMPTS_MAX: usize = 3;

/// The path of the request's key.
pub(super) fn path(gateway: &Gateway, call: &Call<'_>) -> Result<Path, Refusal> {
    gateway.path(call.bucket(), call.key_text()).ok_or_else(|| name::refused(call.key_text()))
}

/// The headers that an object keeps there.
pub(super) fn attributes(gateway: &Gateway, headers: &[(String, String)]) -> Result<Attributes, Refusal> {
    let mut out = Attributes::new();
    if !gateway.keeps_headers {
        return Ok(out);
    }
    for (name, value) in headers {
        let attribute = match (name.as_str(), name.strip_prefix("x-amz-meta-")) {
            (_, Some(name)) => Attribute::Metadata(name.to_owned().into()),
            ("content-type", _) => Attribute::ContentType,
            ("content-encoding", _) => Attribute::ContentEncoding,
            ("content-language", _) => Attribute::ContentLanguage,
            ("content-disposition", _) => Attribute::ContentDisposition,
            ("cache-control", _) => Attribute::CacheControl,
            (name, _) => return Err(not_here(name)),
        };
        out.insert(attribute, value.clone().into());
    }
    Ok(out)
}

/// The headers that an object has kept.
fn headers(attributes: &Attributes) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (attribute, value) in attributes {
        let name = match attribute {
            Attribute::ContentType => "content-type".to_owned(),
            Attribute::ContentEncoding => "content-encoding".to_owned(),
            Attribute::ContentLanguage => "content-language".to_owned(),
            Attribute::ContentDisposition => "content-disposition".to_owned(),
            Attribute::CacheControl => "cache-control".to_owned(),
            Attribute::Metadata(name) => format!("x-amz-meta-{name}"),
            _ => continue,
        };
        out.push((name, value.as_ref().to_owned()));
    }
    out.sort_unstable();
    out
}

/// How a put is to be made so that its condition holds there, too.
async fn mode(gateway: &Gateway, path: &Path, condition: &WriteCondition) -> Result<PutMode, Refusal> {
    if *condition == WriteCondition::default() {
        return Ok(PutMode::Overwrite);
    }
    let found = match gateway.head(path).await {
        Ok(found) => Some(found.meta),
        Err(refusal) if refusal.code == ErrorCode::NoSuchKey => None,
        Err(refusal) => return Err(refusal),
    };
    condition.check(found.as_ref().map(|meta| listed(meta, "")).as_ref())?;
    Ok(match found {
        None => PutMode::Create,
        Some(meta) => PutMode::Update(UpdateVersion { e_tag: meta.e_tag, version: meta.version }),
    })
}

pub(super) async fn put(
    gateway: &Gateway,
    call: &Call<'_>,
    incoming: &mut Incoming,
    verified: &Verified,
) -> Answer {
    let path = path(gateway, call)?;
    let attributes = attributes(gateway, &head::kept(call.headers)?)?;
    let told = Told::read(call, verified, PUT_LEN_MAX)?;
    let condition = head::write_condition(call.headers);
    let mode = mode(gateway, &path, &condition).await?;
    if mode != PutMode::Overwrite && told.len().is_some_and(|len| len > upload::PIECE_LEN as u64) {
        return Err(upload::conditional());
    }
    let _memory = gateway.memory(upload::memory(told.len())).await?;
    let mut up = Upload::new(gateway, path, attributes, mode);
    let stored = upload::receive(call, incoming, verified, &told, &mut up).await?;
    let put = up.finish().await?;
    let mut head = Head::new(200).with("etag", etag(put.e_tag.as_deref()).quoted().to_string());
    if let Some(checksum) = stored.checksums.first().filter(|_| told.is_named()) {
        head = head.with(checksum.algorithm().header(), checksum.base64());
    }
    Ok(head.empty())
}

/// An object as ours would know it.
fn record(found: &GetResult, owner: &str) -> ObjectRecord {
    let mut record = crate::gate::behind(owner);
    record.listed = listed(&found.meta, owner);
    record.headers = headers(&found.attributes);
    record
}

pub(super) async fn get(gateway: &Gateway, call: &Call<'_>, admitted: &Admitted) -> Answer {
    ops::encryption::of_get(call)?;
    let bucket = admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?;
    let absent = |refusal: Refusal| {
        if refusal.code == ErrorCode::NoSuchKey {
            // Who may not list is not told that it is not there.
            let place = (call.bucket(), bucket, call.key_text());
            return admit_absent(call, admitted, place).err().unwrap_or(refusal);
        }
        refusal
    };
    let Some(path) = gateway.path(call.bucket(), call.key_text()) else {
        return Err(absent(ErrorCode::NoSuchKey.into()));
    };
    let is_head = call.operation == dolmen_s3::operation::Operation::HeadObject;
    let is_part = call.headers.has("range") || call.query("partNumber").is_some();
    for _ in 0..ATTEMPTS_MAX {
        // What is asked for whole is asked for once.
        let found = if is_head || is_part {
            gateway.head(&path).await.map_err(absent)?
        } else {
            gateway.get(&path, None, None).await.map_err(absent)?
        };
        let record = record(&found, &bucket.owner);
        let cut = ops::read::check(call, &record)?;
        let head = ops::read::describe(call, admitted, &record, &cut)?;
        let len = cut.span.end - cut.span.start;
        if is_head {
            return Ok(head.with("content-length", len.to_string()).empty());
        }
        if len == 0 {
            return Ok(head.empty());
        }
        if !is_part {
            return Ok(head.body(reply(gateway, found, cut.span)));
        }
        match gateway.get(&path, Some(cut.span.clone()), found.meta.e_tag.clone()).await {
            Ok(found) => return Ok(head.body(reply(gateway, found, cut.span))),
            Err(refusal) if refusal.code == ErrorCode::PreconditionFailed => {}
            Err(refusal) => return Err(absent(refusal)),
        }
    }
    Err(Refusal::new(ErrorCode::SlowDown))
}

/// The bytes on their way to the client: a file is read in pieces, other bytes are taken as they come.
fn reply(gateway: &Gateway, found: GetResult, span: Range<u64>) -> Reply {
    let len = span.end - span.start;
    match found.payload {
        GetResultPayload::File(file, _) => {
            let pieces = FilePieces { file, at: span.start, end: span.end };
            Reply::Stream(Stream::new(Vec::new(), Box::new(pieces), len))
        }
        GetResultPayload::Stream(mut stream) => {
            let (sender, receiver) = tokio::sync::mpsc::channel(2);
            let time = gateway.timeout();
            tokio::spawn(async move {
                loop {
                    let next = tokio::time::timeout(time, stream.next()).await;
                    let piece = match next {
                        Ok(None) => return,
                        Ok(Some(piece)) => piece.map_err(std::io::Error::other),
                        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
                    };
                    let is_last = piece.is_err();
                    // Who hangs up wants no more.
                    if sender.send(piece).await.is_err() || is_last {
                        return;
                    }
                }
            });
            Reply::Relay(Relay::new(receiver, len))
        }
    }
}

struct FilePieces {
    file: std::fs::File,
    at: u64,
    end: u64,
}

impl Pieces for FilePieces {
    fn next(&mut self) -> Result<Vec<Bytes>, BlobFault> {
        let len = (self.end - self.at).min(FILE_PIECE_LEN);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let read = self.file.seek(SeekFrom::Start(self.at)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|error| BlobFault::Io {
            blob: BlobId::file([0; 16]),
            error: IoError::Os(error.raw_os_error().unwrap_or(5)),
        })?;
        self.at += len;
        Ok(if bytes.is_empty() { Vec::new() } else { vec![bytes.into()] })
    }
}

/// Deletes the object of a key; a key that cannot be has none.
pub(crate) async fn delete(
    gateway: &Gateway,
    bucket: &str,
    key: &str,
    condition: &DeleteCondition,
) -> Result<(), Refusal> {
    if !condition.is_empty() {
        return Err(Refusal::says(ErrorCode::NotImplemented, "The gateway deletes without conditions only."));
    }
    match gateway.path(bucket, key) {
        Some(path) => gateway.delete(&path).await,
        None => Ok(()),
    }
}

pub(super) async fn delete_one(gateway: &Gateway, call: &Call<'_>) -> Answer {
    let condition = head::delete_condition(call.headers)?;
    delete(gateway, call.bucket(), call.key_text(), &condition).await?;
    Ok(Head::new(204).empty())
}

pub(super) async fn delete_bucket(gateway: &Gateway, call: &Call<'_>) -> Answer {
    if !gateway.is_empty(call.bucket()).await? {
        return Err(Refusal::new(ErrorCode::BucketNotEmpty));
    }
    ops::bucket::delete(call).await
}

pub(super) async fn copy(gateway: &Gateway, call: &Call<'_>, admitted: &Admitted) -> Answer {
    let origin = admitted.origin.as_ref().ok_or(ErrorCode::InvalidArgument)?;
    if origin.version.is_some_and(|version| version != dolmen_s3::state::Version::Null) {
        return Err(Refusal::new(ErrorCode::NoSuchVersion));
    }
    let to = path(gateway, call)?;
    let (from_bucket, from_key) = (origin.source.bucket.as_str(), origin.source.key.as_str());
    let absent = |refusal: Refusal| match refusal.code {
        ErrorCode::NoSuchKey => {
            let place = (from_bucket, &origin.bucket, from_key);
            admit_absent(call, admitted, place).err().unwrap_or(refusal)
        }
        _ => refusal,
    };
    let from = gateway.path(from_bucket, from_key).ok_or_else(|| absent(ErrorCode::NoSuchKey.into()))?;
    let replaces = match call.headers.get("x-amz-metadata-directive") {
        None | Some("COPY") => false,
        Some("REPLACE") => true,
        Some(_) => return Err(Refusal::new(ErrorCode::InvalidArgument)),
    };
    if from == to && !replaces {
        return Err(Refusal::new(ErrorCode::InvalidRequest));
    }
    let source = gateway.head(&from).await.map_err(absent)?;
    let there: Listed = listed(&source.meta, "");
    head::read_condition(call.headers, "x-amz-copy-source-").check(&there)?;
    if there.size > PUT_LEN_MAX {
        return Err(Refusal::new(ErrorCode::InvalidRequest));
    }
    let mode = mode(gateway, &to, &head::write_condition(call.headers)).await?;
    if replaces && gateway.keeps_headers {
        let attributes = attributes(gateway, &head::kept(call.headers)?)?;
        rewrite(gateway, &from, source, &to, attributes, mode).await?;
    } else if from != to {
        let mode = match mode {
            PutMode::Overwrite => CopyMode::Overwrite,
            PutMode::Create => CopyMode::Create,
            PutMode::Update(_) => return Err(not_here("if-match")),
        };
        let options = CopyOptions { mode, ..CopyOptions::default() };
        gateway.joined(gateway.store.copy_opts(&from, &to, options)).await?;
    }
    let made = listed(&gateway.head(&to).await?.meta, "");
    let result = CopyObjectResult {
        last_modified: Some(stamp(made.modified_ms)),
        etag: Some(made.etag),
        checksum_type: None,
        checksums: Checksums::default(),
    };
    Ok(Head::new(200).xml(&result))
}

/// Reads an object and puts it again with other headers.
async fn rewrite(
    gateway: &Gateway,
    from: &Path,
    source: GetResult,
    to: &Path,
    attributes: Attributes,
    mode: PutMode,
) -> Result<(), Refusal> {
    let _memory = gateway.memory(upload::memory(Some(source.meta.size))).await?;
    let found = gateway.get(from, None, source.meta.e_tag).await?;
    let mut up = Upload::new(gateway, to.clone(), attributes, mode);
    pour(gateway, found, &mut up).await?;
    up.finish().await?;
    Ok(())
}

/// Reads all of an object into an upload.
pub(super) async fn pour(gateway: &Gateway, found: GetResult, up: &mut Upload<'_>) -> Result<(), Refusal> {
    let mut stream = found.into_stream();
    while let Some(piece) = gateway.timed(async { stream.next().await.transpose() }).await? {
        up.push(piece).await?;
    }
    Ok(())
}
