//! The examples of Amazon's documentation: "Authenticating Requests (AWS Signature Version 4)" with its pages on headers, queries, chunks,
//! trailers and forms, and "Signing and authenticating REST requests (AWS signature version 2)". Keys are the documentation's.

use dolmen_s3::auth::{Claim, PostClaim, Presign, Request, Rules, Signer, SigningKey};
use dolmen_s3::checksum::{Algorithm, Hasher};
use dolmen_s3::chunked::{Decoder, Encoder, Event};
use dolmen_s3::payload::ChunkedBody;
use dolmen_s3::{Headers, Method, PayloadMode, Query, Secret, Timestamp};

const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const DATE: &str = "20130524T000000Z";
const RULES: Rules<'static> = Rules { region: Some("us-east-1"), skew_ms_max: 900_000, v2: true };

fn signer(secret: &Secret) -> Signer<'_> {
    Signer { access_key: ACCESS_KEY, secret, token: None, region: "us-east-1", service: "s3" }
}

fn now() -> Timestamp {
    Timestamp::parse_basic(DATE).expect("a time")
}

/// Signs as our client does, and verifies as our server does.
fn check(method: Method, path: &str, query: &str, headers: &[(&str, &str)], payload: &str, signature: &str) {
    let secret = Secret::new(SECRET);
    let query = Query::parse(query.as_bytes()).expect("a query");
    let mut headers: Vec<(&str, &[u8])> = headers.iter().map(|&(n, v)| (n, v.as_bytes())).collect();
    headers.push(("x-amz-content-sha256", payload.as_bytes()));
    let request = Request {
        method,
        raw_path: path.as_bytes(),
        query: &query,
        headers: Headers(&headers),
        host_bucket: None,
    };
    let signed = signer(&secret).sign(&request, payload, now());
    assert!(signed.authorization.ends_with(signature), "{path}: {}", signed.authorization);
    assert_eq!(signed.date, DATE);
    let sent = [
        &headers[..],
        &[("x-amz-date", signed.date.as_bytes()), ("authorization", signed.authorization.as_bytes())],
    ];
    let sent = sent.concat();
    let request = Request { headers: Headers(&sent), ..request };
    let claim = Claim::read(request.headers, &query).expect("a claim");
    assert_eq!(claim.access_key(), Some(ACCESS_KEY));
    let verified = claim.verify(&request, &secret, |scope| SigningKey::derive(&secret, scope), &RULES, now());
    assert_eq!(verified.map(|verified| verified.payload), PayloadMode::parse(payload));
}

