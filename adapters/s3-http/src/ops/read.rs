//! Objects that go out, and what is told of them.

use std::ops::Range;

use dolmen_s3::body::{
    Checksums, Event, GetObjectAttributesOutput, GetObjectAttributesParts, LegalHold, LifecycleConfiguration,
    ObjectChecksums, ObjectPart, OnOff, Retention, StorageClass, Tag, TagSet, Tagging,
};
use dolmen_s3::checksum::{Checksum, ObjectChecksum};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::head::{self, TYPE_DEFAULT};
use dolmen_s3::operation::Operation;
use dolmen_s3::range::{ByteRange, content_range};
use dolmen_s3::state::record::{LockMode, ObjectRecord};
use dolmen_s3::state::{StateError, Tx, bucket, config, copy, keys, lifecycle, object, shapes, tagging};

use super::encryption;
use crate::answer::{Answer, Head, Refusal, http_date, stamp};
use crate::call::{Call, parse};
use crate::engine::Written;
use crate::gate::Admitted;
use crate::pieces;

/// Attempts at an object that is overwritten all the time.
const ATTEMPTS_MAX: usize = 8;
/// Headers that a reader may have answered, with the query's name for each.
const OVERRIDES: [(&str, &str); 6] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

/// What a GET or HEAD is to answer.
pub(crate) struct Cut {
    pub span: Range<u64>,
    /// Whether it is a part of the object.
    is_partial: bool,
    /// How many parts the object has, where one was asked for.
    part_count: Option<usize>,
    /// The checksum of these bytes, if there is one: name of its header, value, type.
    checksum: Option<(&'static str, String, &'static str)>,
}

pub(crate) async fn get(call: &Call<'_>, admitted: &Admitted) -> Answer {
    let mut record = seen(admitted).map_err(|refusal| match &admitted.object {
        Some(Err(StateError::Refused(ErrorCode::NoSuchKey))) => {
            refusal.header("x-amz-delete-marker", "false")
        }
        _ => refusal,
    })?;
    encryption::of_get(call)?;
    let version = call.version()?;
    for _ in 0..ATTEMPTS_MAX {
        let cut = check(call, &record)?;
        let head = describe(call, admitted, &record, &cut)?;
        let key = encryption::key_of(call, &record)?;
        if call.operation == Operation::HeadObject {
            return Ok(head.with("content-length", (cut.span.end - cut.span.start).to_string()).empty());
        }
        if !object::is_readable(&record, call.engine().clock.now_ms()) {
            return Err(Refusal::new(ErrorCode::InvalidObjectState));
        }
        let len = cut.span.end - cut.span.start;
        let extents = copy::slice(&record.body, cut.span.start, len);
        match pieces::reply(call.engine(), extents, key).await? {
            Some(reply) if reply.len() == len => return Ok(head.body(reply)),
            Some(_) => return Err(Refusal::new(ErrorCode::InternalError)),
            // A file that its record names is gone: the object was overwritten in between, or it is damaged.
            None => {
                let (name, key) = (call.bucket(), call.key());
                let again = call.read(|source| {
                    let tx = Tx::new(source);
                    let bucket = bucket::find(&tx, name)?;
                    Ok(object::find(&tx, &bucket, key, version)?.1)
                })?;
                if again.body == record.body {
                    tracing::error!(target: "s3", "a file of s3://{name}/{} is gone", call.key_text());
                    return Err(Refusal::new(ErrorCode::InternalError));
                }
                record = again;
            }
        }
    }
    Err(Refusal::new(ErrorCode::SlowDown))
}

/// The version that the gate saw.
fn seen(admitted: &Admitted) -> Result<ObjectRecord, Refusal> {
    match &admitted.object {
        Some(Ok((_, record))) => Ok(record.clone()),
        Some(Err(error)) => Err((*error).into()),
        None => Err(Refusal::new(ErrorCode::NoSuchKey)),
    }
}

