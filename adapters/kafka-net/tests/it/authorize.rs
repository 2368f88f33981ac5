//! With an authorizer: who may not is told so by every API in every version, as Kafka tells it, and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use dolmen_kafka::acl::{AUTHORIZER, ResourceType};
use dolmen_kafka::messages::create_acls_request::AclCreation;
use dolmen_kafka::messages::*;
use dolmen_kafka::wire::{List, Message, Uuid};
use dolmen_kafka_net::Settings;

use crate::client::{Client, Running, batch};

/// A broker with an authorizer, its super user `root`, and users without rules.
pub fn broker(dir: &Path) -> Running {
    let given = [
        ("authorizer.class.name", AUTHORIZER),
        ("super.users", "User:root"),
        ("sasl.enabled.mechanisms", "PLAIN"),
        ("group.initial.rebalance.delay.ms", "0"),
    ];
    let mut settings = Settings::new(&given).unwrap();
    settings.users = ["root", "plain", "other"].map(|name| (name.to_owned(), "oak".to_owned())).to_vec();
    Running::start(dir, settings)
}

/// A client that has said who it is.
pub fn client(broker: &Running, user: &str) -> Client {
    let mut client = broker.client();
    client.ask(&SaslHandshakeRequest { mechanism: "PLAIN" }, 1).unwrap();
    let token = format!("\0{user}\0oak");
    let request = SaslAuthenticateRequest { auth_bytes: token.as_bytes(), ..Default::default() };
    let body = client.ask(&request, 2).unwrap();
    assert_eq!(SaslAuthenticateResponse::decode(&body, 2).unwrap().error_code, 0);
    client
}

/// Makes a rule: `TYPE PATTERN NAME USER OPERATION`, that allows it.
pub fn allow(root: &mut Client, (kind, pattern, name, user, operation): (i8, i8, &str, &str, i8)) {
    let principal = format!("User:{user}");
    let rule = AclCreation {
        resource_type: kind,
        resource_name: name,
        resource_pattern_type: pattern,
        principal: &principal,
        host: "*",
        operation,
        permission_type: 3,
        ..Default::default()
    };
    let rules = [rule];
    let body =
        root.ask(&CreateAclsRequest { creations: (&rules[..]).into(), ..Default::default() }, 3).unwrap();
    let response = CreateAclsResponse::decode(&body, 3).unwrap();
    assert!(response.results.iter().all(|one| one.error_code == 0));
}

/// One element as a list.
fn list<T>(one: T) -> List<'static, T>
where
    T: Clone + 'static,
{
    List::from(vec![one])
}

/// Asks and reads the answer.
macro_rules! ask {
    ($client:expr, $version:expr, $request:expr => $response:ident, $read:expr) => {{
        let body = $client.ask(&$request, $version).expect("an answer");
        let response = $response::decode(&body, $version).unwrap();
        #[allow(clippy::redundant_closure_call)]
        ($read)(response)
    }};
}

mod table;

/// What was there before: a topic, a group, a transactional id.
struct Fixture {
    topic_id: Uuid,
    batch: Vec<u8>,
    transactional: Vec<u8>,
}

const TOPIC: i16 = 29;
const GROUP: i16 = 30;
const CLUSTER: i16 = 31;
const TRANSACTIONAL_ID: i16 = 53;

/// Every file below a folder.
fn files(dir: &Path, out: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, out);
        } else {
            out.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn who_may_not_is_told_so_by_every_api_in_every_version_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    let mut root = client(&broker, "root");
    root.make_topic("t");
    assert_eq!(root.produce("t", None, &batch(&["oak"], None, false)).0, 0);
    let producer = root.init(Some("x"));
    assert_eq!(root.add("x", producer, "t"), 0);
    let fixture = Fixture {
        topic_id: {
            let body = root.ask(&MetadataRequest { topics: None, ..Default::default() }, 12).unwrap();
            MetadataResponse::decode(&body, 12)
                .unwrap()
                .topics
                .iter()
                .find(|topic| topic.name == Some("t"))
                .unwrap()
                .topic_id
        },
        batch: batch(&["elm"], None, false),
        transactional: batch(&["elm"], Some((producer, 0)), true),
    };
    let looks = |dir: &Path| {
        let mut all = BTreeMap::new();
        files(dir, &mut all);
        all
    };
    let before = looks(dir.path());
    let mut plain = client(&broker, "plain");
    let mut asked = 0;
    for api in APIS {
        let high = if api.key == 22 { 5 } else { api.high };
        for version in api.low..=high {
            let (codes, expected) = table::told(&mut plain, &fixture, api.key, version);
            assert_eq!(codes, expected, "{} {version}", api.name);
            asked += codes.len();
        }
    }
    assert!(asked > 250, "{asked}");
    let after = looks(dir.path());
    let changed: Vec<_> =
        before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "{changed:?}");
    // The transaction goes on.
    assert_eq!(root.end("x", producer, false), 0);
    broker.stop();
}

