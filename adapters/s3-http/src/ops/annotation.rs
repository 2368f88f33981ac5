//! Annotations: small named payloads that hang on a version.

use dolmen_s3::body::{
    AnnotationEntry, Annotations, Event, ListObjectAnnotationsOutput, PutObjectAnnotationOutput,
};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::etag::ETag;
use dolmen_s3::head::TYPE_DEFAULT;
use dolmen_s3::state::annotation::{self, Annotation};
use dolmen_s3::state::condition::EtagCondition;
use dolmen_s3::state::{Tx, bucket};
use hyper::body::Incoming;

use crate::answer::{Answer, Head, Refusal, http_date, stamp};
use crate::body::{self, Told};
use crate::call::Call;
use crate::engine::Written;
use crate::ops::encryption::{self, Chosen};
use crate::pieces;
use dolmen_s3::auth::Verified;

/// Bytes of an annotation.
const LEN_MAX: u64 = 1 << 20;
/// Annotations of a page.
const PAGE_MAX: u64 = 1000;

fn name<'a>(call: &Call<'a>) -> Result<&'a str, Refusal> {
    Ok(call.query("annotationName").ok_or(ErrorCode::InvalidArgument)?)
}

pub(crate) async fn put(call: &Call<'_>, incoming: &mut Incoming, verified: &Verified) -> Answer {
    let (version, name) = (call.version()?, name(call)?.to_owned());
    let told = Told::read(call, verified, LEN_MAX)?;
    let bytes = body::taken(incoming, verified, &told).await?;
    if bytes.is_empty() {
        return Err(Refusal::new(ErrorCode::InvalidRequest));
    }
    if std::str::from_utf8(&bytes).is_err() {
        return Err(Refusal::new(ErrorCode::UnsupportedMediaType));
    }
    let if_match = call.headers.get("x-amz-object-if-match").map(EtagCondition::parse);
    let Chosen { encryption, key } = encryption::of_server(call);
    let mut stored = body::keep(call, &told, bytes, key).await?;
    let written = std::mem::take(&mut stored.written);
    let new = Annotation {
        modified_ms: 0,
        size: stored.len,
        etag: ETag::Whole(stored.md5),
        checksum: stored.checksums.first().copied(),
        content_type: call.headers.get("content-type").unwrap_or(TYPE_DEFAULT).to_owned(),
        body: std::mem::take(&mut stored.body),
        encryption,
    };
    let document = PutObjectAnnotationOutput {
        key: Some(call.key_text().to_owned()),
        annotation_name: Some(name.clone()),
    };
    let (etag, sealed) = (new.etag.quoted().to_string(), new.encryption.clone());
    let telling = call.telling();
    let shown = call
        .change_key(written, move |tx, env, bucket, key| {
            let at = (bucket, key, version);
            let shown = annotation::put(tx, env, at, &name, if_match.as_ref(), new.clone())?;
            telling.found(tx, env, (bucket, key), version, &[Event::ObjectAnnotationPut])?;
            Ok(shown)
        })
        .await?;
    Ok(encryption::shown(Head::new(200).with("etag", etag).version(shown), &sealed).xml(&document))
}

pub(crate) async fn get(call: &Call<'_>) -> Answer {
    let (version, name) = (call.version()?, name(call)?);
    let (bucket_name, key) = (call.bucket(), call.key());
    let (found, shown) = call.read(|source| {
        let tx = Tx::new(source);
        let bucket = bucket::find(&tx, bucket_name)?;
        annotation::get(&tx, (&bucket, key, version), name)
    })?;
    let head = Head::new(200)
        .with("etag", found.etag.quoted().to_string())
        .with("last-modified", http_date(found.modified_ms))
        .with("content-type", &found.content_type)
        .version(shown);
    let head = encryption::shown(head, &found.encryption);
    let key = encryption::key_of_annotation(call, &found)?;
    match pieces::reply(call.engine(), found.body, key).await? {
        Some(reply) => Ok(head.body(reply)),
        None => Err(Refusal::new(ErrorCode::SlowDown)),
    }
}

pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let (version, name) = (call.version()?, name(call)?.to_owned());
    let if_match = call.headers.get("x-amz-object-if-match").map(EtagCondition::parse);
    let telling = call.telling();
    let shown = call
        .change_key(Written::default(), move |tx, env, bucket, key| {
            let shown = annotation::delete(tx, (bucket, key, version), &name, if_match.as_ref())?;
            telling.found(tx, env, (bucket, key), version, &[Event::ObjectAnnotationDelete])?;
            Ok(shown)
        })
        .await?;
    Ok(Head::new(204).version(shown).empty())
}

pub(crate) fn list(call: &Call<'_>) -> Answer {
    let version = call.version()?;
    let prefix = call.query("annotation-prefix").unwrap_or("");
    let after = call.query("continuation-token").unwrap_or("");
    let max = call.number("max-annotation-results", PAGE_MAX)?.unwrap_or(PAGE_MAX);
    if max == 0 {
        return Err(Refusal::new(ErrorCode::InvalidArgument));
    }
    let (name, key) = (call.bucket(), call.key());
    let limit = usize::try_from(max).unwrap_or(1000);
    let (found, more) = call.read(|source| {
        let tx = Tx::new(source);
        let bucket = bucket::find(&tx, name)?;
        annotation::list(&tx, (&bucket, key, version), prefix, after, limit)
    })?;
    let next = found.last().filter(|_| more).map(|(name, _)| name.clone());
    let count = u32::try_from(found.len()).ok();
    let entries = found.into_iter().map(|(annotation_name, found)| AnnotationEntry {
        annotation_name,
        last_modified: stamp(found.modified_ms),
        etag: Some(found.etag),
        checksum_algorithm: found.checksum.iter().map(|checksum| checksum.algorithm()).collect(),
        size: found.size,
        replication_status: None,
    });
    let document = ListObjectAnnotationsOutput {
        annotations: Some(Annotations { annotations: entries.collect() }),
        bucket: Some(name.to_owned()),
        key: Some(call.key_text().to_owned()),
        annotation_prefix: call.query("annotation-prefix").map(str::to_owned),
        max_annotation_results: u32::try_from(max).ok(),
        annotation_count: count,
        continuation_token: call.query("continuation-token").map(str::to_owned),
        next_continuation_token: next,
    };
    Ok(Head::new(200).xml(&document))
}
