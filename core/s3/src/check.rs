//! Bodies that tests, the replay of seeds and fuzzing share.

use alloc::vec::Vec;

use crate::auth::{Claim, PostClaim, Request, Rules, Signer, SigningKey};
use crate::body::*;
use crate::checksum::Algorithm;
use crate::chunked::{ChunkedError, Decoder, Encoder, Event};
use crate::encoding::{Keep, percent};
use crate::error::ErrorCode;
use crate::operation::{Level, Operation};
use crate::payload::ChunkedBody;
use crate::post::{FormDecoder, FormError, FormEvent, PostPolicy};
use crate::range::{ByteRange, copy_source_range};
use crate::xml::{Document, Reader, XmlError};
use crate::{CopySource, ETag, Headers, Method, PayloadMode, Query, Secret, Target, Timestamp, naive};

/// A target is read or refused; its key is what the path says when it is decoded once.
///
/// # Panics
///
/// If it is not.
pub fn check_target(data: &[u8]) {
    if let Ok(source) = CopySource::parse(data) {
        let path =
            alloc::format!("{}/{}", source.bucket, percent(source.key.as_str().as_bytes(), Keep::Slash));
        let again = CopySource::parse(path.as_bytes()).expect("it was read before");
        assert_eq!((again.bucket, again.key), (source.bucket, source.key));
    }
    let Ok(target) = Target::parse(data, Some("bucket.localhost:9000"), &["s3.localhost"]) else { return };
    for (method, level) in
        [(Method::Put, Level::Object), (Method::Delete, Level::Bucket), (Method::Get, Level::Bucket)]
    {
        let _ = Operation::recognise(method, level, target.query(), Headers::default());
    }
    if let Some(key) = target.key() {
        let bucket = target.bucket().expect("an object has a bucket");
        let path = alloc::format!("/{bucket}/{}", percent(key.as_str().as_bytes(), Keep::Slash));
        let again = Target::parse(path.as_bytes(), None, &[]).expect("it was read before");
        assert_eq!((again.bucket(), again.key()), (Some(bucket), Some(key)));
    }
}

/// The first line is a target, the others are headers. Whatever claim they make does not hold; once signed, they do.
///
/// # Panics
///
/// If it does, or they do not.
pub fn check_auth(data: &[u8]) {
    let mut lines = data.split(|&b| b == b'\n');
    let target = lines.next().unwrap_or(b"");
    let pairs = lines.filter_map(|line| {
        let at = line.iter().position(|&b| b == b':')?;
        core::str::from_utf8(&line[..at]).ok().map(|name| (name.to_ascii_lowercase(), &line[at + 1..]))
    });
    let pairs: Vec<_> = pairs.collect();
    let headers: Vec<(&str, &[u8])> = pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let Ok(target) = Target::parse(target, None, &[]) else { return };
    let request = Request {
        method: Method::Get,
        raw_path: target.raw_path(),
        query: target.query(),
        headers: Headers(&headers),
        host_bucket: None,
    };
    let (now, secret) = (Timestamp::from_unix_s(1_369_353_600), Secret::new("secret"));
    let rules = Rules { v2: true, ..Rules::default() };
    let key = |scope: &_| SigningKey::derive(&secret, scope);
    if let Ok(claim) = Claim::read(request.headers, request.query) {
        let verified = claim.verify(&request, &secret, key, &rules, now);
        assert!(claim == Claim::Anonymous || verified.is_err(), "nobody has signed this");
    }
    let _ = PostClaim::read(|name| request.headers.get(name));
    sign_and_verify(&request, &secret, &rules, now);
}

