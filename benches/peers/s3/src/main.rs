//! Random requests, signed by the SDK's signer (aws-sigv4) in header and query, are verified by dolmen-s3; each is then damaged in one place
//! and must be refused. `cargo run --release -- [COUNT] [SEED]`.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use dolmen_base::Rng;
use dolmen_s3::auth::{Claim, Request, Rules, SigningKey};
use dolmen_s3::encoding::{Keep, percent};
use dolmen_s3::{Headers, Method, Secret, Target, Timestamp};

const METHODS: [Method; 5] = [Method::Get, Method::Put, Method::Post, Method::Delete, Method::Head];
const MODES: [&str; 5] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "UNSIGNED-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
];

struct Sent {
    method: Method,
    target: String,
    headers: Vec<(String, String)>,
    secret: String,
    at: Timestamp,
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse().expect("a number"));
    let count: u64 = args.next().unwrap_or(100_000);
    let mut rng = Rng::new(args.next().unwrap_or(1));
    let (mut in_query, mut refused) = (0u64, 0u64);
    for i in 0..count {
        let query = rng.below(3) == 0;
        let sent = signed(&mut rng, query);
        assert_eq!(verify(&sent), Ok(()), "request {i}: {} {} {:?}", sent.method, sent.target, sent.headers);
        in_query += u64::from(query);
        let damaged = damage(&mut rng, sent);
        assert!(verify(&damaged).is_err(), "request {i}, damaged: {} {:?}", damaged.target, damaged.headers);
        refused += 1;
    }
    println!("{count} requests signed by aws-sigv4 verified, {in_query} of them presigned; {refused} damaged ones refused");
}

/// A text of characters that make trouble.
fn text(rng: &mut Rng, len_max: u64) -> String {
    const CHARACTERS: [&str; 24] = [
        "a", "Z", "0", "-", "_", ".", "~", "/", "//", "/../", "/./", " ", "+", "%", "=", "&", "?", "#", ":", "'", "(", "é", "\u{1f600}", "\\",
    ];
    let len = 1 + rng.below(len_max);
    (0..len).map(|_| CHARACTERS[rng.below(CHARACTERS.len() as u64) as usize]).collect()
}

fn signed(rng: &mut Rng, in_query: bool) -> Sent {
    let method = METHODS[rng.below(5) as usize];
    let mut target = format!("/bucket/{}", percent(text(rng, 40).as_bytes(), Keep::Slash));
    for i in 0..rng.below(5) {
        let (name, value) = (text(rng, 6), text(rng, 12));
        target.push(if i == 0 { '?' } else { '&' });
        target += &percent(name.as_bytes(), Keep::Unreserved);
        if rng.below(4) > 0 {
            target += &format!("={}", percent(value.as_bytes(), Keep::Unreserved));
        }
    }
    let mode = MODES[if in_query { 1 } else { rng.below(5) as usize }];
    let mut headers = vec![("host".to_string(), "localhost:9000".to_string())];
    if !in_query {
        headers.push(("x-amz-content-sha256".into(), mode.into()));
    }
    for name in ["x-amz-meta-one", "x-amz-meta-two", "content-type", "content-md5", "range"] {
        if rng.below(2) == 0 {
            let value = format!("{}a  {}  b", " ".repeat(rng.below(3) as usize), rng.below(1000));
            headers.push((name.into(), value));
        }
    }
    let secret = text(rng, 40);
    let token = (rng.below(3) == 0).then(|| format!("token/{}+=", rng.below(1000)));
    let at_s = 1_600_000_000 + rng.below(400_000_000);

    let identity = Credentials::new("AKID", &secret, token, None, "peer").into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = if in_query { PayloadChecksumKind::NoHeader } else { PayloadChecksumKind::XAmzSha256 };
    if in_query {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(600));
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(UNIX_EPOCH + Duration::from_secs(at_s))
        .settings(settings)
        .build()
        .expect("all of them are set")
        .into();
    let uri = format!("http://localhost:9000{target}");
    let lines = headers.iter().filter(|(name, _)| name != "x-amz-content-sha256");
    let lines = lines.map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Precomputed(mode.into());
    let request = SignableRequest::new(method.name(), uri, lines, body).expect("a request");
    let (instructions, _) = sign(request, &params).expect("it can be signed").into_parts();
    let (new_headers, new_params) = instructions.into_parts();
    for header in new_headers {
        let name = header.name().to_ascii_lowercase();
        headers.retain(|known| known.0 != name);
        headers.push((name, header.value().to_string()));
    }
    for (name, value) in new_params {
        target.push(if target.contains('?') { '&' } else { '?' });
        target += &format!("{name}={}", percent(value.as_bytes(), Keep::Unreserved));
    }
    Sent { method, target, headers, secret, at: Timestamp::from_unix_s(at_s as i64) }
}

fn verify(sent: &Sent) -> Result<(), String> {
    let target = Target::parse(sent.target.as_bytes(), None, &[]).map_err(|error| error.to_string())?;
    let headers: Vec<(&str, &[u8])> = sent.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    let request = Request {
        method: sent.method,
        raw_path: target.raw_path(),
        query: target.query(),
        headers: Headers(&headers),
        host_bucket: None,
    };
    let secret = Secret::new(&sent.secret);
    let claim = Claim::read(request.headers, request.query).map_err(|error| error.to_string())?;
    if claim.access_key() != Some("AKID") {
        return Err("nobody".into());
    }
    let key = |scope: &_| SigningKey::derive(&secret, scope);
    claim.verify(&request, &secret, key, &Rules::default(), sent.at).map(|_| ()).map_err(|error| error.to_string())
}

/// One thing changes that is signed.
fn damage(rng: &mut Rng, mut sent: Sent) -> Sent {
    match rng.below(5) {
        0 => sent.secret.push('x'),
        1 => sent.method = if sent.method == Method::Get { Method::Put } else { Method::Get },
        2 => sent.target = sent.target.replacen("/bucket/", "/bucket/x", 1),
        3 => sent.target += if sent.target.contains('?') { "&new=1" } else { "?new=1" },
        _ => sent.headers[0].1.push('0'),
    }
    sent
}
