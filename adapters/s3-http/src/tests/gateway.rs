//! The gateway over a folder and over a server of our own: the same tests for both.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use object_store::aws::AmazonS3Builder;

use super::*;
use crate::gateway::Gateway;

const TIMEOUT: Duration = Duration::from_secs(20);

/// What is behind a gateway.
enum Behind {
    Folder(tempfile::TempDir),
    /// A server, and the bucket and prefix in it.
    Server(World),
}

impl Behind {
    /// Puts an object past the gateway; the key begins with a bucket.
    async fn put(&self, key: &str, body: &[u8]) {
        match self {
            Behind::Folder(dir) => {
                let path = dir.path().join(key);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, body).unwrap();
            }
            Behind::Server(world) => {
                let got = world.root(Method::Put, &Behind::target(key), &[], body).await;
                assert_eq!(got.status, 200, "{}", got.code());
            }
        }
    }

    /// Reads an object past the gateway.
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        match self {
            Behind::Folder(dir) => std::fs::read(dir.path().join(key)).ok(),
            Behind::Server(world) => {
                let got = world.root(Method::Get, &Behind::target(key), &[], b"").await;
                (got.status == 200).then_some(got.body)
            }
        }
    }

    fn target(key: &str) -> String {
        let key = dolmen_s3::encoding::percent(key.as_bytes(), dolmen_s3::encoding::Keep::Slash);
        format!("/upstream/pre/{key}")
    }

    fn is_folder(&self) -> bool {
        matches!(self, Behind::Folder(_))
    }
}

async fn passing(gateway: Gateway) -> World {
    let change = |server: &mut Server| server.gateway = Some(Arc::new(gateway));
    World::made(Meta::memory().unwrap(), Blobs::memory(), &Wanted::nobody(), change).await.unwrap()
}

async fn over_folder() -> (World, Behind) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    (passing(Gateway::open(&url, TIMEOUT).unwrap()).await, Behind::Folder(dir))
}

fn at(address: SocketAddr, timeout: Duration) -> Gateway {
    rustls::crypto::ring::default_provider().install_default().ok();
    let store = AmazonS3Builder::new()
        .with_endpoint(format!("http://{address}"))
        .with_allow_http(true)
        .with_bucket_name("upstream")
        .with_region("us-east-1")
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY);
    Gateway::aws(store, "pre", timeout, "s3://upstream/pre").unwrap()
}

async fn over_server() -> (World, Behind) {
    let behind = World::new().await;
    assert_eq!(behind.root(Method::Put, "/upstream", &[], b"").await.status, 200);
    (passing(at(behind.address, TIMEOUT)).await, Behind::Server(behind))
}

/// Runs a test over both.
macro_rules! over_both {
    ($($name:ident)*) => {
        $(mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn over_a_folder() {
                let (world, behind) = over_folder().await;
                super::$name(&world, &behind).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn over_a_server() {
                let (world, behind) = over_server().await;
                super::$name(&world, &behind).await;
            }
        })*
    };
}

over_both! { round_trip conditions keys_stay_in_their_folder copies deletes pages parts policies large_objects }

