//! What each API tells to who may not: a row for every one that is served.

use dolmen_kafka::messages::create_acls_request::AclCreation;
use dolmen_kafka::messages::*;
use dolmen_kafka::wire::{List, Message, Uuid};

use super::{CLUSTER, Fixture, GROUP, TOPIC, TRANSACTIONAL_ID, list};
use crate::client::Client;

/// Every code in the answer, and those that Kafka gives. An API without a row is one that nobody has thought of.
#[allow(clippy::too_many_lines, clippy::cognitive_complexity)] // a table
pub fn told(client: &mut Client, at: &Fixture, key: i16, version: i16) -> (Vec<i16>, Vec<i16>) {
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
