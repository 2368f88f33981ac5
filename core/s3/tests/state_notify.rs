//! Notifications: which rule an event meets, what the message says, and the outbox.

use std::cell::Cell;
use std::collections::BTreeMap;

use dolmen_s3::ETag;
use dolmen_s3::body::{Event, NotificationConfiguration};
use dolmen_s3::state::notify::{self, Happened, Place, Teller};
use dolmen_s3::state::record::{BucketId, BucketRecord, Ownership, Version, Versioning};
use dolmen_s3::state::{Acl, Env, Tx, config, keys};
use dolmen_s3::xml::Document;
use dolmen_text::json;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:";

fn env(now_ms: u64) -> Env<'static> {
    Env { now_ms, caller: "o", fresh: [3; 16] }
}

fn bucket() -> BucketRecord {
    BucketRecord {
        id: BucketId(7),
        owner: "ann".into(),
        created_ms: 0,
        region: String::new(),
        versioning: Versioning::Unversioned,
        lock_enabled: false,
        default_retention: None,
        ownership: Ownership::BucketOwnerEnforced,
        ownership_set: false,
        acl: Acl::default(),
        public_access_block: None,
        policy: None,
        policy_binds_owner: false,
        encrypt: false,
    }
}

/// Queues as `target events filter`: events apart by commas, a filter as prefix or `*` and suffix.
fn rules(queues: &[(&str, &str, &str)]) -> NotificationConfiguration {
    let mut text = String::from("<NotificationConfiguration>");
    for (at, (target, events, filter)) in queues.iter().enumerate() {
        text += &format!("<QueueConfiguration><Id>rule-{at}</Id><Queue>{ARN}{target}</Queue>");
        events.split(',').for_each(|event| text += &format!("<Event>{event}</Event>"));
        let rule = match filter.strip_prefix('*') {
            Some(suffix) => ("suffix", suffix),
            None => ("prefix", *filter),
        };
        if !filter.is_empty() {
            text += &format!(
                "<Filter><S3Key><FilterRule><Name>{}</Name><Value>{}</Value></FilterRule></S3Key></Filter>",
                rule.0, rule.1
            );
        }
        text += "</QueueConfiguration>";
    }
    NotificationConfiguration::parse((text + "</NotificationConfiguration>").as_bytes()).unwrap()
}

