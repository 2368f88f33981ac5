//! Requests of groups from their bytes and answers to their bytes, in every version.

use dolmen_kafka::ErrorCode;
use dolmen_kafka::group::ask::{
    Answer, Ask, Beaten, CommitPartition, Described, DescribedConsumer, DescribedConsumers, DescribedMember,
    FetchedGroup, FetchedPartition, Joined, JoinedMember, Listed, Synced, TopicName,
};
use dolmen_kafka::group::check::{check_record, check_request};
use dolmen_kafka::group::{Client, serve};
use dolmen_kafka::messages::join_group_request::JoinGroupRequestProtocol;
use dolmen_kafka::messages::leave_group_request::MemberIdentity;
use dolmen_kafka::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use dolmen_kafka::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use dolmen_kafka::messages::{
    APIS, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse, DeleteGroupsResponse,
    DescribeGroupsResponse, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, ListGroupsResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, SyncGroupResponse, TxnOffsetCommitResponse,
};
use dolmen_kafka::wire::{Message, Uuid};

fn bytes<'a>(message: &impl Message<'a>, version: i16) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(version, &mut out).unwrap();
    out
}

/// Versions of a message.
fn versions<'a, M: Message<'a>>(_: &M) -> std::ops::RangeInclusive<i16> {
    M::VERSIONS.0..=M::VERSIONS.1
}

#[test]
fn joins_of_every_version() {
    let protocols = [JoinGroupRequestProtocol { name: "range", metadata: b"m", ..Default::default() }];
    for version in 0..=9 {
        let request = JoinGroupRequest {
            group_id: "g",
            session_timeout_ms: 7,
            rebalance_timeout_ms: if version >= 1 { 9 } else { -1 },
            member_id: "m",
            group_instance_id: (version >= 5).then_some("i"),
            protocol_type: "consumer",
            protocols: (&protocols[..]).into(),
            ..JoinGroupRequest::default()
        };
        let Ask::Join(join) = serve::read(11, version, &bytes(&request, version)).unwrap() else { panic!() };
        assert_eq!((join.version, join.group.as_str(), join.member.as_str()), (version, "g", "m"));
        // Before version 1 one time-out stands for both.
        assert_eq!(join.rebalance_timeout_ms, if version >= 1 { 9 } else { 7 });
        assert_eq!(join.instance.is_some(), version >= 5);
        assert_eq!(join.protocols, [("range".to_owned(), b"m".to_vec())]);
    }
}

#[test]
fn leaves_of_one_member_and_of_many() {
    let members = [MemberIdentity { member_id: "b", ..Default::default() }];
    for version in 0..=5 {
        let request = match version {
            0..=2 => LeaveGroupRequest { group_id: "g", member_id: "a", ..Default::default() },
            _ => LeaveGroupRequest { group_id: "g", members: (&members[..]).into(), ..Default::default() },
        };
        let Ask::Leave(leave) = serve::read(13, version, &bytes(&request, version)).unwrap() else {
            panic!()
        };
        assert_eq!(leave.members, [(if version <= 2 { "a" } else { "b" }.to_owned(), None)]);
        let answer = Answer::Leave {
            error: ErrorCode::NONE,
            members: vec![("a".into(), None, ErrorCode::UNKNOWN_MEMBER_ID)],
        };
        let mut out = Vec::new();
        serve::write(&answer, 13, version, &mut out).unwrap();
        let response = LeaveGroupResponse::decode(&out, version).unwrap();
        // The older form has one code for its one member.
        assert_eq!(response.error_code, if version <= 2 { 25 } else { 0 });
        assert_eq!(response.members.len(), usize::from(version > 2));
    }
}

