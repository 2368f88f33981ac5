//! Isolation.

use dolmen_kafka::batch::{Batch, Builder, Meta, attribute};
use dolmen_kafka::control::{Outcome, marker};
use dolmen_kafka::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use dolmen_kafka::messages::delete_topics_request::DeleteTopicState;
use dolmen_kafka::messages::produce_request::{PartitionProduceData, TopicProduceData};
use dolmen_kafka::messages::*;
use dolmen_kafka::record::Record;
use dolmen_kafka::txn::{Entry, Status};
use dolmen_kafka::wire::Message;
use dolmen_kafka_net::Settings;

use crate::client::{Client, Fetched, Running, batch};

fn until_stable(client: &mut Client, topic: &str, offset: i64) -> Fetched {
    loop {
        let fetched = client.fetch(topic, 0, true);
        if fetched.last_stable >= offset {
            return fetched;
        }
    }
}

/// kafka-01 and kafka-03 of the known faults.
#[test]
fn each_marker_closes_its_own_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    let producer = client.init(Some("x"));
    for (n, committed) in [true, false, true].into_iter().enumerate() {
        assert_eq!(client.add("x", producer, "t"), 0);
        let sequence = i32::try_from(n).unwrap();
        let value = n.to_string();
        assert_eq!(client.produce("t", Some("x"), &batch(&[&value], Some((producer, sequence)), true)).0, 0);
        assert_eq!(client.end("x", producer, committed), 0);
    }
    let committed = until_stable(&mut client, "t", 6);
    assert_eq!(committed.aborted, Some(vec![(producer.0, 2)]));
    assert_eq!(committed.values(), [(0, "0".to_owned()), (2, "1".to_owned()), (4, "2".to_owned())]);
    let uncommitted = client.fetch("t", 0, false);
    assert_eq!(uncommitted.aborted, None, "whoever reads everything is told nothing");
    assert_eq!(uncommitted.bytes, committed.bytes);
    broker.stop();
}

#[test]
fn a_fetch_from_the_middle_of_a_batch_gets_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    assert_eq!(client.produce("t", None, &batch(&["a", "b", "c"], None, false)), (0, 0));
    assert_eq!(client.produce("t", None, &batch(&["d"], None, false)), (0, 3));
    assert_eq!(client.fetch("t", 2, true).values().len(), 4);
    assert_eq!(client.fetch("t", 4, true).values().len(), 0);
    assert_eq!(client.fetch("t", 5, true).error, 1);
    broker.stop();
}

/// A transactional batch whose transaction is over must not open another one that nobody ends.
#[test]
fn a_late_batch_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    let producer = client.init(Some("x"));
    assert_eq!(client.add("x", producer, "t"), 0);
    assert_eq!(client.produce("t", Some("x"), &batch(&["a"], Some((producer, 0)), true)), (0, 0));
    assert_eq!(client.end("x", producer, true), 0);
    until_stable(&mut client, "t", 2);
    // 19: the coordinator still notes that the markers are there.
    let late = || client.produce("t", Some("x"), &batch(&["b"], Some((producer, 1)), true)).0;
    let code = std::iter::repeat_with(late).take(1000).find(|code| *code != 19);
    assert_eq!(code, Some(48));
    assert_eq!(client.fetch("t", 0, true).last_stable, 2);
    broker.stop();
}

/// What AddPartitionsToTxn says of each topic's partition 0.
fn add_all(
    client: &mut Client,
    producer: (i64, i16),
    topics: &[&str],
    version: i16,
    verify_only: bool,
) -> Vec<i16> {
    let topics: Vec<AddPartitionsToTxnTopic<'_>> = topics
        .iter()
        .map(|name| AddPartitionsToTxnTopic { name, partitions: (&[0][..]).into(), ..Default::default() })
        .collect();
    let mut request = AddPartitionsToTxnRequest::default();
    let transactions = [AddPartitionsToTxnTransaction {
        transactional_id: "x",
        producer_id: producer.0,
        producer_epoch: producer.1,
        verify_only,
        topics: (&topics[..]).into(),
        ..Default::default()
    }];
    if version < 4 {
        request.v3_and_below_transactional_id = "x";
        (request.v3_and_below_producer_id, request.v3_and_below_producer_epoch) = producer;
        request.v3_and_below_topics = (&topics[..]).into();
    } else {
        request.transactions = (&transactions[..]).into();
    }
    let body = client.ask(&request, version).unwrap();
    let response = AddPartitionsToTxnResponse::decode(&body, version).unwrap();
    let results = if version < 4 {
        response.results_by_topic_v3_and_below
    } else {
        response.results_by_transaction.first().unwrap().topic_results
    };
    results.iter().map(|topic| topic.results_by_partition.first().unwrap().partition_error_code).collect()
}

