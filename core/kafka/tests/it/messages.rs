//! Protocol messages: round trips in every version, and records of a real Kafka's internal topics.

use dolmen_kafka::WireError;
use dolmen_kafka::batch::Batch;
use dolmen_kafka::messages::{self, *};
use dolmen_kafka::wire::{Message, Uuid};

use crate::data;

fn round_trip<'a, M: Message<'a> + PartialEq + std::fmt::Debug>(
    bytes: &'a mut Vec<u8>,
    message: &M,
    version: i16,
) {
    message.encode(version, bytes).unwrap();
    assert_eq!(message.encoded_len(version).unwrap(), bytes.len());
    let bytes = &*bytes;
    let read = M::decode(bytes, version).unwrap();
    let mut again = Vec::new();
    read.encode(version, &mut again).unwrap();
    assert_eq!(&again, bytes, "version {version}");
    for len in 0..bytes.len() {
        assert!(
            M::decode(&bytes[..len], version).is_err(),
            "{len} of {} bytes, version {version}",
            bytes.len()
        );
    }
}

macro_rules! every_version {
    ($($message:ident),* $(,)?) => {$(
        for version in $message::VERSIONS.0..=$message::VERSIONS.1 {
            round_trip(&mut Vec::new(), &$message::default(), version);
        }
    )*};
}

#[test]
fn defaults_of_every_message_survive_every_version() {
    every_version!(
        ProduceRequest,
        ProduceResponse,
        FetchRequest,
        FetchResponse,
        ListOffsetsRequest,
        ListOffsetsResponse,
        MetadataRequest,
        MetadataResponse,
        OffsetCommitRequest,
        OffsetCommitResponse,
        OffsetFetchRequest,
        OffsetFetchResponse,
        FindCoordinatorRequest,
        FindCoordinatorResponse,
        JoinGroupRequest,
        JoinGroupResponse,
        HeartbeatRequest,
        HeartbeatResponse,
        LeaveGroupRequest,
        LeaveGroupResponse,
        SyncGroupRequest,
        SyncGroupResponse,
        DescribeGroupsRequest,
        DescribeGroupsResponse,
        ListGroupsRequest,
        ListGroupsResponse,
        SaslHandshakeRequest,
        SaslHandshakeResponse,
        ApiVersionsRequest,
        ApiVersionsResponse,
        CreateTopicsRequest,
        CreateTopicsResponse,
        DeleteTopicsRequest,
        DeleteTopicsResponse,
        DeleteRecordsRequest,
        DeleteRecordsResponse,
        InitProducerIdRequest,
        InitProducerIdResponse,
        OffsetForLeaderEpochRequest,
        OffsetForLeaderEpochResponse,
        AddOffsetsToTxnRequest,
        AddOffsetsToTxnResponse,
        AddPartitionsToTxnRequest,
        AddPartitionsToTxnResponse,
        EndTxnRequest,
        EndTxnResponse,
        WriteTxnMarkersRequest,
        WriteTxnMarkersResponse,
        TxnOffsetCommitRequest,
        TxnOffsetCommitResponse,
        DescribeAclsRequest,
        DescribeAclsResponse,
        CreateAclsRequest,
        CreateAclsResponse,
        DeleteAclsRequest,
        DeleteAclsResponse,
        DescribeConfigsRequest,
        DescribeConfigsResponse,
        AlterConfigsRequest,
        AlterConfigsResponse,
        SaslAuthenticateRequest,
        SaslAuthenticateResponse,
        CreatePartitionsRequest,
        CreatePartitionsResponse,
        DeleteGroupsRequest,
        DeleteGroupsResponse,
        IncrementalAlterConfigsRequest,
        IncrementalAlterConfigsResponse,
        OffsetDeleteRequest,
        OffsetDeleteResponse,
        DescribeClusterRequest,
        DescribeClusterResponse,
        DescribeProducersRequest,
        DescribeProducersResponse,
        DescribeTransactionsRequest,
        DescribeTransactionsResponse,
        ListTransactionsRequest,
        ListTransactionsResponse,
        ConsumerGroupHeartbeatRequest,
        ConsumerGroupHeartbeatResponse,
        ConsumerGroupDescribeRequest,
        ConsumerGroupDescribeResponse,
        DescribeTopicPartitionsRequest,
        DescribeTopicPartitionsResponse,
        ElectLeadersRequest,
        ElectLeadersResponse,
        DescribeLogDirsRequest,
        DescribeLogDirsResponse,
        AlterReplicaLogDirsRequest,
        AlterReplicaLogDirsResponse,
        AlterPartitionReassignmentsRequest,
        AlterPartitionReassignmentsResponse,
        ListPartitionReassignmentsRequest,
        ListPartitionReassignmentsResponse,
        ListConfigResourcesRequest,
        ListConfigResourcesResponse,
        DescribeUserScramCredentialsRequest,
        DescribeUserScramCredentialsResponse,
        AlterUserScramCredentialsRequest,
        AlterUserScramCredentialsResponse,
        DescribeQuorumRequest,
        DescribeQuorumResponse,
        DescribeClientQuotasRequest,
        DescribeClientQuotasResponse,
    );
    assert_eq!(messages::APIS.len(), 52);
}

