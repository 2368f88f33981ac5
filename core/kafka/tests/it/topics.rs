//! Topics and settings: the records of a real Kafka's metadata log, rules of names, ranges of values.

use std::collections::BTreeSet;

use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::Batch;
use dolmen_kafka::configs::{self, InForce, Kind, Origin, Refusal, SetError, Static};
use dolmen_kafka::topics::{
    Alteration, Change, Defaults, NewTopic, Resource, Topics, check_name, folder, id_text, parse_folder,
    parse_id, parse_partition_metadata, partition_metadata,
};
use dolmen_kafka::wire::Uuid;

use crate::data;

const DEFAULTS: Defaults = Defaults { partition_count: 4, broker_id: 1 };

fn created(topics: &mut Topics, new: &NewTopic<'_>, id: u8) -> Result<(), ErrorCode> {
    let records = topics.decide_create(new, Uuid([id; 16]), DEFAULTS)?;
    records.iter().for_each(|record| topics.load(record).unwrap());
    Ok(())
}

fn named(name: &str) -> NewTopic<'_> {
    NewTopic { name, partition_count: 1, replication_factor: 1, ..NewTopic::default() }
}

#[test]
fn topics_and_settings_of_a_real_metadata_log() {
    for version in data::VERSIONS {
        let Some(dir) = data::folder(version) else { continue };
        let bytes = std::fs::read(dir.join("__cluster_metadata-0/00000000000000000000.log")).unwrap();
        let (mut topics, mut rest) = (Topics::new(), &bytes[..]);
        while let Ok((batch, behind)) = Batch::split(rest, 0) {
            rest = behind;
            if batch.is_control() {
                continue;
            }
            for record in batch.records(&[]).unwrap() {
                topics.load(record.value.unwrap()).unwrap();
            }
        }
        assert!(rest.is_empty() && topics.next_producer_id() >= 1000, "{version}");
        assert_eq!(topics.topic("parts").unwrap().partition_count, 3);
        assert_eq!(topics.topic("compacted").unwrap().configs["cleanup.policy"], "compact");
        assert_eq!(topics.topic("stamped").unwrap().configs["message.timestamp.type"], "LogAppendTime");
        if version == "4.4.0" {
            assert_eq!(topics.feature("transaction.version"), Some(2));
        }
        // Every folder is a partition that the log speaks of, with the same id.
        let mut folders = 0;
        for entry in std::fs::read_dir(&dir).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let Some((topic, partition)) = parse_folder(&name).filter(|(t, _)| *t != "__cluster_metadata")
            else {
                continue;
            };
            let text = std::fs::read_to_string(entry.path().join("partition.metadata")).unwrap();
            let id = parse_partition_metadata(&text).unwrap();
            assert_eq!(partition_metadata(id), text);
            assert_eq!(topics.topic_by_id(id).unwrap().name, topic);
            assert!(topics.has_partition(topic, partition));
            folders += 1;
        }
        assert!(folders > 10);
    }
}

#[test]
fn our_records_are_those_of_kafka() {
    let Some(dir) = data::folder("4.4.0") else { return };
    let bytes = std::fs::read(dir.join("__cluster_metadata-0/00000000000000000000.log")).unwrap();
    let mut theirs = BTreeSet::new();
    let mut rest = &bytes[..];
    while let Ok((batch, behind)) = Batch::split(rest, 0) {
        rest = behind;
        if !batch.is_control() {
            theirs.extend(batch.records(&[]).unwrap().map(|record| record.value.unwrap().to_vec()));
        }
    }
    let mut topics = Topics::new();
    theirs.iter().for_each(|record| topics.load(record).unwrap());
    let compacted = topics.topic("compacted").unwrap();
    let configs: Vec<(&str, Option<&str>)> =
        compacted.configs.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
    let new = NewTopic { configs: &configs, ..named("compacted") };
    let ours = Topics::new().decide_create(&new, compacted.id, DEFAULTS).unwrap();
    // The topic and its settings byte for byte; a partition's record here is of version 0, without directories.
    let same = ours.iter().filter(|record| theirs.contains(*record)).count();
    assert_eq!((same, ours.len()), (1 + configs.len(), 2 + configs.len()));
}