#[test]
fn commits_by_name_and_by_id() {
    let partitions =
        [OffsetCommitRequestPartition { partition_index: 3, committed_offset: 5, ..Default::default() }];
    for version in 2..=10 {
        let topics = [OffsetCommitRequestTopic {
            name: if version <= 9 { "t" } else { "" },
            topic_id: if version >= 10 { Uuid([1; 16]) } else { Uuid::default() },
            partitions: (&partitions[..]).into(),
            ..Default::default()
        }];
        let request = OffsetCommitRequest {
            group_id: "g",
            retention_time_ms: if version <= 4 { 77 } else { -1 },
            topics: (&topics[..]).into(),
            ..OffsetCommitRequest::default()
        };
        let Ask::Commit(commit) = serve::read(8, version, &bytes(&request, version)).unwrap() else {
            panic!()
        };
        assert_eq!(commit.retention_ms, if version <= 4 { 77 } else { -1 });
        assert_eq!((commit.generation, commit.producer), (-1, None));
        let (topic, wanted) = &commit.topics[0];
        assert_eq!(topic.name.is_empty(), version >= 10);
        let expected = CommitPartition { partition: 3, offset: 5, leader_epoch: -1, metadata: String::new() };
        assert_eq!(wanted[..], [expected]);
    }
}

#[test]
fn fetches_of_one_group_and_of_many() {
    let partitions = [0, 4];
    for version in 1..=10 {
        let by_name = [OffsetFetchRequestTopic {
            name: "t",
            partition_indexes: (&partitions[..]).into(),
            ..Default::default()
        }];
        let by_group = [OffsetFetchRequestTopics {
            name: if version == 10 { "" } else { "t" },
            topic_id: if version == 10 { Uuid([1; 16]) } else { Uuid::default() },
            partition_indexes: (&partitions[..]).into(),
            ..Default::default()
        }];
        let groups = [
            OffsetFetchRequestGroup {
                group_id: "g",
                topics: Some((&by_group[..]).into()),
                ..Default::default()
            },
            OffsetFetchRequestGroup { group_id: "h", topics: None, ..Default::default() },
        ];
        let request = match version {
            1..=7 => OffsetFetchRequest {
                group_id: "g",
                topics: Some((&by_name[..]).into()),
                require_stable: version >= 7,
                ..OffsetFetchRequest::default()
            },
            _ => OffsetFetchRequest {
                groups: (&groups[..]).into(),
                require_stable: true,
                ..OffsetFetchRequest::default()
            },
        };
        let Ask::Fetch(fetch) = serve::read(9, version, &bytes(&request, version)).unwrap() else { panic!() };
        assert_eq!((fetch.is_stable, fetch.groups.len()), (version >= 7, if version <= 7 { 1 } else { 2 }));
        assert_eq!(fetch.groups[0].topics.as_ref().unwrap()[0].1, [0, 4]);
        assert!(version <= 7 || fetch.groups[1].topics.is_none());
    }
}

