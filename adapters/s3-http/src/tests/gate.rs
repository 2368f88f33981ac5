//! One gate: whoever does not pass it touches nothing.

use dolmen_s3::encoding::put_hex;
use dolmen_s3::operation::{Level, Operation};
use dolmen_s3::request::Method;
use sha2::{Digest as _, Sha256};

use super::{ACCESS_KEY, SECRET_KEY, World, request};

const MODES: [&str; 6] = [
    "UNSIGNED-PAYLOAD",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
];

/// How a request claims to be somebody's.
#[derive(Clone, Copy, Debug)]
enum Auth {
    Header,
    Query,
    Both,
    Stranger,
}

fn target(operation: Operation) -> String {
    let path = match operation.level() {
        Level::Service => "/",
        Level::Bucket => "/stones",
        Level::Object => "/stones/a",
    };
    match operation.query() {
        [] => path.to_owned(),
        names => format!("{path}?{}", names.join("&")),
    }
}

/// Every route, in every mode of the body, with a signature that is wrong or of somebody who is not known: a 4xx or 501, and neither the
/// store nor a file is looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_signature_reaches_no_storage() {
    let world = World::new().await;
    assert_eq!(world.root(Method::Put, "/stones", &[], b"").await.status, 200);
    world.server.engine.forbid(true, true);
    let mut count = 0;
    for operation in Operation::all().filter(|operation| operation.method() != Method::Options) {
        let target = target(operation);
        for mode in MODES {
            for auth in [Auth::Header, Auth::Query, Auth::Both, Auth::Stranger] {
                let got = world.raw(&forged(&world, operation, &target, mode, auth)).await;
                let refused = (400..500).contains(&got.status) || got.status == 501;
                assert!(refused, "{operation} {mode} {auth:?}: {} {}", got.status, got.code());
                count += 1;
            }
        }
    }
    assert!(count > 2000);
    world.server.engine.forbid(false, false);
    let got = world.root(Method::Get, "/stones?list-type=2", &[], b"").await;
    assert!(String::from_utf8_lossy(&got.body).contains("<KeyCount>0</KeyCount>"), "{got:?}");
}

fn forged(world: &World, operation: Operation, target: &str, mode: &str, auth: Auth) -> Vec<u8> {
    let mut lines = vec![("host", world.address.to_string())];
    if let Some(header) = operation.header() {
        lines.push((header, "stones/a".into()));
    }
    if operation == Operation::PostObject {
        // A form has its signature in its fields: one of nobody is what the other test is about.
        lines.push(("content-type", "multipart/form-data; boundary=b".into()));
        let fields = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n\
             --b\r\nContent-Disposition: form-data; name=\"policy\"\r\n\r\ne30=\r\n\
             --b\r\nContent-Disposition: form-data; name=\"x-amz-algorithm\"\r\n\r\nAWS4-HMAC-SHA256\r\n\
             --b\r\nContent-Disposition: form-data; name=\"x-amz-credential\"\r\n\r\nAKROOT/20260101/us-east-1/s3/aws4_request\r\n\
             --b\r\nContent-Disposition: form-data; name=\"x-amz-date\"\r\n\r\n20260101T000000Z\r\n\
             --b\r\nContent-Disposition: form-data; name=\"x-amz-signature\"\r\n\r\n0000000000000000000000000000000000000000000000000000000000000000\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n";
        return request(operation.method(), target, &lines, fields.as_bytes());
    }
    lines.push(("x-amz-content-sha256", mode.into()));
    lines.push(("x-amz-decoded-content-length", "1".into()));
    let keys = match auth {
        Auth::Stranger => ("AKSTRANGER", SECRET_KEY),
        _ => (ACCESS_KEY, "another secret"),
    };
    let mut target = target.to_owned();
    let added = world.sign(keys, operation.method(), &target, &lines);
    if matches!(auth, Auth::Query | Auth::Both) {
        let mark = if target.contains('?') { '&' } else { '?' };
        target = format!(
            "{target}{mark}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={ACCESS_KEY}%2F20260101%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20260101T000000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            "0".repeat(64)
        );
    }
    if !matches!(auth, Auth::Query) {
        lines.extend(added.into_iter().filter(|(name, _)| *name != "x-amz-content-sha256"));
    }
    request(operation.method(), &target, &lines, b"1\r\nx\r\n0\r\n\r\n")
}