#[test]
fn what_a_rule_allows_goes_through_and_the_rest_of_the_request_does_not() {
    const TOPICS: i8 = 2;
    const GROUPS: i8 = 3;
    const IDS: i8 = 5;
    let (read, write, create, delete, describe) = (3, 4, 5, 6, 8);
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    let mut root = client(&broker, "root");
    for name in ["mine", "theirs"] {
        root.make_topic(name);
        assert_eq!(root.produce(name, None, &batch(&["oak"], None, false)).0, 0);
    }
    let mut plain = client(&broker, "plain");
    allow(&mut root, (TOPICS, 4, "mi", "plain", write));
    assert_eq!(plain.produce("mine", None, &batch(&["elm"], None, false)), (0, 1));
    assert_eq!(plain.produce("theirs", None, &batch(&["elm"], None, false)).0, TOPIC);
    // Write is Describe, not Read. And without a transactional id, one topic that may be written is enough for a producer id.
    assert_eq!(plain.fetch("mine", 0, false).error, TOPIC);
    let producer = plain.init(None);
    assert_eq!(plain.produce("mine", None, &batch(&["ash"], Some((producer, 0)), false)), (0, 2));
    // Nothing is produced without an answer: the connection says it.
    allow(&mut root, (TOPICS, 3, "mine", "plain", read));
    let got = plain.fetch("mine", 0, false);
    assert_eq!(got.values().len(), 3);

    // Offsets: the group, and of its topics one.
    allow(&mut root, (GROUPS, 3, "g", "plain", read));
    let commit = |client: &mut Client, group: &'static str| {
        use offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
        let partition = OffsetCommitRequestPartition {
            committed_offset: 1,
            committed_leader_epoch: -1,
            committed_metadata: Some(""),
            ..Default::default()
        };
        let topics = ["mine", "theirs", "absent"].map(|name| OffsetCommitRequestTopic {
            name,
            partitions: list(partition.clone()),
            ..Default::default()
        });
        let request = OffsetCommitRequest {
            group_id: group,
            generation_id_or_member_epoch: -1,
            topics: (&topics[..]).into(),
            ..Default::default()
        };
        ask!(client, 8, request => OffsetCommitResponse, |response: OffsetCommitResponse<'_>| {
            response.topics.iter().map(|topic| (topic.name.to_owned(), topic.partitions.first().unwrap().error_code)).collect::<BTreeMap<_, _>>()
        })
    };
    let codes = |mine, theirs, absent| {
        [("mine", mine), ("theirs", theirs), ("absent", absent)]
            .map(|(name, code)| (name.to_owned(), code))
            .into()
    };
    assert_eq!(commit(&mut plain, "g"), codes(0, TOPIC, TOPIC));
    assert_eq!(commit(&mut plain, "h"), codes(GROUP, GROUP, GROUP));
    assert_eq!(commit(&mut root, "g"), codes(0, 0, 3));
    let fetch = |client: &mut Client, topics: Option<&[&'static str]>| {
        use offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
        let topics = topics.map(|names| {
            names
                .iter()
                .map(|name| OffsetFetchRequestTopics {
                    name,
                    partition_indexes: list(0),
                    ..Default::default()
                })
                .collect()
        });
        let groups = ["h", "g"].map(|group_id| OffsetFetchRequestGroup {
            group_id,
            member_epoch: -1,
            topics: topics.clone(),
            ..Default::default()
        });
        let request = OffsetFetchRequest { groups: (&groups[..]).into(), ..Default::default() };
        ask!(client, 8, request => OffsetFetchResponse, |response: OffsetFetchResponse<'_>| {
            response.groups.iter().map(|group| {
                let topics = group.topics.iter().map(|topic| {
                    let one = topic.partitions.first().unwrap();
                    (topic.name.to_owned(), one.error_code, one.committed_offset)
                });
                (group.group_id.to_owned(), group.error_code, topics.collect::<Vec<_>>())
            }).collect::<Vec<_>>()
        })
    };
    let topic = |name: &str, code, offset| (name.to_owned(), code, offset);
    let of_h = ("h".to_owned(), GROUP, vec![]);
    assert_eq!(
        fetch(&mut plain, Some(&["theirs", "mine"])),
        [of_h.clone(), ("g".into(), 0, vec![topic("mine", 0, 1), topic("theirs", TOPIC, -1)])]
    );
    assert_eq!(fetch(&mut plain, None), [of_h, ("g".into(), 0, vec![topic("mine", 0, 1)])]);
    let groups = |client: &mut Client| ask!(client, 4, ListGroupsRequest::default() => ListGroupsResponse, |response: ListGroupsResponse<'_>| response.groups.len());
    commit(&mut root, "h");
    assert_eq!((groups(&mut root), groups(&mut plain)), (2, 1));

    // Topics: all that may be described, and what may be done with each.
    let metadata = |client: &mut Client, names: Option<&[&'static str]>| {
        let topics = names.map(|names| {
            names
                .iter()
                .map(|name| metadata_request::MetadataRequestTopic { name: Some(name), ..Default::default() })
                .collect()
        });
        let request = MetadataRequest {
            topics,
            allow_auto_topic_creation: true,
            include_topic_authorized_operations: true,
            ..Default::default()
        };
        ask!(client, 12, request => MetadataResponse, |response: MetadataResponse<'_>| {
            response.topics.iter().map(|topic| (topic.name.unwrap().to_owned(), topic.error_code, topic.topic_authorized_operations)).collect::<Vec<_>>()
        })
    };
    let mine = ("mine".to_owned(), 0, 1 << read | 1 << write | 1 << describe);
    assert_eq!(metadata(&mut plain, None), std::slice::from_ref(&mine));
    let refused = |name: &str| (name.to_owned(), TOPIC, i32::MIN);
    assert_eq!(
        metadata(&mut plain, Some(&["theirs", "mine", "mist"])),
        [refused("theirs"), mine.clone(), refused("mist")]
    );
    // To make a topic takes Create, of the topic or of the cluster.
    allow(&mut root, (TOPICS, 4, "mist", "plain", create));
    let made = ("mist".to_owned(), 0, 1 << write | 1 << create | 1 << describe);
    assert_eq!(
        metadata(&mut plain, Some(&["mist", "misty"])),
        [made.clone(), ("misty".to_owned(), 0, made.2)]
    );
    let new = |client: &mut Client, name: &'static str| {
        let topic = create_topics_request::CreatableTopic {
            name,
            num_partitions: 2,
            replication_factor: 1,
            ..Default::default()
        };
        ask!(client, 7, CreateTopicsRequest { topics: list(topic), ..Default::default() } => CreateTopicsResponse, |response: CreateTopicsResponse<'_>| {
            let one = response.topics.first().unwrap();
            (one.error_code, one.num_partitions, one.topic_config_error_code)
        })
    };
    // Its settings are not told to who may not describe them.
    assert_eq!(new(&mut plain, "mistle"), (0, -1, TOPIC));
    assert_eq!(new(&mut root, "other"), (0, 2, 0));
    assert_eq!(new(&mut plain, "another").0, TOPIC);

    // A name that may be described and not deleted.
    let gone = |client: &mut Client, name: &'static str| {
        let topic = delete_topics_request::DeleteTopicState { name: Some(name), ..Default::default() };
        ask!(client, 6, DeleteTopicsRequest { topics: list(topic), ..Default::default() } => DeleteTopicsResponse, |response: DeleteTopicsResponse<'_>| response.responses.first().unwrap().error_code)
    };
    assert_eq!(
        [gone(&mut plain, "mine"), gone(&mut plain, "mi-absent"), gone(&mut plain, "absent")],
        [TOPIC, 3, TOPIC]
    );
    allow(&mut root, (TOPICS, 3, "mist", "plain", delete));
    assert_eq!(gone(&mut plain, "mist"), 0);

    // A transaction: its id, its topics, its group.
    allow(&mut root, (IDS, 3, "x", "plain", write));
    let producer = plain.init(Some("x"));
    assert_eq!(plain.add("x", producer, "mine"), 0);
    assert_eq!(plain.add("x", producer, "theirs"), TOPIC);
    assert_eq!(plain.add("x", producer, "__consumer_offsets"), TOPIC);
    assert_eq!(plain.produce("mine", Some("x"), &batch(&["yew"], Some((producer, 0)), true)).0, 0);
    let offsets = |client: &mut Client, group: &'static str| {
        let request = AddOffsetsToTxnRequest {
            transactional_id: "x",
            producer_id: producer.0,
            producer_epoch: producer.1,
            group_id: group,
            ..Default::default()
        };
        ask!(client, 3, request => AddOffsetsToTxnResponse, |response: AddOffsetsToTxnResponse<'_>| response.error_code)
    };
    assert_eq!([offsets(&mut plain, "h"), offsets(&mut plain, "g")], [GROUP, 0]);
    let commit_in = |client: &mut Client, group: &'static str| {
        use txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic};
        let partition = TxnOffsetCommitRequestPartition {
            committed_offset: 4,
            committed_leader_epoch: -1,
            committed_metadata: Some(""),
            ..Default::default()
        };
        let topics = ["theirs", "mine"].map(|name| TxnOffsetCommitRequestTopic {
            name,
            partitions: list(partition.clone()),
            ..Default::default()
        });
        let request = TxnOffsetCommitRequest {
            transactional_id: "x",
            group_id: group,
            producer_id: producer.0,
            producer_epoch: producer.1,
            generation_id_or_member_epoch: -1,
            topics: (&topics[..]).into(),
            ..Default::default()
        };
        ask!(client, 3, request => TxnOffsetCommitResponse, |response: TxnOffsetCommitResponse<'_>| {
            response.topics.iter().map(|topic| (topic.name.to_owned(), topic.partitions.first().unwrap().error_code)).collect::<BTreeMap<_, _>>()
        })
    };
    let both = |theirs, mine| BTreeMap::from([("theirs".to_owned(), theirs), ("mine".to_owned(), mine)]);
    assert_eq!(commit_in(&mut plain, "h"), both(GROUP, GROUP));
    assert_eq!(commit_in(&mut plain, "g"), both(TOPIC, 0));
    assert_eq!(plain.end("x", producer, true), 0);
    let committed = [topic("mine", 0, 4), topic("theirs", 0, 1)];
    // Until the marker is written.
    for _ in 0..1000 {
        if fetch(&mut root, Some(&["mine", "theirs"]))[1].2 == committed {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(fetch(&mut root, Some(&["mine", "theirs"]))[1].2, committed);

    // What one may do with a group.
    let operations = |client: &mut Client| {
        let request = DescribeGroupsRequest {
            groups: list("g"),
            include_authorized_operations: true,
            ..Default::default()
        };
        ask!(client, 5, request => DescribeGroupsResponse, |response: DescribeGroupsResponse<'_>| response.groups.first().unwrap().authorized_operations)
    };
    assert_eq!(
        (operations(&mut root), operations(&mut plain)),
        (ResourceType::Group.operation_bits(), 1 << read | 1 << describe)
    );
    // Another user has nothing of all this.
    let mut other = client(&broker, "other");
    assert_eq!(other.produce("mine", None, &batch(&["elm"], None, false)).0, TOPIC);
    assert_eq!(metadata(&mut other, None), []);
    broker.stop();
}

#[test]
fn a_refused_batch_without_an_answer_costs_the_connection() {
    use produce_request::{PartitionProduceData, TopicProduceData};
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    let mut root = client(&broker, "root");
    root.make_topic("t");
    let mut plain = client(&broker, "plain");
    let records = batch(&["elm"], None, false);
    let partition = PartitionProduceData { records: Some(&records), ..Default::default() };
    let partitions = [partition];
    let topics =
        [TopicProduceData { name: "t", partition_data: (&partitions[..]).into(), ..Default::default() }];
    let request = ProduceRequest { acks: 0, topic_data: (&topics[..]).into(), ..Default::default() };
    assert_eq!(plain.ask(&request, 9), None);
    assert!(root.fetch("t", 0, false).bytes.is_empty());
    broker.stop();
}

#[test]
fn members_of_the_newer_groups_read_what_they_may_describe() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    let mut root = client(&broker, "root");
    root.make_topic("mine");
    root.make_topic("theirs");
    allow(&mut root, (3, 3, "n", "plain", 3));
    allow(&mut root, (2, 3, "mine", "plain", 3));
    let mut plain = client(&broker, "plain");
    let beat = |client: &mut Client, member: &'static str, names: &[&'static str]| {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "n",
            member_id: member,
            rebalance_timeout_ms: 1000,
            subscribed_topic_names: Some(names.iter().copied().collect()),
            topic_partitions: Some(List::default()),
            ..Default::default()
        };
        ask!(client, 1, request => ConsumerGroupHeartbeatResponse, |response: ConsumerGroupHeartbeatResponse<'_>| response.error_code)
    };
    assert_eq!(beat(&mut plain, "a", &["mine", "theirs"]), TOPIC);
    assert_eq!(beat(&mut plain, "a", &["mine"]), 0);
    let describe = |client: &mut Client| {
        let request = ConsumerGroupDescribeRequest {
            group_ids: list("n"),
            include_authorized_operations: true,
            ..Default::default()
        };
        ask!(client, 1, request => ConsumerGroupDescribeResponse, |response: ConsumerGroupDescribeResponse<'_>| {
            let group = response.groups.first().unwrap();
            (group.error_code, group.error_message.is_some(), group.members.len(), group.authorized_operations)
        })
    };
    assert_eq!(describe(&mut plain), (0, false, 1, 1 << 3 | 1 << 8));
    // Another member reads what this user may not know of.
    assert_eq!(beat(&mut root, "b", &["theirs"]), 0);
    assert_eq!(describe(&mut plain), (TOPIC, true, 0, i32::MIN));
    assert_eq!(describe(&mut root), (0, false, 2, ResourceType::Group.operation_bits()));
    broker.stop();
}

