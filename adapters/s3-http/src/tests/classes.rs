//! Faults that other servers had, over the wire, and classes of holes that need a whole request to be seen.

use std::time::Duration;

use dolmen_s3::auth::{Presign, Request, Scope, Secret, Signer, SigningKey};
use dolmen_s3::encoding::{base64, put_hex};
use dolmen_s3::request::{Headers, Method};
use dolmen_s3::target::Query;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ACCESS_KEY, Got, SECRET_KEY, World, request};
use crate::connection::patience;

/// When a form's policy ends, its conditions, the fields and the file that are sent.
type Sent<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [u8]);

/// A request of root, signed in its query.
async fn presigned(world: &World, method: Method, path: &str) -> Got {
    let secret = Secret::new(SECRET_KEY);
    let signer =
        Signer { access_key: ACCESS_KEY, secret: &secret, token: None, region: "us-east-1", service: "s3" };
    let host = world.address.to_string();
    let presign = Presign {
        method,
        raw_path: path.as_bytes(),
        raw_query: "",
        headers: &[("host", host.as_bytes())],
        expires_s: 60,
    };
    let query = signer.presign(&presign, world.now());
    world.raw(&request(method, &format!("{path}?{query}"), &[("host", host)], b"")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_01_a_plus_is_a_plus_and_a_space_is_a_space() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let (plus, escaped, space) = ("/stones/r+1.txt", "/stones/r%2B1.txt", "/stones/r%201.txt");
    assert_eq!(world.root(Method::Put, plus, &[], b"of the plus").await.status, 200);
    assert_eq!(world.root(Method::Put, space, &[], b"of the space").await.status, 200);
    for (path, body) in [(plus, "of the plus"), (escaped, "of the plus"), (space, "of the space")] {
        assert_eq!(world.root(Method::Get, path, &[], b"").await.body, body.as_bytes(), "{path}");
        let head = world.root(Method::Head, path, &[], b"").await;
        assert_eq!(head.headers["content-length"], body.len().to_string(), "{path}");
        let range = world.root(Method::Get, path, &[("range", "bytes=7-")], b"").await;
        assert_eq!((range.status, &range.body[..]), (206, &body.as_bytes()[7..]), "{path}");
        assert_eq!(presigned(&world, Method::Get, path).await.body, body.as_bytes(), "{path}");
    }
    let listed = world.root(Method::Get, "/stones?list-type=2&encoding-type=url", &[], b"").await;
    let listed = String::from_utf8(listed.body).unwrap();
    assert!(listed.contains("<Key>r%2B1.txt</Key>") && listed.contains("<Key>r%201.txt</Key>"), "{listed}");
    assert_eq!(world.root(Method::Delete, plus, &[], b"").await.status, 204);
    assert_eq!(world.root(Method::Get, space, &[], b"").await.status, 200);
    assert_eq!(world.root(Method::Get, plus, &[], b"").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_08_the_framing_of_a_body_is_not_stored() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let lines = |coding: &'static str| {
        [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-encoding", coding),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ]
    };
    let body = |crc: &str| format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n").into_bytes();
    for (coding, stored) in [("aws-chunked", None), ("gzip,aws-chunked", Some("gzip"))] {
        let put = world.root(Method::Put, "/stones/k", &lines(coding), &body("NhCmhg==")).await;
        assert_eq!(put.status, 200, "{}", put.code());
        let got = world.root(Method::Get, "/stones/k", &[("x-amz-checksum-mode", "ENABLED")], b"").await;
        assert_eq!((got.status, &got.body[..]), (200, &b"hello"[..]));
        assert_eq!(got.headers.get("content-encoding").map(String::as_str), stored);
        assert_eq!(got.headers["x-amz-checksum-crc32"], "NhCmhg==");
    }
    let wrong = world.root(Method::Put, "/stones/wrong", &lines("aws-chunked"), &body("NhCmhw==")).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "BadDigest"));
    assert_eq!(world.root(Method::Get, "/stones/wrong", &[], b"").await.status, 404);
}