#[test]
fn signatures_in_the_header() {
    let host = ("host", "examplebucket.s3.amazonaws.com");
    check(
        Method::Get,
        "/test.txt",
        "",
        &[host, ("range", "bytes=0-9")],
        EMPTY,
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    check(
        Method::Put,
        "/test$file.text",
        "",
        &[host, ("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    check(
        Method::Get,
        "/",
        "lifecycle",
        &[host],
        EMPTY,
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    );
    check(
        Method::Get,
        "/",
        "max-keys=2&prefix=J",
        &[host],
        EMPTY,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    );
}

#[test]
fn a_signature_in_the_query() {
    let secret = Secret::new(SECRET);
    let headers: [(&str, &[u8]); 1] = [("host", b"examplebucket.s3.amazonaws.com")];
    let presign = Presign {
        method: Method::Get,
        raw_path: b"/test.txt",
        raw_query: "",
        headers: &headers,
        expires_s: 86400,
    };
    let text = signer(&secret).presign(&presign, now());
    assert_eq!(
        text,
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
    let query = Query::parse(text.as_bytes()).expect("a query");
    let request = Request {
        method: Method::Get,
        raw_path: b"/test.txt",
        query: &query,
        headers: Headers(&headers),
        host_bucket: None,
    };
    let claim = Claim::read(request.headers, &query).expect("a claim");
    let verify = |at| claim.verify(&request, &secret, |scope| SigningKey::derive(&secret, scope), &RULES, at);
    assert_eq!(verify(now()).map(|verified| verified.payload), Ok(PayloadMode::Unsigned));
    assert!(verify(now().plus_ms(86_400_000)).is_ok());
    assert!(verify(now().plus_ms(86_400_001)).is_err());
}

/// 65 KiB of `a` in chunks of 64 KiB.
fn chunked(trailer: Option<Algorithm>, seed_signature: &str, signatures: &[&str]) {
    let secret = Secret::new(SECRET);
    let mode =
        if trailer.is_some() { PayloadMode::StreamingSignedTrailer } else { PayloadMode::StreamingSigned };
    let payload = match trailer {
        Some(_) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        None => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    };
    let mut headers: Vec<(&str, &[u8])> = vec![
        ("host", b"s3.amazonaws.com"),
        ("x-amz-storage-class", b"REDUCED_REDUNDANCY"),
        ("content-encoding", b"aws-chunked"),
        ("x-amz-decoded-content-length", b"66560"),
        ("x-amz-content-sha256", payload.as_bytes()),
    ];
    match trailer {
        Some(algorithm) => headers.push(("x-amz-trailer", algorithm.header().as_bytes())),
        None => headers.push(("content-length", b"66824")),
    }
    let query = Query::default();
    let request = Request {
        method: Method::Put,
        raw_path: b"/examplebucket/chunkObject.txt",
        query: &query,
        headers: Headers(&headers),
        host_bucket: None,
    };
    let signed = signer(&secret).sign(&request, payload, now());
    assert!(signed.authorization.ends_with(seed_signature), "{}", signed.authorization);

    let body = vec![b'a'; 66_560];
    let checksum = trailer.map(|algorithm| Hasher::hash(algorithm, &body));
    let mut wire = Vec::new();
    let mut encoder = Encoder::new(mode, Some(signed.seed.clone())).expect("a chunked mode with its seed");
    body.chunks(65_536).for_each(|chunk| encoder.chunk(chunk, &mut wire));
    encoder.finish(checksum.as_ref(), &mut wire);
    assert_eq!(wire.len() as u64, Encoder::encoded_len(mode, 66_560, 65_536, trailer));
    if trailer.is_none() {
        assert_eq!(wire.len(), 66_824);
    }
    let text = String::from_utf8(wire.clone()).expect("the body is text");
    let mut rest = text.as_str();
    for signature in signatures {
        let at = rest.find(signature).unwrap_or_else(|| panic!("{signature}"));
        rest = &rest[at..];
    }

    let sent = [
        &headers[..],
        &[("x-amz-date", signed.date.as_bytes()), ("authorization", signed.authorization.as_bytes())],
    ];
    let sent = sent.concat();
    let request = Request { headers: Headers(&sent), ..request };
    let claim = Claim::read(request.headers, &query).expect("a claim");
    let verified = claim.verify(&request, &secret, |scope| SigningKey::derive(&secret, scope), &RULES, now());
    let verified = verified.expect("the signature is right");
    let header = ChunkedBody::read(mode, request.headers).expect("the header is right");
    let mut decoder =
        Decoder::new(verified.payload, &header, verified.seed).expect("a chunked mode with its seed");
    let (mut read, mut input) = (Vec::new(), &wire[..]);
    while let Event::Data(data) = decoder.next(&mut input).expect("the framing is right") {
        read.extend_from_slice(data);
    }
    decoder.finish().expect("it is whole");
    assert!(read == body);
    assert_eq!(decoder.checksum(), checksum);
}

#[test]
fn chunks() {
    chunked(
        None,
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        &[
            "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ],
    );
}

#[test]
fn chunks_with_a_trailer() {
    chunked(
        Some(Algorithm::Crc32c),
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        &[
            "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
            "x-amz-checksum-crc32c:sOO8/Q==",
            "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
        ],
    );
}

#[test]
fn a_form() {
    let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
    let field = |name: &str| {
        Some(match name {
            "x-amz-algorithm" => "AWS4-HMAC-SHA256",
            "x-amz-credential" => "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
            "x-amz-date" => "20151229T000000Z",
            "x-amz-signature" => "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
            "policy" => policy,
            _ => return None,
        })
    };
    let claim = PostClaim::read(field).expect("a claim").expect("not of nobody");
    let secret = Secret::new(SECRET);
    let verify =
        |policy: &str| claim.verify(policy, &secret, |scope| SigningKey::derive(&secret, scope), &RULES);
    assert_eq!(verify(policy), Ok(()));
    assert!(verify(&policy[4..]).is_err());
    assert!(dolmen_s3::post::PostPolicy::parse(policy).is_ok());
}

/// Version 2: bucket `johnsmith` in the host.
#[test]
fn signatures_of_version_2() {
    let secret = Secret::new(SECRET);
    let check = |method, path: &str, query: &str, headers: &[(&str, &str)], at: i64| {
        let query = Query::parse(query.as_bytes()).expect("a query");
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|&(n, v)| (n, v.as_bytes())).collect();
        let request = Request {
            method,
            raw_path: path.as_bytes(),
            query: &query,
            headers: Headers(&headers),
            host_bucket: Some("johnsmith"),
        };
        let claim = Claim::read(request.headers, &query).expect("a claim");
        let key = |scope: &_| SigningKey::derive(&secret, scope);
        let verify =
            |rules: &Rules<'_>, at| claim.verify(&request, &secret, key, rules, Timestamp::from_unix_s(at));
        assert!(verify(&RULES, at).is_ok(), "{path} {headers:?}");
        assert!(verify(&RULES, at + 1_000_000_000).is_err());
        assert!(verify(&Rules { v2: false, ..RULES }, at).is_err());
    };
    let authorization = |signature: &str| format!("AWS {ACCESS_KEY}:{signature}");
    for (method, path, query, signature, date, kind, at) in [
        (
            Method::Get,
            "/photos/puppy.jpg",
            "",
            "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
            "Tue, 27 Mar 2007 19:36:42 +0000",
            "",
            1_175_024_202,
        ),
        (
            Method::Put,
            "/photos/puppy.jpg",
            "",
            "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
            "Tue, 27 Mar 2007 21:15:45 +0000",
            "image/jpeg",
            1_175_030_145,
        ),
        (
            Method::Get,
            "/",
            "prefix=photos&max-keys=50&marker=puppy",
            "htDYFYduRNen8P9ZfE/s9SuKy0U=",
            "Tue, 27 Mar 2007 19:42:41 +0000",
            "",
            1_175_024_561,
        ),
        (
            Method::Get,
            "/",
            "acl",
            "c2WLPFtWHVgbEmeEG93a4cG37dM=",
            "Tue, 27 Mar 2007 19:44:46 +0000",
            "",
            1_175_024_686,
        ),
    ] {
        let authorization = authorization(signature);
        let mut headers = vec![("date", date), ("authorization", authorization.as_str())];
        if !kind.is_empty() {
            headers.push(("content-type", kind));
        }
        check(method, path, query, &headers, at);
    }
    check(
        Method::Get,
        "/photos/puppy.jpg",
        "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620",
        &[],
        1_175_139_620,
    );
}