/// A topic that is not there stops the whole request: its own code, and 55 for all others.
#[test]
fn partitions_are_added_together_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(&[("auto.create.topics.enable", "true")]).unwrap();
    let broker = Running::start(dir.path(), settings);
    let mut client = broker.client();
    client.make_topic("t");
    client.make_topic("u");
    let producer = client.init(Some("x"));
    assert_eq!(add_all(&mut client, producer, &["t", "none", "u"], 3, false), [55, 3, 55]);
    assert_eq!(add_all(&mut client, producer, &["t"], 4, true), [120], "nothing was added");
    assert_eq!(add_all(&mut client, producer, &["t"], 3, false), [0]);
    assert_eq!(add_all(&mut client, producer, &["t", "u"], 4, true), [0, 120], "a look adds nothing");
    assert_eq!(add_all(&mut client, producer, &["t", "u"], 4, true), [0, 120]);
    assert_eq!(add_all(&mut client, (producer.0, producer.1 + 1), &["t"], 4, true), [90]);
    assert_eq!(add_all(&mut client, (producer.0 + 1, producer.1), &["t"], 4, true), [49]);
    broker.stop();
}

/// The version of a request decides which protocol it is; with the feature at 0 the newer one is refused, and the id goes on as if nothing was.
#[test]
fn with_the_feature_at_zero_the_newer_protocol_is_refused_and_nothing_is_stuck() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::new(&[("transaction.version", "0")]).unwrap());
    let mut client = broker.client();
    client.make_topic("t");
    let producer = client.init(Some("x"));
    assert_eq!(add_all(&mut client, producer, &["t"], 4, false), [35]);
    let bytes = batch(&["a"], Some((producer, 0)), true);
    let data = [PartitionProduceData { index: 0, records: Some(&bytes), ..Default::default() }];
    let topics = [TopicProduceData { name: "t", partition_data: (&data[..]).into(), ..Default::default() }];
    let request = ProduceRequest {
        transactional_id: Some("x"),
        acks: -1,
        timeout_ms: 1000,
        topic_data: (&topics[..]).into(),
        ..Default::default()
    };
    let body = client.ask(&request, 12).unwrap();
    let response = ProduceResponse::decode(&body, 12).unwrap();
    assert_eq!(response.responses.first().unwrap().partition_responses.first().unwrap().error_code, 35);
    let end = EndTxnRequest {
        transactional_id: "x",
        producer_id: producer.0,
        producer_epoch: producer.1,
        committed: true,
        ..Default::default()
    };
    let body = client.ask(&end, 5).unwrap();
    assert_eq!(EndTxnResponse::decode(&body, 5).unwrap().error_code, 35);
    let commit = TxnOffsetCommitRequest {
        transactional_id: "x",
        group_id: "g",
        producer_id: producer.0,
        producer_epoch: producer.1,
        generation_id_or_member_epoch: -1,
        topics: [txn_offset_commit_request::TxnOffsetCommitRequestTopic {
            name: "t",
            partitions: [txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()]
                .into_iter()
                .collect(),
            ..Default::default()
        }]
        .into_iter()
        .collect(),
        ..Default::default()
    };
    let body = client.ask(&commit, 5).unwrap();
    let response = TxnOffsetCommitResponse::decode(&body, 5).unwrap();
    assert_eq!(response.topics.first().unwrap().partitions.first().unwrap().error_code, 35);
    // The older one works, and at once.
    assert_eq!(client.add("x", producer, "t"), 0);
    assert_eq!(client.produce("t", Some("x"), &bytes), (0, 0));
    assert_eq!(client.end("x", producer, true), 0);
    assert_eq!(until_stable(&mut client, "t", 2).values().len(), 1);
    broker.stop();
}

/// A topic that is deleted while a transaction has written to it: that is on record, so that the transaction can end.
#[test]
fn a_deleted_topic_needs_no_marker() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    client.make_topic("gone");
    let producer = client.init(Some("x"));
    for topic in ["t", "gone"] {
        assert_eq!(client.add("x", producer, topic), 0);
        assert_eq!(client.produce(topic, Some("x"), &batch(&["a"], Some((producer, 0)), true)), (0, 0));
    }
    let names = [DeleteTopicState { name: Some("gone"), ..Default::default() }];
    let request =
        DeleteTopicsRequest { topics: (&names[..]).into(), timeout_ms: 10_000, ..Default::default() };
    let body = client.ask(&request, 6).unwrap();
    assert_eq!(DeleteTopicsResponse::decode(&body, 6).unwrap().responses.first().unwrap().error_code, 0);
    assert_eq!(client.end("x", producer, true), 0);
    until_stable(&mut client, "t", 2);
    // It has completed: the next one begins.
    assert_eq!(client.add("x", producer, "t"), 0);
    assert_eq!(client.produce("t", Some("x"), &batch(&["b"], Some((producer, 1)), true)), (0, 2));
    assert_eq!(client.end("x", producer, true), 0);
    broker.stop();
}

