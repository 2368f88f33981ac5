//! Requests that must not pass: the classes of vulnerabilities that other stores had, on the side of formats and signatures.

use dolmen_s3::auth::{AuthError, Claim, Presign, Request, Rules, Seed, Signer, SigningKey, Verified};
use dolmen_s3::checksum::{Algorithm, Hasher};
use dolmen_s3::chunked::{ChunkedError, Decoder, Encoder, Event};
use dolmen_s3::payload::ChunkedBody;
use dolmen_s3::{ErrorCode, Headers, Method, PayloadMode, Query, Secret, Timestamp};

const MODES: [&str; 5] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "UNSIGNED-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
];
const NOW: Timestamp = Timestamp::from_unix_s(1_800_000_000);
const PATH: &str = "/bucket/a%20key";

/// A request with everything that it owns.
#[derive(Clone)]
struct Sent {
    method: Method,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

impl Sent {
    fn new(query: &str, mode: &str) -> Sent {
        let headers = [("host", "localhost:9000"), ("x-amz-meta-a", "1"), ("x-amz-content-sha256", mode)];
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_string())).to_vec();
        Sent { method: Method::Put, path: PATH.into(), query: query.into(), headers }
    }

    fn with<R>(&self, body: impl FnOnce(&Request<'_>) -> R) -> R {
        let query = Query::parse(self.query.as_bytes()).expect("a query");
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        body(&Request {
            method: self.method,
            raw_path: self.path.as_bytes(),
            query: &query,
            headers: Headers(&headers),
            host_bucket: None,
        })
    }

    fn header(&mut self, name: &str, value: &str) {
        self.headers.retain(|header| header.0 != name);
        self.headers.push((name.into(), value.into()));
    }

    fn signed(mut self, secret: &str, at: Timestamp) -> Sent {
        let secret = Secret::new(secret);
        let mode = self.headers[2].1.clone();
        let signed = self.with(|request| signer(&secret).sign(request, &mode, at));
        self.header("x-amz-security-token", "token");
        self.header("x-amz-date", &signed.date);
        self.header("authorization", &signed.authorization);
        self
    }

    fn presigned(mut self, secret: &str, at: Timestamp) -> Sent {
        let secret = Secret::new(secret);
        self.query = self.with(|request| {
            let presign = Presign {
                method: request.method,
                raw_path: request.raw_path,
                raw_query: &self.query,
                headers: request.headers.0,
                expires_s: 600,
            };
            signer(&secret).presign(&presign, at)
        });
        self
    }

    /// What the server says, whose secret is `right`.
    fn verify_at(&self, now: Timestamp) -> Result<Verified, AuthError> {
        let secret = Secret::new("right");
        let rules = Rules { region: Some("us-east-1"), ..Rules::default() };
        self.with(|request| {
            let claim = Claim::read(request.headers, request.query)?;
            claim.verify(request, &secret, |scope| SigningKey::derive(&secret, scope), &rules, now)
        })
    }

    fn verify(&self) -> Result<Verified, AuthError> {
        self.verify_at(NOW)
    }
}

fn signer(secret: &Secret) -> Signer<'_> {
    Signer { access_key: "AKID", secret, token: Some("token"), region: "us-east-1", service: "s3" }
}

