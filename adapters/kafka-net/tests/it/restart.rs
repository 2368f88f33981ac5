//! What a broker remembers.

use dolmen_kafka_net::Settings;

use crate::client::{Running, batch};

/// kafka-08 of the known faults: a batch that is sent again over a restart is recognised, though it is not the last one.
#[test]
fn a_resent_batch_is_recognised_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    let producer = client.init(None);
    for n in 0..4 {
        assert_eq!(client.produce("t", None, &batch(&["x"], Some((producer, n)), false)), (0, i64::from(n)));
    }
    drop(client);
    // Not stopped but dropped: what is in the log is all there is.
    drop(broker);
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    assert_eq!(client.produce("t", None, &batch(&["x"], Some((producer, 1)), false)), (0, 1));
    assert_eq!(client.produce("t", None, &batch(&["x"], Some((producer, 4)), false)), (0, 4));
    assert_eq!(client.fetch("t", 0, false).values().len(), 5);
    assert_ne!(client.init(None).0, producer.0, "an id is never given twice");
    broker.stop();
}

/// kafka-06 of the known faults.
#[test]
fn a_transaction_goes_on_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for is_clean in [false, true] {
        let id = format!("id-{is_clean}");
        let topic = format!("t-{is_clean}");
        let broker = Running::start(dir.path(), Settings::default());
        let mut client = broker.client();
        client.make_topic(&topic);
        let producer = client.init(Some(&id));
        assert_eq!(client.add(&id, producer, &topic), 0);
        assert_eq!(client.produce(&topic, Some(&id), &batch(&["a", "b"], Some((producer, 0)), true)), (0, 0));
        drop(client);
        if is_clean {
            broker.stop()
        } else {
            drop(broker)
        }
        let broker = Running::start(dir.path(), Settings::default());
        let mut client = broker.client();
        assert_eq!(client.fetch(&topic, 0, true).last_stable, 0, "it is still open");
        assert_eq!(client.produce(&topic, Some(&id), &batch(&["c"], Some((producer, 2)), true)), (0, 2));
        assert_eq!(client.end(&id, producer, true), 0);
        let seen = loop {
            let fetched = client.fetch(&topic, 0, true);
            if fetched.last_stable == 4 {
                break fetched;
            }
        };
        assert_eq!(seen.values().len(), 3);
        drop(client);
        broker.stop();
    }
}

/// kafka-11 of the known faults: what a client sends is what another reads, byte for byte.
#[test]
fn null_and_empty_stay_apart() {
    use dolmen_kafka::batch::{Batch, Builder, Meta};
    use dolmen_kafka::record::{Header, Record};
    let headers: [Header<'_>; 4] = [("h", None), ("h", Some(b"")), ("k", Some(b"1")), ("k", Some(b"2"))];
    let (mut sent, none, empty) = (Vec::new(), None, Some(&b""[..]));
    let mut builder = Builder::new(&mut sent, Meta::default());
    for (key, value) in [(none, none), (empty, none), (none, empty), (empty, empty)] {
        builder.push(1, Record { key, value, headers: (&headers[..]).into(), ..Record::default() });
    }
    builder.finish(None);
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    assert_eq!(client.produce("t", None, &sent), (0, 0));
    drop(client);
    broker.stop();
    let broker = Running::start(dir.path(), Settings::default());
    let bytes = broker.client().fetch("t", 0, false).bytes;
    let ((batch, _), (same, _)) = (Batch::split(&bytes, 0).unwrap(), Batch::split(&sent, 0).unwrap());
    assert_eq!(batch.body(), same.body());
    broker.stop();
}

/// A folder of a real Kafka is taken over; opened again it is ours.
#[test]
fn a_real_brokers_folder_is_taken_over() {
    let Some(data) = dolmen_testkit::testdata("kafka") else {
        dolmen_testkit::skip("a_real_brokers_folder_is_taken_over");
        return;
    };
    for version in ["4.4.0", "3.9.2"] {
        let dir = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(data.join(version)).unwrap() {
            let entry = entry.unwrap();
            let to = dir.path().join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                std::fs::create_dir(&to).unwrap();
                for file in std::fs::read_dir(entry.path()).unwrap() {
                    let file = file.unwrap();
                    if file.file_type().unwrap().is_file() {
                        std::fs::write(to.join(file.file_name()), std::fs::read(file.path()).unwrap())
                            .unwrap();
                    }
                }
            } else {
                std::fs::write(to, std::fs::read(entry.path()).unwrap()).unwrap();
            }
        }
        for _ in 0..2 {
            let settings = Settings::new(&[("log.retention.ms", "-1")]).unwrap();
            let broker = Running::start(dir.path(), settings);
            let mut client = broker.client();
            let parts = client.fetch("parts", 0, false);
            assert_eq!((parts.error, parts.high_watermark), (0, 1));
            assert_eq!(parts.values(), [(0, "partition 0".to_owned())]);
            // DeleteRecords went to 17 there.
            assert_eq!(client.fetch("deleted", 16, false).error, 1);
            assert_eq!(client.fetch("deleted", 17, false).error, 0);
            let open = client.fetch("txn-v1", 0, true);
            assert!(open.last_stable < open.high_watermark, "a transaction was left open");
            drop(client);
            broker.stop();
        }
    }
}
