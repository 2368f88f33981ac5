//! Objects over the wire.

use std::ops::Not as _;
use std::path::{Path, PathBuf};

use dolmen_s3::encoding::{Keep, percent, put_base64};
use dolmen_s3::request::Method;
use md5::Digest as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::World;
use crate::Offline;
use crate::blobs::Blobs;
use crate::meta::Meta;

/// Keys that other stores took for paths: each is itself, and nothing appears outside of the data.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_no_paths() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let meta = Meta::local(&data.join("store"), None).unwrap();
    let world = World::over(meta, Blobs::local(data.join("blobs"))).await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let mut keys: Vec<String> = [
        "../x",
        "a//b",
        "./a",
        "a/",
        "a",
        "a/b",
        "/etc/passwd",
        "..",
        ".",
        "a\\b",
        "r+1",
        "r 1",
        "%2e%2e%2f",
    ]
    .iter()
    .map(|key| (*key).to_owned())
    .collect();
    keys.push("\u{1f600}".repeat(256));
    keys.push("x".repeat(1024));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let any = proptest::collection::vec(any::<char>(), 1..=256)
        .prop_map(|chars| chars.into_iter().collect::<String>());
    while keys.len() < 80 {
        let key = any.new_tree(&mut runner).unwrap().current();
        if !key.contains('\0') && !keys.contains(&key) {
            keys.push(key);
        }
    }
    let large = |at: usize| vec![at as u8; if at.is_multiple_of(8) { 70_000 } else { 10 }];
    for (at, key) in keys.iter().enumerate() {
        let target = format!("/stones/{}", percent(key.as_bytes(), Keep::Unreserved));
        let got = world.root(Method::Put, &target, &[], &large(at)).await;
        assert_eq!(got.status, 200, "{key:?}: {}", got.code());
    }
    for (at, key) in keys.iter().enumerate() {
        let target = format!("/stones/{}", percent(key.as_bytes(), Keep::Unreserved));
        assert_eq!(world.root(Method::Get, &target, &[], b"").await.body, large(at), "{key:?}");
    }
    let beside: Vec<_> = std::fs::read_dir(root.path()).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
    for refused in ["/stones/a%00b", &format!("/stones/{}", "x".repeat(1025)), "/stones/%ff"] {
        assert_eq!(world.root(Method::Put, refused, &[], b"").await.status, 400, "{refused}");
    }
}

/// What is encrypted is so on the disk, and not only in the headers.
#[tokio::test(flavor = "multi_thread")]
async fn encrypted_bytes_are_encrypted_on_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let meta = Meta::local(&root.path().join("store"), None).unwrap();
    let world = World::over(meta, Blobs::local(root.path().join("blobs"))).await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let mark = b"granite, gneiss and sandstone; ";
    let (small, large) = (mark.repeat(3), mark.repeat(9_000));
    let on = [("x-amz-server-side-encryption", "AES256")];
    for (key, body) in [("small", &small), ("large", &large)] {
        let got = world.root(Method::Put, &format!("/stones/{key}"), &on, body).await;
        assert_eq!(
            got.headers.get("x-amz-server-side-encryption").map(String::as_str),
            Some("AES256"),
            "{got:?}"
        );
        let got = world.root(Method::Get, &format!("/stones/{key}"), &[], b"").await;
        assert!(got.body == *body, "{key}");
    }
    // So are annotations, whatever their object is.
    assert_eq!(world.root(Method::Put, "/stones/plain", &[], b"basalt").await.status, 200);
    for target in ["/stones/small", "/stones/plain"] {
        for (name, note) in [("short", &small), ("long", &large)] {
            let target = format!("{target}?annotation&annotationName={name}");
            let put = world.root(Method::Put, &target, &[], note).await;
            assert_eq!(put.headers.get("x-amz-server-side-encryption").map(String::as_str), Some("AES256"));
            let got = world.root(Method::Get, &target, &[], b"").await;
            assert!(got.body == *note, "{target}: {}", got.status);
        }
    }
    let copied = [("x-amz-copy-source", "/stones/small"), on[0]];
    assert_eq!(world.root(Method::Put, "/stones/copy", &copied, b"").await.status, 200);
    let got = world.root(Method::Get, "/stones/copy?annotation&annotationName=long", &[], b"").await;
    assert!(got.body == large, "the annotation of a copy: {}", got.status);
    let range = [("range", "bytes=65530-131080")];
    let got = world.root(Method::Get, "/stones/large", &range, b"").await;
    assert!(got.body == large[65530..=131_080], "a range over chunks");
    world.server.engine.meta.db().flush().unwrap();
    let mut left = vec![root.path().to_owned()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                assert!(!bytes.windows(20).any(|window| window == &mark[..20]), "{}", path.display());
            }
        }
    }
}

