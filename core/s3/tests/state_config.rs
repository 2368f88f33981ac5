//! Lifecycle, CORS, websites, tags and stored documents: what is due, what matches, what is refused.

use std::collections::BTreeMap;

use dolmen_s3::ETag;
use dolmen_s3::body::{
    AnalyticsConfiguration, CorsConfiguration, LifecycleConfiguration, NotificationConfiguration, Tagging,
    WebsiteConfiguration,
};
use dolmen_s3::state::condition::WriteCondition;
use dolmen_s3::state::config::{self, Config};
use dolmen_s3::state::cors::{self, Asked};
use dolmen_s3::state::lifecycle::{self, Action, Clock, DAY_MS};
use dolmen_s3::state::multipart::{self, NewUpload};
use dolmen_s3::state::object::{self, NewObject};
use dolmen_s3::state::record::{
    Acl, ConfigKind, Encryption, Listed, ObjectRecord, Version, VersionKind, Versioning,
};
use dolmen_s3::state::tagging::{self, On};
use dolmen_s3::state::website::{self, Route};
use dolmen_s3::state::{Attributes, BucketRecord, Code, Env, StateError, Tx, bucket, keys};
use dolmen_s3::xml::Document;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn env(now_ms: u64) -> Env<'static> {
    let mut fresh = [0; 16];
    fresh[8..].copy_from_slice(&now_ms.to_be_bytes());
    Env { now_ms, caller: "o", fresh }
}

