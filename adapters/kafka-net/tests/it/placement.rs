//! What one broker answers to questions about many, as Kafka of one node does.

use dolmen_kafka::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use dolmen_kafka::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use dolmen_kafka::messages::describe_configs_request::DescribeConfigsResource;
use dolmen_kafka::messages::elect_leaders_request::TopicPartitions;
use dolmen_kafka::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use dolmen_kafka::messages::*;
use dolmen_kafka::wire::{List, Message};
use dolmen_kafka_net::Settings;

use crate::client::{Client, Running, batch};

fn elected(client: &mut Client, topic: Option<&str>, kind: i8) -> (i16, Vec<(i32, i16)>) {
    let partitions = [0, 7];
    let topics = topic
        .map(|topic| [TopicPartitions { topic, partitions: (&partitions[..]).into(), ..Default::default() }]);
    let request = ElectLeadersRequest {
        election_type: kind,
        topic_partitions: topics.as_ref().map(|topics| List::from(&topics[..])),
        ..Default::default()
    };
    let body = client.ask(&request, 2).unwrap();
    let response = ElectLeadersResponse::decode(&body, 2).unwrap();
    let results = response.replica_election_results.iter().flat_map(|topic| {
        topic.partition_result.iter().map(|one| (one.partition_id, one.error_code)).collect::<Vec<_>>()
    });
    (response.error_code, results.collect())
}

#[test]
fn leaders_directories_and_replicas_stay_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    client.produce("t", None, &batch(&["a"], None, false));
    assert_eq!(elected(&mut client, Some("t"), 0), (0, vec![(0, 84), (7, 3)]));
    assert_eq!(elected(&mut client, None, 1), (0, vec![]));
    assert_eq!(elected(&mut client, Some("t"), 2), (42, vec![]));

    let body = client.ask(&DescribeLogDirsRequest { topics: None, ..Default::default() }, 4).unwrap();
    let response = DescribeLogDirsResponse::decode(&body, 4).unwrap();
    let here = response.results.first().unwrap();
    let path = here.log_dir.to_owned();
    assert_eq!((response.results.len(), here.error_code, here.total_bytes), (1, 0, -1));
    let topic = here.topics.iter().find(|topic| topic.name == "t").unwrap();
    assert!(topic.partitions.first().unwrap().partition_size > 61);

    let partitions = [0, 7];
    for (path, codes) in [(path.as_str(), [0, 3]), ("/elsewhere", [57, 57])] {
        let topics = [AlterReplicaLogDirTopic {
            name: "t",
            partitions: (&partitions[..]).into(),
            ..Default::default()
        }];
        let dirs = [AlterReplicaLogDir { path, topics: (&topics[..]).into(), ..Default::default() }];
        let request = AlterReplicaLogDirsRequest { dirs: (&dirs[..]).into(), ..Default::default() };
        let body = client.ask(&request, 2).unwrap();
        let response = AlterReplicaLogDirsResponse::decode(&body, 2).unwrap();
        let results = response.results.first().unwrap();
        assert!(results.partitions.iter().map(|one| one.error_code).eq(codes), "{path}");
    }

    let cases: [(i32, Option<&[i32]>); 4] = [(0, Some(&[1])), (0, Some(&[2])), (0, None), (7, Some(&[1]))];
    let partitions: Vec<_> = cases
        .into_iter()
        .map(|(partition_index, replicas)| ReassignablePartition {
            partition_index,
            replicas: replicas.map(List::from),
            ..Default::default()
        })
        .collect();
    let topics = [ReassignableTopic { name: "t", partitions: partitions.into(), ..Default::default() }];
    let request = AlterPartitionReassignmentsRequest { topics: (&topics[..]).into(), ..Default::default() };
    let body = client.ask(&request, 1).unwrap();
    let response = AlterPartitionReassignmentsResponse::decode(&body, 1).unwrap();
    let codes =
        response.responses.first().unwrap().partitions.iter().map(|one| one.error_code).collect::<Vec<_>>();
    assert_eq!(codes, [0, 39, 85, 3]);
    let body = client.ask(&ListPartitionReassignmentsRequest::default(), 0).unwrap();
    let response = ListPartitionReassignmentsResponse::decode(&body, 0).unwrap();
    assert_eq!((response.error_code, response.topics.len()), (0, 0));
    broker.stop();
}

#[test]
fn what_has_settings_is_listed_by_kind() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    let mut listed = |kinds: &[i8], version| {
        let request = ListConfigResourcesRequest { resource_types: kinds.into(), ..Default::default() };
        let body = client.ask(&request, version).unwrap();
        let response = ListConfigResourcesResponse::decode(&body, version).unwrap();
        let all =
            response.config_resources.iter().map(|one| (one.resource_name.to_owned(), one.resource_type));
        (response.error_code, all.collect::<Vec<_>>())
    };
    let one = |name: &str, kind| (name.to_owned(), kind);
    assert_eq!(listed(&[], 1), (0, vec![one("t", 2), one("1", 4), one("1", 8)]));
    assert_eq!(listed(&[2], 1), (0, vec![one("t", 2)]));
    assert_eq!(listed(&[16, 32], 1), (0, vec![]));
    assert_eq!(listed(&[], 0), (0, vec![]), "version 0 asks for client metrics");
    assert_eq!(listed(&[3], 1), (35, vec![]));
    broker.stop();
}