/// A request that is served and not fuzzed is one that was forgotten.
#[test]
fn every_request_is_fuzzed() {
    struct Count(u32);
    impl dolmen_kafka::check::Visit for Count {
        fn visit<'a, M: Message<'a>>(&mut self, _: &'a [u8], _: i16) {
            self.0 += 1;
        }
    }
    for api in messages::APIS {
        let mut count = Count(0);
        let key = u8::try_from(api.key).unwrap();
        dolmen_kafka::check::visit_request(&[key, 0], &mut count);
        assert_eq!(count.0, 1, "{}", api.key);
    }
}

#[test]
fn unknown_tagged_fields_are_kept_between_the_known_ones() {
    // ProduceResponse 10: no responses, throttle 0, then tags 0 (node endpoints, known) and 1, 9 (not known).
    let bytes = [1, 0, 0, 0, 0, 3, 0, 1, 1, 1, 2, 0xaa, 0xbb, 9, 0];
    let read = ProduceResponse::decode(&bytes, 10).unwrap();
    assert_eq!(read.unknown.iter().collect::<Vec<_>>(), [(1, &[0xaa, 0xbb][..]), (9, &[][..])]);
    let mut again = Vec::new();
    read.encode(10, &mut again).unwrap();
    // The empty list of endpoints is the default and is left out.
    assert_eq!(again, [1, 0, 0, 0, 0, 2, 1, 2, 0xaa, 0xbb, 9, 0]);
    let swapped = [1, 0, 0, 0, 0, 2, 9, 0, 1, 0];
    assert_eq!(ProduceResponse::decode(&swapped, 10), Err(WireError::TagOrder { at: 8, tag: 1 }));
}

#[test]
fn a_hostile_count_is_refused_before_anything_is_read() {
    let mut bytes = vec![0, 1, b'x'];
    bytes.extend_from_slice(&i32::MAX.to_be_bytes());
    let error = OffsetDeleteRequest::decode(&bytes, 0).unwrap_err();
    assert_eq!(error, WireError::Length { at: 3, found: i64::from(i32::MAX), left: 0 });
}

#[test]
fn a_field_that_a_version_cannot_carry_is_an_error_unless_it_may_be_lost() {
    let request = FetchRequest { rack_id: "r1", ..FetchRequest::default() };
    let mut out = Vec::new();
    assert_eq!(
        request.encoded_len(4).ok(),
        FetchRequest::default().encoded_len(4).ok(),
        "the rack may be lost"
    );
    let request = InitProducerIdRequest { producer_id: 4, ..InitProducerIdRequest::default() };
    let lost = WireError::NotInVersion { field: "InitProducerIdRequest.ProducerId", version: 2 };
    assert_eq!(request.encode(2, &mut out), Err(lost));
}

#[test]
fn topic_ids_replace_names_from_version_13_on() {
    let topics = vec![messages::fetch_request::FetchTopic {
        topic: "t",
        topic_id: Uuid([7; 16]),
        ..Default::default()
    }];
    let request = FetchRequest { topics: topics.into(), ..FetchRequest::default() };
    for (version, name, id) in [(12, "t", Uuid::default()), (13, "", Uuid([7; 16]))] {
        let mut out = Vec::new();
        request.encode(version, &mut out).unwrap();
        let read = FetchRequest::decode(&out, version).unwrap();
        let topic = read.topics.first().unwrap();
        assert_eq!((topic.topic, topic.topic_id), (name, id));
    }
}