#[test]
fn names_of_topics() {
    for right in ["a", "A.b_c-9", "__consumer_offsets", &"x".repeat(249), "..."] {
        assert_eq!(check_name(right), Ok(()), "{right}");
    }
    for wrong in ["", ".", "..", "a b", "a/b", "ä", "a\0", &"x".repeat(250)] {
        assert_eq!(check_name(wrong), Err(ErrorCode::INVALID_TOPIC_EXCEPTION), "{wrong}");
    }
}

#[test]
fn names_of_folders() {
    assert_eq!(folder("a-b", 12), "a-b-12");
    assert_eq!(parse_folder("a-b-12"), Some(("a-b", 12)));
    for none in ["a", "a-", "-1", "a-01", "a-+1", "a--1", "a-99999999999", "a.b-0.deleted-delete", "a b-0"] {
        assert!(parse_folder(none).is_none() || none == "a--1", "{none}");
    }
}

#[test]
fn ids_as_kafka_prints_them() {
    let id = parse_id("idgZTqdbQ8OHTK0zTLSpTQ").unwrap();
    assert_eq!(format!("{id:?}"), "89d8194ea75b43c3874cad334cb4a94d");
    for bits in [0u128, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
        let id = Uuid(bits.to_be_bytes());
        assert_eq!(parse_id(&id_text(id)), Some(id));
    }
    for wrong in [
        "",
        "idgZTqdbQ8OHTK0zTLSpT",
        "idgZTqdbQ8OHTK0zTLSpTR",
        "idgZTqdbQ8OHTK0zTLSp==",
        "idgZTqdbQ8OHTK0zTLSpTQQ",
    ] {
        assert_eq!(parse_id(wrong), None, "{wrong}");
    }
}

#[test]
fn creating_a_topic() {
    let mut topics = Topics::new();
    let create = |topics: &mut Topics, new: NewTopic<'_>, id| created(topics, &new, id);
    assert_eq!(create(&mut topics, named("a.b"), 1), Ok(()));
    assert_eq!(create(&mut topics, named("a.b"), 2), Err(ErrorCode::TOPIC_ALREADY_EXISTS));
    // Their metrics would have one name.
    assert_eq!(create(&mut topics, named("a_b"), 2), Err(ErrorCode::INVALID_TOPIC_EXCEPTION));
    let counts =
        |partition_count, replication_factor| NewTopic { partition_count, replication_factor, ..named("c") };
    assert_eq!(create(&mut topics, counts(0, 1), 2), Err(ErrorCode::INVALID_PARTITIONS));
    assert_eq!(create(&mut topics, counts(-2, 1), 2), Err(ErrorCode::INVALID_PARTITIONS));
    assert_eq!(create(&mut topics, counts(1_000_000, 1), 2), Err(ErrorCode::POLICY_VIOLATION));
    assert_eq!(create(&mut topics, counts(1, 0), 2), Err(ErrorCode::INVALID_REPLICATION_FACTOR));
    assert_eq!(create(&mut topics, counts(1, 3), 2), Err(ErrorCode::INVALID_REPLICATION_FACTOR));
    for wrong in [("nonsense", Some("1")), ("cleanup.policy", Some("shred")), ("retention.ms", Some("-2"))] {
        assert_eq!(
            create(&mut topics, NewTopic { configs: &[wrong], ..named("c") }, 2),
            Err(ErrorCode::INVALID_CONFIG),
            "{wrong:?}"
        );
    }
    assert_eq!(create(&mut topics, counts(-1, -1), 2), Ok(()));
    assert_eq!(topics.topic("c").unwrap().partition_count, 4);
    let given = [("retention.ms", Some("5")), ("segment.ms", None)];
    let assignments: [(i32, &[i32]); 2] = [(1, &[1]), (0, &[1])];
    let new = NewTopic {
        name: "d",
        partition_count: -1,
        replication_factor: -1,
        assignments: &assignments,
        configs: &given,
    };
    assert_eq!(create(&mut topics, new, 3), Ok(()));
    let topic = topics.topic("d").unwrap();
    assert_eq!((topic.partition_count, topic.configs.len()), (2, 1));
    for wrong in [[(0, &[1][..]), (2, &[1])], [(0, &[2]), (1, &[1])], [(0, &[1, 2]), (1, &[1])]] {
        let new = NewTopic { assignments: &wrong, name: "e", ..new };
        assert_eq!(create(&mut topics, new, 4), Err(ErrorCode::INVALID_REPLICA_ASSIGNMENT));
    }
    let both = NewTopic { name: "e", partition_count: 2, ..new };
    assert_eq!(create(&mut topics, both, 4), Err(ErrorCode::INVALID_REQUEST));
}