async fn ok(world: &World, method: Method, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Got {
    let got = world.root(method, target, headers, body).await;
    assert!((200..300).contains(&got.status), "{method} {target}: {} {}", got.status, text(&got));
    got
}

fn text(got: &Got) -> String {
    String::from_utf8_lossy(&got.body).into_owned()
}

async fn refused(
    world: &World,
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String) {
    let got = world.root(method, target, headers, body).await;
    (got.status, got.code())
}

use Method::{Delete, Get, Head, Post, Put};

async fn round_trip(world: &World, behind: &Behind) {
    // What is there already is adopted.
    behind.put("box/old/file", b"was there").await;
    ok(world, Put, "/box", &[], b"").await;
    assert_eq!(ok(world, Get, "/box/old/file", &[], b"").await.body, b"was there");
    let headers = [("content-type", "text/plain"), ("x-amz-meta-who", "me"), ("cache-control", "no-store")];
    let put = ok(world, Put, "/box/a%20b/c", &headers, b"hello world").await;
    assert_eq!(behind.get("box/a b/c").await.unwrap(), b"hello world");
    let got = ok(world, Get, "/box/a%20b/c", &[], b"").await;
    assert_eq!((got.body.as_slice(), &got.headers["etag"]), (&b"hello world"[..], &put.headers["etag"]));
    let head = ok(world, Head, "/box/a%20b/c", &[], b"").await;
    assert_eq!((&head.headers["content-length"][..], &head.headers["etag"]), ("11", &put.headers["etag"]));
    if behind.is_folder() {
        // Files have no headers.
        assert_eq!(head.headers["content-type"], "binary/octet-stream");
    } else {
        assert_eq!(head.headers["content-type"], "text/plain");
        assert_eq!(head.headers["x-amz-meta-who"], "me");
        assert_eq!(head.headers["cache-control"], "no-store");
    }
    for (range, bytes, told) in [
        ("bytes=2-4", &b"llo"[..], "bytes 2-4/11"),
        ("bytes=6-", b"world", "bytes 6-10/11"),
        ("bytes=-3", b"rld", "bytes 8-10/11"),
        ("bytes=0-99", b"hello world", "bytes 0-10/11"),
    ] {
        let got = ok(world, Get, "/box/a%20b/c", &[("range", range)], b"").await;
        assert_eq!((got.status, got.body.as_slice()), (206, bytes), "{range}");
        assert_eq!(got.headers["content-range"], told);
    }
    let over = refused(world, Get, "/box/a%20b/c", &[("range", "bytes=11-")], b"").await;
    assert_eq!(over, (416, "InvalidRange".into()));
    assert_eq!(refused(world, Get, "/box/none", &[], b"").await, (404, "NoSuchKey".into()));
    assert_eq!(world.root(Head, "/box/none", &[], b"").await.status, 404);
    // Nothing is in the object, and it is there.
    ok(world, Put, "/box/empty", &[], b"").await;
    assert_eq!(ok(world, Get, "/box/empty", &[], b"").await.body, b"");
    // What is not what was announced is not made.
    let wrong = [("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")];
    assert_eq!(refused(world, Put, "/box/wrong", &wrong, b"other").await, (400, "BadDigest".into()));
    let wrong = [("x-amz-checksum-crc32", "AAAAAA==")];
    assert_eq!(refused(world, Put, "/box/wrong", &wrong, b"other").await.0, 400);
    assert_eq!(behind.get("box/wrong").await, None);
    let list = text(&ok(world, Get, "/", &[], b"").await);
    assert!(list.contains("<Name>box</Name>"), "{list}");
    ok(world, Head, "/box", &[], b"").await;
    // What is not passed on is refused before anything is done.
    for (method, target) in [
        (Put, "/box/a?tagging"),
        (Put, "/box?versioning"),
        (Put, "/box?notification"),
        (Get, "/box?versions"),
        (Put, "/box?lifecycle"),
        (Get, "/box/a?acl"),
        (Put, "/box/a?retention"),
    ] {
        assert_eq!(
            refused(world, method, target, &[], b"").await,
            (501, "NotImplemented".into()),
            "{target}"
        );
    }
    for header in
        [("x-amz-tagging", "a=b"), ("x-amz-server-side-encryption", "AES256"), ("x-amz-acl", "public-read")]
    {
        assert_eq!(refused(world, Put, "/box/no", &[header], b"x").await, (501, "NotImplemented".into()));
    }
    assert_eq!(behind.get("box/no").await, None);
}

async fn conditions(world: &World, behind: &Behind) {
    ok(world, Put, "/box", &[], b"").await;
    let put = ok(world, Put, "/box/k", &[("if-none-match", "*")], b"one").await;
    let etag = put.headers["etag"].as_str();
    let failed = (412, "PreconditionFailed".to_owned());
    assert_eq!(refused(world, Put, "/box/k", &[("if-none-match", "*")], b"two").await, failed);
    assert_eq!(
        refused(world, Put, "/box/k", &[("if-match", "\"00000000000000000000000000000000\"")], b"two").await,
        failed
    );
    assert_eq!(refused(world, Put, "/box/none", &[("if-match", etag)], b"two").await.0, 404);
    assert_eq!(ok(world, Get, "/box/k", &[("if-match", etag)], b"").await.body, b"one");
    assert_eq!(world.root(Get, "/box/k", &[("if-none-match", etag)], b"").await.status, 304);
    assert_eq!(refused(world, Get, "/box/k", &[("if-match", "\"x\"")], b"").await, failed);
    let ranged = [("if-match", etag), ("range", "bytes=1-1")];
    assert_eq!(ok(world, Get, "/box/k", &ranged, b"").await.body, b"n");
    let past = [("if-unmodified-since", "Sat, 01 Jan 2000 00:00:00 GMT")];
    assert_eq!(refused(world, Get, "/box/k", &past, b"").await, failed);
    let again = world.root(Put, "/box/k", &[("if-match", etag)], b"two").await;
    if behind.is_folder() {
        // A folder cannot compare and write in one step.
        assert_eq!((again.status, again.code()), (501, "NotImplemented".into()));
    } else {
        assert_eq!(again.status, 200, "{}", text(&again));
        assert_eq!(refused(world, Put, "/box/k", &[("if-match", etag)], b"three").await, failed);
        assert_eq!(behind.get("box/k").await.unwrap(), b"two");
    }
}

async fn keys_stay_in_their_folder(world: &World, behind: &Behind) {
    ok(world, Put, "/box", &[], b"").await;
    behind.put("other/secret", b"secret").await;
    for key in ["a//b", "a/", "%2E%2E/other/secret", "a/%2E%2E/b", "a/./b", "%0A"] {
        let target = format!("/box/{key}");
        let put = refused(world, Put, &target, &[], b"x").await;
        assert_eq!(put, (400, "InvalidArgument".into()), "{key}");
        assert_eq!(refused(world, Get, &target, &[], b"").await, (404, "NoSuchKey".into()), "{key}");
        assert_eq!(world.root(Delete, &target, &[], b"").await.status, 204, "{key}");
        let from = format!("box/{key}");
        let copied = refused(world, Put, "/box/stolen", &[("x-amz-copy-source", &from)], b"").await;
        assert_eq!(copied.0, 404, "{key}");
    }
    assert_eq!(behind.get("other/secret").await.unwrap(), b"secret");
    for key in ["a%2Fb", "dot.", "...", "~x", "%C3%A9", "a+b", "a%2520b"] {
        ok(world, Put, &format!("/box/k/{key}"), &[], key.as_bytes()).await;
    }
    for key in ["a%2Fb", "dot.", "...", "~x", "%C3%A9", "a+b", "a%2520b"] {
        assert_eq!(ok(world, Get, &format!("/box/k/{key}"), &[], b"").await.body, key.as_bytes());
    }
}

async fn copies(world: &World, behind: &Behind) {
    ok(world, Put, "/box", &[], b"").await;
    ok(world, Put, "/other", &[], b"").await;
    ok(world, Put, "/box/a", &[("content-type", "text/a")], b"hello").await;
    let got = ok(world, Put, "/other/b", &[("x-amz-copy-source", "box/a")], b"").await;
    assert!(text(&got).contains("<CopyObjectResult"), "{}", text(&got));
    assert_eq!(behind.get("other/b").await.unwrap(), b"hello");
    let replaced = [
        ("x-amz-copy-source", "/box/a"),
        ("x-amz-metadata-directive", "REPLACE"),
        ("content-type", "text/c"),
    ];
    ok(world, Put, "/box/a", &replaced, b"").await;
    let got = ok(world, Get, "/box/a", &[], b"").await;
    assert_eq!(got.body, b"hello");
    if !behind.is_folder() {
        assert_eq!(got.headers["content-type"], "text/c");
    }
    let missing = refused(world, Put, "/box/b", &[("x-amz-copy-source", "box/none")], b"").await;
    assert_eq!(missing, (404, "NoSuchKey".into()));
    let itself = refused(world, Put, "/box/a", &[("x-amz-copy-source", "box/a")], b"").await;
    assert_eq!(itself, (400, "InvalidRequest".into()));
    let unlike = [("x-amz-copy-source", "box/a"), ("x-amz-copy-source-if-match", "\"x\"")];
    assert_eq!(refused(world, Put, "/box/b", &unlike, b"").await.0, 412);
}

async fn deletes(world: &World, behind: &Behind) {
    ok(world, Put, "/box", &[], b"").await;
    for key in ["a", "b/c", "b/d"] {
        ok(world, Put, &format!("/box/{key}"), &[], b"x").await;
    }
    assert_eq!(refused(world, Delete, "/box", &[], b"").await, (409, "BucketNotEmpty".into()));
    assert_eq!(world.root(Delete, "/box/a", &[], b"").await.status, 204);
    assert_eq!(world.root(Delete, "/box/a", &[], b"").await.status, 204);
    assert_eq!(behind.get("box/a").await, None);
    let conditional = refused(world, Delete, "/box/b/c", &[("if-match", "\"x\"")], b"").await;
    assert_eq!(conditional, (501, "NotImplemented".into()));
    let many = b"<Delete><Object><Key>b/c</Key></Object><Object><Key>b/d</Key></Object><Object><Key>no//ne</Key></Object></Delete>";
    let got = ok(world, Post, "/box?delete", &[("content-md5", &super::notify::md5(many))], many).await;
    assert_eq!(text(&got).matches("<Deleted>").count(), 3, "{}", text(&got));
    assert_eq!(behind.get("box/b/d").await, None);
    assert_eq!(world.root(Delete, "/box", &[], b"").await.status, 204);
    assert_eq!(world.root(Head, "/box", &[], b"").await.status, 404);
}

/// Texts of all elements with a name.
fn all(text: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    text.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().to_owned()).collect()
}