/// What is appended to an encrypted object is sealed with the object's own key.
#[tokio::test(flavor = "multi_thread")]
async fn encrypted_objects_grow() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let customer = |byte: u8| {
        let mut text = [String::new(), String::new()];
        let key = [byte; 32];
        put_base64(&mut text[0], &key);
        put_base64(&mut text[1], &<[u8; 16]>::from(md5::Md5::digest(key)));
        text
    };
    const CUSTOMER: [&str; 3] = [
        "x-amz-server-side-encryption-customer-algorithm",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-server-side-encryption-customer-key-md5",
    ];
    let (own, other) = (customer(1), customer(2));
    let with = |key: &'static str, own: &[String; 2]| match key {
        "s3" => vec![("x-amz-server-side-encryption".to_owned(), "AES256".to_owned())],
        _ => CUSTOMER
            .iter()
            .map(|name| (*name).to_owned())
            .zip(["AES256".into(), own[0].clone(), own[1].clone()])
            .collect(),
    };
    for key in ["s3", "c"] {
        let target = format!("/stones/{key}");
        let mut all = Vec::new();
        for piece in [vec![1; 100], vec![2; 90_000], vec![3; 10]] {
            let offset = all.len().to_string();
            let mut headers = with(key, &own);
            headers.push(("x-amz-write-offset-bytes".into(), offset));
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let got = world.root(Method::Put, &target, &headers, &piece).await;
            assert_eq!(got.status, 200, "{key}: {}", got.code());
            all.extend(piece);
        }
        let headers = if key == "c" { with(key, &own) } else { Vec::new() };
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let got = world.root(Method::Get, &target, &headers, b"").await;
        assert!(got.body == all, "{key}: {}", got.status);
        // Nobody could read an annotation of an object whose key is its client's.
        let note = format!("{target}?annotation&annotationName=note");
        let got = world.root(Method::Put, &note, &[], b"text").await;
        let wanted = if key == "c" { (400, "InvalidRequest") } else { (200, "") };
        assert_eq!((got.status, got.code().as_str()), wanted, "an annotation of {key}");
        let offset = all.len().to_string();
        let mut wrong = if key == "c" { with(key, &other) } else { Vec::new() };
        wrong.push(("x-amz-write-offset-bytes".into(), offset));
        let wrong: Vec<(&str, &str)> = wrong.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(world.root(Method::Put, &target, &wrong, b"x").await.status, 400, "{key}");
    }
}

/// A copy that takes annotations along cannot be encrypted with its client's key.
#[tokio::test(flavor = "multi_thread")]
async fn annotations_stay_where_they_can_be_read() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    world.root(Method::Put, "/stones/k", &[], b"granite").await;
    let (mut key, mut digest) = (String::new(), String::new());
    put_base64(&mut key, &[7; 32]);
    put_base64(&mut digest, &<[u8; 16]>::from(md5::Md5::digest([7; 32])));
    let customer = [
        ("x-amz-copy-source", "/stones/k"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-customer-key", &key),
        ("x-amz-server-side-encryption-customer-key-md5", &digest),
    ];
    assert_eq!(world.root(Method::Put, "/stones/c", &customer, b"").await.status, 200);
    let note = "/stones/k?annotation&annotationName=note";
    assert_eq!(world.root(Method::Put, note, &[], b"text").await.status, 200);
    let got = world.root(Method::Put, "/stones/with", &customer, b"").await;
    assert_eq!((got.status, got.code().as_str()), (400, "InvalidRequest"));
    assert_eq!(world.root(Method::Head, "/stones/with", &[], b"").await.status, 404);
    let without = [&customer[..], &[("x-amz-object-annotation-directive", "EXCLUDE")]].concat();
    assert_eq!(world.root(Method::Put, "/stones/with", &without, b"").await.status, 200);
}