#[test]
fn growing_and_deleting_a_topic() {
    let mut topics = Topics::new();
    created(&mut topics, &named("t"), 7).unwrap();
    let grow = |topics: &Topics, name, count, given: Option<&[&[i32]]>| {
        topics.decide_grow(name, count, given, DEFAULTS)
    };
    assert_eq!(grow(&topics, "u", 3, None), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(grow(&topics, "t", 1, None), Err(ErrorCode::INVALID_PARTITIONS));
    assert_eq!(grow(&topics, "t", 0, None), Err(ErrorCode::INVALID_PARTITIONS));
    assert_eq!(grow(&topics, "t", 20_000, None), Err(ErrorCode::POLICY_VIOLATION));
    assert_eq!(grow(&topics, "t", 3, Some(&[&[1]])), Err(ErrorCode::INVALID_REPLICA_ASSIGNMENT));
    assert_eq!(grow(&topics, "t", 2, Some(&[&[9]])), Err(ErrorCode::INVALID_REPLICA_ASSIGNMENT));
    for record in grow(&topics, "t", 3, Some(&[&[1], &[1]])).unwrap() {
        topics.load(&record).unwrap();
    }
    assert!(topics.has_partition("t", 2) && !topics.has_partition("t", 3) && !topics.has_partition("t", -1));
    let version = topics.version();
    assert_eq!(topics.decide_delete("u"), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    topics.decide_delete("t").unwrap().iter().for_each(|record| topics.load(record).unwrap());
    assert!(topics.is_empty() && topics.version() > version && topics.topic_by_id(Uuid([7; 16])).is_none());
    // Its name is free, also for one that differs by a dot.
    assert_eq!(created(&mut topics, &named("t"), 8), Ok(()));
}

#[test]
fn folders_without_a_record_are_topics() {
    let mut topics = Topics::new();
    topics.found("old", Some(Uuid([3; 16])), 2);
    topics.found("old", None, 0);
    topics.found("bare", None, 0);
    assert_eq!(topics.topic("old").unwrap().partition_count, 3);
    assert_eq!(topics.topic_by_id(Uuid([3; 16])).unwrap().name, "old");
    let bare = topics.topic("bare").unwrap().id;
    let mut again = Topics::new();
    again.found("bare", None, 0);
    assert_eq!(again.topic("bare").unwrap().id, bare);
}

/// Sets these, or takes them away.
fn altered(
    topics: &Topics,
    of: Resource<'_>,
    changes: &[(&str, Option<&str>)],
    is_all: bool,
    started_with: &Static,
) -> Result<Vec<Vec<u8>>, Refusal> {
    let change = |(name, value): &(&str, Option<&str>)| Alteration {
        name: (*name).into(),
        operation: Some(if value.is_some() { Change::Set } else { Change::Delete }),
        value: value.map(str::to_owned),
    };
    let changes: Vec<_> = changes.iter().map(change).collect();
    topics.decide_alter(of, &changes, is_all, InForce::broker(started_with, topics.broker_configs()))
}

#[test]
fn settings_are_changed_all_or_none_and_refused_in_words() {
    let started = Static::new();
    let mut topics = Topics::new();
    created(&mut topics, &named("t"), 1).unwrap();
    let t = Resource::Topic("t");
    let mut change = |of: Resource<'_>, name: &str, code: i8, value: Option<&str>, is_all| {
        let broker = InForce::broker(&started, topics.broker_configs());
        let one = Alteration {
            name: name.into(),
            operation: Change::from_code(code),
            value: value.map(str::to_owned),
        };
        let first =
            Alteration { name: "flush.ms".into(), operation: Some(Change::Set), value: Some("7".into()) };
        let both = if of == t { vec![first, one] } else { vec![one] };
        let records = topics.decide_alter(of, &both, is_all, broker).map_err(|refusal| refusal.why)?;
        records.iter().for_each(|record| topics.load(record).unwrap());
        Ok::<_, String>(topics.topic("t").unwrap().configs.clone())
    };
    let mut refused = |of, name: &str, code, value| change(of, name, code, value, false).unwrap_err();
    assert_eq!(refused(t, "nix", 0, Some("1")), "nix is no setting of a topic here.");
    assert_eq!(refused(Resource::Broker, "nix", 0, Some("1")), "nix is no setting of the broker here.");
    assert_eq!(refused(Resource::Group("g"), "nix", 0, Some("1")), "nix is no setting of a group here.");
    assert_eq!(
        refused(Resource::Broker, "num.partitions", 0, Some("1")),
        "num.partitions is fixed when the broker starts; set it there."
    );
    assert_eq!(
        refused(t, "segment.ms", 0, Some("0")),
        "segment.ms is a number from 1 to 9223372036854775807, not \"0\"."
    );
    assert_eq!(
        refused(t, "cleanup.policy", 2, Some("x,compact")),
        "cleanup.policy is words of compact, delete, with commas between, not \"delete,x,compact\"."
    );
    assert_eq!(refused(t, "preallocate", 0, Some("yes")), "preallocate is true or false, not \"yes\".");
    assert_eq!(
        refused(t, "min.cleanable.dirty.ratio", 0, Some("2")),
        "min.cleanable.dirty.ratio is a number from 0.0 to 1.0, not \"2\"."
    );
    assert_eq!(
        refused(t, "message.timestamp.type", 0, Some("\n")),
        "message.timestamp.type is one of CreateTime, LogAppendTime, not \"\\n\"."
    );
    assert_eq!(refused(t, "segment.ms", 2, Some("5")), "segment.ms is no list: it can be set, no more.");
    assert_eq!(
        refused(t, "cleanup.policy", 4, Some("5")),
        "cleanup.policy: there are operations 0 to 3, no others."
    );
    assert_eq!(refused(t, "preallocate", 0, None), "preallocate: a value is needed, true or false.");
    assert_eq!(
        refused(Resource::Topic("u"), "segment.ms", 0, Some("5")),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.about()
    );
    assert!(refused(t, "nix", 0, Some(&"1".repeat(9999))).len() < 200);
    // Nothing of what was refused has been set, the first of the two neither.
    let mut after = |name, code, value, is_all| {
        let configs = change(t, name, code, Some(value), is_all).unwrap();
        configs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(
        after("cleanup.policy", 2, "compact,delete", false),
        ["cleanup.policy=delete,compact", "flush.ms=7"]
    );
    assert_eq!(after("cleanup.policy", 3, "delete, x", false), ["cleanup.policy=compact", "flush.ms=7"]);
    assert_eq!(after("segment.ms", 0, "5", true), ["flush.ms=7", "segment.ms=5"], "the rest is gone");
    assert_eq!(after("segment.ms", 1, "", true), ["flush.ms=7"]);
}

#[test]
fn settings_of_a_topic_and_of_the_broker_in_their_order() {
    let mut started = Static::new();
    assert_eq!(started.set("nonsense", "1"), Err(SetError::Unknown));
    assert_eq!(started.set("num.partitions", "0"), Err(SetError::Value));
    assert_eq!(started.set("log.retention.ms", "1000"), Ok(()));
    assert_eq!(started.set("num.partitions", " 7 "), Ok(()));
    let mut topics = Topics::new();
    created(&mut topics, &named("t"), 1).unwrap();
    let get = |topics: &Topics, name: &str| {
        let broker = InForce::broker(&started, topics.broker_configs());
        broker.topic(&topics.topic("t").unwrap().configs).get(name).map(str::to_owned)
    };
    assert_eq!(get(&topics, "retention.ms").as_deref(), Some("1000"));
    assert_eq!(get(&topics, "max.message.bytes").as_deref(), Some("1048588"));
    let set = |topics: &mut Topics, of: Resource<'_>, name: &str, value: Option<&str>| {
        let records =
            altered(topics, of, &[(name, value)], false, &started).map_err(|refusal| refusal.code)?;
        records.iter().for_each(|record| topics.load(record).unwrap());
        Ok::<(), ErrorCode>(())
    };
    set(&mut topics, Resource::Broker, "log.retention.ms", Some("2000")).unwrap();
    assert_eq!(get(&topics, "retention.ms").as_deref(), Some("2000"));
    set(&mut topics, Resource::Topic("t"), "retention.ms", Some("3000")).unwrap();
    assert_eq!(get(&topics, "retention.ms").as_deref(), Some("3000"));
    let broker = InForce::broker(&started, topics.broker_configs());
    let origins: Vec<Origin> = broker
        .topic(&topics.topic("t").unwrap().configs)
        .values(configs::topic("retention.ms").unwrap())
        .map(|value| value.origin)
        .collect();
    assert_eq!(origins, [Origin::Topic, Origin::DynamicBroker, Origin::StaticBroker, Origin::Default]);
    assert_eq!((broker.int("num.partitions"), broker.is_on("auto.create.topics.enable")), (7, true));
    set(&mut topics, Resource::Topic("t"), "retention.ms", None).unwrap();
    assert_eq!(get(&topics, "retention.ms").as_deref(), Some("2000"));
    let refused =
        |topics: &mut Topics, of, name: &str, value| set(topics, of, name, Some(value)).unwrap_err();
    assert_eq!(
        refused(&mut topics, Resource::Topic("u"), "retention.ms", "1"),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    assert_eq!(refused(&mut topics, Resource::Topic("t"), "retention.ms", "x"), ErrorCode::INVALID_CONFIG);
    assert_eq!(refused(&mut topics, Resource::Topic("t"), "num.partitions", "1"), ErrorCode::INVALID_CONFIG);
    assert_eq!(refused(&mut topics, Resource::Broker, "num.partitions", "9"), ErrorCode::INVALID_REQUEST);
}

#[test]
fn every_default_is_a_value_and_every_synonym_a_setting() {
    let mut names = BTreeSet::new();
    for setting in configs::BROKER.iter().chain(configs::TOPIC) {
        if let Some(default) = setting.default.filter(|default| !default.is_empty()) {
            assert_eq!(setting.check(default), Ok(()), "{}", setting.name);
        }
        let synonym = configs::broker(setting.synonym);
        assert!(
            setting.synonym.is_empty() || synonym.is_some_and(|s| s.kind == setting.kind),
            "{}",
            setting.name
        );
        assert!(!setting.about.is_empty());
    }
    for setting in configs::BROKER {
        assert!(names.insert(setting.name), "{} stands twice", setting.name);
    }
    let kinds = [
        Kind::Bool,
        Kind::Text,
        Kind::Int(0, 1),
        Kind::Short(0, 1),
        Kind::Long(0, 1),
        Kind::Double(0.0, 1.0),
        Kind::List(&[]),
    ];
    assert_eq!(kinds.map(Kind::code), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn ranges_of_values() {
    let check = |name: &str, value: &str| configs::topic(name).unwrap().check(value).is_ok();
    for (name, right, wrong) in [
        ("cleanup.policy", "compact, delete", "compact,shred"),
        ("compression.type", "zstd", "brotli"),
        ("min.cleanable.dirty.ratio", "0.25", "1.5"),
        ("segment.bytes", "1048576", "1048575"),
        ("preallocate", "false", "no"),
        ("max.message.bytes", "0", "2147483648"),
        ("retention.ms", "-1", ""),
    ] {
        assert!(check(name, right) && !check(name, wrong), "{name}");
    }
}

#[test]
fn producer_ids_are_never_given_twice() {
    let mut topics = Topics::new();
    let mut next = 0;
    for count in [1000, 5, 1] {
        let (first, record) = topics.decide_producer_ids(count, 1).unwrap();
        assert_eq!(first, next);
        topics.load(&record).unwrap();
        next += i64::from(count);
    }
    assert_eq!(topics.next_producer_id(), 1006);
    let record = topics.decide_feature("transaction.version", 1).unwrap();
    topics.load(&record).unwrap();
    assert_eq!(topics.feature("transaction.version"), Some(1));
}

#[test]
fn damaged_records_are_refused() {
    let mut topics = Topics::new();
    let good = topics.decide_create(&named("t"), Uuid([1; 16]), DEFAULTS).unwrap();
    for record in &good {
        for cut in 0..record.len() {
            assert!(topics.load(&record[..cut]).is_err(), "{cut}");
        }
    }
    assert!(topics.load(&[2, 2, 0]).is_err());
    // A kind that nothing is kept of.
    assert_eq!(topics.load(&[1, 20, 0, 0]), Ok(()));
    assert!(topics.is_empty());
}

/// The bounds are Kafka's: a session of 45 to 60 seconds, an interval of 5 to 15.
#[test]
fn groups_have_settings_of_their_own_within_the_brokers_bounds() {
    let started_with = Static::new();
    let mut topics = Topics::new();
    let set = |topics: &mut Topics, group: &str, changes: &[(&str, Option<&str>)]| {
        let of = Resource::Group(group);
        let records = altered(topics, of, changes, false, &started_with).map_err(|refusal| refusal.code)?;
        records.iter().for_each(|record| topics.load(record).unwrap());
        Ok::<_, ErrorCode>(())
    };
    let (session, interval) = ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms");
    for wrong in [
        &[(session, Some("44999"))][..],
        &[(session, Some("60001"))],
        &[(session, Some("x"))],
        &[(interval, Some("4999"))],
        &[(interval, Some("15001"))],
        &[(session, Some("50000")), (interval, Some("0"))],
        &[("share.session.timeout.ms", Some("50000"))],
        &[("retention.ms", Some("50000"))],
    ] {
        assert_eq!(set(&mut topics, "g", wrong), Err(ErrorCode::INVALID_CONFIG), "{wrong:?}");
    }
    assert_eq!(set(&mut topics, "", &[(session, Some("50000"))]), Err(ErrorCode::INVALID_REQUEST));
    assert_eq!(topics.groups_set().count(), 0);
    set(&mut topics, "g", &[(session, Some("50000")), (interval, Some("6000"))]).unwrap();
    set(&mut topics, "h", &[(interval, Some("7000"))]).unwrap();
    let broker = InForce::broker(&started_with, topics.broker_configs());
    let force = broker.group(topics.group_configs("g"));
    let values: Vec<_> =
        force.values(configs::group(session).unwrap()).map(|value| (value.value, value.origin)).collect();
    assert_eq!(values, [(Some("50000"), Origin::Group), (Some("45000"), Origin::Default)]);
    assert_eq!(broker.group(topics.group_configs("other")).int(interval), 5000);
    let mut again = Topics::new();
    topics.snapshot(1).unwrap().iter().for_each(|record| again.load(record).unwrap());
    assert_eq!(again.group_configs("g"), topics.group_configs("g"));
    set(&mut topics, "g", &[(session, None), (interval, None)]).unwrap();
    assert_eq!(topics.groups_set().collect::<Vec<_>>(), ["h"]);
    // A broker whose bounds let the interval be as long as the session.
    let mut wide = Static::new();
    wide.set("group.consumer.max.heartbeat.interval.ms", "90000").unwrap();
    let refused =
        altered(&topics, Resource::Group("g"), &[(interval, Some("45000"))], false, &wide).unwrap_err();
    assert_eq!(
        refused.why,
        "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms."
    );
    // Bounds are of the broker that started with them.
    let refused = altered(&topics, Resource::Group("g"), &[(session, Some("50"))], false, &wide).unwrap_err();
    assert_eq!(refused.why, "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.");
}