async fn pages(world: &World, behind: &Behind) {
    ok(world, Put, "/box", &[], b"").await;
    let mut keys = Vec::new();
    for at in 0..2500 {
        keys.push(format!("d{}/k{at:04}", at % 5));
    }
    keys.push("top".into());
    keys.push("d0".into());
    if behind.is_folder() {
        // A folder has no object of its own name.
        keys.pop();
    }
    for batch in keys.chunks(50) {
        let puts = batch.iter().map(|key| async move { behind.put(&format!("box/{key}"), b"x").await });
        futures_util::future::join_all(puts).await;
    }
    behind.put("boxes/not-ours", b"x").await;
    keys.sort_unstable();
    // Version 2, all keys.
    let (mut found, mut token, mut page_count) = (Vec::new(), None::<String>, 0);
    loop {
        let next = token.as_ref().map_or(String::new(), |token| format!("&continuation-token={token}"));
        let page = text(&ok(world, Get, &format!("/box?list-type=2{next}"), &[], b"").await);
        found.extend(all(&page, "Key"));
        page_count += 1;
        token = all(&page, "NextContinuationToken").pop();
        assert_eq!(all(&page, "IsTruncated"), [token.is_some().to_string()]);
        if token.is_none() {
            break;
        }
    }
    assert_eq!((found.len(), page_count), (keys.len(), 3));
    assert_eq!(found, keys);
    // Version 1 with a delimiter, two at a time.
    let (mut items, mut marker) = (Vec::new(), String::new());
    loop {
        let target = format!("/box?delimiter=/&max-keys=2&marker={marker}");
        let page = text(&ok(world, Get, &target, &[], b"").await);
        let mut of_page = all(&page, "Key");
        let prefixes = all(&page, "CommonPrefixes");
        of_page.extend(prefixes.iter().map(|inner| all(inner, "Prefix").remove(0)));
        of_page.sort_unstable();
        items.extend(of_page);
        match all(&page, "NextMarker").pop() {
            Some(next) => marker = next,
            None => break,
        }
    }
    let mut expected = vec!["d0/", "d1/", "d2/", "d3/", "d4/", "top"];
    if !behind.is_folder() {
        expected.insert(0, "d0");
    }
    assert_eq!(items, expected);
    // Prefixes that end within a name, and where a page begins.
    let page = text(&ok(world, Get, "/box?list-type=2&prefix=d1/k00&start-after=d1/k0050", &[], b"").await);
    let wanted: Vec<&String> =
        keys.iter().filter(|key| key.starts_with("d1/k00") && &key[..] > "d1/k0050").collect();
    assert_eq!(all(&page, "Key").iter().collect::<Vec<_>>(), wanted);
    let page = text(&ok(world, Get, "/box?list-type=2&prefix=d&delimiter=/&max-keys=3", &[], b"").await);
    assert_eq!(all(&page, "KeyCount"), ["3"]);
    let none = text(&ok(world, Get, "/box?list-type=2&prefix=../&max-keys=0", &[], b"").await);
    assert_eq!(all(&none, "KeyCount"), ["0"]);
    assert!(all(&text(&ok(world, Get, "/box?prefix=zz/", &[], b"").await), "Key").is_empty());
}

