//! What does a request cost before anything is read or written: target, operation, signature? And a body: chunks, MD5 alone and of sixteen
//! uploads at once, a listing in XML?

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dolmen_benches::noise;
use dolmen_s3::auth::{Claim, Request, Rules, Signer, SigningKey};
use dolmen_s3::body::{CompletedMultipartUpload, CompletedPart, ListObjectsV2Output, Object};
use dolmen_s3::chunked::{Decoder, Encoder, Event};
use dolmen_s3::md5::{Md5, update_many};
use dolmen_s3::operation::Level;
use dolmen_s3::payload::ChunkedBody;
use dolmen_s3::xml::Document;
use dolmen_s3::{ETag, Headers, Method, Operation, PayloadMode, Secret, Target, Timestamp};

const TARGET: &[u8] = b"/bucket/photos/2026/an%20object.jpg?partNumber=7&uploadId=VXBsb2FkIElE";

fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("s3/request");
    group.bench_function("target and operation", |b| {
        b.iter(|| {
            let target = Target::parse(black_box(TARGET), Some("localhost:9000"), &["s3.localhost"])
                .expect("a target");
            Operation::recognise(Method::Put, Level::Object, target.query(), Headers::default())
        })
    });
    let (secret, now) =
        (Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), Timestamp::from_unix_s(1_800_000_000));
    let target = Target::parse(TARGET, None, &[]).expect("a target");
    let plain: [(&str, &[u8]); 4] = [
        ("host", b"localhost:9000"),
        ("content-type", b"image/jpeg"),
        ("x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),
        ("x-amz-meta-a", b"b"),
    ];
    let request = |headers| Request {
        method: Method::Put,
        raw_path: target.raw_path(),
        query: target.query(),
        headers: Headers(headers),
        host_bucket: None,
    };
    let signer =
        Signer { access_key: "AKID", secret: &secret, token: None, region: "us-east-1", service: "s3" };
    let signed = signer.sign(&request(&plain), "UNSIGNED-PAYLOAD", now);
    let more = [("x-amz-date", signed.date.as_bytes()), ("authorization", signed.authorization.as_bytes())];
    let sent = [&plain[..], &more].concat();
    let key = SigningKey::derive(&secret, &dolmen_s3::auth::Scope::new(now, "us-east-1", "s3"));
    group.bench_function("claim and signature, key in a cache", |b| {
        b.iter(|| {
            let claim = Claim::read(Headers(black_box(&sent)), target.query()).expect("a claim");
            claim
                .verify(&request(&sent), &secret, |_| key.clone(), &Rules::default(), now)
                .expect("it is right")
        })
    });
    group.finish();
}

fn bodies(c: &mut Criterion) {
    let mut group = c.benchmark_group("s3/body");
    let data = noise(1, 1 << 20);
    group.throughput(Throughput::Bytes(data.len() as u64));
    let mode = PayloadMode::StreamingUnsignedTrailer;
    let mut wire = Vec::new();
    let mut encoder = Encoder::new(mode, None).expect("an unsigned mode needs no seed");
    data.chunks(64 << 10).for_each(|chunk| encoder.chunk(chunk, &mut wire));
    encoder.finish(None, &mut wire);
    let body = ChunkedBody { decoded_len: data.len() as u64, trailer: None };
    group.bench_function("unsigned chunks of 64 KiB", |b| {
        b.iter(|| {
            let mut decoder = Decoder::new(mode, &body, None).expect("an unsigned mode needs no seed");
            let (mut input, mut len) = (&wire[..], 0);
            while let Event::Data(data) = decoder.next(&mut input).expect("the framing is right") {
                len += black_box(data).len();
            }
            len
        })
    });
    for count in [1, 4, 8, 16] {
        group.throughput(Throughput::Bytes((count * data.len()) as u64));
        group.bench_with_input(BenchmarkId::new("md5 of so many uploads", count), &count, |b, &count| {
            b.iter(|| {
                let mut hashes = vec![Md5::new(); count];
                let mut pieces: Vec<_> = hashes.iter_mut().map(|md5| (md5, black_box(&data[..]))).collect();
                update_many(&mut pieces);
                hashes
            })
        });
    }
    group.finish();
}

fn documents(c: &mut Criterion) {
    let mut group = c.benchmark_group("s3/xml");
    let object = |i: u64| Object {
        key: format!("photos/2026/object-{i:08}.jpg").into(),
        last_modified: Some(Timestamp::from_unix_s(1_800_000_000)),
        etag: Some(ETag::Whole([i as u8; 16])),
        size: i * 1000,
        ..Object::default()
    };
    let listing = ListObjectsV2Output { contents: (0..1000).map(object).collect(), ..Default::default() };
    group.bench_function("a page of 1000 keys, written", |b| b.iter(|| black_box(&listing).to_xml(true)));
    let page = listing.to_xml(true);
    group.bench_function("a page of 1000 keys, read", |b| {
        b.iter(|| {
            ListObjectsV2Output::parse_answer(black_box(page.as_bytes()), true).expect("it was written")
        })
    });
    let part =
        |number| CompletedPart { part_number: number, etag: ETag::Whole([7; 16]), ..Default::default() };
    let parts = CompletedMultipartUpload { parts: (1..=10_000).map(part).collect() }.to_xml(false);
    group.bench_function("10000 parts, read", |b| {
        b.iter(|| CompletedMultipartUpload::parse(black_box(parts.as_bytes())).expect("it was written"))
    });
    group.finish();
}

criterion_group!(benches, requests, bodies, documents);
criterion_main!(benches);
