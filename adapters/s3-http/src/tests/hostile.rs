//! What hostile clients send.

use std::time::Duration;

use dolmen_s3::request::Method;
use dolmen_s3::state::admin::{self, Secret, UserRecord};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::World;
use crate::blobs::Blobs;
use crate::engine::{Scope, Written};
use crate::meta::Meta;
use crate::notify::Wanted;

/// Bodies with two lengths, folded headers and the like: nothing behind them is taken for a request.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_hides_in_another() {
    let world = World::new().await;
    let hidden = "GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n";
    let corpus = [
        format!(
            "PUT /b/k HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello{hidden}"
        ),
        format!(
            "PUT /b/k HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{hidden}"
        ),
        format!("PUT /b/k HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n{hidden}"),
        format!("PUT /b/k HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello{hidden}"),
        format!("PUT /b/k HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n{hidden}"),
        format!("PUT /b/k HTTP/1.1\nhost: x\ncontent-length: 0\n\n{hidden}"),
        format!("PUT /b/k HTTP/1.1\r\nhost: x\r\ncontent-length : 5\r\n\r\nhello{hidden}"),
        format!("PUT /b/k HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n{hidden}"),
    ];
    for bytes in corpus {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("an answer or an end");
        let text = String::from_utf8_lossy(&answer);
        let answers = text.matches("HTTP/1.1 ").count();
        let ok = text.matches("HTTP/1.1 2").count();
        assert_eq!(ok, 0, "{bytes:?}: {text}");
        // A framing that is not doubtful may be followed by another request, which is answered on its own.
        assert!(answers <= 2, "{bytes:?}: {text}");
    }
}

/// Requests that end early, and targets that are none.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_is_answered_with_a_4xx() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    for target in [
        "*",
        "/",
        "//",
        "/%",
        "/stones/%zz",
        "/../etc/passwd",
        "/stones?%",
        "/a%2fb/c",
        "/stones/a?versionId=x",
    ] {
        for method in ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "TRACE"] {
            let got = world
                .raw(format!("{method} {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").as_bytes())
                .await;
            assert!(
                (400..500).contains(&got.status) || got.status == 501,
                "{method} {target}: {}",
                got.status
            );
        }
    }
    let copies = ["", "/", "//", "a", "/a", "a/", "a/%00", "a/b?versionId=", "a/b?x", "%", "a/%ff"];
    for source in copies {
        let got = world.root(Method::Put, "/stones/k", &[("x-amz-copy-source", source)], b"").await;
        assert!((400..500).contains(&got.status), "{source:?}: {}", got.status);
    }
    for range in ["bytes=-0", "bytes=5-1", "bytes=18446744073709551616-", "bytes=0-18446744073709551616", "x"]
    {
        world.root(Method::Put, "/stones/k", &[], b"0123456789").await;
        let got = world.root(Method::Get, "/stones/k", &[("range", range)], b"").await;
        assert!(matches!(got.status, 200 | 206 | 416), "{range}: {}", got.status);
    }
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><Delete><Object><Key>&a;</Key></Object></Delete>";
    let got = world.root(Method::Post, "/stones?delete", &[("content-md5", "x")], bomb.as_bytes()).await;
    assert_eq!(got.status, 400);
}

/// A body whose digest is another is refused, and nothing of it is kept.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_digests_keep_nothing() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let body = vec![3; 90_000];
    let cases: [(&str, &str, &str); 6] = [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"),
        ("content-md5", "x", "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-crc32", "AAAA", "BadDigest"),
        ("x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "BadDigest"),
        (
            "x-amz-content-sha256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "XAmzContentSHA256Mismatch",
        ),
    ];
    for (name, value, code) in cases {
        for body in [&body[..], b"small"] {
            let got = world.root(Method::Put, "/stones/k", &[(name, value)], body).await;
            assert_eq!((got.status, got.code().as_str()), (400, code), "{name}: {value}");
        }
    }
    assert_eq!(world.root(Method::Get, "/stones/k", &[], b"").await.status, 404);
    let files: usize = (0..=255).map(|at| world.server.engine.blobs.list(at).unwrap().len()).sum();
    assert_eq!(files, 0);
}

/// A copy needs leave to read its source; a forwarded address is believed of nobody; two credentials are none.
#[tokio::test(flavor = "multi_thread")]
async fn other_accounts_get_what_they_are_given() {
    let world = World::new().await;
    let made = world.server.engine.change("", Scope::Accounts, Written::default(), |tx, env| {
        let ann = UserRecord { name: "ann".into(), id: "ann".into(), ..UserRecord::default() };
        admin::add_user(tx, env, ann).unwrap();
        admin::add_key(tx, env, "ann", "AKANN", Secret::new("secret of ann")).unwrap();
        Ok(())
    });
    made.await.unwrap();
    let accounts = &world.server.accounts;
    world.server.engine.meta.read(|source| accounts.load(&dolmen_s3::state::Tx::new(source))).unwrap();
    let ann = async |method, target: &str, headers: &[(&str, &str)], body: &[u8]| {
        world.signed("AKANN", "secret of ann", method, target, headers, body).await
    };
    world.root(Method::Put, "/private", &[], b"").await;
    world.root(Method::Put, "/private/k", &[], b"secret bytes").await;
    assert_eq!(ann(Method::Put, "/anns", &[], b"").await.status, 200);
    assert_eq!(ann(Method::Get, "/private/k", &[], b"").await.status, 403);
    let source = [("x-amz-copy-source", "/private/k")];
    assert_eq!(ann(Method::Put, "/anns/k", &source, b"").await.status, 403, "the source is asked for too");
    assert_eq!(ann(Method::Put, "/private", &[], b"").await.code(), "BucketAlreadyExists");
    let by_address =
        br#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::private/*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.1/32"}}}]}"#;
    assert_eq!(world.root(Method::Put, "/private?policy", &[], by_address).await.status, 204);
    let forwarded =
        [("x-forwarded-for", "10.0.0.1"), ("x-real-ip", "10.0.0.1"), ("forwarded", "for=10.0.0.1")];
    assert_eq!(ann(Method::Get, "/private/k", &forwarded, b"").await.status, 403);
    let here = String::from_utf8(by_address.to_vec()).unwrap().replace("10.0.0.1/32", "127.0.0.0/8");
    assert_eq!(world.root(Method::Put, "/private?policy", &[], here.as_bytes()).await.status, 204);
    assert_eq!(ann(Method::Get, "/private/k", &[], b"").await.body, b"secret bytes");
    assert_eq!(ann(Method::Put, "/anns/k", &source, b"").await.status, 200);
}

