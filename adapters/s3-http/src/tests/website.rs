//! Buckets as websites.

use dolmen_s3::request::Method;

use super::{Got, World};

const POLICY: &[u8] = br#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::stones","arn:aws:s3:::stones/*"]}]}"#;
const WEBSITE: &[u8] = br"<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>oops.html</Key></ErrorDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith><HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>";

async fn visit(world: &World, method: &str, host: &str, path: &str) -> Got {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    world.raw(request.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_a_website() {
    let world = World::new().await;
    world.root(Method::Put, "/stones", &[], b"").await;
    for (key, body) in
        [("index.html", "home"), ("docs/index.html", "docs"), ("a%20b", "blank"), ("oops.html", "oops")]
    {
        world
            .root(Method::Put, &format!("/stones/{key}"), &[("content-type", "text/html")], body.as_bytes())
            .await;
    }
    let elsewhere = [("x-amz-website-redirect-location", "https://example.com/")];
    world.root(Method::Put, "/stones/moved", &elsewhere, b"").await;
    let site = "stones.web.test";
    assert_eq!(visit(&world, "GET", site, "/").await.status, 404, "no configuration yet");
    assert_eq!(world.root(Method::Put, "/stones?website", &[], WEBSITE).await.status, 200);
    assert_eq!(visit(&world, "GET", site, "/").await.status, 403, "nobody may read it");
    assert_eq!(world.root(Method::Put, "/stones?policy", &[], POLICY).await.status, 204);
    for (path, status, body) in [
        ("/", 200, "home"),
        ("/?a=b", 200, "home"),
        ("/docs/", 200, "docs"),
        ("/a%20b", 200, "blank"),
        ("/absent", 404, "oops"),
        ("/%00", 400, ""),
    ] {
        let got = visit(&world, "GET", site, path).await;
        let text = String::from_utf8_lossy(&got.body).into_owned();
        assert_eq!(got.status, status, "{path}: {text}");
        assert!(if body.is_empty() { text.contains("<h1>") } else { text == body }, "{path}: {text}");
        assert_ne!(got.headers.get("content-type").map(String::as_str), Some("application/xml"), "{path}");
    }
    for (path, status, location) in [
        ("/docs", 302, "http://stones.web.test/docs/"),
        ("/old/x", 302, "http://stones.web.test/new/x"),
        ("/moved", 301, "https://example.com/"),
    ] {
        let got = visit(&world, "GET", site, path).await;
        assert_eq!(
            (got.status, got.headers.get("location").map(String::as_str)),
            (status, Some(location)),
            "{path}"
        );
    }
    let head = visit(&world, "HEAD", site, "/").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(visit(&world, "PUT", site, "/x").await.status, 405);
    assert_eq!(visit(&world, "GET", "absent.web.test", "/").await.status, 404);
    // Beside the website the bucket is what it was.
    assert_eq!(visit(&world, "GET", "stones.s3.test", "/index.html").await.body, b"home");
}