fn apply(map: &mut Map, tx: impl FnOnce(&mut Tx<'_>)) {
    let before = map.clone();
    let mut open = Tx::new(&before);
    tx(&mut open);
    for (key, value) in open.into_batch().writes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

fn rules(text: &str) -> LifecycleConfiguration {
    let text = format!("<LifecycleConfiguration>{text}</LifecycleConfiguration>");
    let mut rules =
        LifecycleConfiguration::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
    lifecycle::check(&mut rules, [1; 16]).unwrap_or_else(|error| panic!("{text}: {error}"));
    rules
}

fn rule(inside: &str) -> LifecycleConfiguration {
    rules(&format!(
        "<Rule><ID>r</ID><Filter><Prefix>a/</Prefix></Filter><Status>Enabled</Status>{inside}</Rule>"
    ))
}

fn version(kind: VersionKind, modified_ms: u64) -> ObjectRecord {
    ObjectRecord {
        listed: Listed {
            kind,
            version: Version::Null,
            modified_ms,
            size: 1000,
            etag: ETag::Whole([0; 16]),
            owner: "o".into(),
            storage_class: "STANDARD".into(),
            checksum: None,
        },
        headers: Vec::new(),
        parts: Vec::new(),
        body: Vec::new(),
        encryption: Encryption::None,
        tags: vec![("k".into(), "v".into())],
        acl: Acl::default(),
        retention: None,
        legal_hold: false,
        restored_until_ms: 0,
    }
}

const OBJECT: VersionKind = VersionKind::Object;
const MARKER: VersionKind = VersionKind::DeleteMarker;

fn due(rules: &LifecycleConfiguration, versions: &[ObjectRecord], now_ms: u64) -> Vec<Action> {
    lifecycle::due(&rules.rules, b"a/k", versions, Clock { now_ms, day_ms: DAY_MS })
}

#[test]
fn days_end_at_the_midnight_that_follows() {
    let rules = rule("<Expiration><Days>1</Days></Expiration>");
    let noon = 10 * DAY_MS + DAY_MS / 2;
    let versions = [version(OBJECT, noon)];
    for (now, expired) in
        [(noon, false), (noon + DAY_MS, false), (12 * DAY_MS - 1, false), (12 * DAY_MS, true)]
    {
        assert_eq!(!due(&rules, &versions, now).is_empty(), expired, "{now}");
    }
    assert_eq!(due(&rules, &versions, 12 * DAY_MS), [Action::Expire]);
    let short = Clock { now_ms: noon + 10_000, day_ms: 10_000 };
    assert_eq!(lifecycle::due(&rules.rules, b"a/k", &versions, short), [Action::Expire]);
    let header =
        lifecycle::expiration(&rules.rules, b"a/k", &versions[0], Clock { now_ms: noon, day_ms: DAY_MS });
    assert_eq!(header, Some((12 * DAY_MS, "r".into())));
    assert_eq!(lifecycle::expiration(&rules.rules, b"b", &versions[0], short), None);
}

#[test]
fn each_kind_of_rule_is_due_when_it_says() {
    let old = || version(OBJECT, DAY_MS);
    let now = 40 * DAY_MS;
    let alone = [version(MARKER, 2 * DAY_MS)];
    let covered = [version(MARKER, 2 * DAY_MS), old()];
    let marker = rule("<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>");
    assert_eq!(due(&marker, &alone, now), [Action::Remove(0)]);
    assert_eq!(due(&marker, &covered, now), []);
    assert_eq!(due(&marker, &[old()], now), []);
    let days = rule("<Expiration><Days>5</Days></Expiration>");
    assert_eq!(due(&days, &alone, now), [Action::Remove(0)], "days remove a lone marker too");
    assert_eq!(due(&days, &covered, now), [], "an old version is not the latest");
    let date = rule("<Expiration><Date>1970-01-31T00:00:00Z</Date></Expiration>");
    assert_eq!(due(&date, &[old()], 30 * DAY_MS - 1), []);
    assert_eq!(due(&date, &[old()], 30 * DAY_MS), [Action::Expire]);
    let noncurrent = rule(
        "<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays>
        <NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
    );
    let four = [38, 30, 20, 10].map(|day| version(OBJECT, day * DAY_MS));
    // The one at 1 is kept as the newest noncurrent; those at 2 and 3 stopped being the latest on days 30 and 20.
    assert_eq!(due(&noncurrent, &four, now), [Action::Remove(2), Action::Remove(3)]);
    assert_eq!(due(&noncurrent, &four, 31 * DAY_MS), [Action::Remove(3)]);
    let down = rule(
        "<Transition><Days>1</Days><StorageClass>STANDARD_IA</StorageClass></Transition>
        <Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>",
    );
    assert_eq!(due(&down, &[old()], 5 * DAY_MS), [Action::Transition(0, "STANDARD_IA".into())]);
    assert_eq!(due(&down, &[old()], now), [Action::Transition(0, "GLACIER".into())]);
    let mut cold = old();
    cold.listed.storage_class = "DEEP_ARCHIVE".into();
    assert_eq!(due(&down, &[cold], now), [], "a transition only goes down");
    let off = LifecycleConfiguration {
        rules: days
            .rules
            .iter()
            .cloned()
            .map(|mut rule| {
                rule.status = dolmen_s3::body::Status::Disabled;
                rule
            })
            .collect(),
    };
    assert_eq!(due(&off, &[old()], now), []);
}

#[test]
fn filters_look_at_prefix_tags_and_size() {
    let filtered = |filter: &str| {
        rules(&format!(
            "<Rule><Filter>{filter}</Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
        ))
    };
    let table = [
        ("", true),
        ("<Prefix>a</Prefix>", true),
        ("<Prefix>b</Prefix>", false),
        ("<Tag><Key>k</Key><Value>v</Value></Tag>", true),
        ("<Tag><Key>k</Key><Value>w</Value></Tag>", false),
        ("<ObjectSizeGreaterThan>999</ObjectSizeGreaterThan>", true),
        ("<ObjectSizeGreaterThan>1000</ObjectSizeGreaterThan>", false),
        ("<ObjectSizeLessThan>1000</ObjectSizeLessThan>", false),
        ("<And><Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And>", true),
        ("<And><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value>v</Value></Tag></And>", false),
        (
            "<And><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>2000</ObjectSizeLessThan></And>",
            true,
        ),
    ];
    for (filter, expected) in table {
        let found = due(&filtered(filter), &[version(OBJECT, 0)], 9 * DAY_MS);
        assert_eq!(!found.is_empty(), expected, "{filter}");
    }
}

#[test]
fn lifecycles_that_cannot_be_are_refused() {
    let refused = |text: &str| {
        let text = format!("<LifecycleConfiguration>{text}</LifecycleConfiguration>");
        match LifecycleConfiguration::parse(text.as_bytes()) {
            Ok(mut rules) => lifecycle::check(&mut rules, [1; 16]).map_err(|error| error.code()).err(),
            Err(error) => Some(error.code()),
        }
    };
    let of = |id: &str, inside: &str| {
        format!("<Rule><ID>{id}</ID><Prefix>p</Prefix><Status>Enabled</Status>{inside}</Rule>")
    };
    let fine = "<Expiration><Days>1</Days></Expiration>";
    assert_eq!(refused(&of("a", fine)), None);
    assert_eq!(refused(""), Some(Code::MalformedXML));
    assert_eq!(refused(&of(&"a".repeat(256), fine)), Some(Code::InvalidArgument));
    assert_eq!(refused(&(of("a", fine) + &of("a", fine))), Some(Code::InvalidArgument));
    assert_eq!(refused(&of("a", "")), Some(Code::InvalidRequest));
    assert_eq!(refused(&of("a", fine).replace("Enabled", "enabled")), Some(Code::MalformedXML));
    assert_eq!(refused(&of("a", fine).replace("<Prefix>p</Prefix>", "")), Some(Code::MalformedXML));
    let table = [
        ("<Expiration><Days>0</Days></Expiration>", Code::InvalidArgument),
        ("<Expiration><Days>-1</Days></Expiration>", Code::InvalidArgument),
        ("<Expiration><Date>2026-01-01T10:00:00Z</Date></Expiration>", Code::InvalidArgument),
        ("<Expiration><Date>20200101</Date></Expiration>", Code::MalformedXML),
        (
            "<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>",
            Code::MalformedXML,
        ),
        ("<Transition><Days>1</Days></Transition>", Code::MalformedXML),
        (
            "<NoncurrentVersionExpiration><NoncurrentDays>0</NoncurrentDays></NoncurrentVersionExpiration>",
            Code::InvalidArgument,
        ),
        ("<NoncurrentVersionExpiration></NoncurrentVersionExpiration>", Code::MalformedXML),
        (
            "<AbortIncompleteMultipartUpload><DaysAfterInitiation>0</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
            Code::InvalidArgument,
        ),
    ];
    for (inside, code) in table {
        assert_eq!(refused(&of("a", inside)), Some(code), "{inside}");
    }
}

fn put(map: &mut Map, bucket: &BucketRecord, key: &[u8], now_ms: u64) {
    apply(map, |tx| {
        let new = NewObject {
            attributes: Attributes::default(),
            owner: "o".into(),
            size: 1,
            etag: ETag::Whole([0; 16]),
            checksum: None,
            parts: Vec::new(),
            body: Vec::new(),
        };
        object::put(tx, &env(now_ms), bucket, key, &WriteCondition::default(), new).unwrap();
    });
}

#[test]
fn a_sweep_finds_what_is_due_and_running_it_leaves_nothing_due() {
    let mut map = Map::new();
    let mut bucket = None;
    apply(&mut map, |tx| bucket = bucket::create(tx, &env(1), "b", bucket::NewBucket::default()).ok());
    let mut bucket = bucket.unwrap();
    bucket.versioning = Versioning::Enabled;
    for key in ["a/1", "a/2", "b/1", "a/3"] {
        put(&mut map, &bucket, key.as_bytes(), 10);
        put(&mut map, &bucket, key.as_bytes(), 20);
    }
    let mut upload = None;
    apply(&mut map, |tx| {
        upload = multipart::create(tx, &env(30), &bucket, b"a/up", NewUpload::default()).ok();
        multipart::create(tx, &env(31), &bucket, b"b/up", NewUpload::default()).unwrap();
    });
    let rules = rule(
        "<Expiration><Days>2</Days></Expiration>
        <NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>
        <AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>",
    );
    let day_ms = 100;
    let mut now_ms = 125;
    let sweep = |map: &Map, now_ms: u64, max: usize| {
        let mut all = lifecycle::Sweep::default();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let clock = Clock { now_ms, day_ms };
            let step = lifecycle::sweep(map, &bucket, &rules.rules, after.as_deref(), max, clock).unwrap();
            all.keys.extend(step.keys);
            all.uploads.extend(step.uploads);
            after = step.next;
            if after.is_none() {
                return all;
            }
        }
    };
    let due: [&[u8]; 3] = [b"a/1", b"a/2", b"a/3"];
    for max in [1, 2, 100] {
        assert_eq!(sweep(&map, now_ms, max).keys, due, "the older versions");
    }
    let before = map.clone();
    let run = |map: &mut Map, now_ms: u64| {
        for key in sweep(map, now_ms, 100).keys {
            apply(map, |tx| {
                let done = lifecycle::run_key(tx, &env(now_ms), &bucket, &key, &rules.rules, day_ms);
                assert!(!done.unwrap().is_empty());
            });
        }
    };
    run(&mut map, now_ms);
    assert!(sweep(&map, now_ms, 100).keys.is_empty());
    assert_eq!(before.len() - map.len(), 3);
    now_ms = 330;
    let found = sweep(&map, now_ms, 100);
    assert_eq!(found.keys, due, "the latest versions");
    assert_eq!(found.uploads, [(b"a/up".to_vec(), upload.unwrap().to_string())]);
    run(&mut map, now_ms);
    let tx = Tx::new(&map);
    let gone = object::find(&tx, &bucket, b"a/1", None).unwrap_err();
    assert!(matches!(gone, StateError::DeleteMarker { code: Code::NoSuchKey, .. }));
    assert!(object::find(&tx, &bucket, b"b/1", None).is_ok());
    for now in [500, 700, 900] {
        run(&mut map, now);
    }
    let left = map.keys().filter(|key| key[0] == keys::OBJECTS).count();
    assert_eq!(left, 2, "b/1 in two versions");
}

#[test]
fn what_is_locked_outlives_its_lifecycle() {
    let mut map = Map::new();
    let mut bucket = None;
    apply(&mut map, |tx| bucket = bucket::create(tx, &env(1), "b", bucket::NewBucket::default()).ok());
    let mut bucket = bucket.unwrap();
    bucket.versioning = Versioning::Enabled;
    bucket::set_object_lock(&mut bucket, None).unwrap();
    put(&mut map, &bucket, b"a/1", 10);
    let held = { object::latest(&Tx::new(&map), &bucket, b"a/1").unwrap().unwrap().1.listed.version };
    apply(&mut map, |tx| object::set_legal_hold(tx, &bucket, b"a/1", Some(held), true).unwrap());
    put(&mut map, &bucket, b"a/1", 20);
    let rules =
        rule("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>");
    apply(&mut map, |tx| {
        assert_eq!(lifecycle::run_key(tx, &env(9999), &bucket, b"a/1", &rules.rules, 10), Ok(Vec::new()));
    });
    assert!(object::find(&Tx::new(&map), &bucket, b"a/1", Some(held)).is_ok());
    apply(&mut map, |tx| object::set_legal_hold(tx, &bucket, b"a/1", Some(held), false).unwrap());
    apply(&mut map, |tx| {
        assert!(!lifecycle::run_key(tx, &env(9999), &bucket, b"a/1", &rules.rules, 10).unwrap().is_empty());
    });
    let gone = object::find(&Tx::new(&map), &bucket, b"a/1", Some(held)).unwrap_err();
    assert_eq!(gone.code(), Code::NoSuchVersion);
}

#[test]
fn answers_for_repeats_are_kept_for_a_while() {
    let mut map = Map::new();
    let mut bucket = None;
    apply(&mut map, |tx| bucket = bucket::create(tx, &env(1), "b", bucket::NewBucket::default()).ok());
    let bucket = bucket.unwrap();
    put(&mut map, &bucket, b"x", 10);
    apply(&mut map, |tx| {
        let condition = object::RenameCondition { token: "t".into(), ..object::RenameCondition::default() };
        object::rename(tx, &env(50), &bucket, b"x", b"y", &condition).unwrap();
    });
    assert_eq!(lifecycle::stale_answers(&map, 50, 10).unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(lifecycle::stale_answers(&map, 51, 10).unwrap(), [keys::token(bucket.id, "t")]);
    assert_eq!(lifecycle::stale_answers(&map, 51, 0).unwrap(), Vec::<Vec<u8>>::new());
}

fn cors(text: &str) -> CorsConfiguration {
    CorsConfiguration::parse(format!("<CORSConfiguration>{text}</CORSConfiguration>").as_bytes()).unwrap()
}

/// GHSA-x5xv-223c-8vm7: nothing is allowed by itself, and an origin that a wildcard let in gets no credentials.
#[test]
fn origins_get_what_a_rule_says_and_no_more() {
    let rule = |origin: &str, method: &str| {
        format!(
            "<CORSRule><AllowedOrigin>{origin}</AllowedOrigin><AllowedMethod>{method}</AllowedMethod></CORSRule>"
        )
    };
    let rules = cors(
        &[
            rule("*suffix", "GET"),
            rule("start*end", "GET"),
            rule("prefix*", "GET"),
            rule("*.put", "PUT"),
            rule("https://me", "GET"),
        ]
        .concat(),
    );
    cors::check(&rules).unwrap();
    let ask = |origin, method| cors::answer(&rules, &Asked { origin, method, headers: None });
    let allowed = [
        ("foo.suffix", "GET", true),
        ("foo.bar", "GET", false),
        ("foo.suffix.get", "GET", false),
        ("startend", "GET", true),
        ("start1end", "GET", true),
        ("0start12end", "GET", false),
        ("prefix.suffix", "GET", true),
        ("foo.suffix", "PUT", false),
        ("foo.put", "PUT", true),
        ("foo.put", "GET", false),
        ("starend", "GET", false),
    ];
    for (origin, method, expected) in allowed {
        let answer = ask(origin, method);
        assert_eq!(answer.is_some(), expected, "{origin} {method}");
        if let Some(answer) = answer {
            assert_eq!((&*answer.origin, &*answer.methods, answer.credentials), (origin, method, false));
        }
    }
    assert!(ask("https://me", "GET").unwrap().credentials);
    let any = cors(&rule("*", "GET"));
    let answer = cors::answer(&any, &Asked { origin: "https://x", method: "GET", headers: None }).unwrap();
    assert_eq!((&*answer.origin, answer.credentials), ("*", false));
    assert_eq!(cors::answer(&cors(""), &Asked { origin: "x", method: "GET", headers: None }), None);
}

#[test]
fn headers_that_a_browser_asks_for_must_all_be_allowed() {
    let rules = cors(
        "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedHeader>X-Amz-*</AllowedHeader>
        <ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-b</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>",
    );
    let ask = |headers| cors::answer(&rules, &Asked { origin: "o", method: "GET", headers });
    let answer = ask(Some("x-amz-meta-a, X-AMZ-date")).unwrap();
    assert_eq!(answer.headers.as_deref(), Some("x-amz-meta-a, x-amz-date"));
    assert_eq!((answer.expose.as_deref(), answer.max_age_s), (Some("ETag, x-b"), Some(60)));
    assert_eq!(ask(Some("x-amz-a, authorization")), None);
    assert_eq!(ask(None).unwrap().headers, None);
    let refused = |text: &str| cors::check(&cors(text)).unwrap_err().code();
    assert_eq!(refused(""), Code::MalformedXML);
    let rule = "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>";
    assert_eq!(refused(&rule.replace("GET", "OPTIONS")), Code::InvalidRequest);
    assert_eq!(refused(&rule.replace("*", "*a*")), Code::InvalidRequest);
    assert_eq!(refused(&rule.replace("<AllowedOrigin>*</AllowedOrigin>", "")), Code::MalformedXML);
    assert_eq!(refused(&rule.repeat(101)), Code::MalformedXML);
}

#[test]
fn websites_serve_and_send_on() {
    let site = |text: &str| {
        let text = format!("<WebsiteConfiguration>{text}</WebsiteConfiguration>");
        WebsiteConfiguration::parse(text.as_bytes()).unwrap()
    };
    let index = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";
    let plain = site(&format!("<ErrorDocument><Key>error.html</Key></ErrorDocument>{index}"));
    website::check(&plain).unwrap();
    for (key, served) in [("", "index.html"), ("docs/", "docs/index.html"), ("docs/a", "docs/a")] {
        assert_eq!(website::route(&plain, key), Route::Serve(served.into()));
    }
    assert_eq!(website::on_error(&plain, "x", 404), Some(Route::Serve("error.html".into())));
    assert_eq!(website::on_error(&plain, "x", 500), None);
    let all = site(
        "<RedirectAllRequestsTo><HostName>there</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>",
    );
    let Route::Redirect(to) = website::route(&all, "a/b") else { panic!("it redirects") };
    assert_eq!(
        (to.code, to.protocol, to.host.as_deref(), &*to.key),
        (301, Some("https"), Some("there"), "a/b")
    );
    let ruled = site(&format!(
        "{index}<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals></Condition>
        <Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith><HttpRedirectCode>302</HttpRedirectCode></Redirect></RoutingRule>
        <RoutingRule><Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition>
        <Redirect><HostName>other</HostName><ReplaceKeyWith>gone</ReplaceKeyWith></Redirect></RoutingRule></RoutingRules>"
    ));
    website::check(&ruled).unwrap();
    let Route::Redirect(to) = website::route(&ruled, "docs/x") else { panic!("it redirects") };
    assert_eq!((to.code, &*to.key, to.host), (302, "documents/x", None));
    assert_eq!(website::route(&ruled, "x"), Route::Serve("x".into()));
    let Some(Route::Redirect(to)) = website::on_error(&ruled, "x", 404) else { panic!("it redirects") };
    assert_eq!((&*to.key, to.host.as_deref()), ("gone", Some("other")));
    assert_eq!(website::on_error(&ruled, "x", 403), None);
    let refused = |text: &str| website::check(&site(text)).unwrap_err().code();
    assert_eq!(refused(""), Code::InvalidArgument);
    assert_eq!(refused("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>"), Code::InvalidArgument);
    let two = format!("{index}<RedirectAllRequestsTo><HostName>x</HostName></RedirectAllRequestsTo>");
    assert_eq!(refused(&two), Code::InvalidArgument);
    let code = format!(
        "{index}<RoutingRules><RoutingRule><Redirect><HttpRedirectCode>200</HttpRedirectCode></Redirect></RoutingRule></RoutingRules>"
    );
    assert_eq!(refused(&code), Code::InvalidRequest);
}

#[test]
fn tags_have_bounds() {
    let pair = |key: &str, value: &str| (String::from(key), String::from(value));
    let tags = |count: usize| (0..count).map(|n| pair(&n.to_string(), "v")).collect::<Vec<_>>();
    assert_eq!(tagging::check(tags(10), On::Object).unwrap().len(), 10);
    assert_eq!(tagging::check(tags(50), On::Bucket).unwrap().len(), 50);
    let key = "é".repeat(128);
    assert!(tagging::check(vec![pair(&key, &"v".repeat(256))], On::Object).is_ok());
    let refused = [
        tags(11),
        vec![pair("", "v")],
        vec![pair("k", "1"), pair("k", "2")],
        vec![pair("aws:x", "v")],
        vec![pair(&"k".repeat(129), "v")],
        vec![pair("k", &"v".repeat(257))],
        vec![pair("k", "a\nb")],
    ];
    for tags in refused {
        assert_eq!(
            tagging::check(tags.clone(), On::Object).unwrap_err().code(),
            Code::InvalidTag,
            "{tags:?}"
        );
    }
    assert_eq!(tagging::of_header("foo=bar&bar").unwrap(), [pair("bar", ""), pair("foo", "bar")]);
    assert_eq!(tagging::of_header("a%3D=1+2%2B").unwrap(), [pair("a=", "1 2+")]);
    assert_eq!(tagging::of_header("").unwrap(), []);
    assert_eq!(tagging::of_header("a=%zz").unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(tagging::of_header(&"a&".repeat(12)).unwrap_err().code(), Code::InvalidTag);
}

#[test]
fn documents_are_kept_and_read_back() {
    let id = dolmen_s3::state::BucketId(7);
    let mut map = Map::new();
    let absent = config::get::<CorsConfiguration>(&Tx::new(&map), id, "").unwrap_err();
    assert_eq!(absent.code(), Code::NoSuchCORSConfiguration);
    let rules =
        cors("<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>");
    apply(&mut map, |tx| config::put(tx, &env(1), id, rules.clone()).unwrap());
    assert_eq!(config::get::<CorsConfiguration>(&Tx::new(&map), id, "").unwrap(), rules);
    apply(&mut map, |tx| config::delete::<CorsConfiguration>(tx, id, "").unwrap());
    assert!(map.is_empty());
    let tags = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
    let tags = Tagging::parse(tags.as_bytes()).unwrap();
    apply(&mut map, |tx| config::put(tx, &env(1), id, tags.clone()).unwrap());
    assert_eq!(config::get::<Tagging>(&Tx::new(&map), id, "").unwrap(), tags);
    let silent = "<NotificationConfiguration><QueueConfiguration><Queue>arn:q</Queue></QueueConfiguration></NotificationConfiguration>";
    if let Ok(silent) = NotificationConfiguration::parse(silent.as_bytes()) {
        let refused = config::put(&mut Tx::new(&map), &env(1), id, silent).unwrap_err();
        assert_eq!(refused.code(), Code::MalformedXML);
    }
    let named = |name: &str| {
        let text = format!(
            "<AnalyticsConfiguration><Id>{name}</Id><StorageClassAnalysis></StorageClassAnalysis></AnalyticsConfiguration>"
        );
        AnalyticsConfiguration::parse(text.as_bytes()).unwrap()
    };
    for name in ["b", "a", "c"] {
        apply(&mut map, |tx| config::put(tx, &env(1), id, named(name)).unwrap());
    }
    let tx = Tx::new(&map);
    let names = |(found, more): (Vec<AnalyticsConfiguration>, bool)| {
        (found.iter().map(|c| c.id().to_string()).collect::<Vec<_>>().join(""), more)
    };
    assert_eq!(names(config::list(&tx, id, "", 2).unwrap()), ("ab".into(), true));
    assert_eq!(names(config::list(&tx, id, "b", 2).unwrap()), ("c".into(), false));
    let mut tx = Tx::new(&map);
    let absent = config::delete::<AnalyticsConfiguration>(&mut tx, id, "z").unwrap_err();
    assert_eq!(absent.code(), Code::NoSuchConfiguration);
    let wrong = config::put(&mut tx, &env(1), id, named("a b")).unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
}

/// GHSA-j548-9grx-fh4f: a document that cannot be read is an error, not an absent one.
#[test]
fn a_document_that_cannot_be_read_is_an_error() {
    let id = dolmen_s3::state::BucketId(7);
    let mut map = Map::new();
    map.insert(keys::config(id, ConfigKind::Lifecycle, ""), b"<Lifecycle".to_vec());
    let error = config::find::<LifecycleConfiguration>(&Tx::new(&map), id, "").unwrap_err();
    assert!(matches!(error, StateError::Corrupt(_)));
    assert_eq!(error.code(), Code::InternalError);
    map.insert(keys::bucket("b"), vec![1, 2]);
    let error = bucket::find(&Tx::new(&map), "b").unwrap_err();
    assert!(matches!(error, StateError::Corrupt(_)));
}