/// Whether the object is to be answered, and which bytes of it.
pub(crate) fn check(call: &Call<'_>, record: &ObjectRecord) -> Result<Cut, Refusal> {
    head::read_condition(call.headers, "").check_read(&record.listed).map_err(|error| {
        let refusal = Refusal::from(error);
        let refusal = refusal.header("etag", record.listed.etag.quoted().to_string());
        refusal.header("last-modified", http_date(record.listed.modified_ms))
    })?;
    let size = record.listed.size;
    let range = call.headers.get("range");
    if let Some(text) = call.query("partNumber") {
        if range.is_some() {
            let text = "Cannot specify both Range header and partNumber query parameter";
            return Err(Refusal::says(ErrorCode::InvalidRequest, text));
        }
        return part(record, text);
    }
    match range.and_then(ByteRange::parse) {
        None => {
            Ok(Cut { span: 0..size, is_partial: false, part_count: None, checksum: whole_checksum(record) })
        }
        Some(range) => match range.resolve(size) {
            Ok(span) => {
                let checksum = if span == (0..size) { whole_checksum(record) } else { None };
                Ok(Cut { span, is_partial: true, part_count: None, checksum })
            }
            Err(error) => Err(Refusal::from(error)
                .field("ActualObjectSize", size.to_string())
                .field("RangeRequested", call.headers.get("range").unwrap_or(""))
                .header("content-range", format!("bytes */{size}"))),
        },
    }
}

/// The checksum of the whole, which is none of a range.
fn whole_checksum(record: &ObjectRecord) -> Option<(&'static str, String, &'static str)> {
    let shown = |own: ObjectChecksum| (own.checksum.algorithm().header(), own.text(), own.kind.name());
    record.listed.checksum.map(shown)
}

/// The bytes of one part.
fn part(record: &ObjectRecord, text: &str) -> Result<Cut, Refusal> {
    let number = text.parse::<u64>().ok().filter(|number| (1..=10_000).contains(number));
    let number = number.ok_or(ErrorCode::InvalidArgument)?;
    if record.parts.is_empty() {
        let span = 0..record.listed.size;
        let whole = Cut { span, is_partial: true, part_count: None, checksum: whole_checksum(record) };
        return if number == 1 { Ok(whole) } else { Err(Refusal::new(ErrorCode::InvalidPart)) };
    }
    let mut start = 0;
    for part in &record.parts {
        if u64::from(part.number) == number {
            let span = start..start + part.size;
            let kind = record.listed.checksum.map_or("", |checksum| checksum.kind.name());
            let shown = |checksum: Checksum| (checksum.algorithm().header(), checksum.base64(), kind);
            let (part_count, checksum) = (Some(record.parts.len()), part.checksum.map(shown));
            return Ok(Cut { span, is_partial: true, part_count, checksum });
        }
        start += part.size;
    }
    Err(Refusal::new(ErrorCode::InvalidPart))
}

/// The head of the answer.
pub(crate) fn describe(
    call: &Call<'_>,
    admitted: &Admitted,
    record: &ObjectRecord,
    cut: &Cut,
) -> Result<Head, Refusal> {
    let listed = &record.listed;
    let bucket = admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?;
    let mut head = Head::new(if cut.is_partial { 206 } else { 200 })
        .with("etag", listed.etag.quoted().to_string())
        .with("last-modified", http_date(listed.modified_ms))
        .with("accept-ranges", "bytes")
        .with("content-type", TYPE_DEFAULT)
        .version(object::shown(bucket, listed.version));
    for (name, value) in &record.headers {
        head = head.named(name, value);
    }
    if cut.is_partial {
        head = head.with("content-range", content_range(&cut.span, listed.size).to_string());
    }
    head = head.maybe("x-amz-mp-parts-count", cut.part_count.map(|count| count.to_string()));
    if listed.storage_class != "STANDARD" {
        head = head.with("x-amz-storage-class", &listed.storage_class);
    }
    if !record.tags.is_empty() {
        head = head.with("x-amz-tagging-count", record.tags.len().to_string());
    }
    if let Some(retention) = record.retention {
        let mode = if retention.mode == LockMode::Governance { "GOVERNANCE" } else { "COMPLIANCE" };
        head = head
            .with("x-amz-object-lock-mode", mode)
            .with("x-amz-object-lock-retain-until-date", stamp(retention.until_ms).iso8601().to_string());
    }
    if record.legal_hold {
        head = head.with("x-amz-object-lock-legal-hold", "ON");
    }
    if record.restored_until_ms > 0 {
        let until = http_date(record.restored_until_ms);
        head = head.with("x-amz-restore", format!("ongoing-request=\"false\", expiry-date=\"{until}\""));
    }
    head = encryption::shown(head, &record.encryption);
    let wants_checksum = call.headers.get("x-amz-checksum-mode").is_some_and(|mode| mode == "ENABLED");
    if let Some((name, value, kind)) = cut.checksum.as_ref().filter(|_| wants_checksum) {
        head = head.with(name, value).with("x-amz-checksum-type", kind);
    }
    for (asked, name) in OVERRIDES {
        let Some(value) = call.query(asked) else { continue };
        if call.caller.user.is_none() {
            let text = "Request specific response headers cannot be used for anonymous GET requests.";
            return Err(Refusal::says(ErrorCode::InvalidRequest, text));
        }
        head = head.named(name, value);
    }
    Ok(with_expiration(call, admitted, head, record))
}