/// Every mode of the body, with a signature in the header, in the query, in both, in neither, right and wrong. Nothing passes that is not
/// signed with the right secret; who signs nothing is nobody, which is for the policy to judge.
#[test]
fn every_mode_and_every_place() {
    for mode in MODES {
        let parsed = PayloadMode::parse(mode).expect("a mode");
        let right = Sent::new("x=1", mode).signed("right", NOW);
        assert_eq!(right.verify().map(|verified| verified.payload), Ok(parsed), "{mode}");
        assert_eq!(Sent::new("x=1", mode).signed("wrong", NOW).verify(), Err(AuthError::Mismatch), "{mode}");

        let chained = parsed.is_chunk_signed();
        let refused = if chained { AuthError::PayloadMode } else { AuthError::Mismatch };
        assert_eq!(Sent::new("x=1", mode).presigned("wrong", NOW).verify(), Err(refused), "{mode}");
        let in_query = Sent::new("x=1", mode).presigned("right", NOW).verify();
        if chained {
            assert_eq!(in_query, Err(AuthError::PayloadMode), "{mode}");
        } else {
            assert_eq!(in_query.map(|verified| verified.payload), Ok(parsed), "{mode}");
        }

        for (first, second) in [("right", "right"), ("right", "wrong"), ("wrong", "right")] {
            let both = Sent::new("x=1", mode).presigned(first, NOW).signed(second, NOW);
            assert_eq!(both.verify(), Err(AuthError::Several), "{mode}");
        }
        // Credentials in the query and a part of them missing: no fall back to nobody (CVE-2026-41145).
        for missing in [
            "X-Amz-Signature",
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Date",
            "X-Amz-Expires",
            "X-Amz-SignedHeaders",
        ] {
            let mut sent = Sent::new("x=1", mode).presigned("right", NOW);
            let kept = sent.query.split('&').filter(|pair| !pair.starts_with(missing));
            sent.query = kept.collect::<Vec<_>>().join("&");
            assert_eq!(sent.verify(), Err(AuthError::Query), "{mode} without {missing}");
        }
        let nobody = Sent::new("x=1", mode).verify();
        if chained {
            assert_eq!(nobody, Err(AuthError::PayloadMode), "{mode}");
        } else {
            assert_eq!(nobody, Ok(Verified { payload: parsed, seed: None }), "{mode}");
        }
    }
}

/// Whatever is changed after signing, it is seen.
#[test]
fn nothing_can_be_changed() {
    for mode in MODES {
        let right = Sent::new("x=1&uploads", mode).signed("right", NOW);
        let check = |what: &str, change: &dyn Fn(&mut Sent)| {
            let mut sent = right.clone();
            change(&mut sent);
            assert!(sent.verify().is_err(), "{mode}: {what}");
        };
        check("method", &|sent| sent.method = Method::Get);
        check("path", &|sent| sent.path = "/bucket/b".into());
        check("path that is decoded twice", &|sent| sent.path = "/bucket/a%2520key".into());
        check("dots", &|sent| sent.path = "/bucket/./a%20key".into());
        check("query", &|sent| sent.query = "x=2&uploads".into());
        check("more query", &|sent| sent.query += "&y");
        check("less query", &|sent| sent.query = "x=1".into());
        check("host", &|sent| sent.header("host", "other"));
        check("header", &|sent| sent.header("x-amz-meta-a", "2"));
        check("header twice", &|sent| sent.headers.push(("x-amz-meta-a".into(), "1".into())));
        check("header that is not signed", &|sent| sent.header("x-amz-acl", "public-read"));
        check("no header", &|sent| sent.headers.retain(|header| header.0 != "x-amz-meta-a"));
        check("token", &|sent| sent.header("x-amz-security-token", "other"));
        for other in MODES.iter().filter(|other| **other != mode) {
            check(other, &|sent| sent.header("x-amz-content-sha256", other));
        }
        check("no mode", &|sent| sent.headers.retain(|header| header.0 != "x-amz-content-sha256"));
        check("two modes", &|sent| sent.headers.push(("x-amz-content-sha256".into(), mode.into())));
        check("two signatures", &|sent| {
            let again = sent.headers.iter().find(|header| header.0 == "authorization").cloned();
            sent.headers.extend(again);
        });
        // Equal spellings stay equal.
        let mut same = right.clone();
        same.path = "/bucket/%61%20key".into();
        assert!(same.verify().is_ok(), "{mode}");
        let unsigned = right.headers.iter().position(|header| header.0 == "host").expect("it is there");
        let mut sent = right.clone();
        sent.headers[unsigned].1 = "  localhost:9000 ".into();
        assert!(sent.verify().is_ok(), "{mode}");
    }
}