/// Every record of an internal topic's log is written again byte for byte.
#[test]
fn records_of_a_real_kafkas_internal_topics_are_read_and_written_again() {
    let (mut transactions, mut offsets) = (0, 0);
    for folder in data::VERSIONS.into_iter().filter_map(data::folder) {
        for topic in ["__transaction_state-0", "__consumer_offsets-0"] {
            let bytes = std::fs::read(folder.join(topic).join("00000000000000000000.log")).unwrap();
            let mut rest = &bytes[..];
            while let Ok((batch, behind)) = Batch::split(rest, 0) {
                rest = behind;
                if batch.is_control() {
                    continue;
                }
                for record in batch.records(&[]).unwrap() {
                    let key = record.key.unwrap();
                    let kind = i16::from_be_bytes([key[0], key[1]]);
                    if topic == "__transaction_state-0" {
                        again::<TransactionLogKey<'_>>(&key[2..], kind);
                        versioned::<TransactionLogValue<'_>>(record.value);
                        transactions += 1;
                    } else {
                        group_record(kind, &key[2..], record.value);
                        offsets += 1;
                    }
                }
            }
        }
    }
    println!("{transactions} transaction records, {offsets} group records");
}

/// The number before a key names its type; the types have version 0 alone.
fn group_record(kind: i16, key: &[u8], value: Option<&[u8]>) {
    match kind {
        0 | 1 => {
            again::<OffsetCommitKey<'_>>(key, 0);
            versioned::<OffsetCommitValue<'_>>(value);
        }
        2 => {
            again::<GroupMetadataKey<'_>>(key, 0);
            versioned::<GroupMetadataValue<'_>>(value);
        }
        3 => {
            again::<ConsumerGroupMetadataKey<'_>>(key, 0);
            versioned::<ConsumerGroupMetadataValue<'_>>(value);
        }
        5 => {
            again::<ConsumerGroupMemberMetadataKey<'_>>(key, 0);
            versioned::<ConsumerGroupMemberMetadataValue<'_>>(value);
        }
        6 => {
            again::<ConsumerGroupTargetAssignmentMetadataKey<'_>>(key, 0);
            versioned::<ConsumerGroupTargetAssignmentMetadataValue<'_>>(value);
        }
        7 => {
            again::<ConsumerGroupTargetAssignmentMemberKey<'_>>(key, 0);
            versioned::<ConsumerGroupTargetAssignmentMemberValue<'_>>(value);
        }
        8 => {
            again::<ConsumerGroupCurrentMemberAssignmentKey<'_>>(key, 0);
            versioned::<ConsumerGroupCurrentMemberAssignmentValue<'_>>(value);
        }
        other => panic!("key of type {other}"),
    }
}

fn versioned<'a, M: Message<'a>>(value: Option<&'a [u8]>) {
    let Some(bytes) = value else { return };
    let version = i16::from_be_bytes([bytes[0], bytes[1]]);
    again::<M>(&bytes[2..], version);
}

fn again<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) {
    let read = M::decode(bytes, version).unwrap();
    let mut out = Vec::new();
    read.encode(version, &mut out).unwrap();
    assert_eq!(out, bytes, "version {version}");
}

/// Very many very short names: the answer would be far longer than the request.
#[test]
fn a_request_has_no_more_elements_than_its_length_allows() {
    let limit = dolmen_kafka::limits::request_elements_max;
    let encoded = |count: usize, len: usize| {
        let name = "n".repeat(len);
        let groups: Vec<&str> = vec![&name; count];
        let request = DescribeGroupsRequest { groups: (&groups[..]).into(), ..Default::default() };
        let mut bytes = Vec::new();
        request.encode(5, &mut bytes).unwrap();
        bytes
    };
    let most = (20_000..30_000).find(|&count| count + 1 > limit(encoded(count + 1, 0).len())).unwrap();
    assert!(DescribeGroupsRequest::decode_request(&encoded(most, 0), 5).is_ok());
    let over = encoded(most + 1, 0);
    let refused = DescribeGroupsRequest::decode_request(&over, 5).unwrap_err();
    assert!(matches!(refused, WireError::Elements { found, .. } if found == most + 1), "{refused:?}");
    assert!(DescribeGroupsRequest::decode(&over, 5).is_ok(), "what is no request is not counted");
    let long = encoded(200_000, 15);
    let read = DescribeGroupsRequest::decode_request(&long, 5).unwrap();
    assert_eq!(read.groups.iter().count(), 200_000, "sixteen bytes each may be as many as there are");
}