/// Adds when a lifecycle rule will remove the object.
fn with_expiration(call: &Call<'_>, admitted: &Admitted, head: Head, record: &ObjectRecord) -> Head {
    let Some(bucket) = &admitted.bucket else { return head };
    let (id, key) = (bucket.id, call.key());
    let found = call.read(|source| config::find::<LifecycleConfiguration>(&Tx::new(source), id, ""));
    let Ok(Some(rules)) = found else { return head };
    // The header names a day of people's calendar, whatever counts as one for the worker.
    let clock = lifecycle::Clock { day_ms: lifecycle::DAY_MS, ..call.server.lifecycle_clock() };
    match lifecycle::expiration(&rules.rules, key, record, clock) {
        Some((when, rule)) => {
            let date = http_date(when);
            head.with("x-amz-expiration", format!("expiry-date=\"{date}\", rule-id=\"{rule}\""))
        }
        None => head,
    }
}

/// The same for an object that was just made.
pub(crate) fn expiration(call: &Call<'_>, admitted: &Admitted, head: Head) -> Head {
    let Some(record) = admitted.bucket.as_ref().filter(|_| call.engine().meta.may_hold(keys::CONFIGS)) else {
        return head;
    };
    let key = call.key();
    let latest = call.read(|source| {
        let tx = Tx::new(source);
        match config::find::<LifecycleConfiguration>(&tx, record.id, "")? {
            Some(_) => object::latest(&tx, record, key),
            None => Ok(None),
        }
    });
    match latest {
        Ok(Some((_, object))) => with_expiration(call, admitted, head, &object),
        _ => head,
    }
}

pub(crate) fn attributes(call: &Call<'_>, admitted: &Admitted) -> Answer {
    let record = seen(admitted)?;
    encryption::key_of(call, &record)?;
    let bucket = admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?;
    let mut wanted = Vec::new();
    for value in call.headers.all("x-amz-object-attributes") {
        wanted.extend(std::str::from_utf8(value).unwrap_or("").split(',').map(str::trim));
    }
    const KNOWN: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
    if wanted.is_empty() || wanted.iter().any(|name| !KNOWN.contains(name)) {
        return Err(Refusal::says(ErrorCode::InvalidArgument, "Invalid attribute name specified."));
    }
    let has = |name: &str| wanted.contains(&name);
    let listed = &record.listed;
    let checksum = listed.checksum.filter(|_| has("Checksum")).map(|checksum| ObjectChecksums {
        checksums: Checksums::of_object(&checksum),
        checksum_type: Some(checksum.kind),
    });
    let page = parts_asked(call)?;
    let document = GetObjectAttributesOutput {
        etag: has("ETag").then(|| listed.etag.to_string()),
        checksum,
        object_parts: if has("ObjectParts") { parts(&record, page) } else { None },
        storage_class: StorageClass::parse(&listed.storage_class).filter(|_| has("StorageClass")),
        object_size: has("ObjectSize").then_some(listed.size),
    };
    Ok(Head::new(200)
        .with("last-modified", http_date(listed.modified_ms))
        .version(object::shown(bucket, listed.version))
        .xml(&document))
}

/// Which parts are to be shown: behind which one, and how many.
fn parts_asked(call: &Call<'_>) -> Result<(u16, u16), Refusal> {
    let number = |name: &str, default: u64| match call.headers.get(name) {
        None => Ok(default),
        Some(text) => text.parse::<u64>().map_err(|_| Refusal::new(ErrorCode::InvalidArgument)),
    };
    let max = u16::try_from(number("x-amz-max-parts", 1000)?.min(1000)).unwrap_or(1000);
    Ok((u16::try_from(number("x-amz-part-number-marker", 0)?).unwrap_or(u16::MAX), max))
}

fn parts(record: &ObjectRecord, (marker, max): (u16, u16)) -> Option<GetObjectAttributesParts> {
    if record.parts.is_empty() {
        return None;
    }
    let (page, more) = object::parts_page(record, marker, usize::from(max));
    let show = |part: &dolmen_s3::state::record::PartInfo| ObjectPart {
        part_number: Some(u32::from(part.number)),
        size: Some(part.size),
        checksums: part.checksum.map(Checksums::from).unwrap_or_default(),
    };
    Some(GetObjectAttributesParts {
        total_parts_count: Some(u32::try_from(record.parts.len()).unwrap_or(u32::MAX)),
        part_number_marker: Some(u32::from(marker)),
        next_part_number_marker: Some(page.last().map_or(0, |part| u32::from(part.number))),
        max_parts: Some(u32::from(max)),
        is_truncated: Some(more),
        parts: page.iter().map(show).collect(),
    })
}