/// Where a policy asks for an address: that of the peer, or, if the peer is one of our proxies, the one that it tells.
#[tokio::test(flavor = "multi_thread")]
async fn policies_see_the_address_that_our_proxies_tell() {
    let policy =
        br#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::stones/*","Condition":{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}}]}"#;
    let memory = || (Meta::memory().unwrap(), Blobs::memory());
    let proxies = ["127.0.0.1", "10.0.0.2"].map(|proxy| proxy.parse().unwrap());
    for proxies in [Vec::new(), proxies.to_vec()] {
        let (meta, blobs) = memory();
        let is_behind = !proxies.is_empty();
        let world =
            World::made(meta, blobs, &Wanted::nobody(), |server| server.proxies = proxies).await.unwrap();
        assert_eq!(world.root(Method::Put, "/stones", &[], b"").await.status, 200);
        assert_eq!(world.root(Method::Put, "/stones/k", &[], b"granite").await.status, 200);
        assert_eq!(world.root(Method::Put, "/stones?policy", &[], policy).await.status, 204);
        let asked = async |lines: &str| {
            world.raw(format!("GET /stones/k HTTP/1.1\r\nhost: x\r\n{lines}\r\n").as_bytes()).await.status
        };
        let through = [
            ("x-forwarded-for: 198.51.100.7\r\n", is_behind),
            ("x-forwarded-for: 198.51.100.7, 10.0.0.2\r\n", is_behind),
            ("x-forwarded-for: 203.0.113.9\r\nx-forwarded-for: 198.51.100.7\r\n", is_behind),
            ("", false),
            ("x-forwarded-for: 198.51.100.7, 203.0.113.9\r\n", false),
            ("x-forwarded-for: 198.51.100.7\r\nx-forwarded-for: 203.0.113.9\r\n", false),
            ("x-forwarded-for: 198.51.100.7, unknown\r\n", false),
            ("x-real-ip: 198.51.100.7\r\nforwarded: for=198.51.100.7\r\n", false),
        ];
        for (lines, is_let_in) in through {
            let status = if is_let_in { 200 } else { 403 };
            assert_eq!(asked(lines).await, status, "{lines:?}, behind a proxy: {is_behind}");
        }
        // A form's policy is the same.
        let writers = String::from_utf8(policy.to_vec()).unwrap().replace("GetObject", "PutObject");
        assert_eq!(world.root(Method::Put, "/stones?policy", &[], writers.as_bytes()).await.status, 204);
        let form = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nf\r\n\
             --b\r\nContent-Disposition: form-data; name=\"x-forwarded-for\"\r\n\r\n198.51.100.7\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n";
        for (lines, is_let_in) in through {
            let head = format!(
                "POST /stones HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\n\
                 content-length: {}\r\n{lines}\r\n",
                form.len()
            );
            let status = if is_let_in { 204 } else { 403 };
            let got = world.raw(format!("{head}{form}").as_bytes()).await.status;
            assert_eq!(got, status, "a form, {lines:?}, behind a proxy: {is_behind}");
        }
        let mut metrics = dolmen_host::Metrics::new(false);
        world.server.numbers.write(&mut metrics);
        let told = format!("dolmen_s3_forwarded_malformed_total {}", 2 * u64::from(is_behind));
        let metrics = metrics.finish();
        assert!(metrics.contains(&told), "{metrics}");
    }
}

/// A page of the web learns nothing unless the bucket says so, and no origin is reflected together with credentials.
#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_nothing_by_default() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    world.root(Method::Put, "/stones/k", &[], b"x").await;
    let evil = [("origin", "https://evil.example")];
    let got = world.root(Method::Get, "/stones/k", &evil, b"").await;
    assert!(got.headers.keys().all(|name| !name.starts_with("access-control")), "{got:?}");
    let rules = b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
    assert_eq!(world.root(Method::Put, "/stones?cors", &[], rules).await.status, 200);
    let got = world.root(Method::Get, "/stones/k", &evil, b"").await;
    assert_eq!(got.headers.get("access-control-allow-origin").map(String::as_str), Some("*"));
    assert!(!got.headers.contains_key("access-control-allow-credentials"), "{got:?}");
    let asked = b"OPTIONS /stones/k HTTP/1.1\r\nhost: x\r\norigin: https://evil.example\r\naccess-control-request-method: PUT\r\n\r\n";
    assert_eq!(world.raw(asked).await.status, 403);
}

/// Connections beyond the number wait, and are served when others end.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted() {
    let world = World::new().await;
    let mut idle = Vec::new();
    for _ in 0..64 {
        idle.push(TcpStream::connect(world.address).await.unwrap());
    }
    let waiting = world.raw(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(300), waiting.as_mut()).await;
    assert!(early.is_err(), "the 65th connection was served");
    drop(idle);
    let got = tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("its turn comes");
    assert_eq!(got.status, 403);
}