#[test]
fn times() {
    let sent = Sent::new("", MODES[1]).signed("right", NOW);
    for (ms, result) in
        [(900_000, true), (900_001, false), (-900_000, true), (-900_001, false), (i64::MIN / 2, false)]
    {
        assert_eq!(sent.verify_at(NOW.plus_ms(ms)).is_ok(), result, "{ms}");
    }
    assert_eq!(sent.verify_at(NOW.plus_ms(900_001)), Err(AuthError::Skewed));
    let mut undated = sent.clone();
    undated.headers.retain(|header| header.0 != "x-amz-date");
    assert_eq!(undated.verify(), Err(AuthError::DateMissing));
    for date in ["", "yesterday", "20270115", "20270115T080000"] {
        let mut bad = sent.clone();
        bad.header("x-amz-date", date);
        assert_eq!(bad.verify(), Err(AuthError::DateMissing), "{date}");
    }
    // Signed today for the scope of yesterday.
    let mut other_day = sent.clone();
    let authorization = other_day.headers.last().expect("it is there").1.replace("20270115", "20270114");
    other_day.header("authorization", &authorization);
    assert_eq!(other_day.verify().map_err(AuthError::code), Err(ErrorCode::AuthorizationHeaderMalformed));

    let url = Sent::new("", MODES[1]).presigned("right", NOW);
    assert!(url.verify_at(NOW.plus_ms(600_000)).is_ok());
    assert_eq!(url.verify_at(NOW.plus_ms(600_001)), Err(AuthError::Expired));
    assert_eq!(url.verify_at(NOW.plus_ms(-900_001)), Err(AuthError::Early));
    for expires in ["0", "604801", "-1", "", "x", "18446744073709551616"] {
        let mut bad = url.clone();
        bad.query = bad.query.replace("X-Amz-Expires=600", &format!("X-Amz-Expires={expires}"));
        assert_eq!(bad.verify(), Err(AuthError::Expires), "{expires}");
    }
    let mut longer = url.clone();
    longer.query = longer.query.replace("X-Amz-Expires=600", "X-Amz-Expires=601");
    assert_eq!(longer.verify(), Err(AuthError::Mismatch));
    let mut twice = url;
    twice.query += "&X-Amz-Expires=604800";
    assert_eq!(twice.verify(), Err(AuthError::Query));
}

#[test]
fn what_is_not_spoken_is_refused_cleanly() {
    let authorization = |text: &str| {
        let mut sent = Sent::new("", MODES[1]).signed("right", NOW);
        sent.header("authorization", text);
        sent.verify().map_err(AuthError::code)
    };
    let scope = "AKID/20270115/us-east-1/s3/aws4_request";
    let signature = "0".repeat(64);
    let whole = |scheme: &str, scope: &str, names: &str, signature: &str| {
        authorization(&format!("{scheme} Credential={scope}, SignedHeaders={names}, Signature={signature}"))
    };
    let v4 = "AWS4-HMAC-SHA256";
    let malformed = Err(ErrorCode::AuthorizationHeaderMalformed);
    assert_eq!(whole(v4, scope, "host", &signature), Err(ErrorCode::AccessDenied));
    assert_eq!(whole("AWS4-ECDSA-P256-SHA256", scope, "host", &signature), Err(ErrorCode::NotImplemented));
    assert_eq!(whole("Bearer", scope, "host", &signature), Err(ErrorCode::InvalidArgument));
    assert_eq!(whole(v4, scope, "host", "00"), malformed);
    assert_eq!(whole(v4, scope, "Host", &signature), malformed);
    assert_eq!(whole(v4, scope, "", &signature), malformed);
    assert_eq!(whole(v4, "AKID/20270115/eu-west-1/s3/aws4_request", "host", &signature), malformed);
    assert_eq!(whole(v4, "AKID/20270115/us-east-1/iam/aws4_request", "host", &signature), malformed);
    assert_eq!(whole(v4, "AKID/20270115/us-east-1/s3", "host", &signature), malformed);
    assert_eq!(whole(v4, "/20270115/us-east-1/s3/aws4_request", "host", &signature), malformed);
    assert_eq!(authorization("AWS4-HMAC-SHA256"), Err(ErrorCode::InvalidArgument));
    assert_eq!(authorization("AWS HAHAHA"), Err(ErrorCode::InvalidArgument));
    assert_eq!(authorization("AWS4-HMAC-SHA256 Credential=,,,"), malformed);
    assert_eq!(authorization("AWS AKID:frJIUN8DYpKDtOLCwo//yllqDzg="), Err(ErrorCode::InvalidRequest));
    // An empty header is nobody.
    assert_eq!(authorization(""), Ok(Verified { payload: PayloadMode::Unsigned, seed: None }));
}

fn seed(mode: PayloadMode) -> Option<Seed> {
    let name = match mode {
        PayloadMode::StreamingSigned => MODES[2],
        PayloadMode::StreamingSignedTrailer => MODES[3],
        _ => return None,
    };
    Sent::new("", name).signed("right", NOW).verify().expect("the signature is right").seed
}

fn decode(mode: PayloadMode, body: ChunkedBody, wire: &[u8], step: usize) -> Result<Vec<u8>, ChunkedError> {
    let mut decoder = Decoder::new(mode, &body, seed(mode)).expect("a chunked mode with its seed");
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
    decoder.finish().map(|()| data)
}