async fn parts(world: &World, behind: &Behind) {
    ok(world, Put, "/box", &[], b"").await;
    let begin = async |key: &str| {
        let begun = ok(world, Post, &format!("/box/{key}?uploads"), &[("content-type", "text/x")], b"").await;
        all(&text(&begun), "UploadId").remove(0)
    };
    let id = begin("big").await;
    let pieces = [vec![1u8; 5 << 20], vec![2; 5 << 20], vec![3; 1000]];
    let mut list = String::from("<CompleteMultipartUpload>");
    let mut tags = Vec::new();
    // The last comes first, and one comes twice.
    for number in [3, 1, 2, 1] {
        let target = format!("/box/big?partNumber={number}&uploadId={id}");
        let got = ok(world, Put, &target, &[], &pieces[number - 1]).await;
        tags.push((number, got.headers["etag"].clone()));
    }
    tags.sort_unstable();
    tags.dedup();
    for (number, etag) in &tags {
        list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    list += "</CompleteMultipartUpload>";
    let shown = text(&ok(world, Get, &format!("/box/big?uploadId={id}"), &[], b"").await);
    assert_eq!(all(&shown, "Size"), ["5242880", "5242880", "1000"]);
    assert_eq!(
        all(&text(&ok(world, Get, "/box?uploads", &[], b"").await), "UploadId"),
        std::slice::from_ref(&id)
    );
    assert_eq!(behind.get("box/big").await, None, "it is there before it is complete");
    let wrong = list.replace("<PartNumber>2<", "<PartNumber>9<");
    assert_eq!(refused(world, Post, &format!("/box/big?uploadId={id}"), &[], wrong.as_bytes()).await.0, 400);
    let made = ok(world, Post, &format!("/box/big?uploadId={id}"), &[], list.as_bytes()).await;
    let got = ok(world, Get, "/box/big", &[], b"").await;
    assert!(got.body == pieces.concat(), "{} bytes", got.body.len());
    assert_eq!(all(&text(&made), "ETag")[0].replace("&quot;", "\""), got.headers["etag"]);
    let across = [("range", "bytes=5242878-5242881")];
    assert_eq!(ok(world, Get, "/box/big", &across, b"").await.body, [1, 1, 2, 2]);
    let gone = refused(world, Post, &format!("/box/big?uploadId={id}"), &[], list.as_bytes()).await;
    assert_eq!(gone, (404, "NoSuchUpload".into()));
    let id = begin("given-up").await;
    ok(world, Put, &format!("/box/given-up?partNumber=1&uploadId={id}"), &[], b"x").await;
    assert_eq!(world.root(Delete, &format!("/box/given-up?uploadId={id}"), &[], b"").await.status, 204);
    assert_eq!(refused(world, Delete, &format!("/box/given-up?uploadId={id}"), &[], b"").await.0, 404);
    match behind {
        Behind::Folder(dir) => {
            let left: Vec<PathBuf> =
                std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(left, [dir.path().join("box")], "parts are left");
        }
        Behind::Server(behind) => {
            let open = text(&ok(behind, Get, "/upstream?uploads", &[], b"").await);
            assert!(all(&open, "UploadId").is_empty(), "{open}");
        }
    }
}

async fn policies(world: &World, behind: &Behind) {
    ok(world, Put, "/box", &[], b"").await;
    ok(world, Put, "/box/open/a", &[], b"x").await;
    ok(world, Put, "/box/shut/a", &[], b"x").await;
    let anonymous = async |method: &str, target: &str| {
        let head =
            format!("{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n", world.address);
        world.raw(head.as_bytes()).await.status
    };
    assert_eq!(anonymous("GET", "/box/open/a").await, 403);
    ok(world, Delete, "/box?publicAccessBlock", &[], b"").await;
    let policy =
        br#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::box/open/*"}]}"#;
    ok(world, Put, "/box?policy", &[], policy).await;
    assert_eq!(anonymous("GET", "/box/open/a").await, 200);
    assert_eq!(anonymous("GET", "/box/shut/a").await, 403);
    assert_eq!(anonymous("PUT", "/box/open/b").await, 403);
    assert_eq!(anonymous("DELETE", "/box/open/a").await, 403);
    assert_eq!(anonymous("GET", "/box").await, 403);
    // Who may not list is not told what is absent.
    assert_eq!(anonymous("GET", "/box/open/none").await, 403);
    assert_eq!(behind.get("box/open/a").await.unwrap(), b"x");
    let tags = b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
    ok(world, Put, "/box?tagging", &[("content-md5", &super::notify::md5(tags))], tags).await;
    assert_eq!(all(&text(&ok(world, Get, "/box?tagging", &[], b"").await), "Value"), ["v"]);
}

/// 64 MiB go up and come down as they are read; nobody holds them whole but the store behind.
async fn large_objects(world: &World, _: &Behind) {
    ok(world, Put, "/box", &[], b"").await;
    const LEN: usize = 64 << 20;
    let piece: Vec<u8> = (0..1 << 20).map(|at: usize| (at % 251) as u8).collect();
    let target = "/box/large";
    let mut lines = vec![("host", world.address.to_string()), ("content-length", LEN.to_string())];
    lines.extend(world.sign((ACCESS_KEY, SECRET_KEY), Put, target, &lines));
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(&request(Put, target, &lines, b"")).await.unwrap();
    for _ in 0..LEN / piece.len() {
        stream.write_all(&piece).await.unwrap();
    }
    assert_eq!(read(&mut stream, false).await.status, 200);
    let mut lines = vec![("host", world.address.to_string())];
    lines.extend(world.sign((ACCESS_KEY, SECRET_KEY), Get, target, &lines));
    stream.write_all(&request(Get, target, &lines, b"")).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    let mut got = vec![0; piece.len()];
    for at in 0..LEN / piece.len() {
        stream.read_exact(&mut got).await.unwrap();
        assert!(got == piece, "MiB {at} is another");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}

/// Whatever is asked, who may not is refused before the other store hears of it; and a store that is gone or silent is 503 in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_or_silent_is_told_in_time_and_only_after_the_gate() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let counted = came.clone();
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(silent.accept().await.unwrap());
            counted.fetch_add(1, SeqCst);
        }
    });
    let timeout = Duration::from_millis(700);
    let world = passing(at(address, timeout)).await;
    ok(&world, Put, "/box", &[], b"").await;
    let requests = [
        (Put, "/box/k"),
        (Get, "/box/k"),
        (Head, "/box/k"),
        (Delete, "/box/k"),
        (Get, "/box"),
        (Get, "/box?list-type=2"),
        (Post, "/box/k?uploads"),
        (Delete, "/box"),
    ];
    for (method, target) in requests {
        let head =
            format!("{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\r\n", world.address);
        assert_eq!(world.raw(head.as_bytes()).await.status, 403, "{target}");
    }
    assert_eq!(came.load(SeqCst), 0, "the other store was asked before the gate");
    for is_gone in [false, true] {
        if is_gone {
            held.abort();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for (method, target) in requests {
            let start = Instant::now();
            let got = world.root(method, target, &[], b"").await;
            assert_eq!(got.status, 503, "{target}: {}", text(&got));
            assert!(start.elapsed() < Duration::from_secs(20), "{target}: {:?}", start.elapsed());
        }
    }
    assert!(came.load(SeqCst) > 0);
}

#[test]
fn urls_are_read_or_refused_by_a_sentence() {
    for wrong in ["", "s3", "s3://", "ftp://h/x", "file://relative", "s3://b/../x", "http://h/x"] {
        assert!(Gateway::open(wrong, TIMEOUT).is_err(), "{wrong}");
    }
}