/// What our own signer signs, holds.
fn sign_and_verify(request: &Request<'_>, secret: &Secret, rules: &Rules<'_>, now: Timestamp) {
    let mine = |name: &str| matches!(name, "authorization" | "host") || name.starts_with("x-amz-");
    let names = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let kept = request.headers.0.iter().filter(|header| !mine(header.0) && names(header.0)).take(16);
    let mut headers: Vec<(&str, &[u8])> = kept.copied().collect();
    headers.push(("host", b"localhost"));
    headers.push(("x-amz-content-sha256", b"UNSIGNED-PAYLOAD"));
    let credentials =
        ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential", "Signature", "AWSAccessKeyId"];
    if request.query.pairs().any(|(name, _)| credentials.contains(&name)) {
        return;
    }
    let signer = Signer { access_key: "AKID", secret, token: None, region: "us-east-1", service: "s3" };
    let signed = signer.sign(&Request { headers: Headers(&headers), ..*request }, "UNSIGNED-PAYLOAD", now);
    headers.push(("x-amz-date", signed.date.as_bytes()));
    headers.push(("authorization", signed.authorization.as_bytes()));
    let request = Request { headers: Headers(&headers), ..*request };
    let claim = Claim::read(request.headers, request.query).expect("it has one claim");
    let verified = claim.verify(&request, secret, |scope| SigningKey::derive(secret, scope), rules, now);
    assert_eq!(verified.map(|verified| verified.payload), Ok(PayloadMode::Unsigned));
}

/// A chunked body in pieces of any size is the plain twin's; what is encoded is decoded.
///
/// # Panics
///
/// If it is not.
pub fn check_chunked(data: &[u8]) {
    let [kind, step, wire @ ..] = data else { return };
    let trailer = (kind & 1 == 1).then_some(Algorithm::Crc32);
    let body = ChunkedBody { decoded_len: u64::from(kind >> 1), trailer };
    let plain = naive::chunked(wire, body.decoded_len, trailer);
    let whole = decode(&body, wire, usize::from(*step).max(1));
    assert_eq!(whole.ok(), plain, "the twins differ");
    let mode = PayloadMode::StreamingUnsignedTrailer;
    let mut encoder = Encoder::new(mode, None).expect("an unsigned mode needs no seed");
    let mut out = Vec::new();
    let chunk_len = usize::from(*kind).max(1);
    wire.chunks(chunk_len).for_each(|chunk| encoder.chunk(chunk, &mut out));
    encoder.finish(None, &mut out);
    let len = wire.len() as u64;
    assert_eq!(out.len() as u64, Encoder::encoded_len(mode, len, chunk_len as u64, None));
    let again = decode(&ChunkedBody { decoded_len: len, trailer: None }, &out, usize::from(*step).max(1));
    assert_eq!(again.map(|(data, _)| data).as_deref(), Ok(wire));
}

type Decoded = (Vec<u8>, Option<crate::checksum::Checksum>);

fn decode(body: &ChunkedBody, wire: &[u8], step: usize) -> Result<Decoded, ChunkedError> {
    let mut decoder = Decoder::new(PayloadMode::StreamingUnsignedTrailer, body, None)
        .expect("an unsigned mode needs no seed");
    let mut data = Vec::new();
    for piece in wire.chunks(step) {
        let mut input = piece;
        loop {
            match decoder.next(&mut input)? {
                Event::Data(bytes) => data.extend_from_slice(bytes),
                Event::More => break,
                Event::End if input.is_empty() => break,
                Event::End => return Err(ChunkedError::Behind),
            }
        }
    }
    decoder.finish()?;
    Ok((data, decoder.checksum()))
}

fn check_document<T: Document + PartialEq + core::fmt::Debug>(data: &[u8]) {
    let strict = T::parse(data);
    let tolerant = T::parse_answer(data, false);
    if let Ok(value) = &strict {
        assert_eq!(tolerant.as_ref(), Ok(value), "what is strictly right is right");
    }
    if let Ok(value) = tolerant {
        let written = value.to_xml(false);
        assert_eq!(T::parse_answer(written.as_bytes(), false), Ok(value));
    }
    if let Err(error) = strict {
        assert!(matches!(error.code(), ErrorCode::MalformedXML | ErrorCode::MaxMessageLengthExceeded));
    }
}