#[test]
fn a_regular_expression_finds_the_topics_that_its_member_may_describe() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    let mut root = client(&broker, "root");
    root.make_topic("mine");
    root.make_topic("theirs");
    allow(&mut root, (3, 3, "n", "plain", 3));
    allow(&mut root, (2, 3, "mine", "plain", 3));
    let assigned = |client: &mut Client, epoch: i32, regex: Option<&'static str>| {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: "n",
            member_id: "a",
            member_epoch: epoch,
            rebalance_timeout_ms: if epoch == 0 { 1000 } else { -1 },
            subscribed_topic_regex: regex,
            subscribed_topic_names: None,
            topic_partitions: (epoch == 0).then(List::default),
            ..Default::default()
        };
        ask!(client, 1, request => ConsumerGroupHeartbeatResponse, |response: ConsumerGroupHeartbeatResponse<'_>| {
            assert_eq!(response.error_code, 0);
            let topics = response.assignment.map(|one| one.topic_partitions.iter().map(|topic| topic.topic_id).collect::<Vec<_>>());
            (response.member_epoch, topics.map(|topics| topics.len()))
        })
    };
    let mut plain = client(&broker, "plain");
    let (epoch, topics) = assigned(&mut plain, 0, Some(".*"));
    assert_eq!(topics, Some(1), "one of the two, and neither of Kafka's own");
    // A rule that is made finds its way to the members.
    allow(&mut root, (2, 3, "theirs", "plain", 8));
    let (later, topics) = assigned(&mut plain, epoch, None);
    assert_eq!((later, topics), (epoch + 1, Some(2)));
    broker.stop();
}
