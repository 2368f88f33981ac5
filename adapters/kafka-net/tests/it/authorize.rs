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

/// Every code in the answer, and those that Kafka gives. An API without a row is one that nobody has thought of.
#[allow(clippy::too_many_lines, clippy::cognitive_complexity)] // a table
fn told(client: &mut Client, at: &Fixture, key: i16, version: i16) -> (Vec<i16>, Vec<i16>) {
    let by_id = |from: i16| {
        if version >= from { ("", at.topic_id) } else { ("t", Uuid::default()) }
    };
    match key {
        0 => {
            let (name, topic_id) = by_id(13);
            let mut produce = |records: &'static [u8], id| {
                use produce_request::{PartitionProduceData, TopicProduceData};
                let partition = PartitionProduceData { records: Some(records), ..Default::default() };
                let topic = TopicProduceData {
                    name,
                    topic_id,
                    partition_data: list(partition),
                    ..Default::default()
                };
                let request = ProduceRequest {
                    transactional_id: id,
                    acks: 1,
                    topic_data: list(topic),
                    ..Default::default()
                };
                ask!(client, version, request => ProduceResponse, |response: ProduceResponse<'_>| {
                    response.responses.iter().flat_map(|topic| topic.partition_responses.iter().map(|one| one.error_code).collect::<Vec<_>>()).collect::<Vec<_>>()
                })
            };
            let mut codes = produce(at.batch.clone().leak(), None);
            codes.extend(produce(at.transactional.clone().leak(), Some("x")));
            (codes, vec![TOPIC, TRANSACTIONAL_ID])
        }
        1 => {
            let (topic, topic_id) = by_id(13);
            let mut fetch = |replica_id: i32| {
                use fetch_request::{FetchPartition, FetchTopic, ReplicaState};
                let partition = FetchPartition {
                    partition_max_bytes: 100,
                    current_leader_epoch: -1,
                    last_fetched_epoch: -1,
                    log_start_offset: -1,
                    ..Default::default()
                };
                let topics =
                    FetchTopic { topic, topic_id, partitions: list(partition), ..Default::default() };
                let mut request = FetchRequest {
                    replica_id: -1,
                    session_epoch: -1,
                    max_bytes: 1000,
                    topics: list(topics),
                    ..Default::default()
                };
                if version >= 15 {
                    request.replica_state =
                        ReplicaState { replica_id, replica_epoch: -1, ..Default::default() };
                } else {
                    request.replica_id = replica_id;
                }
                ask!(client, version, request => FetchResponse, |response: FetchResponse<'_>| {
                    let partitions = response.responses.iter().flat_map(|topic| topic.partitions.iter().map(|one| (one.error_code, one.records.unwrap_or_default().len())).collect::<Vec<_>>());
                    let (codes, bytes): (Vec<i16>, Vec<usize>) = partitions.unzip();
                    assert_eq!(bytes, [0]);
                    codes
                })
            };
            ([fetch(-1), fetch(2)].concat(), vec![TOPIC; 2])
        }
        2 => {
            use list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
            let mut ask_of = |name: &'static str| {
                let partition =
                    ListOffsetsPartition { current_leader_epoch: -1, timestamp: -1, ..Default::default() };
                let topic = ListOffsetsTopic { name, partitions: list(partition), ..Default::default() };
                let request =
                    ListOffsetsRequest { replica_id: -1, topics: list(topic), ..Default::default() };
                ask!(client, version, request => ListOffsetsResponse, |response: ListOffsetsResponse<'_>| {
                    let one = response.topics.first().unwrap().partitions.first().unwrap();
                    assert_eq!(one.offset, -1);
                    one.error_code
                })
            };
            // One that is not there is told of as one that is.
            (vec![ask_of("t"), ask_of("absent")], vec![TOPIC; 2])
        }
        3 => {
            let mut metadata = |name: Option<&'static str>, topic_id| {
                let topic = metadata_request::MetadataRequestTopic { name, topic_id, ..Default::default() };
                let is_all = name.is_none() && topic_id == Uuid::default();
                let request = MetadataRequest {
                    topics: if is_all {
                        if version == 0 { Some(List::default()) } else { None }
                    } else {
                        Some(list(topic))
                    },
                    allow_auto_topic_creation: true,
                    ..Default::default()
                };
                ask!(client, version, request => MetadataResponse, |response: MetadataResponse<'_>| {
                    assert!(response.topics.iter().all(|topic| topic.partitions.is_empty() && (topic.topic_id == Uuid::default() || topic.topic_id == topic_id)));
                    response.topics.iter().map(|topic| topic.error_code).collect::<Vec<_>>()
                })
            };
            let mut codes = [
                metadata(Some("t"), Uuid::default()),
                metadata(Some("absent"), Uuid::default()),
                metadata(None, Uuid::default()),
            ]
            .concat();
            let mut expected = vec![TOPIC; 2];
            if version >= 12 {
                codes.extend(metadata(None, at.topic_id));
                expected.push(TOPIC);
            }
            (codes, expected)
        }
        8 => {
            use offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
            let (name, topic_id) = by_id(10);
            let partition = OffsetCommitRequestPartition {
                committed_offset: 1,
                committed_leader_epoch: -1,
                committed_metadata: Some(""),
                ..Default::default()
            };
            let topic = OffsetCommitRequestTopic {
                name,
                topic_id,
                partitions: list(partition),
                ..Default::default()
            };
            let request = OffsetCommitRequest {
                group_id: "g",
                generation_id_or_member_epoch: -1,
                retention_time_ms: -1,
                topics: list(topic),
                ..Default::default()
            };
            let codes = ask!(client, version, request => OffsetCommitResponse, |response: OffsetCommitResponse<'_>| {
                response.topics.first().unwrap().partitions.iter().map(|one| one.error_code).collect()
            });
            (codes, vec![GROUP])
        }
        9 => {
            let (name, topic_id) = by_id(10);
            let request = match version {
                ..=7 => {
                    let topic = offset_fetch_request::OffsetFetchRequestTopic {
                        name: "t",
                        partition_indexes: list(0),
                        ..Default::default()
                    };
                    OffsetFetchRequest { group_id: "g", topics: Some(list(topic)), ..Default::default() }
                }
                _ => {
                    use offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
                    let topic = OffsetFetchRequestTopics {
                        name,
                        topic_id,
                        partition_indexes: list(0),
                        ..Default::default()
                    };
                    let group = OffsetFetchRequestGroup {
                        group_id: "g",
                        member_epoch: -1,
                        topics: Some(list(topic)),
                        ..Default::default()
                    };
                    OffsetFetchRequest { groups: list(group), ..Default::default() }
                }
            };
            let codes = ask!(client, version, request => OffsetFetchResponse, |response: OffsetFetchResponse<'_>| {
                let mut codes: Vec<i16> = response.groups.iter().map(|group| group.error_code).collect();
                codes.extend(response.topics.iter().flat_map(|topic| topic.partitions.iter().map(|one| one.error_code).collect::<Vec<_>>()));
                codes.extend(Some(response.error_code).filter(|code| *code != 0));
                codes
            });
            (codes, vec![GROUP])
        }
        10 => {
            let mut find = |key_type: i8| {
                let request = if version >= 4 {
                    FindCoordinatorRequest { key_type, coordinator_keys: list("x"), ..Default::default() }
                } else {
                    FindCoordinatorRequest { key_type, key: "x", ..Default::default() }
                };
                ask!(client, version, request => FindCoordinatorResponse, |response: FindCoordinatorResponse<'_>| {
                    response.coordinators.first().map_or((response.error_code, response.node_id), |one| (one.error_code, one.node_id))
                })
            };
            let types = if version >= 1 { 0..=1 } else { 0..=0 };
            let found: Vec<(i16, i32)> = types.map(&mut find).collect();
            assert!(found.iter().all(|(_, node)| *node == -1));
            (found.iter().map(|(code, _)| *code).collect(), [GROUP, TRANSACTIONAL_ID][..found.len()].into())
        }
        11 => {
            let protocol =
                join_group_request::JoinGroupRequestProtocol { name: "range", ..Default::default() };
            let request = JoinGroupRequest {
                group_id: "g",
                session_timeout_ms: 10_000,
                rebalance_timeout_ms: if version >= 1 { 10_000 } else { -1 },
                protocol_type: "consumer",
                protocols: list(protocol),
                ..Default::default()
            };
            (
                ask!(client, version, request => JoinGroupResponse, |response: JoinGroupResponse<'_>| vec![response.error_code]),
                vec![GROUP],
            )
        }
        12 => {
            let request = HeartbeatRequest { group_id: "g", ..Default::default() };
            (
                ask!(client, version, request => HeartbeatResponse, |response: HeartbeatResponse<'_>| vec![response.error_code]),
                vec![GROUP],
            )
        }
        13 => {
            let member = leave_group_request::MemberIdentity { member_id: "m", ..Default::default() };
            let request = if version >= 3 {
                LeaveGroupRequest { group_id: "g", members: list(member), ..Default::default() }
            } else {
                LeaveGroupRequest { group_id: "g", member_id: "m", ..Default::default() }
            };
            (
                ask!(client, version, request => LeaveGroupResponse, |response: LeaveGroupResponse<'_>| vec![response.error_code]),
                vec![GROUP],
            )
        }
        14 => {
            let request = SyncGroupRequest { group_id: "g", ..Default::default() };
            (
                ask!(client, version, request => SyncGroupResponse, |response: SyncGroupResponse<'_>| vec![response.error_code]),
                vec![GROUP],
            )
        }
        15 => {
            let request = DescribeGroupsRequest {
                groups: list("g"),
                include_authorized_operations: version >= 3,
                ..Default::default()
            };
            let codes = ask!(client, version, request => DescribeGroupsResponse, |response: DescribeGroupsResponse<'_>| {
                let one = response.groups.first().unwrap();
                assert_eq!((one.group_state, one.authorized_operations), ("", i32::MIN));
                vec![one.error_code]
            });
            (codes, vec![GROUP])
        }
        16 => {
            let codes = ask!(client, version, ListGroupsRequest::default() => ListGroupsResponse, |response: ListGroupsResponse<'_>| {
                assert!(response.groups.is_empty());
                vec![response.error_code]
            });
            (codes, vec![0])
        }
        // Who somebody is, is asked before what it may do.
        17 | 18 | 36 => (Vec::new(), Vec::new()),
        19 => {
            let topic = create_topics_request::CreatableTopic {
                name: "new",
                num_partitions: 1,
                replication_factor: 1,
                ..Default::default()
            };
            let request = CreateTopicsRequest { topics: list(topic), ..Default::default() };
            (
                ask!(client, version, request => CreateTopicsResponse, |response: CreateTopicsResponse<'_>| response.topics.iter().map(|one| one.error_code).collect()),
                vec![TOPIC],
            )
        }
        20 => {
            let mut delete = |name: Option<&'static str>, topic_id| {
                let request = if version >= 6 {
                    let topic =
                        delete_topics_request::DeleteTopicState { name, topic_id, ..Default::default() };
                    DeleteTopicsRequest { topics: list(topic), ..Default::default() }
                } else {
                    DeleteTopicsRequest { topic_names: list(name.unwrap()), ..Default::default() }
                };
                ask!(client, version, request => DeleteTopicsResponse, |response: DeleteTopicsResponse<'_>| {
                    let one = response.responses.first().unwrap();
                    assert!(one.name == name, "a name that was not given is not told");
                    one.error_code
                })
            };
            let (mut codes, mut expected) = (
                vec![delete(Some("t"), Uuid::default()), delete(Some("absent"), Uuid::default())],
                vec![TOPIC; 2],
            );
            if version >= 6 {
                codes.push(delete(None, at.topic_id));
                expected.push(TOPIC);
            }
            (codes, expected)
        }
        21 => {
            use delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
            let topic = DeleteRecordsTopic {
                name: "t",
                partitions: list(DeleteRecordsPartition { offset: -1, ..Default::default() }),
                ..Default::default()
            };
            let request = DeleteRecordsRequest { topics: list(topic), ..Default::default() };
            (
                ask!(client, version, request => DeleteRecordsResponse, |response: DeleteRecordsResponse<'_>| response.topics.first().unwrap().partitions.iter().map(|one| one.error_code).collect()),
                vec![TOPIC],
            )
        }
        22 => {
            let mut init = |id: Option<&'static str>| {
                let request = InitProducerIdRequest {
                    transactional_id: id,
                    transaction_timeout_ms: 1000,
                    producer_id: -1,
                    producer_epoch: -1,
                    ..Default::default()
                };
                ask!(client, version, request => InitProducerIdResponse, |response: InitProducerIdResponse<'_>| {
                    assert_eq!((response.producer_id, response.producer_epoch), (-1, -1));
                    response.error_code
                })
            };
            (vec![init(Some("x")), init(None)], vec![TRANSACTIONAL_ID, CLUSTER])
        }
        23 => {
            use offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
            let partition = OffsetForLeaderPartition { current_leader_epoch: -1, ..Default::default() };
            let topic =
                OffsetForLeaderTopic { topic: "t", partitions: list(partition), ..Default::default() };
            let request = OffsetForLeaderEpochRequest {
                replica_id: if version >= 3 { -1 } else { -2 },
                topics: list(topic),
                ..Default::default()
            };
            (
                ask!(client, version, request => OffsetForLeaderEpochResponse, |response: OffsetForLeaderEpochResponse<'_>| response.topics.first().unwrap().partitions.iter().map(|one| one.error_code).collect()),
                vec![TOPIC],
            )
        }
        24 => {
            use add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
            let topic = AddPartitionsToTxnTopic { name: "t", partitions: list(0), ..Default::default() };
            let request = if version >= 4 {
                let transaction = AddPartitionsToTxnTransaction {
                    transactional_id: "x",
                    topics: list(topic),
                    ..Default::default()
                };
                AddPartitionsToTxnRequest { transactions: list(transaction), ..Default::default() }
            } else {
                AddPartitionsToTxnRequest {
                    v3_and_below_transactional_id: "x",
                    v3_and_below_topics: list(topic),
                    ..Default::default()
                }
            };
            let codes = ask!(client, version, request => AddPartitionsToTxnResponse, |response: AddPartitionsToTxnResponse<'_>| {
                match response.results_by_topic_v3_and_below.first() {
                    Some(topic) => topic.results_by_partition.iter().map(|one| one.partition_error_code).collect(),
                    None => vec![response.error_code],
                }
            });
            (codes, vec![if version >= 4 { CLUSTER } else { TRANSACTIONAL_ID }])
        }
        25 => {
            let request =
                AddOffsetsToTxnRequest { transactional_id: "x", group_id: "g", ..Default::default() };
            (
                ask!(client, version, request => AddOffsetsToTxnResponse, |response: AddOffsetsToTxnResponse<'_>| vec![response.error_code]),
                vec![TRANSACTIONAL_ID],
            )
        }
        26 => {
            let request = EndTxnRequest { transactional_id: "x", committed: true, ..Default::default() };
            (
                ask!(client, version, request => EndTxnResponse, |response: EndTxnResponse<'_>| vec![response.error_code]),
                vec![TRANSACTIONAL_ID],
            )
        }
        27 => {
            use write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
            let topic =
                WritableTxnMarkerTopic { name: "t", partition_indexes: list(0), ..Default::default() };
            let marker =
                WritableTxnMarker { transaction_result: true, topics: list(topic), ..Default::default() };
            let request = WriteTxnMarkersRequest { markers: list(marker), ..Default::default() };
            let codes = ask!(client, version, request => WriteTxnMarkersResponse, |response: WriteTxnMarkersResponse<'_>| {
                response.markers.first().unwrap().topics.first().unwrap().partitions.iter().map(|one| one.error_code).collect()
            });
            (codes, vec![CLUSTER])
        }
        28 => {
            use txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic};
            let (name, topic_id) = by_id(6);
            let partition = TxnOffsetCommitRequestPartition {
                committed_offset: 1,
                committed_leader_epoch: -1,
                committed_metadata: Some(""),
                ..Default::default()
            };
            let topic = TxnOffsetCommitRequestTopic {
                name,
                topic_id,
                partitions: list(partition),
                ..Default::default()
            };
            let request = TxnOffsetCommitRequest {
                transactional_id: "x",
                group_id: "g",
                generation_id_or_member_epoch: -1,
                topics: list(topic),
                ..Default::default()
            };
            let codes = ask!(client, version, request => TxnOffsetCommitResponse, |response: TxnOffsetCommitResponse<'_>| {
                response.topics.first().unwrap().partitions.iter().map(|one| one.error_code).collect()
            });
            (codes, vec![TRANSACTIONAL_ID])
        }
        29 => {
            let request = DescribeAclsRequest {
                resource_type_filter: 1,
                pattern_type_filter: 1,
                operation: 1,
                permission_type: 1,
                ..Default::default()
            };
            let codes = ask!(client, version, request => DescribeAclsResponse, |response: DescribeAclsResponse<'_>| {
                assert!(response.resources.is_empty());
                vec![response.error_code]
            });
            (codes, vec![CLUSTER])
        }
        30 => {
            let rule = AclCreation {
                resource_type: 2,
                resource_name: "t",
                resource_pattern_type: 3,
                principal: "User:plain",
                host: "*",
                operation: 2,
                permission_type: 3,
                ..Default::default()
            };
            let request = CreateAclsRequest { creations: List::from(vec![rule; 2]), ..Default::default() };
            (
                ask!(client, version, request => CreateAclsResponse, |response: CreateAclsResponse<'_>| response.results.iter().map(|one| one.error_code).collect()),
                vec![CLUSTER; 2],
            )
        }
        31 => {
            let filter = delete_acls_request::DeleteAclsFilter {
                resource_type_filter: 1,
                pattern_type_filter: 1,
                operation: 1,
                permission_type: 1,
                ..Default::default()
            };
            let request = DeleteAclsRequest { filters: list(filter), ..Default::default() };
            let codes = ask!(client, version, request => DeleteAclsResponse, |response: DeleteAclsResponse<'_>| {
                response.filter_results.iter().map(|one| { assert!(one.matching_acls.is_empty()); one.error_code }).collect()
            });
            (codes, vec![CLUSTER])
        }
        32 => {
            let of = |(resource_type, resource_name)| describe_configs_request::DescribeConfigsResource {
                resource_type,
                resource_name,
                configuration_keys: None,
                ..Default::default()
            };
            let request = DescribeConfigsRequest {
                resources: SETTINGS.iter().copied().map(of).collect(),
                ..Default::default()
            };
            let codes = ask!(client, version, request => DescribeConfigsResponse, |response: DescribeConfigsResponse<'_>| {
                response.results.iter().map(|one| { assert!(one.configs.is_empty()); one.error_code }).collect()
            });
            (codes, SETTINGS_TOLD.into())
        }
        33 => {
            let config = alter_configs_request::AlterableConfig {
                name: "retention.ms",
                value: Some("1"),
                ..Default::default()
            };
            let of = |(resource_type, resource_name)| alter_configs_request::AlterConfigsResource {
                resource_type,
                resource_name,
                configs: list(config.clone()),
                ..Default::default()
            };
            let request = AlterConfigsRequest {
                resources: SETTINGS.iter().copied().map(of).collect(),
                ..Default::default()
            };
            (
                ask!(client, version, request => AlterConfigsResponse, |response: AlterConfigsResponse<'_>| response.responses.iter().map(|one| one.error_code).collect()),
                SETTINGS_TOLD.into(),
            )
        }
        34 => {
            use alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
            let topic = AlterReplicaLogDirTopic { name: "t", partitions: list(0), ..Default::default() };
            let dir = AlterReplicaLogDir { path: "/nowhere", topics: list(topic), ..Default::default() };
            let request = AlterReplicaLogDirsRequest { dirs: list(dir), ..Default::default() };
            (
                ask!(client, version, request => AlterReplicaLogDirsResponse, |response: AlterReplicaLogDirsResponse<'_>| response.results.first().unwrap().partitions.iter().map(|one| one.error_code).collect()),
                vec![CLUSTER],
            )
        }
        35 => {
            let codes = ask!(client, version, DescribeLogDirsRequest { topics: None, ..Default::default() } => DescribeLogDirsResponse, |response: DescribeLogDirsResponse<'_>| {
                assert!(response.results.is_empty());
                if version >= 3 { vec![response.error_code] } else { Vec::new() }
            });
            (codes, if version >= 3 { vec![CLUSTER] } else { Vec::new() })
        }
        37 => {
            let topic = create_partitions_request::CreatePartitionsTopic {
                name: "t",
                count: 9,
                assignments: None,
                ..Default::default()
            };
            let request = CreatePartitionsRequest { topics: list(topic), ..Default::default() };
            (
                ask!(client, version, request => CreatePartitionsResponse, |response: CreatePartitionsResponse<'_>| response.results.iter().map(|one| one.error_code).collect()),
                vec![TOPIC],
            )
        }
        42 => {
            let request = DeleteGroupsRequest { groups_names: list("g"), ..Default::default() };
            (
                ask!(client, version, request => DeleteGroupsResponse, |response: DeleteGroupsResponse<'_>| response.results.iter().map(|one| one.error_code).collect()),
                vec![GROUP],
            )
        }
        43 => {
            let topic = elect_leaders_request::TopicPartitions {
                topic: "t",
                partitions: list(0),
                ..Default::default()
            };
            let request = ElectLeadersRequest { topic_partitions: Some(list(topic)), ..Default::default() };
            let codes = ask!(client, version, request => ElectLeadersResponse, |response: ElectLeadersResponse<'_>| {
                let of_all = Some(response.error_code).filter(|_| version >= 1);
                response.replica_election_results.first().unwrap().partition_result.iter().map(|one| one.error_code).chain(of_all).collect()
            });
            (codes, vec![CLUSTER; if version >= 1 { 2 } else { 1 }])
        }
        44 => {
            let config = incremental_alter_configs_request::AlterableConfig {
                name: "retention.ms",
                value: Some("1"),
                ..Default::default()
            };
            let of =
                |(resource_type, resource_name)| incremental_alter_configs_request::AlterConfigsResource {
                    resource_type,
                    resource_name,
                    configs: list(config.clone()),
                    ..Default::default()
                };
            let request = IncrementalAlterConfigsRequest {
                resources: SETTINGS.iter().copied().map(of).collect(),
                ..Default::default()
            };
            (
                ask!(client, version, request => IncrementalAlterConfigsResponse, |response: IncrementalAlterConfigsResponse<'_>| response.responses.iter().map(|one| one.error_code).collect()),
                SETTINGS_TOLD.into(),
            )
        }
        45 => {
            use alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
            let partition = ReassignablePartition { replicas: Some(list(1)), ..Default::default() };
            let topic = ReassignableTopic { name: "t", partitions: list(partition), ..Default::default() };
            let request = AlterPartitionReassignmentsRequest {
                allow_replication_factor_change: true,
                topics: list(topic),
                ..Default::default()
            };
            let codes = ask!(client, version, request => AlterPartitionReassignmentsResponse, |response: AlterPartitionReassignmentsResponse<'_>| {
                response.responses.first().unwrap().partitions.iter().map(|one| one.error_code).chain([response.error_code]).collect()
            });
            (codes, vec![CLUSTER; 2])
        }
        46 => {
            let request = ListPartitionReassignmentsRequest { topics: None, ..Default::default() };
            (
                ask!(client, version, request => ListPartitionReassignmentsResponse, |response: ListPartitionReassignmentsResponse<'_>| vec![response.error_code]),
                vec![CLUSTER],
            )
        }
        47 => {
            let request = OffsetDeleteRequest { group_id: "g", ..Default::default() };
            (
                ask!(client, version, request => OffsetDeleteResponse, |response: OffsetDeleteResponse<'_>| vec![response.error_code]),
                vec![GROUP],
            )
        }
        48 => {
            let request = DescribeClientQuotasRequest::default();
            let codes = ask!(client, version, request => DescribeClientQuotasResponse, |response: DescribeClientQuotasResponse<'_>| {
                assert_eq!(response.entries, None);
                vec![response.error_code]
            });
            (codes, vec![CLUSTER])
        }
        50 => {
            let request = DescribeUserScramCredentialsRequest::default();
            let codes = ask!(client, version, request => DescribeUserScramCredentialsResponse, |response: DescribeUserScramCredentialsResponse<'_>| {
                assert!(response.results.is_empty());
                vec![response.error_code]
            });
            (codes, vec![CLUSTER])
        }
        51 => {
            use alter_user_scram_credentials_request::{ScramCredentialDeletion, ScramCredentialUpsertion};
            let deletion = ScramCredentialDeletion { name: "gone", mechanism: 1, ..Default::default() };
            let upsertion = ScramCredentialUpsertion {
                name: "made",
                mechanism: 1,
                iterations: 4096,
                salt: b"salt",
                salted_password: &[7; 32],
                ..Default::default()
            };
            let request = AlterUserScramCredentialsRequest {
                deletions: list(deletion),
                upsertions: list(upsertion),
                ..Default::default()
            };
            (
                ask!(client, version, request => AlterUserScramCredentialsResponse, |response: AlterUserScramCredentialsResponse<'_>| response.results.iter().map(|one| one.error_code).collect()),
                vec![CLUSTER; 2],
            )
        }
        55 => {
            use describe_quorum_request::{PartitionData, TopicData};
            let topic = TopicData {
                topic_name: "__cluster_metadata",
                partitions: list(PartitionData::default()),
                ..Default::default()
            };
            let request = DescribeQuorumRequest { topics: list(topic), ..Default::default() };
            let codes = ask!(client, version, request => DescribeQuorumResponse, |response: DescribeQuorumResponse<'_>| {
                assert!(response.topics.is_empty() && response.nodes.is_empty());
                vec![response.error_code]
            });
            (codes, vec![CLUSTER])
        }
        60 => {
            let request = DescribeClusterRequest {
                include_cluster_authorized_operations: true,
                endpoint_type: 1,
                ..Default::default()
            };
            let codes = ask!(client, version, request => DescribeClusterResponse, |response: DescribeClusterResponse<'_>| {
                assert_eq!(response.cluster_authorized_operations, 0);
                vec![response.error_code]
            });
            (codes, vec![0])
        }
        61 => {
            let mut describe = |name: &'static str| {
                let topic = describe_producers_request::TopicRequest {
                    name,
                    partition_indexes: list(0),
                    ..Default::default()
                };
                let request = DescribeProducersRequest { topics: list(topic), ..Default::default() };
                ask!(client, version, request => DescribeProducersResponse, |response: DescribeProducersResponse<'_>| response.topics.first().unwrap().partitions.first().unwrap().error_code)
            };
            (vec![describe("t"), describe("absent")], vec![TOPIC; 2])
        }
        65 => {
            let request = DescribeTransactionsRequest {
                transactional_ids: List::from(vec!["x", "absent"]),
                ..Default::default()
            };
            let codes = ask!(client, version, request => DescribeTransactionsResponse, |response: DescribeTransactionsResponse<'_>| {
                response.transaction_states.iter().map(|one| { assert!(one.topics.is_empty()); one.error_code }).collect()
            });
            (codes, vec![TRANSACTIONAL_ID; 2])
        }
        66 => {
            let request = ListTransactionsRequest {
                duration_filter: -1,
                transactional_id_pattern: None,
                ..Default::default()
            };
            let codes = ask!(client, version, request => ListTransactionsResponse, |response: ListTransactionsResponse<'_>| {
                assert!(response.transaction_states.is_empty());
                vec![response.error_code]
            });
            (codes, vec![0])
        }
        68 => {
            let request = ConsumerGroupHeartbeatRequest {
                group_id: "n",
                member_id: "m",
                rebalance_timeout_ms: 1000,
                subscribed_topic_names: Some(list("t")),
                topic_partitions: Some(List::default()),
                ..Default::default()
            };
            (
                ask!(client, version, request => ConsumerGroupHeartbeatResponse, |response: ConsumerGroupHeartbeatResponse<'_>| vec![response.error_code]),
                vec![GROUP],
            )
        }
        69 => {
            let request = ConsumerGroupDescribeRequest {
                group_ids: list("g"),
                include_authorized_operations: true,
                ..Default::default()
            };
            (
                ask!(client, version, request => ConsumerGroupDescribeResponse, |response: ConsumerGroupDescribeResponse<'_>| response.groups.iter().map(|one| one.error_code).collect()),
                vec![GROUP],
            )
        }
        74 => {
            let codes = ask!(client, version, ListConfigResourcesRequest::default() => ListConfigResourcesResponse, |response: ListConfigResourcesResponse<'_>| {
                assert!(response.config_resources.is_empty());
                vec![response.error_code]
            });
            (codes, vec![CLUSTER])
        }
        75 => {
            let mut describe = |names: &[&'static str]| {
                let topics = names.iter().map(|name| describe_topic_partitions_request::TopicRequest {
                    name,
                    ..Default::default()
                });
                let request = DescribeTopicPartitionsRequest {
                    topics: topics.collect(),
                    response_partition_limit: 10,
                    ..Default::default()
                };
                ask!(client, version, request => DescribeTopicPartitionsResponse, |response: DescribeTopicPartitionsResponse<'_>| response.topics.iter().map(|one| one.error_code).collect::<Vec<_>>())
            };
            ([describe(&["t", "absent"]), describe(&[])].concat(), vec![TOPIC; 2])
        }
        key => panic!("API {key} has no row: what is told to who may not?"),
    }
}

/// Whose settings are asked for, and what is told.
const SETTINGS: [(i8, &str); 4] = [(2, "t"), (2, "absent"), (4, "1"), (32, "g")];
const SETTINGS_TOLD: [i16; 4] = [TOPIC, TOPIC, CLUSTER, GROUP];

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
            let (codes, expected) = told(&mut plain, &fixture, api.key, version);
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