/// What is read as a document is written and read again.
///
/// # Panics
///
/// If it is not.
pub fn check_xml(data: &[u8]) {
    check_document::<CompletedMultipartUpload>(data);
    check_document::<Delete>(data);
    check_document::<Tagging>(data);
    check_document::<AccessControlPolicy>(data);
    check_document::<CorsConfiguration>(data);
    check_document::<LifecycleConfiguration>(data);
    check_document::<NotificationConfiguration>(data);
    check_document::<ReplicationConfiguration>(data);
    check_document::<WebsiteConfiguration>(data);
    check_document::<InventoryConfiguration>(data);
    check_document::<ObjectLockConfiguration>(data);
    check_document::<Retention>(data);
    check_document::<ListObjectsV2Output>(data);
    check_document::<ListObjectVersionsOutput>(data);
    check_document::<ListPartsOutput>(data);
    let _ = ListObjectsV2Output::parse_answer(data, true);
    let walk = || {
        let mut xml = Reader::tolerant(data, false)?;
        xml.root()?;
        xml.unknown()?;
        xml.finish()
    };
    let walked: Result<(), XmlError> = walk();
    if walked.is_err() {
        assert!(Tagging::parse_answer(data, false).is_err(), "what is not well-formed is no document");
    }
}

/// A form in pieces of any size is the same form, and its file ends at the first delimiter.
///
/// # Panics
///
/// If it is not.
pub fn check_post(data: &[u8]) {
    let whole = decode_form(data, data.len().max(1));
    for step in [1, 3, 7] {
        assert_eq!(decode_form(data, step), whole, "in pieces of {step}");
    }
    if let Ok((form, file)) = whole {
        let head = naive::until(data, b"\r\n\r\n").map_or(0, <[u8]>::len);
        let delimiter = b"\r\n--b";
        let found = (head..data.len()).any(|at| naive::until(&data[at..], delimiter) == Some(&file));
        assert!(found, "the file ends at a delimiter");
        assert!(naive::until(&file, delimiter).is_none(), "and at the first one");
        if let Some(Ok(policy)) = form.get("policy").map(PostPolicy::parse) {
            let _ = policy.check(&form, "bucket", Timestamp::EPOCH);
        }
    }
    let _ = PostPolicy::parse(&crate::encoding::base64(data));
    if let Ok(text) = core::str::from_utf8(data) {
        let _ = FormDecoder::new(text);
    }
}

fn decode_form(body: &[u8], step: usize) -> Result<(crate::post::Form, Vec<u8>), FormError> {
    let mut decoder = FormDecoder::new("multipart/form-data; boundary=b")?;
    let mut file = Vec::new();
    for piece in body.chunks(step) {
        let mut input = piece;
        loop {
            match decoder.next(&mut input)? {
                FormEvent::File => {}
                FormEvent::Data(data) => file.extend_from_slice(data),
                FormEvent::More | FormEvent::End => break,
            }
        }
    }
    decoder.finish()?;
    Ok((decoder.form().clone(), file))
}

/// Short values of headers: ranges lie within their object, times and tags are written and read again.
///
/// # Panics
///
/// If they do not, or are not.
pub fn check_range(data: &[u8]) {
    let [size, text @ ..] = data else { return };
    let Ok(text) = core::str::from_utf8(text) else { return };
    for size in [u64::from(*size), u64::MAX] {
        let spans =
            [ByteRange::parse(text).map(|range| range.resolve(size)), Some(copy_source_range(text, size))];
        for span in spans.into_iter().flatten().flatten() {
            assert!(span.start < span.end && span.end <= size, "{span:?} of {size}");
        }
    }
    let times =
        [Timestamp::parse_http_date(text), Timestamp::parse_iso8601(text), Timestamp::parse_basic(text)];
    for time in times.into_iter().flatten() {
        let written = alloc::format!("{}", time.http_date());
        assert_eq!(Timestamp::parse_http_date(&written), Some(time.whole_second()), "{written}");
        let written = alloc::format!("{}", time.iso8601());
        assert_eq!(Timestamp::parse_iso8601(&written), Some(time), "{written}");
    }
    let tag = ETag::parse(text);
    assert_eq!(ETag::parse(&alloc::format!("{}", tag.quoted())), tag);
    for algorithm in Algorithm::ALL {
        if let Ok(checksum) = crate::checksum::Checksum::parse(algorithm, text) {
            assert_eq!(checksum.base64(), text);
        }
    }
    if let Ok(query) = Query::parse(text.as_bytes()) {
        let _ = Operation::recognise(Method::Post, Level::Object, &query, Headers::default());
    }
    let _ = (PayloadMode::parse(text), ErrorCode::from_name(text));
}
