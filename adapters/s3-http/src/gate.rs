//! What the one gate needs to know of a request, and what those behind it may rely on.

use std::cell::LazyCell;
use std::net::IpAddr;

use dolmen_s3::ETag;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::operation::{Operation, Resource};
use dolmen_s3::request::Headers;
use dolmen_s3::state::Version;
use dolmen_s3::state::facts;
use dolmen_s3::state::gate::{self, Ask, Facts, Object, Place};
use dolmen_s3::state::keys::Order;
use dolmen_s3::state::policy::Context;
use dolmen_s3::state::record::{Listed, VersionKind};
use dolmen_s3::state::{
    Acl, BucketRecord, Encryption, ObjectRecord, Source, StateError, Tx, bucket, object, tagging,
};
use dolmen_s3::target::{CopySource, Target};

use crate::answer::Refusal;
use crate::call::{Call, version};
use crate::server::{Server, Signed};

/// A request whose signature is right.
pub(crate) struct Asked<'a> {
    pub operation: Operation,
    pub target: &'a Target<'a>,
    pub headers: Headers<'a>,
    pub signed: &'a Signed,
    pub source_ip: IpAddr,
}

/// What a copy or a rename reads.
pub(crate) struct Origin {
    pub source: CopySource,
    pub version: Option<Version>,
    pub bucket: BucketRecord,
}

/// A request that may go on. Only [`admit`] makes one.
pub(crate) struct Admitted {
    /// The bucket, as the gate saw it.
    pub bucket: Option<BucketRecord>,
    /// The version that the request is about, as the gate saw it; or what reading it says.
    pub object: Option<Result<(Order, ObjectRecord), StateError>>,
    /// What a copy reads.
    pub origin: Option<Origin>,
    /// Facts that the gate decided by, where more is asked for later.
    context: Option<Box<Context>>,
    _only_here: (),
}

impl Admitted {
    /// Facts that the gate decided by, for what is asked for one by one.
    pub fn facts(&self) -> Result<Facts<'_>, StateError> {
        // Nothing is allowed on what is not known.
        Ok(Facts(self.context.as_ref().ok_or(ErrorCode::AccessDenied)?))
    }
}

/// Lets a request in, or not.
pub(crate) fn admit(server: &Server, asked: &Asked<'_>) -> Result<Admitted, Refusal> {
    let version = version(asked.target.query().get("versionId"))?;
    let origin = origin_of(asked)?;
    let tags = match asked.headers.get("x-amz-tagging") {
        Some(text) => tagging::of_header(text)?,
        None => Vec::new(),
    };
    let context = LazyCell::new(|| facts::context(&server.facts(asked, &tags)));
    let expected = asked.headers.get("x-amz-expected-bucket-owner");
    let source_expected = asked.headers.get("x-amz-source-expected-bucket-owner");
    let admitted = server.engine.meta.read(|source: &dyn Source| {
        let tx = Tx::new(source);
        let found = find(&tx, asked, version, server.is_gateway())?;
        let mut from = None;
        if let Some((copied, version)) = &origin {
            let bucket = bucket::find(&tx, copied.bucket.as_str())?;
            let object = if server.is_gateway() {
                Ok((Order(0), behind(&bucket.owner)))
            } else {
                object::find(&tx, &bucket, copied.key.as_str().as_bytes(), *version)
            };
            from = Some((bucket, object));
        }
        let owned = |expected: Option<&str>, bucket: Option<&BucketRecord>| match (expected, bucket) {
            (Some(expected), Some(bucket)) if expected != bucket.owner => Err(ErrorCode::AccessDenied),
            _ => Ok(()),
        };
        owned(expected, found.0.as_ref())?;
        owned(source_expected, from.as_ref().map(|(bucket, _)| bucket))?;
        decide(asked, Facts(&context), &found, origin.as_ref().zip(from.as_ref()), version.is_some())?;
        Ok((found, from))
    });
    let ((bucket, object), from) = admitted.map_err(|error: StateError| Refusal::from(error))?;
    let origin = origin.zip(from).map(|((source, version), (bucket, _))| Origin { source, version, bucket });
    let has_entries =
        asked.operation.needs(asked.headers, false, false).any(|need| need.1 == Resource::Entries);
    let asks_later = origin.is_some() || server.is_gateway() || has_entries;
    let context = asks_later.then(|| Box::new(Context::clone(&context)));
    Ok(Admitted { bucket, object, origin, context, _only_here: () })
}