/// Of many who complete an upload of one absent key, each its own, one wins.
#[tokio::test(flavor = "multi_thread")]
async fn s3_12_one_of_many_uploads_makes_an_absent_key() {
    let world = std::sync::Arc::new(World::new().await);
    world.root(Method::Put, "/stones", &[], b"").await;
    let text = |got: &Got, open: &str| {
        let body = String::from_utf8_lossy(&got.body).into_owned();
        body.split_once(open).unwrap().1.split('<').next().unwrap().to_owned()
    };
    let mut running = tokio::task::JoinSet::new();
    for at in 0..50 {
        let world = world.clone();
        running.spawn(async move {
            let body = format!("writer {at}");
            let made = world.root(Method::Post, "/stones/one?uploads", &[], b"").await;
            let id = text(&made, "<UploadId>");
            let part = format!("/stones/one?partNumber=1&uploadId={id}");
            let tag = world.root(Method::Put, &part, &[], body.as_bytes()).await.headers["etag"].clone();
            let list = format!("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>");
            let whole = format!("/stones/one?uploadId={id}");
            let got = world.root(Method::Post, &whole, &[("if-none-match", "*")], list.as_bytes()).await;
            (got, body)
        });
    }
    let mut won = Vec::new();
    while let Some(outcome) = running.join_next().await {
        let (got, body) = outcome.unwrap();
        match got.status {
            200 => won.push(body),
            status => assert_eq!((status, got.code().as_str()), (412, "PreconditionFailed")),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(world.root(Method::Get, "/stones/one", &[], b"").await.body, won[0].as_bytes());
}

/// GHSA-w5fh-f8xh-5x3p: what the policy of a form does not allow is refused, and nothing of the file is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_may_what_its_policy_says() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let conditions = r#"[{"bucket":"stones"},["starts-with","$key","up/"],{"acl":"private"},["content-length-range",3,80000]"#;
    let send = async |expires: &str, conditions: &str, fields: &[(&str, &str)], file: &[u8]| {
        let now = world.now();
        let scope = Scope::new(now, "us-east-1", "s3");
        let (date, credential) = (now.basic().to_string(), format!("{ACCESS_KEY}/{scope}"));
        let document = format!(
            "{{\"expiration\":\"{expires}\",\"conditions\":{conditions},{{\"x-amz-date\":\"{date}\"}},\
             {{\"x-amz-credential\":\"{credential}\"}},{{\"x-amz-algorithm\":\"AWS4-HMAC-SHA256\"}}]}}"
        );
        let policy = base64(document.as_bytes());
        let mut signature = String::new();
        put_hex(
            &mut signature,
            &SigningKey::derive(&Secret::new(SECRET_KEY), &scope).signature(policy.as_bytes()),
        );
        let signing = [
            ("policy", policy.as_str()),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", &credential),
            ("x-amz-date", &date),
            ("x-amz-signature", &signature),
        ];
        let mut body = String::new();
        for (name, value) in fields.iter().chain(&signing) {
            body += &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
        let body = [body.as_bytes(), file, b"\r\n--b--\r\n"].concat();
        let lines =
            [("host", world.address.to_string()), ("content-type", "multipart/form-data; boundary=b".into())];
        world.raw(&request(Method::Post, "/stones", &lines, &body)).await
    };
    let later = "2096-01-01T00:00:00.000Z";
    let good = [("key", "up/${filename}"), ("acl", "private")];
    let large = vec![7; 80_001];
    let refused: [Sent<'_>; 8] = [
        ("2001-01-01T00:00:00.000Z", conditions, good.to_vec(), b"granite"),
        (later, conditions, vec![("key", "down/k"), ("acl", "private")], b"granite"),
        (later, conditions, vec![("key", "up/k"), ("acl", "public-read")], b"granite"),
        (later, conditions, vec![("key", "up/k")], b"granite"),
        (later, conditions, [&good[..], &[("x-amz-meta-a", "b")]].concat(), b"granite"),
        (later, &format!("{conditions},[\"ends-with\",\"$key\",\"k\"]"), good.to_vec(), b"granite"),
        (later, conditions, good.to_vec(), b"x"),
        (later, conditions, good.to_vec(), &large),
    ];
    for (expires, conditions, fields, file) in refused {
        let got = send(expires, conditions, &fields, file).await;
        assert!(matches!(got.status, 400 | 403), "{expires} {conditions} {fields:?}: {}", got.status);
        assert!(!got.code().is_empty());
    }
    let listed = world.root(Method::Get, "/stones?list-type=2", &[], b"").await;
    assert!(String::from_utf8_lossy(&listed.body).contains("<KeyCount>0</KeyCount>"));
    world.has_files(0).await;
    let got = send(later, conditions, &good, b"granite").await;
    assert_eq!(got.status, 204, "{}", got.code());
    assert_eq!(world.root(Method::Get, "/stones/up/f", &[], b"").await.body, b"granite");
}

/// GHSA-v9fg-3cr2-277j: where objects are, nothing of our own is a page, and what a request says is never markup in the answer.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_ours_is_a_page() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    for target in [
        "/",
        "/index.html",
        "/console",
        "/stones/%3Cscript%3Ealert(1)%3C/script%3E",
        "/stones?list-type=2&prefix=%3Cscript%3E",
    ] {
        for got in [
            world.root(Method::Get, target, &[("accept", "text/html")], b"").await,
            world
                .raw(format!("GET {target} HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n").as_bytes())
                .await,
        ] {
            assert_eq!(got.headers["content-type"], "application/xml", "{target}");
            assert!(!String::from_utf8_lossy(&got.body).contains("<script"), "{target}");
        }
    }
}

