//! Uploads in parts behind the gateway. What belongs to an upload stands in our own store as ever; the bytes go to the other one.
//!
//! | the other store | a part | completing |
//! |---|---|---|
//! | joins parts itself | is held whole, up to 64 MiB, and sent as one | names the parts there |
//! | a folder | is an object in `.dolmen-uploads/ID/` | reads them one after the other into the object |

use bytes::Bytes;
use dolmen_s3::auth::Verified;
use dolmen_s3::body::{Checksums, CompleteMultipartUploadOutput, CreateMultipartUploadOutput};
use dolmen_s3::checksum::Algorithm;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::etag::ETag;
use dolmen_s3::head;
use dolmen_s3::limits::{PUT_LEN_MAX, XML_LEN_MAX};
use dolmen_s3::state::condition::WriteCondition;
use dolmen_s3::state::multipart::{self, NewUpload, PartBytes};
use dolmen_s3::state::record::{Attributes as Kept, PartRecord};
use dolmen_s3::state::{Env, Tx, UploadId, UploadRecord, bucket, keys};
use hyper::body::Incoming;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{Attributes, Error, PutMode, PutMultipartOptions, PutPayload};

use super::Gateway;
use super::objects::{self, attributes, pour};
use super::upload::{self, Upload};
use super::upstream::etag;
use crate::answer::{Answer, Head, Refusal};
use crate::body::{self, Told};
use crate::call::Call;
use crate::engine::Written;
use crate::gate::Admitted;
use crate::ops::put;

/// Folder of parts, beside those of buckets: no bucket is called so.
const STAGING: &str = ".dolmen-uploads";
/// Longest part that is held in memory to be sent as one.
const PART_LEN_MAX: u64 = 64 << 20;