fn encode(mode: PayloadMode, chunks: &[&[u8]], checksum: Option<Algorithm>) -> Vec<u8> {
    let mut encoder = Encoder::new(mode, seed(mode)).expect("a chunked mode with its seed");
    let mut wire = Vec::new();
    chunks.iter().for_each(|chunk| encoder.chunk(chunk, &mut wire));
    let checksum = checksum.map(|algorithm| Hasher::hash(algorithm, &chunks.concat()));
    encoder.finish(checksum.as_ref(), &mut wire);
    wire
}

const CHUNKED: [PayloadMode; 3] = [
    PayloadMode::StreamingSigned,
    PayloadMode::StreamingSignedTrailer,
    PayloadMode::StreamingUnsignedTrailer,
];
const DATA: [&[u8]; 3] = [b"first chunk", b"2", b"the third of them"];

#[test]
fn chunks_in_pieces_of_every_size_and_damaged_ones() {
    for mode in CHUNKED {
        let trailer = mode.has_trailer().then_some(Algorithm::Crc32);
        let (whole, wire) = (DATA.concat(), encode(mode, &DATA, trailer));
        let body = ChunkedBody { decoded_len: whole.len() as u64, trailer };
        for step in 1..=wire.len() {
            assert_eq!(decode(mode, body, &wire, step), Ok(whole.clone()), "{mode:?} by {step}");
        }
        dolmen_testkit::cuts(&wire).for_each(|cut| {
            assert!(decode(mode, body, cut, 64).is_err(), "{mode:?} cut at {}", cut.len());
        });
        // Signed: every bit counts but the case of hexadecimal digits and of names. Unsigned: what is read is as long, and the framing holds.
        dolmen_testkit::flips(&wire, |bit, damaged| match decode(mode, body, damaged, 64) {
            Ok(data) if mode.is_chunk_signed() => assert_eq!(data, whole, "{mode:?} bit {bit}"),
            Ok(data) => assert_eq!(data.len(), whole.len(), "{mode:?} bit {bit}"),
            Err(_) => {}
        });
    }
}

#[test]
fn chunks_cannot_be_moved_or_left_out() {
    let mode = PayloadMode::StreamingSigned;
    let chunks: [&[u8]; 3] = [b"aaaa", b"bbbb", b"cccc"];
    let wire = encode(mode, &chunks, None);
    let body = |decoded_len| ChunkedBody { decoded_len, trailer: None };
    // `4;chunk-signature=`, 64 digits, a line end, four bytes, a line end.
    const FRAME: usize = 18 + 64 + 2 + 4 + 2;
    let frames: Vec<&[u8]> = (0..3).map(|i| &wire[i * FRAME..(i + 1) * FRAME]).collect();
    assert!(frames.iter().all(|frame| frame.ends_with(b"\r\n")));
    let last = &wire[3 * FRAME..];
    let order = |order: &[usize]| -> Vec<u8> {
        let frames = order.iter().flat_map(|&i| frames[i]);
        frames.chain(last).copied().collect()
    };
    assert!(decode(mode, body(12), &order(&[0, 1, 2]), 64).is_ok());
    for wrong in [&[1, 0, 2][..], &[0, 2, 1], &[0, 0, 1]] {
        assert_eq!(decode(mode, body(12), &order(wrong), 64), Err(ChunkedError::Mismatch), "{wrong:?}");
    }
    // The last, empty chunk is signed as well: nothing can be left out in front of it.
    assert_eq!(decode(mode, body(8), &order(&[0, 1]), 64), Err(ChunkedError::Mismatch));
    assert_eq!(decode(mode, body(11), &order(&[0, 1, 2]), 64), Err(ChunkedError::TooLong));
    assert_eq!(decode(mode, body(13), &order(&[0, 1, 2]), 64), Err(ChunkedError::Short));
    let behind = [&wire[..], b"x"].concat();
    assert_eq!(decode(mode, body(12), &behind, 64), Err(ChunkedError::Behind));
    // A signature of another mode's seed, or none, makes no decoder.
    assert!(Decoder::new(mode, &body(12), None).is_none());
    assert!(Decoder::new(PayloadMode::StreamingUnsignedTrailer, &body(12), seed(mode)).is_none());
    assert!(Decoder::new(PayloadMode::Unsigned, &body(12), None).is_none());
}