#[test]
fn groups_have_settings_and_client_metrics_are_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    let mut altered = |kind, resource, name, value| {
        let configs = [AlterableConfig { name, value: Some(value), ..Default::default() }];
        let resources = [AlterConfigsResource {
            resource_type: kind,
            resource_name: resource,
            configs: (&configs[..]).into(),
            ..Default::default()
        }];
        let request =
            IncrementalAlterConfigsRequest { resources: (&resources[..]).into(), ..Default::default() };
        let body = client.ask(&request, 1).unwrap();
        let response = IncrementalAlterConfigsResponse::decode(&body, 1).unwrap();
        let one = response.responses.first().unwrap();
        (one.error_code, one.error_message.map(str::to_owned))
    };
    assert_eq!(altered(2, "t", "retention.ms", "1000"), (0, None));
    assert_eq!(altered(32, "g", "consumer.session.timeout.ms", "50000"), (0, None));
    assert_eq!(altered(32, "g", "consumer.session.timeout.ms", "50").0, 40);
    assert_eq!(
        altered(4, "1", "group.consumer.session.timeout.ms", "50000").0,
        42,
        "it is fixed at the start"
    );
    let (code, about) = altered(16, "m", "interval.ms", "50000");
    assert_eq!(code, 42);
    assert!(about.is_some_and(|about| about.contains("Only topics, groups and this broker")));
    let resources = [DescribeConfigsResource {
        resource_type: 32,
        resource_name: "g",
        configuration_keys: None,
        ..Default::default()
    }];
    let request = DescribeConfigsRequest { resources: (&resources[..]).into(), ..Default::default() };
    let body = client.ask(&request, 4).unwrap();
    let response = DescribeConfigsResponse::decode(&body, 4).unwrap();
    let configs = &response.results.first().unwrap().configs;
    let told: Vec<_> = configs.iter().map(|one| (one.name, one.value.unwrap(), one.config_source)).collect();
    let interval = ("consumer.heartbeat.interval.ms", "5000", 5);
    assert_eq!(told, [interval, ("consumer.session.timeout.ms", "50000", 8)]);
    let request =
        ListConfigResourcesRequest { resource_types: [32].into_iter().collect(), ..Default::default() };
    let body = client.ask(&request, 1).unwrap();
    let response = ListConfigResourcesResponse::decode(&body, 1).unwrap();
    assert!(response.config_resources.iter().map(|one| one.resource_name).eq(["g"]));
    broker.stop();
}

#[test]
fn operations_are_told_where_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    for (are_asked, cluster, topic) in [(false, i32::MIN, i32::MIN), (true, 0x1fa0, 0x0df8)] {
        let request = MetadataRequest {
            topics: None,
            include_cluster_authorized_operations: are_asked,
            include_topic_authorized_operations: are_asked,
            ..Default::default()
        };
        let body = client.ask(&request, 10).unwrap();
        let response = MetadataResponse::decode(&body, 10).unwrap();
        let told = response.topics.first().unwrap().topic_authorized_operations;
        assert_eq!((response.cluster_authorized_operations, told), (cluster, topic));
        let request =
            DescribeClusterRequest { include_cluster_authorized_operations: are_asked, ..Default::default() };
        let body = client.ask(&request, 0).unwrap();
        let response = DescribeClusterResponse::decode(&body, 0).unwrap();
        assert_eq!(response.cluster_authorized_operations, cluster);
    }
    broker.stop();
}

#[test]
fn the_rack_is_told_and_topics_stay_where_they_may_not_be_deleted() {
    use delete_topics_request::DeleteTopicState;
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(&[("broker.rack", "r1"), ("delete.topic.enable", "false")]).unwrap();
    let broker = Running::start(dir.path(), settings);
    let mut client = broker.client();
    client.make_topic("t");
    let body = client.ask(&MetadataRequest::default(), 9).unwrap();
    assert_eq!(MetadataResponse::decode(&body, 9).unwrap().brokers.first().unwrap().rack, Some("r1"));
    let body = client.ask(&DescribeClusterRequest::default(), 0).unwrap();
    assert_eq!(DescribeClusterResponse::decode(&body, 0).unwrap().brokers.first().unwrap().rack, Some("r1"));
    let topics = [DeleteTopicState { name: Some("t"), ..Default::default() }];
    let request = DeleteTopicsRequest { topics: (&topics[..]).into(), ..Default::default() };
    let body = client.ask(&request, 6).unwrap();
    assert_eq!(DeleteTopicsResponse::decode(&body, 6).unwrap().responses.first().unwrap().error_code, 73);
    client.make_topic("t");
    assert_eq!(client.fetch("t", 0, false).values().len(), 0, "it is still there");
    broker.stop();
}