/// A byte that flips in a file is never answered, and the scrub names the object.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_found() {
    let root = tempfile::tempdir().unwrap();
    let meta = Meta::local(&root.path().join("store"), None).unwrap();
    let world = World::over(meta, Blobs::local(root.path().join("blobs"))).await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let body: Vec<u8> = (0..400_000u32).map(|at| (at % 241) as u8).collect();
    world.root(Method::Put, "/stones/large", &[], &body).await;
    let dir = std::fs::read_dir(root.path().join("blobs")).unwrap().next().unwrap().unwrap().path();
    let path = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    let sound = std::fs::read(&path).unwrap();
    let engine = &world.server.engine;
    for at in [0, 70_000, 131_071, 131_072, sound.len() - 1] {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let got = world.root(Method::Get, "/stones/large", &[], b"").await;
        assert!(got.body.len() < body.len(), "byte {at} flipped and all was answered with {}", got.status);
        assert!(body.starts_with(&got.body) || got.status == 500, "wrong bytes after byte {at}");
        let found = crate::sweep::scrub(&engine.meta, &engine.blobs, |_| {}).unwrap();
        assert_eq!(found.damaged.len(), 1, "{found:?}");
        assert!(found.damaged[0].contains("s3://stones/large"), "{found:?}");
    }
    std::fs::write(&path, &sound[..131_072]).unwrap();
    let found = crate::sweep::scrub(&engine.meta, &engine.blobs, |_| {}).unwrap();
    assert_eq!(found.damaged.len(), 1, "cut at the end of a block: {found:?}");
    std::fs::write(&path, &sound).unwrap();
    assert!(crate::sweep::scrub(&engine.meta, &engine.blobs, |_| {}).unwrap().damaged.is_empty());
    assert!(world.root(Method::Get, "/stones/large", &[], b"").await.body == body);
}

/// Copies a directory.
fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_tree(&path, &to);
        } else {
            std::fs::copy(path, to).unwrap();
        }
    }
}

/// The files of a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// A byte that flips in any file at all: the scrub says so, and nobody gets other bytes than were put.
#[tokio::test(flavor = "multi_thread")]
async fn a_flip_in_any_file_is_found() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("s3");
    let bodies: Vec<(String, Vec<u8>)> = (0..24usize)
        .map(|at| (format!("/stones/{at}"), vec![at as u8; if at % 8 == 3 { 150_000 } else { 2_000 }]))
        .collect();
    {
        let world =
            World::over(Meta::local(&dir.join("store"), None).unwrap(), Blobs::local(dir.join("blobs")))
                .await;
        world.root(Method::Put, "/stones", &[], b"").await;
        for (at, (target, body)) in bodies.iter().enumerate() {
            assert_eq!(world.root(Method::Put, target, &[], body).await.status, 200);
            // Some stand in a table, the others in the log.
            if at == bodies.len() / 2 {
                world.server.engine.meta.db().flush().unwrap();
            }
        }
        world.server.engine.meta.db().close().unwrap();
    }
    assert!(Offline::look(&dir).unwrap().scrub(|_| {}).unwrap().damaged.is_empty());
    let mut tried = 0;
    for path in files(&dir) {
        let sound = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for at in [0.0, 0.1, 0.35, 0.5, 0.8, 0.999].map(|share| (sound.len() as f64 * share) as usize) {
            let Some(byte) = sound.get(at) else { continue };
            let mut bytes = sound.clone();
            bytes[at] = byte ^ 0x10;
            std::fs::write(&path, &bytes).unwrap();
            let scrubbed = Offline::look(&dir).and_then(|offline| offline.scrub(|_| {}));
            let is_found = scrubbed.is_ok_and(|found| found.damaged.is_empty()).not();
            // What these two hold is no part of the data, and nothing is read from it.
            assert!(is_found || name == "IDENTITY" || name == "LOCK", "byte {at} of {name} flipped");
            tried += 1;
            if at == sound.len() / 2 {
                let copy = root.path().join("copy");
                copy_tree(&dir, &copy);
                is_never_wrong(&copy, &bodies, &name).await;
                std::fs::remove_dir_all(&copy).unwrap();
            }
        }
        std::fs::write(&path, &sound).unwrap();
    }
    assert!(tried > 30, "only {tried} flips");
}