fn apply(map: &mut Map, act: impl FnOnce(&mut Tx<'_>)) {
    let before = map.clone();
    let mut tx = Tx::new(&before);
    act(&mut tx);
    for (key, value) in tx.into_batch().writes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

#[test]
fn a_star_stands_for_a_family_and_nothing_else_does() {
    assert!(notify::covers(Event::ObjectCreatedAny, Event::ObjectCreatedPut));
    assert!(notify::covers(Event::ObjectCreatedPut, Event::ObjectCreatedPut));
    assert!(!notify::covers(Event::ObjectCreatedPut, Event::ObjectCreatedPost));
    assert!(!notify::covers(Event::ObjectRemovedAny, Event::ObjectCreatedPut));
    assert!(!notify::covers(Event::ObjectRestoreAny, Event::ObjectRemovedDelete));
    assert!(notify::covers(Event::LifecycleExpirationAny, Event::LifecycleExpirationDelete));
    assert!(notify::covers(Event::LifecycleTransition, Event::LifecycleTransition));
}

#[test]
fn an_arn_names_a_target_by_its_last_part() {
    assert_eq!(notify::target_of("arn:aws:sqs:us-east-1:123456789012:hook"), Some("hook"));
    assert_eq!(notify::target_of("arn:aws:sns:eu-north-1:123456789012:hook"), Some("hook"));
    assert_eq!(notify::target_of("arn:aws:lambda:us-east-1:123456789012:function:hook"), Some("hook"));
    for wrong in [
        "",
        "hook",
        "arn:aws:s3:::hook",
        "arn:hook",
        "arn:aws:sqs:hook",
        "arn:aws:sqs:us-east-1:1:",
        "a:b:sqs:c:d:e",
    ] {
        assert_eq!(notify::target_of(wrong), None, "{wrong}");
    }
}

#[test]
fn rules_are_met_by_event_and_key() {
    let targets = ["a".to_owned(), "b".to_owned()];
    let rules = rules(&[
        ("a", "s3:ObjectCreated:*", "in/"),
        ("b", "s3:ObjectCreated:Put,s3:ObjectRemoved:*", "*.jpg"),
        ("nowhere", "s3:ObjectCreated:*", ""),
        ("a", "s3:ObjectTagging:Put", "a%20b/"),
    ]);
    let met = |event, key: &str| {
        let met = notify::met(&rules, &targets, event, key.as_bytes());
        met.into_iter().map(|(target, id)| format!("{target}:{id}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(met(Event::ObjectCreatedPut, "in/x.jpg"), "a:rule-0 b:rule-1");
    assert_eq!(met(Event::ObjectCreatedCopy, "in/x.jpg"), "a:rule-0");
    assert_eq!(met(Event::ObjectRemovedDelete, "in/x.jpg"), "b:rule-1");
    assert_eq!(met(Event::ObjectRemovedDelete, "in/x.png"), "");
    assert_eq!(met(Event::ObjectCreatedPut, "out/x"), "");
    // Values of filters are percent-encoded.
    assert_eq!(met(Event::ObjectTaggingPut, "a b/c"), "a:rule-3");
    assert_eq!(met(Event::ObjectTaggingPut, "a%20b/c"), "");
    assert_eq!(notify::unknown(&rules, &targets), [(&*format!("{ARN}nowhere"), "queue")]);
}

/// Members and their form are those of the user guide's "Event message structure".
#[test]
fn the_message_is_amazons() {
    let (targets, bucket, mut map) = (["hook".to_owned()], bucket(), Map::new());
    apply(&mut map, |tx| {
        config::put(tx, &env(1), bucket.id, rules(&[("hook", "s3:ObjectCreated:*", "")])).unwrap()
    });
    let teller = Teller {
        targets: &targets,
        region: "us-west-2",
        request_id: "C3D13FE58DE4C810",
        source_ip: "127.0.0.1",
        principal: "bob",
    };
    let mut happened = Happened::without(Event::ObjectCreatedPut, Version::parse("null"));
    (happened.size, happened.etag) = (Some(1024), Some(ETag::Whole([0x11; 16])));
    let key = "a/happy face+é.jpg".as_bytes();
    apply(&mut map, |tx| {
        let place = Place { name: "amzn-s3-demo-bucket", bucket: &bucket, key };
        notify::tell(tx, &env(1_700_000_000_123), place, &teller, &happened, &|| 0x55AED6DCD90281E5).unwrap();
    });
    let found = notify::waiting(&map, "hook", 10).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].lane, [b"amzn-s3-demo-bucket/", key].concat());
    let text = "{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"awsRegion\":\"us-west-2\",\
        \"eventTime\":\"2023-11-14T22:13:20.123Z\",\"eventName\":\"ObjectCreated:Put\",\
        \"userIdentity\":{\"principalId\":\"bob\"},\"requestParameters\":{\"sourceIPAddress\":\"127.0.0.1\"},\
        \"responseElements\":{\"x-amz-request-id\":\"C3D13FE58DE4C810\",\"x-amz-id-2\":\"C3D13FE58DE4C810\"},\
        \"s3\":{\"s3SchemaVersion\":\"1.0\",\"configurationId\":\"rule-0\",\
        \"bucket\":{\"name\":\"amzn-s3-demo-bucket\",\"ownerIdentity\":{\"principalId\":\"ann\"},\
        \"arn\":\"arn:aws:s3:::amzn-s3-demo-bucket\"},\
        \"object\":{\"key\":\"a/happy+face%2B%C3%A9.jpg\",\"size\":1024,\"eTag\":\"11111111111111111111111111111111\",\
        \"versionId\":\"null\",\"sequencer\":\"55AED6DCD90281E5\"}}}]}";
    assert_eq!(String::from_utf8_lossy(&found[0].text), text);
    json::Document::read(&found[0].text).unwrap();
}

#[test]
fn a_new_configuration_is_announced_once_to_each_target() {
    let targets = ["a".to_owned(), "b".to_owned()];
    let teller = Teller { targets: &targets, request_id: "R", ..Teller::default() };
    let rules = rules(&[
        ("a", "s3:ObjectCreated:Put", ""),
        ("a", "s3:ObjectRemoved:*", ""),
        ("c", "s3:ObjectAcl:Put", ""),
    ]);
    let mut map = Map::new();
    apply(&mut map, |tx| notify::announce(tx, &env(0), "stones", &teller, &rules, &|| 1));
    assert_eq!(map.len(), 1);
    let text = &notify::waiting(&map, "a", 10).unwrap()[0].text;
    let told = "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Time\":\"1970-01-01T00:00:00.000Z\",\
        \"Bucket\":\"stones\",\"RequestId\":\"R\",\"HostId\":\"R\"}";
    assert_eq!(String::from_utf8_lossy(text), told);
}

#[test]
fn messages_wait_in_order_and_their_sequence_outlives_them() {
    let (targets, bucket, mut map) = (["hook".to_owned()], bucket(), Map::new());
    let teller = Teller { targets: &targets, ..Teller::default() };
    let next = Cell::new(254);
    let sequence = || next.replace(next.get() + 1);
    let tell = |map: &mut Map, event, key: &[u8]| {
        apply(map, |tx| {
            let place = Place { name: "b", bucket: &bucket, key };
            notify::tell(tx, &env(1), place, &teller, &Happened::without(event, None), &sequence).unwrap();
        });
    };
    tell(&mut map, Event::ObjectRemovedDelete, b"k");
    assert!(map.is_empty(), "a bucket without a configuration tells something");
    let rule = rules(&[("hook", "s3:ObjectRemoved:*", "")]);
    apply(&mut map, |tx| config::put(tx, &env(1), bucket.id, rule).unwrap());
    tell(&mut map, Event::ObjectCreatedPut, b"k");
    assert_eq!(next.get(), 254, "a number was taken for nothing");
    for key in [&b"a"[..], b"b", b"a"] {
        tell(&mut map, Event::ObjectRemovedDelete, key);
    }
    let lanes = |map: &Map, max| {
        let found = notify::waiting(map, "hook", max).unwrap();
        found
            .iter()
            .map(|message| String::from_utf8(message.lane.clone()).unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(lanes(&map, 10), "b/a b/b b/a");
    assert_eq!(lanes(&map, 2), "b/a b/b");
    let held = notify::held(&map).unwrap();
    assert_eq!((held.counts["hook"], held.last), (3, 256));
    // The last goes first; after all are gone the number is still known.
    let all: Vec<Vec<u8>> = notify::waiting(&map, "hook", 10).unwrap().into_iter().map(|m| m.at).collect();
    apply(&mut map, |tx| assert_eq!(notify::remove(tx, &all[2..]), Ok(1)));
    apply(&mut map, |tx| assert_eq!(notify::remove(tx, &all), Ok(2)));
    apply(&mut map, |tx| assert_eq!(notify::remove(tx, &all), Ok(0)));
    let held = notify::held(&map).unwrap();
    assert_eq!((held.counts.len(), held.last), (0, 256));
}

#[test]
fn keys_of_messages_are_read_as_they_were_written() {
    assert_eq!(keys::parse_event(&keys::event("hook", 77, 3)), Some(("hook", 77)));
    assert!(keys::event("hook", 255, 9) < keys::event("hook", 256, 0));
    for cut in 0..keys::event("hook", 77, 3).len() {
        assert_eq!(keys::parse_event(&keys::event("hook", 77, 3)[..cut]), None);
    }
    for (name, fits) in [("hook", true), ("a-b_C9", true), ("", false), ("a b", false), ("a\0", false)] {
        assert_eq!(notify::is_name(name), fits, "{name:?}");
    }
}