fn answers() -> Vec<(i16, Answer)> {
    let topic = TopicName { name: "t".into(), id: Uuid([1; 16]) };
    let member = DescribedMember {
        member: "m".into(),
        instance: Some("i".into()),
        client: Client::default(),
        metadata: vec![1],
        assignment: vec![2],
    };
    let joined = Joined {
        error: ErrorCode::NONE,
        generation: 3,
        protocol_type: Some("consumer".into()),
        protocol: None,
        leader: "m".into(),
        skips_assignment: true,
        member: "m".into(),
        members: vec![JoinedMember { member: "m".into(), instance: Some("i".into()), metadata: vec![1] }],
    };
    let described = Described {
        error: ErrorCode::NONE,
        group: "g".into(),
        state: "Stable",
        protocol_type: "consumer".into(),
        protocol: "range".into(),
        members: vec![member],
        operations: Some(1 << 3),
    };
    let named = vec![(Uuid([1; 16]), "t".to_owned(), vec![0, 1])];
    let consumers = DescribedConsumers {
        group: "g".into(),
        state: "Stable",
        epoch: 3,
        target_epoch: 3,
        assignor: "uniform",
        members: vec![DescribedConsumer {
            member: "m".into(),
            assignment: named.clone(),
            target: named,
            ..Default::default()
        }],
        ..Default::default()
    };
    let fetched = FetchedPartition {
        partition: 1,
        offset: 5,
        leader_epoch: 2,
        metadata: "x".into(),
        error: ErrorCode::NONE,
    };
    let beaten = Beaten {
        error: ErrorCode::NONE,
        member: Some("m".into()),
        epoch: 3,
        interval_ms: 5000,
        assignment: Some(vec![(Uuid([1; 16]), vec![0, 1])]),
    };
    let commit = Answer::Commit(vec![(topic.clone(), vec![(1, ErrorCode::NONE)])]);
    vec![
        (11, Answer::Join(joined)),
        (
            14,
            Answer::Sync(Synced {
                assignment: vec![7],
                protocol: Some("range".into()),
                ..Default::default()
            }),
        ),
        (12, Answer::Heartbeat(ErrorCode::REBALANCE_IN_PROGRESS)),
        (15, Answer::Describe(vec![described])),
        (
            16,
            Answer::List {
                error: ErrorCode::NONE,
                groups: vec![Listed {
                    group: "g".into(),
                    protocol_type: "consumer".into(),
                    state: "Stable",
                    group_type: "classic",
                }],
            },
        ),
        (42, Answer::Delete(vec![("g".into(), ErrorCode::NON_EMPTY_GROUP)])),
        (68, Answer::Beat(beaten)),
        (69, Answer::DescribeConsumers(vec![consumers])),
        (8, commit.clone()),
        (28, commit),
        (
            9,
            Answer::Fetch(vec![FetchedGroup {
                group: "g".into(),
                error: ErrorCode::NONE,
                topics: vec![(topic, vec![fetched])],
            }]),
        ),
        (
            47,
            Answer::DeleteOffsets {
                error: ErrorCode::NONE,
                topics: vec![("t".into(), vec![(1, ErrorCode::NONE)])],
            },
        ),
    ]
}

#[test]
fn answers_of_every_version_are_written() {
    for (key, answer) in answers() {
        let api = APIS.iter().find(|api| api.key == key).unwrap();
        assert!(serve::is_of_groups(key));
        for version in api.low..=api.high {
            let mut out = Vec::new();
            serve::write(&answer, key, version, &mut out)
                .unwrap_or_else(|error| panic!("{} {version}: {error}", api.name));
            assert!(!out.is_empty());
        }
    }
    assert!(!serve::is_of_groups(0) && serve::read(0, 9, &[]).is_err());
}

