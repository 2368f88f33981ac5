//! What cases made from Amazon's model have found (`tests/s3_model.py`): requests that were answered otherwise than Amazon documents.

use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use dolmen_s3::error::ErrorCode;
use dolmen_s3::request::Method::{self, Delete, Get, Post, Put};
use dolmen_s3::state::condition::{DeleteCondition, WriteCondition};
use dolmen_s3::state::copy::{self, CopyBody, CopyRequest};
use dolmen_s3::state::{bucket, object};

use super::{Got, World};
use crate::engine::{Fault, Scope, Written};

/// A request, and the status and code that answer it.
type Row<'a> = (Method, &'a str, &'a [(&'a str, &'a str)], &'a [u8], u16, &'a str);

async fn check(world: &World, rows: &[Row<'_>]) {
    for &(method, target, headers, body, status, code) in rows {
        let got = world.root(method, target, headers, body).await;
        assert_eq!((got.status, &got.code()[..]), (status, code), "{method} {target} {headers:?}");
    }
}

async fn world() -> World {
    let world = World::new().await;
    for target in ["/box", "/box/k"] {
        assert_eq!(world.root(Put, target, &[], b"").await.status, 200, "{target}");
    }
    world
}

fn text(got: &Got, element: &str) -> String {
    let body = String::from_utf8_lossy(&got.body).into_owned();
    let found = body.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once('<'));
    found.map(|(text, _)| text.to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_none_are_refused() {
    let world = world().await;
    let hold = "x-amz-object-lock-event-hold";
    let key = "x-amz-server-side-encryption-bucket-key-enabled";
    check(
        &world,
        &[
            (Put, "/box/n", &[(hold, "ON")], b"", 501, "NotImplemented"),
            (Put, "/box/n", &[(hold, "perhaps")], b"", 400, "InvalidArgument"),
            (
                Put,
                "/box/n",
                &[("x-amz-object-lock-event-hold-duration-years", "x")],
                b"",
                400,
                "InvalidArgument",
            ),
            (Put, "/box/n", &[(key, "perhaps")], b"", 400, "InvalidArgument"),
            (Put, "/box/n", &[("x-amz-storage-class", "EXPRESS_ONEZONE")], b"", 400, "InvalidStorageClass"),
            (Put, "/new", &[("x-amz-bucket-namespace", "mine")], b"", 400, "InvalidArgument"),
            (Put, "/new", &[("x-amz-bucket-namespace", "account-regional")], b"", 501, "NotImplemented"),
            (Get, "/box/n", &[], b"", 404, "NoSuchKey"),
            (Get, "/new?location", &[], b"", 404, "NoSuchBucket"),
            (Put, "/new", &[("x-amz-bucket-namespace", "global")], b"", 200, ""),
            (
                Get,
                "/box/k?attributes",
                &[("x-amz-object-attributes", "ETag"), ("x-amz-max-parts", "seven")],
                b"",
                400,
                "InvalidArgument",
            ),
            (Get, "/?continuation-token=", &[], b"", 200, ""),
        ],
    )
    .await;
    let directory =
        b"<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>";
    check(&world, &[(Put, "/other", &[], directory, 501, "NotImplemented")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_say_what_the_model_wants() {
    let world = world().await;
    let filtered: &[u8] = b"<MetricsConfiguration><Id>a</Id><Filter><Tag><Key></Key><Value>v</Value></Tag></Filter></MetricsConfiguration>";
    let tierings: &[u8] = b"<IntelligentTieringConfiguration><Id>a</Id><Status>Enabled</Status></IntelligentTieringConfiguration>";
    let nameless: &[u8] = b"<Delete><Object><Key></Key></Object></Delete>";
    let select: &[u8] =
        b"<RestoreRequest><Type>SELECT</Type><SelectParameters><A><B/></A></SelectParameters></RestoreRequest>";
    let role: &[u8] = b"<NotificationConfiguration><CloudFunctionConfiguration><Id>i</Id><CloudFunction>arn:f</CloudFunction>\
        <InvocationRole>arn:r</InvocationRole><Event>s3:ObjectCreated:*</Event></CloudFunctionConfiguration></NotificationConfiguration>";
    check(
        &world,
        &[
            (Put, "/box?metrics&id=a", &[], filtered, 400, "MalformedXML"),
            (Get, "/box?metrics&id=a", &[], b"", 404, "NoSuchConfiguration"),
            (Put, "/box?intelligent-tiering&id=a", &[], tierings, 400, "MalformedXML"),
            (Post, "/box?delete", &[], nameless, 400, "MalformedXML"),
            (Post, "/box/k?restore", &[], select, 501, "NotImplemented"),
            (Put, "/box?notification", &[], role, 200, ""),
        ],
    )
    .await;
    let kept = world.root(Get, "/box?notification", &[], b"").await;
    assert_eq!(text(&kept, "InvocationRole"), "arn:r");
    // A second factor can be switched off, and that is told from then on.
    assert_eq!(text(&world.root(Get, "/box?versioning", &[], b"").await, "MfaDelete"), "");
    let body = b"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Disabled</MfaDelete></VersioningConfiguration>";
    check(&world, &[(Put, "/box?versioning", &[], body, 200, "")]).await;
    let told = world.root(Get, "/box?versioning", &[], b"").await;
    assert_eq!((&text(&told, "Status")[..], &text(&told, "MfaDelete")[..]), ("Enabled", "Disabled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_end_as_they_were_begun() {
    let world = world().await;
    let begun = world.root(Post, "/box/u?uploads", &[], b"").await;
    let id = text(&begun, "UploadId");
    let target = format!("/box/u?uploadId={id}");
    let began = text(&world.root(Get, "/box?uploads", &[], b"").await, "Initiated");
    let name = "x-amz-if-match-initiated-time";
    let list: &[u8] = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>";
    check(
        &world,
        &[
            (Post, &target, &[("x-amz-checksum-type", "SOME")], list, 400, "InvalidRequest"),
            (Delete, &target, &[(name, "yesterday")], b"", 400, "InvalidArgument"),
            (Delete, &target, &[(name, "Mon, 01 Jan 2001 00:00:00 GMT")], b"", 412, "PreconditionFailed"),
            (Delete, &target, &[(name, &began)], b"", 204, ""),
            (Delete, &target, &[], b"", 404, "NoSuchUpload"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn annotations_are_text() {
    let world = world().await;
    let etag = world.root(Get, "/box/k", &[], b"").await.headers["etag"].clone();
    let note = "/box/k?annotation&annotationName=note";
    let match_ = "x-amz-object-if-match";
    let long = format!("/box/k?annotation&annotation-prefix={}", "p".repeat(513));
    check(
        &world,
        &[
            (Put, note, &[], b"\xff\xfe", 415, "UnsupportedMediaType"),
            (Put, note, &[], b"", 400, "InvalidRequest"),
            (Put, note, &[(match_, "\"other\"")], b"text", 412, "PreconditionFailed"),
            (Get, note, &[], b"", 404, "NoSuchAnnotation"),
            (Put, note, &[(match_, &etag)], b"text", 200, ""),
            (Delete, note, &[(match_, "\"other\"")], b"", 412, "PreconditionFailed"),
            (Get, &long, &[], b"", 400, "InvalidPrefix"),
            (Get, "/box/k?annotation&max-annotation-results=0", &[], b"", 400, "InvalidArgument"),
        ],
    )
    .await;
    assert_eq!(world.root(Get, note, &[], b"").await.body, b"text");
    let large = vec![b'x'; 100_000];
    assert_eq!(world.root(Put, note, &[], &large).await.status, 200);
    assert_eq!(world.root(Get, note, &[], b"").await.body, large);
    check(&world, &[(Delete, note, &[(match_, &etag)], b"", 204, "")]).await;
}

/// A copy has the annotations of what it was made of, unless the request says otherwise; onto itself it keeps them.
#[tokio::test(flavor = "multi_thread")]
async fn annotations_go_with_copies() {
    let world = world().await;
    let directive = "x-amz-object-annotation-directive";
    let from = ("x-amz-copy-source", "box/k");
    let large = vec![b'x'; 100_000];
    check(
        &world,
        &[
            (Put, "/box/k?annotation&annotationName=small", &[], b"text", 200, ""),
            (Put, "/box/k?annotation&annotationName=large", &[], &large, 200, ""),
            (Put, "/box/copy", &[from], b"", 200, ""),
            (Put, "/box/bare", &[from, (directive, "EXCLUDE")], b"", 200, ""),
            (Put, "/box/none", &[from, (directive, "PERHAPS")], b"", 400, "InvalidArgument"),
            (Put, "/box/k", &[from, ("x-amz-metadata-directive", "REPLACE")], b"", 200, ""),
            (Get, "/box/bare?annotation&annotationName=small", &[], b"", 404, "NoSuchAnnotation"),
            (Delete, "/box/k?annotation&annotationName=small", &[], b"", 204, ""),
            (Delete, "/box/k", &[], b"", 204, ""),
        ],
    )
    .await;
    for (name, body) in [("small", &b"text"[..]), ("large", &large)] {
        let got = world.root(Get, &format!("/box/copy?annotation&annotationName={name}"), &[], b"").await;
        assert!(got.status == 200 && got.body == body, "{name}: {} {}", got.status, got.code());
    }
    check(&world, &[(Delete, "/box/copy", &[], b"", 204, ""), (Delete, "/box/bare", &[], b"", 204, "")])
        .await;
    world.has_files(0).await;
}

/// A small object is deleted while it is copied into another bucket, whose keys have locks of their own: the copy is not made of bytes
/// that are gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_meanwhile_is_not_shared() {
    let world = world().await;
    check(&world, &[(Put, "/box/small", &[], b"text", 200, ""), (Put, "/chest", &[], b"", 200, "")]).await;
    let (engine, deleting) = (world.server.engine.clone(), Arc::new(world));
    let (mut attempts, other) = (0, deleting.clone());
    let handle = tokio::runtime::Handle::current();
    let scope = Scope::Keys("chest".into(), vec![b"copy".to_vec()]);
    let copied = engine.change("", scope, Written::default(), move |tx, env| {
        let (from, to) = (bucket::find(tx, "box")?, bucket::find(tx, "chest")?);
        let source = copy::Source { bucket: &from, key: b"small", version: None };
        let request = CopyRequest::default();
        let plan = copy::plan(tx, source, (&to, b"copy"), &request)?;
        assert!(plan.share);
        attempts += 1;
        if attempts == 1 {
            let gone =
                tokio::task::block_in_place(|| handle.block_on(other.root(Delete, "/box/small", &[], b"")));
            assert_eq!(gone.status, 204);
        }
        copy::copy(tx, env, (&to, b"copy"), &WriteCondition::default(), plan, request, CopyBody::Shared)
    });
    assert!(matches!(copied.await, Err(Fault::State(error)) if error.code() == ErrorCode::NoSuchKey));
    check(&deleting, &[(Get, "/chest/copy", &[], b"", 404, "NoSuchKey")]).await;
}

/// A small object is copied into another bucket while it is deleted: its bytes stay for the copy. It is the first reference that this store
/// counts, so that nobody looked for one before.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_shared_meanwhile_stays() {
    let world = world().await;
    check(&world, &[(Put, "/box/small", &[], b"text", 200, ""), (Put, "/chest", &[], b"", 200, "")]).await;
    let (engine, copying) = (world.server.engine.clone(), Arc::new(world));
    let (mut attempts, other) = (0, copying.clone());
    let handle = tokio::runtime::Handle::current();
    let scope = Scope::Keys("box".into(), vec![b"small".to_vec()]);
    let deleted = engine.change("", scope, Written::default(), move |tx, env| {
        let bucket = bucket::find(tx, "box")?;
        let condition = DeleteCondition::default();
        object::delete(tx, env, &bucket, b"small", None, &condition, false)?;
        attempts += 1;
        if attempts == 1 {
            let copy = [("x-amz-copy-source", "box/small")];
            let copied = other.root(Put, "/chest/copy", &copy, b"");
            assert_eq!(tokio::task::block_in_place(|| handle.block_on(copied)).status, 200);
        }
        Ok(attempts)
    });
    assert_eq!(deleted.await.unwrap(), 2);
    check(&copying, &[(Get, "/box/small", &[], b"", 404, "NoSuchKey")]).await;
    assert_eq!(copying.root(Get, "/chest/copy", &[], b"").await.body, b"text");
}

/// Whoever hangs up while his change waits has it done all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_begun_is_done() {
    let world = world().await;
    let engine = world.server.engine.clone();
    let scope = || Scope::Keys("box".into(), vec![b"k".to_vec()]);
    let ((begun, begins), (go, goes)) = (mpsc::channel(), mpsc::channel());
    let first = tokio::spawn({
        let engine = engine.clone();
        async move {
            let holding = engine.change("", scope(), Written::default(), move |_, _| {
                begun.send(()).unwrap();
                tokio::task::block_in_place(|| goes.recv()).unwrap();
                Ok(())
            });
            holding.await
        }
    });
    tokio::task::block_in_place(|| begins.recv()).unwrap();
    let mut second = Box::pin(engine.change("", scope(), Written::default(), |tx, env| {
        let bucket = bucket::find(tx, "box")?;
        object::delete(tx, env, &bucket, b"k", None, &DeleteCondition::default(), false)
    }));
    let waits = std::future::poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending()));
    assert!(waits.await, "the key is held");
    drop(second);
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    for _ in 0..1000 {
        if world.root(Get, "/box/k", &[], b"").await.status == 404 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the change went with its request");
}