type Found = (Option<BucketRecord>, Option<Result<(Order, ObjectRecord), StateError>>);

/// The bucket and, where the request is about one that is there, the object.
fn find(
    tx: &Tx<'_>,
    asked: &Asked<'_>,
    version: Option<Version>,
    is_gateway: bool,
) -> Result<Found, StateError> {
    // A bucket that is made anew is nobody's: who has the name already is for the operation to say.
    let Some(name) = asked.target.bucket().filter(|_| asked.operation != Operation::CreateBucket) else {
        return Ok((None, None));
    };
    let record = bucket::find(tx, name.as_str())?;
    let object = match asked.target.key() {
        Some(_) if is_gateway && reads(asked.operation) => Some(Ok((Order(0), behind(&record.owner)))),
        Some(key) if reads(asked.operation) => {
            Some(object::find(tx, &record, key.as_str().as_bytes(), version))
        }
        _ => None,
    };
    // What cannot be read is not taken for absent.
    if let Some(Err(error @ (StateError::Corrupt(_) | StateError::Storage(_)))) = &object {
        return Err(*error);
    }
    Ok((Some(record), object))
}

/// An object behind a gateway, as the gate takes it: it belongs to its bucket's owner, and is nobody else's. Whether it is there the other
/// store will say.
pub(crate) fn behind(owner: &str) -> ObjectRecord {
    ObjectRecord {
        listed: Listed {
            kind: VersionKind::Object,
            version: Version::Null,
            modified_ms: 0,
            size: 0,
            etag: ETag::default(),
            owner: owner.to_owned(),
            storage_class: "STANDARD".to_owned(),
            checksum: None,
        },
        headers: Vec::new(),
        parts: Vec::new(),
        body: Vec::new(),
        encryption: Encryption::None,
        tags: Vec::new(),
        acl: Acl::default(),
        retention: None,
        legal_hold: false,
        restored_until_ms: 0,
    }
}

/// Asks whether the caller may know that an object is absent that it may read.
#[cfg(feature = "gateway")]
pub(crate) fn admit_absent(
    call: &Call<'_>,
    admitted: &Admitted,
    (name, bucket, key): (&str, &BucketRecord, &str),
) -> Result<(), Refusal> {
    let policy = gate::policy_of(name, bucket)?;
    let object = Object::Absent;
    let target = Place { name, bucket: Some(bucket), policy: policy.as_ref(), key, object };
    let ask = Ask {
        caller: call.caller.as_core(),
        operation: Operation::GetObject,
        headers: call.headers,
        versioned: false,
        source_versioned: false,
        target: Some(target),
        source: None,
        context: admitted.facts()?,
    };
    Ok(gate::authorize(&ask).check()?)
}

/// Whether an operation on an object is about one that is there.
fn reads(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::PutObject
            | Operation::CopyObject
            | Operation::CreateMultipartUpload
            | Operation::UploadPart
            | Operation::UploadPartCopy
            | Operation::CompleteMultipartUpload
            | Operation::AbortMultipartUpload
            | Operation::ListParts
            | Operation::RenameObject
    )
}

type From = (BucketRecord, Result<(Order, ObjectRecord), StateError>);

