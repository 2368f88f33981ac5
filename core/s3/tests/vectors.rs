//! The signing test suite of awslabs/aws-c-auth, folder `tests/aws-signing-test-suite` (Apache-2.0, not committed): 38 requests, each signed
//! in its header and in its query. It is looked for as `aws-c-auth` among the test data.
//!
//! S3 neither normalises a path nor encodes it twice; where the suite does, this test does it before it hands the path over.

use std::fs;
use std::path::Path;

use dolmen_s3::auth::{Request, Signer, canonical_request};
use dolmen_s3::request::{Headers, Method};
use dolmen_s3::{Query, Secret, Timestamp};
use dolmen_text::json;

struct Case {
    method: Method,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[test]
fn signatures_of_the_suite() {
    let Some(folder) = dolmen_testkit::testdata("aws-c-auth").map(|folder| folder.join("v4")) else {
        return dolmen_testkit::skip("signatures_of_the_suite");
    };
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        check(&entry.expect("the folder can be read").path());
        count += 1;
    }
    assert_eq!(count, 38);
    println!("{count} requests, in header and query");
}

fn check(folder: &Path) {
    let read =
        |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|_| panic!("{folder:?} {name}"));
    let context = read("context.json");
    let context = json::Document::read(context.as_bytes()).expect("JSON");
    let root = context.root();
    let text = |name: &str| root.get(name).and_then(|value| value.as_str()).expect("a text").into_owned();
    let credentials = root.get("credentials").expect("credentials");
    let credential =
        |name: &str| credentials.get(name).and_then(|value| value.as_str()).map(|text| text.into_owned());
    let secret = Secret::new(&credential("secret_access_key").expect("a secret"));
    let access_key = credential("access_key_id").expect("an access key");
    let token = credential("token");
    let omit = root.get("omit_session_token").and_then(|value| value.as_bool()).unwrap_or(false);
    let normalise = root.get("normalize").and_then(|value| value.as_bool()).unwrap_or(true);
    let sign_body = root.get("sign_body").and_then(|value| value.as_bool()).unwrap_or(false);
    let (region, service) = (text("region"), text("service"));
    let now = Timestamp::parse_iso8601(&text("timestamp")).expect("a time");
    let case = Case::read(&read("request.txt"), normalise);
    let signer = Signer {
        access_key: &access_key,
        secret: &secret,
        token: token.as_deref().filter(|_| !omit),
        region: &region,
        service: &service,
    };
    let body =
        dolmen_s3::checksum::Hasher::hash(dolmen_s3::checksum::Algorithm::Sha256, case.body.as_bytes());
    let mut payload = String::new();
    dolmen_s3::encoding::put_hex(&mut payload, body.digest());

    let date = now.basic().to_string();
    let mut headers = case.headers();
    if sign_body {
        headers.push(("x-amz-content-sha256", payload.as_bytes()));
    }
    let signed = signer.sign(&case.request(&headers, &case.query()), &payload, now);
    let signature = signed.authorization.rsplit('=').next().expect("a signature");
    assert_eq!(signature, read("header-signature.txt").trim(), "{folder:?}: in the header");

    // The canonical request itself, as the signer makes it.
    headers.push(("x-amz-date", date.as_bytes()));
    if let Some(token) = signer.token {
        headers.push(("x-amz-security-token", token.as_bytes()));
    }
    let names = signed.authorization.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
    let mut canonical = String::new();
    let query = case.query();
    canonical_request(&case.request(&headers, &query), None, names.expect("names"), &payload, &mut canonical);
    assert_eq!(canonical, read("header-canonical-request.txt"), "{folder:?}");

    check_query(&case, &read("query-signature.txt"), &signer, &payload, now, folder);
}

/// The presigned query of our client has `UNSIGNED-PAYLOAD` and the order of S3's documentation; the suite signs the hash of the body. So the
/// query is made by hand and the canonical request by the code that verifies.
fn check_query(
    case: &Case,
    signature: &str,
    signer: &Signer<'_>,
    payload: &str,
    now: Timestamp,
    folder: &Path,
) {
    use dolmen_s3::auth::{Scope, SigningKey};
    use dolmen_s3::encoding::{Keep, percent};
    let scope = Scope::new(now, signer.region, signer.service);
    let headers = case.headers();
    let mut names: Vec<&str> = headers.iter().map(|header| header.0).collect();
    names.sort_unstable();
    names.dedup();
    let names = names.join(";");
    let encode = |text: &str| percent(text.as_bytes(), Keep::Unreserved);
    let mut query = case.query.clone();
    for (name, value) in [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &format!("{}/{scope}", signer.access_key)),
        ("X-Amz-Date", &now.basic().to_string()),
        ("X-Amz-Expires", "3600"),
        ("X-Amz-SignedHeaders", &names),
        ("X-Amz-Security-Token", signer.token.unwrap_or("")),
        ("X-Amz-Signature", signature),
    ] {
        if !value.is_empty() {
            query += &format!("&{name}={}", encode(value));
        }
    }
    let query = Query::parse(query.as_bytes()).expect("a query");
    let mut canonical = String::new();
    let request = case.request(&headers, &query);
    canonical_request(&request, Some("X-Amz-Signature"), &names, payload, &mut canonical);
    let expected = fs::read_to_string(folder.join("query-canonical-request.txt")).expect("it is there");
    assert_eq!(canonical, expected, "{folder:?}: in the query");
    // The string to sign is signed by the same key as the header's.
    let key = SigningKey::derive(signer.secret, &scope);
    let to_sign = fs::read_to_string(folder.join("query-string-to-sign.txt")).expect("it is there");
    let mut hex = String::new();
    dolmen_s3::encoding::put_hex(&mut hex, &key.signature(to_sign.as_bytes()));
    assert_eq!(hex, signature.trim(), "{folder:?}: in the query");
}

impl Case {
    fn read(text: &str, normalise: bool) -> Case {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        // Folded lines belong to the one before.
        let head = head.replace("\n ", " ");
        let mut lines = head.lines();
        let first = lines.next().expect("a request line");
        let (method, rest) = first.split_once(' ').expect("a method");
        let target = rest.strip_suffix(" HTTP/1.1").expect("a version");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a colon");
            (name.to_ascii_lowercase(), value.to_string())
        };
        Case {
            method: Method::from_name(method).expect("a method"),
            path: if normalise { normalised(path) } else { path.to_string() },
            query: query.to_string(),
            headers: lines.filter(|line| !line.is_empty()).map(header).collect(),
            body: body.to_string(),
        }
    }

    fn headers(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }

    fn query(&self) -> Query<'_> {
        Query::parse(self.query.as_bytes()).expect("a query")
    }

    fn request<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])], query: &'a Query<'a>) -> Request<'a> {
        Request {
            method: self.method,
            raw_path: self.path.as_bytes(),
            query,
            headers: Headers(headers),
            host_bucket: None,
        }
    }
}

/// RFC 3986, 5.2.4, and slashes in a row as one: what every service but S3 does.
fn normalised(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}