/// Every route without a signature: the gate looks at the bucket, and lets nobody to a file or a change.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_nothing() {
    let world = World::new().await;
    assert_eq!(world.root(Method::Put, "/stones", &[], b"").await.status, 200);
    assert_eq!(world.root(Method::Put, "/stones/a", &[], b"granite").await.status, 200);
    let large = vec![7; 100_000];
    assert_eq!(world.root(Method::Put, "/stones/large", &[], &large).await.status, 200);
    world.server.engine.forbid(false, true);
    for operation in Operation::all().filter(|operation| operation.method() != Method::Options) {
        for mode in MODES {
            let target = target(operation);
            let mut lines = vec![("host", world.address.to_string())];
            if let Some(header) = operation.header() {
                lines.push((header, "stones/large".into()));
            }
            let got = if operation == Operation::PostObject {
                lines.push(("content-type", "multipart/form-data; boundary=b".into()));
                let form = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b\r\n\
                     Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n";
                world.raw(&request(operation.method(), &target, &lines, form.as_bytes())).await
            } else {
                lines.push(("x-amz-content-sha256", mode.into()));
                lines.push(("x-amz-decoded-content-length", "1".into()));
                world.raw(&request(operation.method(), &target, &lines, b"1\r\nx\r\n0\r\n\r\n")).await
            };
            let refused = (400..500).contains(&got.status) || got.status == 501;
            assert!(refused, "{operation} {mode}: {} {}", got.status, got.code());
        }
    }
    world.server.engine.forbid(false, false);
    assert_eq!(world.root(Method::Get, "/stones/a", &[], b"").await.body, b"granite");
}

/// Users, keys and policies are for root: nobody, a wrong signature, one that leaves the body open, and a user who is not root reach
/// nothing that is stored.
#[tokio::test(flavor = "multi_thread")]
async fn administration_is_for_root() {
    let world = World::new().await;
    let user = br#"{"name":"ann","access_key":"AKANN","secret_key":"secret of ann"}"#;
    let digest = |body: &[u8]| {
        let mut text = String::new();
        put_hex(&mut text, &Sha256::digest(body));
        text
    };
    let ask = async |keys: (&str, &str), method, path: &str, mode: &str, body: &[u8]| {
        let target = format!("/_dolmen/admin/{path}");
        world.signed(keys.0, keys.1, method, &target, &[("x-amz-content-sha256", mode)], body).await.status
    };
    let root = (ACCESS_KEY, SECRET_KEY);
    assert_eq!(ask(root, Method::Post, "users", &digest(user), user).await, 200);
    let policy = br#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    assert_eq!(ask(root, Method::Put, "policies?name=all", &digest(policy), policy).await, 204);
    assert_eq!(ask(root, Method::Put, "attached?name=all&user=ann", &digest(b""), b"").await, 204);
    world.server.engine.forbid(true, true);
    let routes = [
        (Method::Get, "users"),
        (Method::Post, "users"),
        (Method::Delete, "users?name=ann"),
        (Method::Get, "keys"),
        (Method::Post, "keys"),
        (Method::Delete, "keys?name=AKANN"),
        (Method::Get, "policies"),
        (Method::Put, "policies?name=all"),
        (Method::Delete, "policies?name=all"),
        (Method::Put, "attached?name=all&user=ann"),
        (Method::Delete, "attached?name=all&user=ann"),
        (Method::Get, "nothing"),
    ];
    for (method, path) in routes {
        for keys in [("AKANN", "secret of ann"), (ACCESS_KEY, "another secret"), ("AKSTRANGER", SECRET_KEY)] {
            assert_eq!(ask(keys, method, path, &digest(user), user).await, 403, "{method} {path} {keys:?}");
        }
        for mode in MODES {
            let status = ask(root, method, path, mode, user).await;
            assert!((400..500).contains(&status) || status == 501, "{method} {path} {mode}: {status}");
        }
        let plain = [("host", world.address.to_string())];
        let got = world.raw(&request(method, &format!("/_dolmen/admin/{path}"), &plain, user)).await;
        assert_eq!(got.status, 403, "{method} {path}");
    }
    world.server.engine.forbid(false, false);
    assert_eq!(ask(("AKANN", "secret of ann"), Method::Get, "users", &digest(b""), b"").await, 403);
    assert_eq!(ask(root, Method::Get, "users", &digest(b""), b"").await, 200);
}