pub(super) async fn create(gateway: &Gateway, call: &Call<'_>, admitted: &Admitted) -> Answer {
    let path = objects::path(gateway, call)?;
    let bucket = admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?;
    let headers = head::kept(call.headers)?;
    let there = attributes(gateway, &headers)?;
    let algorithm = match call.headers.get("x-amz-checksum-algorithm") {
        None => None,
        Some(text) => Some(Algorithm::from_name(text)?),
    };
    let kind = put::checksum_type(call)?;
    if algorithm.is_none() && kind.is_some() {
        return Err(Refusal::new(ErrorCode::InvalidRequest));
    }
    let id_there = match &gateway.multipart {
        Some(store) => begin(gateway, store.as_ref(), &path, there).await?,
        None => String::new(),
    };
    let kept = Kept { headers, ..Kept::default() };
    let new = NewUpload {
        attributes: kept,
        owner: bucket.owner.clone(),
        checksum: algorithm.map(|algorithm| (algorithm, kind)),
    };
    let id = call
        .change_key(Written::default(), move |tx, env, bucket, key| {
            let id = multipart::create(tx, env, bucket, key, new.clone())?;
            tx.put(keys::passed(id, None), id_there.clone().into_bytes());
            Ok(id)
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
    Ok(head.xml(&document))
}

async fn begin(
    gateway: &Gateway,
    store: &dyn MultipartStore,
    path: &Path,
    attributes: Attributes,
) -> Result<String, Refusal> {
    let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
    // Azure keeps headers of objects that come whole only.
    let begun = async {
        match store.create_multipart_opts(path, options).await {
            Err(Error::NotSupported { .. }) => store.create_multipart(path).await,
            begun => begun,
        }
    };
    gateway.timed(begun).await
}

/// The upload that a request names: its id, our record, and its id there.
fn found(call: &Call<'_>) -> Result<(UploadId, UploadRecord, String), Refusal> {
    let (name, key, id) = (call.bucket(), call.key(), call.query("uploadId").unwrap_or(""));
    call.read(|source| {
        let tx = Tx::new(source);
        let bucket = bucket::find(&tx, name)?;
        let (id, record) = multipart::find(&tx, &bucket, key, id)?;
        Ok((id, record, text(tx.get(&keys::passed(id, None))?)))
    })
}

fn text(bytes: Option<Vec<u8>>) -> String {
    String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
}

/// Where a part is kept until its upload is completed.
fn staged(gateway: &Gateway, id: UploadId, number: u16) -> Result<Path, Refusal> {
    let path = Path::parse(format!("{}{STAGING}/{id}/{number:05}", gateway.base));
    Ok(path.map_err(|_| ErrorCode::InternalError)?)
}

pub(super) async fn put(
    gateway: &Gateway,
    call: &Call<'_>,
    incoming: &mut Incoming,
    verified: &Verified,
) -> Answer {
    let path = objects::path(gateway, call)?;
    let number = crate::ops::put::part_number(call)?;
    let (id, record, id_there) = found(call)?;
    let len_max = if gateway.multipart.is_some() { PART_LEN_MAX } else { PUT_LEN_MAX };
    let mut told = Told::read(call, verified, len_max)?;
    if let Some((algorithm, _)) = record.checksum {
        told.fit(algorithm)?;
    }
    let (stored, content_id) = match &gateway.multipart {
        None => {
            let _memory = gateway.memory(upload::memory(told.len())).await?;
            let mode = PutMode::Overwrite;
            let mut up = Upload::new(gateway, staged(gateway, id, number)?, Attributes::new(), mode);
            let stored = upload::receive(call, incoming, verified, &told, &mut up).await?;
            up.finish().await?;
            (stored, String::new())
        }
        Some(store) => {
            let _memory = gateway.memory(told.len().unwrap_or(PART_LEN_MAX)).await?;
            let bytes = body::taken(incoming, verified, &told).await?;
            let stored = body::digests(&bytes, &told);
            let payload = PutPayload::from_bytes(Bytes::from(bytes));
            let sent = store.put_part(&path, &id_there, usize::from(number) - 1, payload);
            (stored, gateway.timed(sent).await?.content_id)
        }
    };
    let (md5, size, checksum) = (stored.md5, stored.len, stored.checksums.first().copied());
    call.change_key(Written::default(), move |tx, env, bucket, key| {
        let part = PartRecord { modified_ms: env.now_ms, size, md5, checksum, body: Vec::new() };
        multipart::put_part(tx, (bucket, key), id, number, &part, PartBytes::New)?;
        tx.put(keys::passed(id, Some(number)), content_id.clone().into_bytes());
        Ok(())
    })
    .await?;
    let head = Head::new(200).with("etag", ETag::Whole(md5).quoted().to_string());
    Ok(match checksum.filter(|_| told.is_named()) {
        Some(checksum) => head.with(checksum.algorithm().header(), checksum.base64()).empty(),
        None => head.empty(),
    })
}

pub(super) async fn complete(
    gateway: &Gateway,
    call: &Call<'_>,
    incoming: &mut Incoming,
    verified: &Verified,
) -> Answer {
    let path = objects::path(gateway, call)?;
    let document = body::whole(call, incoming, verified, XML_LEN_MAX).await?;
    let request = put::completion(call, &document)?;
    if request.condition != WriteCondition::default() {
        let text = "The gateway completes uploads without conditions only.";
        return Err(Refusal::says(ErrorCode::NotImplemented, text));
    }
    let (id, record, id_there) = found(call)?;
    // Our own rules decide on order, tags, sizes and checksums; what they would write is not written.
    let (name, key, id_text) = (call.bucket(), call.key(), id.to_string());
    let env =
        Env { now_ms: call.engine().clock.now_ms(), caller: &call.caller.id, fresh: call.engine().fresh() };
    let completed = call.read(|source| {
        let mut tx = Tx::new(source);
        let bucket = bucket::find(&tx, name)?;
        multipart::complete(&mut tx, &env, &bucket, key, &id_text, &request)
    })?;
    let numbers: Vec<u16> =
        request.parts.iter().map(|part| u16::try_from(part.number).unwrap_or(u16::MAX)).collect();
    let made = match &gateway.multipart {
        None => join(gateway, id, &numbers, path, &record).await?,
        Some(store) => {
            // The other store counts parts by itself.
            if numbers.iter().zip(1..).any(|(number, at)| *number != at) {
                let text = "The gateway completes uploads whose parts are numbered from 1 without gaps only.";
                return Err(Refusal::says(ErrorCode::InvalidPart, text));
            }
            let parts = call.read(|source| {
                let tx = Tx::new(source);
                let part =
                    |number: &u16| Ok(PartId { content_id: text(tx.get(&keys::passed(id, Some(*number)))?) });
                numbers.iter().map(part).collect::<Result<Vec<_>, _>>()
            })?;
            gateway.joined(store.complete_multipart(&path, &id_there, parts)).await?.e_tag
        }
    };
    forget(gateway, call, id).await?;
    let path = dolmen_s3::encoding::percent(call.key(), dolmen_s3::encoding::Keep::Slash);
    let document = CompleteMultipartUploadOutput {
        location: Some(format!("{}/{}/{path}", call.origin(), call.bucket())),
        bucket: Some(call.bucket().to_owned()),
        key: Some(call.key_text().to_owned()),
        etag: Some(etag(made.as_deref())),
        checksums: completed.checksum.map(|checksum| Checksums::of_object(&checksum)).unwrap_or_default(),
        checksum_type: completed.checksum.map(|checksum| checksum.kind),
    };
    Ok(Head::new(200).xml(&document))
}

/// Reads parts one after the other into the object.
async fn join(
    gateway: &Gateway,
    id: UploadId,
    numbers: &[u16],
    path: Path,
    record: &UploadRecord,
) -> Result<Option<String>, Refusal> {
    let attributes = attributes(gateway, &record.attributes.headers)?;
    let _memory = gateway.memory(upload::memory(None)).await?;
    let mut up = Upload::new(gateway, path, attributes, PutMode::Overwrite);
    for number in numbers {
        let part = gateway.get(&staged(gateway, id, *number)?, None, None).await;
        let part = part.map_err(|refusal| match refusal.code {
            ErrorCode::NoSuchKey => Refusal::new(ErrorCode::InvalidPart),
            _ => refusal,
        })?;
        pour(gateway, part, &mut up).await?;
    }
    Ok(up.finish().await?.e_tag)
}

/// Removes what we keep of an upload; the other store has made something of it, or given it up.
async fn forget(gateway: &Gateway, call: &Call<'_>, id: UploadId) -> Result<(), Refusal> {
    let id_text = id.to_string();
    let numbers = call
        .change_key(Written::default(), move |tx, _, bucket, key| {
            multipart::abort(tx, bucket, key, &id_text, None)?;
            let mut numbers = Vec::new();
            let mut scan = tx.scan(keys::passed(id, None))?;
            let mut gone = Vec::new();
            while let Some((at, _)) = scan.step()? {
                numbers.extend(keys::parse_passed_part(&at));
                gone.push(at);
            }
            drop(scan);
            gone.into_iter().for_each(|at| tx.delete(at));
            Ok(numbers)
        })
        .await?;
    if gateway.multipart.is_none() {
        for number in numbers {
            gateway.delete(&staged(gateway, id, number)?).await?;
        }
    }
    Ok(())
}

pub(super) async fn abort(gateway: &Gateway, call: &Call<'_>) -> Answer {
    let path = objects::path(gateway, call)?;
    let (id, _, id_there) = found(call)?;
    if let Some(store) = &gateway.multipart {
        let given_up = gateway.timed(store.abort_multipart(&path, &id_there)).await;
        // What the other store has given up already is gone.
        if let Err(refusal) = given_up
            && refusal.code != ErrorCode::NoSuchKey
        {
            return Err(refusal);
        }
    }
    forget(gateway, call, id).await?;
    Ok(Head::new(204).empty())
}