/// The life of a transaction that `core/kafka/README.md` tells message by message: what is fetched at each step, and every byte's place in the logs.
#[test]
fn the_life_of_a_transaction_is_as_the_page_tells_it() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("orders");
    let (producer_id, producer_epoch) = client.init(Some("pay"));
    assert_eq!((producer_id, producer_epoch), (0, 0));
    assert_eq!(client.add("pay", (0, 0), "orders"), 0);
    let mut sent = Vec::new();
    let attributes = attribute::TRANSACTIONAL;
    let meta = Meta { producer_id, producer_epoch, base_sequence: 0, attributes, ..Meta::default() };
    let mut builder = Builder::new(&mut sent, meta);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let record = Record { key: Some(b"tree"), value: Some(b"oak"), ..Record::default() };
    assert!(builder.push(i64::try_from(now.as_millis()).unwrap(), record));
    builder.finish(None);
    assert_eq!(client.produce("orders", Some("pay"), &sent), (0, 0));
    for (is_committed, len) in [(false, 75), (true, 0)] {
        let fetched = client.fetch("orders", 0, is_committed);
        assert_eq!((fetched.high_watermark, fetched.last_stable, fetched.bytes.len()), (1, 0, len));
    }
    assert_eq!(client.end("pay", (0, 0), true), 0);
    let fetched = until_stable(&mut client, "orders", 2);
    assert_eq!((fetched.high_watermark, fetched.last_stable, fetched.bytes.len()), (2, 2, 153));
    drop(client);
    broker.stop();

    let read = |topic: &str| std::fs::read(dir.path().join(topic).join("00000000000000000000.log")).unwrap();
    let orders = read("orders-0");
    let (batch, rest) = Batch::split(&orders, 0).unwrap();
    assert_eq!((batch.bytes().len(), rest.len()), (75, 78));
    assert_eq!(batch.body(), b"\x1a\0\0\0\x08tree\x06oak\0");
    let (end, _) = Batch::split(rest, 75).unwrap();
    assert_eq!(end.body(), b"\x20\0\0\0\x08\0\0\0\x01\x0c\0\0\0\0\0\0\0");
    assert_eq!(
        marker(&end).map(|marker| (marker.outcome, marker.coordinator_epoch)),
        Some((Outcome::Commit, 0))
    );
    assert_eq!(
        (end.base_offset(), end.producer_id(), end.producer_epoch(), end.base_sequence()),
        (1, 0, 0, -1)
    );

    let state = read("__transaction_state-0");
    let (mut at, mut found) = (0, Vec::new());
    while let Ok((batch, _)) = Batch::split(&state[at..], at as u64) {
        let record = batch.records(&[]).unwrap().next().unwrap();
        assert_eq!(record.key, Some(&b"\0\0\0\x03pay"[..]));
        let value = record.value.unwrap();
        assert_eq!(value[..2], [0, 1], "version 1");
        let entry = Entry::decode_value(&value[2..], 1).unwrap();
        let partitions = entry.partitions.values().map(|indexes| indexes.len()).sum::<usize>();
        assert_eq!((entry.producer.id, entry.producer.epoch, entry.timeout_ms), (0, 0, 60_000));
        found.push((at, entry.status, partitions));
        at += batch.bytes().len();
    }
    use Status::{CompleteCommit, Empty, Ongoing, PrepareCommit};
    assert_eq!(found, [(0, Empty, 0), (110, Ongoing, 1), (233, PrepareCommit, 1), (356, CompleteCommit, 0)]);
    assert_eq!(at, 466);
}

/// Without a sync to wait for, a transaction has its markers when its end is answered: the next one begins at once.
#[test]
fn by_an_interval_of_syncs_the_next_transaction_never_waits() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::new(&[("log.flush.interval.messages", "1000000")]).unwrap();
    let broker = Running::start(dir.path(), settings);
    let mut client = broker.client();
    client.make_topic("t");
    let producer = client.init(Some("x"));
    for n in 0..50 {
        assert_eq!(add_all(&mut client, producer, &["t"], 3, false), [0], "transaction {n}");
        assert_eq!(client.produce("t", Some("x"), &batch(&["a"], Some((producer, n)), true)).0, 0);
        assert_eq!(client.end("x", producer, n % 3 > 0), 0);
    }
    assert_eq!(client.fetch("t", 0, true).last_stable, 100);
    broker.stop();
}