#[test]
fn trailers() {
    let crc = Some(Algorithm::Crc32);
    let unsigned = |wire: &str, trailer| {
        let body = ChunkedBody { decoded_len: 5, trailer };
        decode(PayloadMode::StreamingUnsignedTrailer, body, wire.as_bytes(), 64).map_err(ChunkedError::code)
    };
    let hello = Ok(b"hello".to_vec());
    let malformed = Err(ErrorCode::MalformedTrailerError);
    assert_eq!(unsigned("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", crc), hello);
    assert_eq!(unsigned("5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: NhCmhg==\n\r\n\r\n", crc), hello);
    assert_eq!(unsigned("5\r\nhello\r\n0\r\n\r\n", None), hello);
    // Announced and missing, not announced, another one, twice, none at all.
    assert_eq!(unsigned("5\r\nhello\r\n0\r\n\r\n", crc), malformed);
    assert_eq!(unsigned("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", None), malformed);
    assert_eq!(unsigned("5\r\nhello\r\n0\r\nx-amz-checksum-sha1:NhCmhg==\r\n\r\n", crc), malformed);
    assert_eq!(
        unsigned("5\r\nhello\r\n0\r\nx-amz-meta-a:b\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", crc),
        malformed
    );
    let twice = "x-amz-checksum-crc32:NhCmhg==\r\n".repeat(2);
    assert_eq!(unsigned(&format!("5\r\nhello\r\n0\r\n{twice}\r\n"), crc), malformed);
    assert_eq!(unsigned("5\r\nhello\r\n0\r\nx-amz-trailer-signature:00\r\n\r\n", None), malformed);
    // Values that are no checksum, and framing that is none.
    let invalid = Err(ErrorCode::InvalidRequest);
    let no_value = unsigned("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCm\r\n\r\n", crc);
    assert_eq!(no_value, Err(ErrorCode::BadDigest));
    for wire in [
        "5\nhello\n0\n\n",
        "5;chunk-signature=00\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhellox\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        &"5".repeat(1000),
    ] {
        assert_eq!(unsigned(wire, None), invalid, "{wire}");
    }
    assert_eq!(unsigned("ffffffffffffffff\r\nhello", None), Err(ErrorCode::IncompleteBody));
    assert_eq!(unsigned("3\r\nhel\r\n0\r\n\r\n", None), Err(ErrorCode::IncompleteBody));

    // A trailer of signed chunks is signed itself.
    let mode = PayloadMode::StreamingSignedTrailer;
    let wire = encode(mode, &[b"hello"], crc);
    let text = String::from_utf8(wire).expect("the body is text");
    let body = ChunkedBody { decoded_len: 5, trailer: crc };
    let signed = |text: &str| decode(mode, body, text.as_bytes(), 64);
    assert_eq!(signed(&text), Ok(b"hello".to_vec()));
    let at = text.find("x-amz-trailer-signature").expect("it is there");
    assert_eq!(signed(&format!("{}\r\n", &text[..at])), Err(ChunkedError::Missing));
    assert_eq!(signed(&text.replace("NhCmhg==", "NhCmhw==")), Err(ChunkedError::Mismatch));
    let behind = text.replace("\r\n\r\n", "\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n");
    assert_eq!(signed(&behind), Err(ChunkedError::Extra));
}

/// What a trailer promises is compared with what came.
#[test]
fn a_wrong_checksum_is_a_bad_digest() {
    let named = Hasher::hash(Algorithm::Crc32, b"hello");
    let found = Hasher::hash(Algorithm::Crc32, b"hellp");
    assert_eq!(found.expect(&named).map_err(|error| error.code()), Err(ErrorCode::BadDigest));
    assert_eq!(named.expect(&named), Ok(()));
}

#[test]
fn secrets_are_not_shown() {
    let secret = Secret::new("hunter2hunter2");
    let key = SigningKey::derive(&secret, &dolmen_s3::auth::Scope::new(NOW, "us-east-1", "s3"));
    let signer = signer(&secret);
    let shown = format!("{secret:?} {key:?} {signer:?} {:?}", seed(PayloadMode::StreamingSigned));
    assert!(!shown.contains("hunter2") && !shown.contains(&format!("{:?}", b"hunter2")), "{shown}");
    assert!(shown.contains("Secret(..) SigningKey(..)"), "{shown}");
}