/// A server over damaged files refuses to start, or answers what was put or an error.
async fn is_never_wrong(dir: &Path, bodies: &[(String, Vec<u8>)], name: &str) {
    let Ok(meta) = Meta::local(&dir.join("store"), None) else { return };
    let Ok(world) = World::try_over(meta, Blobs::local(dir.join("blobs"))).await else { return };
    for (target, body) in bodies {
        let got = world.root(Method::Get, target, &[], b"").await;
        let is_right = got.status == 200 && got.body == *body;
        let is_cut = got.status == 200 && got.body.len() < body.len();
        assert!(is_right || is_cut || got.status >= 400, "{target} after a flip in {name}: {}", got.status);
    }
}

/// Files of uploads that were cut off go at the next start, those that are named stay.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_is_swept() {
    let root = tempfile::tempdir().unwrap();
    let meta = Meta::local(&root.path().join("store"), None).unwrap();
    let world = World::over(meta, Blobs::local(root.path().join("blobs"))).await;
    world.root(Method::Put, "/stones", &[], b"").await;
    let body = vec![5; 100_000];
    world.root(Method::Put, "/stones/kept", &[], &body).await;
    let left = root.path().join("blobs/aa");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join(format!("{:032x}", 0xaau8)), b"torn").unwrap();
    std::fs::write(left.join("somebody else's"), b"x").unwrap();
    assert_eq!(crate::sweep::sweep(&world.server.engine).unwrap(), 1);
    assert_eq!(crate::sweep::sweep(&world.server.engine).unwrap(), 0);
    assert!(left.join("somebody else's").exists());
    assert!(world.root(Method::Get, "/stones/kept", &[], b"").await.body == body);
    // Overwritten and deleted: no file is left.
    world.root(Method::Put, "/stones/kept", &[], b"small now").await;
    assert_eq!(world.root(Method::Delete, "/stones/kept", &[], b"").await.status, 204);
    world.has_files(0).await;
}

/// Many writers, one condition: one wins.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_makes_an_absent_key() {
    let world = std::sync::Arc::new(World::new().await);
    world.root(Method::Put, "/stones", &[], b"").await;
    let mut running = tokio::task::JoinSet::new();
    for at in 0..50 {
        let world = world.clone();
        running.spawn(async move {
            let body = format!("writer {at}");
            let got =
                world.root(Method::Put, "/stones/one", &[("if-none-match", "*")], body.as_bytes()).await;
            (got.status, body)
        });
    }
    let mut won = Vec::new();
    while let Some(outcome) = running.join_next().await {
        match outcome.unwrap() {
            (200, body) => won.push(body),
            (status, _) => assert_eq!(status, 412),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(world.root(Method::Get, "/stones/one", &[], b"").await.body, won[0].as_bytes());
    let stale = [("if-match", "\"00000000000000000000000000000000\"")];
    assert_eq!(world.root(Method::Put, "/stones/one", &stale, b"").await.status, 412);
    assert_eq!(world.root(Method::Put, "/stones/absent", &stale, b"").await.code(), "NoSuchKey");
}

/// Objects that share a file: whoever deletes one does not take the other's bytes.
#[tokio::test(flavor = "multi_thread")]
async fn shared_files_stay_while_one_needs_them() {
    let world = std::sync::Arc::new(World::new().await);
    world.root(Method::Put, "/stones", &[], b"").await;
    let body = vec![9; 200_000];
    world.root(Method::Put, "/stones/0", &[], &body).await;
    let mut running = tokio::task::JoinSet::new();
    for at in 0..16 {
        let world = world.clone();
        running.spawn(async move {
            for round in 0..6 {
                let key = format!("/stones/{at}-{round}");
                let copied = world.root(Method::Put, &key, &[("x-amz-copy-source", "/stones/0")], b"").await;
                assert_eq!(copied.status, 200, "{}", copied.code());
                if round % 2 == 0 {
                    assert_eq!(world.root(Method::Delete, &key, &[], b"").await.status, 204);
                }
            }
        });
    }
    while let Some(outcome) = running.join_next().await {
        outcome.unwrap();
    }
    assert_eq!(world.root(Method::Delete, "/stones/0", &[], b"").await.status, 204);
    for at in 0..16 {
        for round in [1, 3, 5] {
            let got = world.root(Method::Get, &format!("/stones/{at}-{round}"), &[], b"").await;
            assert!(got.body == body, "{at}-{round}: {}", got.status);
        }
    }
    world.has_files(1).await;
}