fn decide(
    asked: &Asked<'_>,
    context: Facts<'_>,
    (bucket, object): &Found,
    from: Option<(&(CopySource, Option<Version>), &From)>,
    versioned: bool,
) -> Result<(), StateError> {
    let name = asked.target.bucket().map_or("", |name| name.as_str());
    let policy = bucket.as_ref().map(|record| gate::policy_of(name, record)).transpose()?.flatten();
    let target = asked.target.bucket().map(|_| Place {
        name,
        bucket: bucket.as_ref(),
        policy: policy.as_ref(),
        key: asked.target.key().map_or("", |key| key.as_str()),
        object: seen(object.as_ref()),
    });
    let source_policy = from
        .map(|((source, _), (record, _))| gate::policy_of(source.bucket.as_str(), record))
        .transpose()?
        .flatten();
    let source = from.map(|((source, _), (record, object))| Place {
        name: source.bucket.as_str(),
        bucket: Some(record),
        policy: source_policy.as_ref(),
        key: source.key.as_str(),
        object: seen(Some(object)),
    });
    let ask = Ask {
        caller: asked.signed.caller.as_core(),
        operation: asked.operation,
        headers: asked.headers,
        versioned,
        source_versioned: from.is_some_and(|((_, version), _)| version.is_some()),
        target,
        source,
        context,
    };
    gate::authorize(&ask).check()
}

/// Asks for what a copy of annotations needs beside a copy: to read them at the source and to put them at the target.
pub(crate) fn admit_annotations(
    call: &Call<'_>,
    admitted: &Admitted,
    origin: &Origin,
) -> Result<(), Refusal> {
    let target = admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?;
    let source = (origin.source.bucket.as_str(), &origin.bucket, origin.source.key.as_str());
    let ends = [
        (Operation::GetObjectAnnotation, source, origin.version.is_some()),
        (Operation::PutObjectAnnotation, (call.bucket(), target, call.key_text()), false),
    ];
    for (operation, (name, bucket, key), versioned) in ends {
        let policy = gate::policy_of(name, bucket)?;
        let place = Place { name, bucket: Some(bucket), policy: policy.as_ref(), key, object: Object::Any };
        let ask = Ask {
            caller: call.caller.as_core(),
            operation,
            headers: call.headers,
            versioned,
            source_versioned: false,
            target: Some(place),
            source: None,
            context: admitted.facts()?,
        };
        gate::authorize(&ask).check()?;
    }
    Ok(())
}

fn seen(object: Option<&Result<(Order, ObjectRecord), StateError>>) -> Object<'_> {
    match object {
        None => Object::Any,
        Some(Ok((_, record))) => Object::Present(record),
        Some(Err(_)) => Object::Absent,
    }
}

/// What a copy or a rename names as its source.
fn origin_of(asked: &Asked<'_>) -> Result<Option<(CopySource, Option<Version>)>, Refusal> {
    let needs =
        asked.operation.needs(asked.headers, false, false).any(|(_, resource)| resource == Resource::Source);
    if !needs {
        return Ok(None);
    }
    let name =
        if asked.operation == Operation::RenameObject { "x-amz-rename-source" } else { "x-amz-copy-source" };
    let value = asked.headers.all(name).next().ok_or(ErrorCode::InvalidArgument)?;
    let source = if asked.operation == Operation::RenameObject {
        rename_source(asked, value)?
    } else {
        CopySource::parse(value)?
    };
    let version = version(source.version_id.as_deref())?;
    Ok(Some((source, version)))
}

/// A rename names a key of the same bucket, with the bucket in front of it or without.
fn rename_source(asked: &Asked<'_>, value: &[u8]) -> Result<CopySource, Refusal> {
    let bucket = asked.target.bucket().ok_or(ErrorCode::InvalidArgument)?;
    let mut whole = bucket.as_str().as_bytes().to_vec();
    whole.push(b'/');
    if value.strip_prefix(b"/").unwrap_or(value).starts_with(&whole) {
        return Ok(CopySource::parse(value)?);
    }
    whole.extend_from_slice(value.strip_prefix(b"/").unwrap_or(value));
    Ok(CopySource::parse(&whole)?)
}