pub(crate) fn get_tags(admitted: &Admitted) -> Answer {
    let record = seen(admitted)?;
    let bucket = admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?;
    let tags =
        record.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    let shown = object::shown(bucket, record.listed.version);
    Ok(Head::new(200).version(shown).xml(&Tagging { tag_set: TagSet { tags } }))
}

pub(crate) async fn put_tags(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: Tagging = parse(body)?;
    let pairs = document.tag_set.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let tags = tagging::check(pairs, tagging::On::Object)?;
    set_tags(call, tags, 200).await
}

pub(crate) async fn delete_tags(call: &Call<'_>) -> Answer {
    set_tags(call, Vec::new(), 204).await
}

async fn set_tags(call: &Call<'_>, tags: Vec<(String, String)>, status: u16) -> Answer {
    let version = call.version()?;
    let telling = call.telling();
    let event = match call.operation {
        Operation::PutObjectTagging => Event::ObjectTaggingPut,
        _ => Event::ObjectTaggingDelete,
    };
    let shown = call
        .change_key(Written::default(), move |tx, env, bucket, key| {
            let shown = object::set_tags(tx, bucket, key, version, tags.clone())?;
            telling.found(tx, env, (bucket, key), version, &[event])?;
            Ok(shown)
        })
        .await?;
    Ok(Head::new(status).version(shown).empty())
}

/// The object, in a bucket whose objects can be locked.
fn locked(admitted: &Admitted) -> Result<ObjectRecord, Refusal> {
    let bucket = admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?;
    dolmen_s3::state::lock::of_bucket(bucket)?;
    seen(admitted)
}

pub(crate) fn get_retention(admitted: &Admitted) -> Answer {
    Ok(Head::new(200).xml(&shapes::retention_body(locked(admitted)?.retention)?))
}

pub(crate) async fn put_retention(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: Retention = parse(body)?;
    let retention = shapes::retention_of(&document)?;
    let version = call.version()?;
    let bypass = call.headers.get("x-amz-bypass-governance-retention") == Some("true");
    let telling = call.telling();
    call.change_key(Written::default(), move |tx, env, bucket, key| {
        object::set_retention(tx, env, bucket, key, version, retention, bypass)?;
        telling.found(tx, env, (bucket, key), version, &[Event::ObjectRetentionPut])
    })
    .await?;
    Ok(Head::new(200).empty())
}

pub(crate) fn get_legal_hold(admitted: &Admitted) -> Answer {
    let on = locked(admitted)?.legal_hold;
    Ok(Head::new(200).xml(&LegalHold { status: Some(if on { OnOff::On } else { OnOff::Off }) }))
}

pub(crate) async fn put_legal_hold(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: LegalHold = parse(body)?;
    let on = document.status.ok_or(ErrorCode::MalformedXML)? == OnOff::On;
    let version = call.version()?;
    call.change_key(Written::default(), move |tx, _, bucket, key| {
        object::set_legal_hold(tx, bucket, key, version, on)
    })
    .await?;
    Ok(Head::new(200).empty())
}

/// An archived object becomes readable at once: there is no slower place here.
pub(crate) async fn restore(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: dolmen_s3::body::RestoreRequest = parse(body)?;
    if document.kind.is_some() || document.select_parameters.is_some() || document.output_location.is_some() {
        return Err(Refusal::new(ErrorCode::NotImplemented));
    }
    let version = call.version()?;
    let days = i32::try_from(document.days.unwrap_or(0)).unwrap_or(i32::MAX);
    let clock = call.server.lifecycle_clock();
    let telling = call.telling();
    let already = call
        .change_key(Written::default(), move |tx, env, bucket, key| {
            let already = object::restore(tx, bucket, key, version, days, clock)?;
            // What was restored already has a new time, and nothing happened.
            if !already {
                let events = [Event::ObjectRestorePost, Event::ObjectRestoreCompleted];
                telling.found(tx, env, (bucket, key), version, &events)?;
            }
            Ok(already)
        })
        .await?;
    Ok(Head::new(if already { 200 } else { 202 }).empty())
}