/// What a client reads of them, in the newest version.
#[test]
fn answers_say_what_they_should() {
    let written = |wanted: i16, version: i16| {
        let (_, answer) = answers().into_iter().find(|(key, _)| *key == wanted).unwrap();
        let mut out = Vec::new();
        serve::write(&answer, wanted, version, &mut out).unwrap();
        out
    };
    let out = written(11, 9);
    let join = JoinGroupResponse::decode(&out, 9).unwrap();
    assert_eq!(
        (join.generation_id, join.leader, join.skip_assignment, join.members.len()),
        (3, "m", true, 1)
    );
    assert_eq!(join.protocol_name, None);
    assert_eq!(JoinGroupResponse::decode(&written(11, 4), 4).unwrap().protocol_name, Some(""));
    assert_eq!(SyncGroupResponse::decode(&written(14, 5), 5).unwrap().assignment, [7]);
    assert_eq!(HeartbeatResponse::decode(&written(12, 0), 0).unwrap().error_code, 27);
    let out = written(15, 6);
    let group = DescribeGroupsResponse::decode(&out, 6).unwrap().groups.first().unwrap();
    assert_eq!((group.group_state, group.members.first().unwrap().member_assignment), ("Stable", &[2][..]));
    let out = written(16, 5);
    let group = ListGroupsResponse::decode(&out, 5).unwrap().groups.first().unwrap();
    assert_eq!((group.group_state, group.group_type), ("Stable", "classic"));
    assert_eq!(
        DeleteGroupsResponse::decode(&written(42, 3), 3).unwrap().results.first().unwrap().error_code,
        68
    );
    let out = written(68, 1);
    let beat = ConsumerGroupHeartbeatResponse::decode(&out, 1).unwrap();
    assert_eq!(
        (beat.member_epoch, beat.assignment.unwrap().topic_partitions.first().unwrap().partitions.len()),
        (3, 2)
    );
    let out = written(69, 1);
    let group = ConsumerGroupDescribeResponse::decode(&out, 1).unwrap().groups.first().unwrap();
    let member = group.members.first().unwrap();
    assert_eq!((group.group_epoch, member.member_type), (3, 1));
    assert_eq!(member.target_assignment.topic_partitions.first().unwrap().topic_name, "t");
    let out = written(8, 10);
    let commit = OffsetCommitResponse::decode(&out, 10).unwrap();
    assert_eq!(commit.topics.first().unwrap().topic_id, Uuid([1; 16]));
    assert_eq!(
        TxnOffsetCommitResponse::decode(&written(28, 3), 3).unwrap().topics.first().unwrap().name,
        "t"
    );
    for version in [1, 7, 9, 10] {
        let out = written(9, version);
        let fetched = OffsetFetchResponse::decode(&out, version).unwrap();
        let offset = match version {
            1..=7 => fetched.topics.first().unwrap().partitions.first().unwrap().committed_offset,
            _ => {
                fetched
                    .groups
                    .first()
                    .unwrap()
                    .topics
                    .first()
                    .unwrap()
                    .partitions
                    .first()
                    .unwrap()
                    .committed_offset
            }
        };
        assert_eq!(offset, 5, "{version}");
    }
    let out = written(47, 0);
    let deleted = OffsetDeleteResponse::decode(&out, 0).unwrap();
    assert_eq!(deleted.topics.first().unwrap().partitions.first().unwrap().partition_index, 1);
    assert_eq!(versions(&deleted), 0..=0);
}

#[test]
fn damaged_requests_are_refused() {
    let protocols = [JoinGroupRequestProtocol { name: "range", metadata: b"m", ..Default::default() }];
    let request =
        JoinGroupRequest { group_id: "g", protocols: (&protocols[..]).into(), ..JoinGroupRequest::default() };
    let whole = bytes(&request, 9);
    for cut in 0..whole.len() {
        assert!(serve::read(11, 9, &whole[..cut]).is_err(), "{cut}");
    }
    let mut rng = dolmen_base::Rng::new(5);
    for _ in 0..20_000 {
        let mut noise = [0; 40];
        rng.fill(&mut noise);
        let len = rng.below(40) as usize;
        check_request(&noise[..len]);
        noise[0] %= 24;
        (noise[1], noise[2]) = (0, noise[2] % 9);
        check_record(&noise[..len]);
    }
}

/// Every real record, whole and with single bytes changed.
#[test]
fn real_records_and_their_mutants() {
    let Some(folder) = crate::data::folder("4.4.0") else { return };
    let log = std::fs::read(folder.join("__consumer_offsets-0/00000000000000000000.log")).unwrap();
    let mut rest = &log[..];
    let mut count = 0;
    while let Ok((batch, behind)) = dolmen_kafka::batch::Batch::split(rest, 0) {
        rest = behind;
        if batch.is_control() {
            continue;
        }
        for (_, key, value) in dolmen_kafka::group::records::each(&batch, &[]).unwrap() {
            let mut seed = vec![key.len() as u8];
            seed.extend_from_slice(key);
            seed.extend_from_slice(value.unwrap_or_default());
            check_record(&seed);
            for at in 0..seed.len() {
                for bit in [1, 0x80, 0xff] {
                    let mut mutant = seed.clone();
                    mutant[at] ^= bit;
                    check_record(&mutant);
                }
            }
            count += 1;
        }
    }
    assert!(count > 30);
}