/// A client that signs for another region (s3cmd for `US`, unless it is told) is told which one is right, and comes again.
#[tokio::test(flavor = "multi_thread")]
async fn who_signs_for_another_region_is_told_ours() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let secret = Secret::new(SECRET_KEY);
    for (region, method, status) in
        [("US", Method::Get, 400), ("eu-west-1", Method::Head, 400), ("us-east-1", Method::Get, 200)]
    {
        let host = world.address.to_string();
        let query = Query::default();
        let headers: [(&str, &[u8]); 1] = [("host", host.as_bytes())];
        let asked = Request {
            method,
            raw_path: b"/stones",
            query: &query,
            headers: Headers(&headers),
            host_bucket: None,
        };
        let signer = Signer { access_key: ACCESS_KEY, secret: &secret, token: None, region, service: "s3" };
        let signed = signer.sign(&asked, "UNSIGNED-PAYLOAD", world.now());
        let lines = [
            ("host", host.clone()),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD".into()),
            ("x-amz-date", signed.date),
            ("authorization", signed.authorization),
        ];
        let got = world.raw(&request(method, "/stones", &lines, b"")).await;
        assert_eq!(got.status, status, "{region}");
        if region != "us-east-1" {
            assert_eq!(got.headers["x-amz-bucket-region"], "us-east-1");
            let says = String::from_utf8_lossy(&got.body).contains("<Region>us-east-1</Region>");
            assert!(says || method == Method::Head, "{got:?}");
        }
    }
}

/// CVE-2022-31028: who says nothing, half a head or half a body, or does not read what it asked for, is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_waited_for_without_end() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let large = vec![7; 16 << 20];
    assert_eq!(world.root(Method::Put, "/stones/large", &[], &large).await.status, 200);
    let signed = |method, path: &str, len: &str| {
        let mut lines = vec![("host", world.address.to_string()), ("content-length", len.to_owned())];
        lines.extend(world.sign((ACCESS_KEY, SECRET_KEY), method, path, &lines));
        request(method, path, &lines, b"")
    };
    let whole = signed(Method::Put, "/stones/k", "1000000");
    let half = [&whole[..], &[7; 70_000]].concat();
    let reading = signed(Method::Get, "/stones/large", "0");
    let begun = [
        ("nothing", &b""[..]),
        ("half a head", &whole[..40]),
        ("a head", &whole),
        ("half a body", &half),
        ("asking and not reading", &reading),
    ];
    let mut running = tokio::task::JoinSet::new();
    for (what, bytes) in begun {
        let (address, bytes, len) = (world.address, bytes.to_vec(), large.len());
        running.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            if what == "asking and not reading" {
                tokio::time::sleep(2 * patience(Duration::ZERO)).await;
            }
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(50), stream.read_to_end(&mut answer)).await;
            assert!(ended.is_ok(), "{what}: the connection stays");
            let is_put = answer.starts_with(b"HTTP/1.1 200") && what != "asking and not reading";
            assert!(!is_put && answer.len() < len, "{what}: {} bytes", answer.len());
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    assert_eq!(world.root(Method::Get, "/stones/k", &[], b"").await.status, 404);
}
