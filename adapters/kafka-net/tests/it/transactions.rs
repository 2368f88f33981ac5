//! Isolation.

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
