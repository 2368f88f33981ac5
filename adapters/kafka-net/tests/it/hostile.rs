//! Frames that no client sends.

use std::io::{Read, Write};
use std::time::Duration;

use dolmen_kafka::messages::*;
use dolmen_kafka::wire::Message;
use dolmen_kafka_net::Settings;

use crate::client::{Client, Running, batch};

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

fn is_served(broker: &Running) -> bool {
    let request =
        ApiVersionsRequest { client_software_name: "a", client_software_version: "1", ..Default::default() };
    broker.client().ask(&request, 3).is_some()
}

#[test]
fn an_announced_frame_takes_no_memory_before_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    assert!(is_served(&broker));
    let before = resident();
    let clients: Vec<Client> = (0..64)
        .map(|_| {
            let mut client = broker.client();
            client.stream.write_all(&(100u32 << 20).to_be_bytes()).unwrap();
            client.stream.write_all(&[0; 1000]).unwrap();
            client
        })
        .collect();
    assert!(is_served(&broker));
    let taken = resident().saturating_sub(before);
    assert!(taken < 64 << 20, "{taken} bytes for 64 frames of 100 MiB of which 1,000 bytes came");
    drop(clients);
    broker.stop();
}

#[test]
fn what_is_no_request_costs_the_connection_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut rng = dolmen_base::Rng::new(1);
    for round in 0..300u64 {
        let mut client = broker.client();
        let mut bytes = vec![0; usize::try_from(rng.below(200)).unwrap()];
        rng.fill(&mut bytes);
        // A frame whose length is right, with a key and version that exist, and any body.
        let mut frame = u32::try_from(bytes.len() + 10).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(&i16::try_from(round % 80).unwrap().to_be_bytes());
        frame.extend_from_slice(&i16::try_from(rng.below(14)).unwrap().to_be_bytes());
        frame.extend_from_slice(&7i32.to_be_bytes());
        frame.extend_from_slice(&(-1i16).to_be_bytes());
        frame.extend_from_slice(&bytes);
        client.stream.write_all(&frame).unwrap();
        client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // An answer, or none: what counts is that the broker lives and the connection ends.
        let _ = client.stream.read_to_end(&mut answer);
    }
    for length in [-1i32, i32::MIN, i32::MAX, 0] {
        let mut client = broker.client();
        client.stream.write_all(&length.to_be_bytes()).unwrap();
        assert_eq!(client.read(false), None, "{length}");
    }
    assert!(is_served(&broker));
    broker.stop();
}

#[test]
fn a_damaged_batch_is_refused_and_the_connection_stays() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    let good = batch(&["a"], None, false);
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 0x40;
        let (code, offset) = client.produce("t", None, &damaged);
        // What lies outside the checksum and means nothing in a request is put right by the broker.
        let is_stamped = (12..16).contains(&at);
        assert_eq!((code == 0, offset >= 0), (is_stamped, is_stamped), "byte {at}");
    }
    assert_eq!(client.fetch("t", 0, false).values().len(), 4);
    broker.stop();
}

/// A client that asks for more than sockets hold and reads none of it does not keep the broker from stopping, and what was acknowledged stays.
#[test]
fn a_client_that_does_not_read_does_not_hold_the_stop() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    client.make_topic("t");
    let value = "v".repeat(500 << 10);
    for offset in 0..4 {
        assert_eq!(client.produce("t", None, &batch(&[&value], None, false)), (0, offset));
    }
    // Answers of half a gigabyte, of which the first has begun to come.
    let mut deaf = broker.client();
    let ask = deaf.fetch_frame("t", 0, false);
    let asks = ask.repeat(512);
    deaf.stream.write_all(&asks).unwrap();
    assert_eq!(deaf.stream.peek(&mut [0]).unwrap(), 1);

    let (stopped, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        broker.stop();
        stopped.send(()).unwrap();
    });
    // Far less than the minute after which a reader that takes nothing is given up.
    heard.recv_timeout(Duration::from_secs(40)).expect("the broker stops");
    let mut rest = Vec::new();
    // The connection has ended, with or without the rest of what the sockets held.
    let _ = deaf.stream.read_to_end(&mut rest);
    assert!(rest.len() < 256 << 20, "{} bytes were sent", rest.len());

    let broker = Running::start(dir.path(), Settings::default());
    let mut client = broker.client();
    for offset in 0..4 {
        assert_eq!(client.fetch("t", offset, false).values().first(), Some(&(offset, value.clone())));
    }
    broker.stop();
}

#[test]
fn an_unknown_setting_is_named_with_those_that_are_known() {
    let error = Settings::new(&[("num.partitons", "4")]).unwrap_err().to_string();
    assert!(error.starts_with("num.partitons is no setting"), "{error}");
    assert!(error.contains("num.partitions, "), "{error}");
    let error = Settings::new(&[("num.partitions", "none")]).unwrap_err().to_string();
    assert!(error.starts_with("num.partitions=none"), "{error}");
}

/// A connection over a limit is closed; one that ends makes room, and the limit may change while the broker runs.
#[test]
fn connections_are_counted_for_all_and_for_each_address() {
    for name in ["max.connections", "max.connections.per.ip"] {
        let dir = tempfile::tempdir().unwrap();
        let broker = Running::start(dir.path(), Settings::new(&[(name, "2")]).unwrap());
        let is_served = |client: &mut Client| client.ask(&MetadataRequest::default(), 9).is_some();
        let (mut first, mut second) = (broker.client(), broker.client());
        assert!(is_served(&mut first) && is_served(&mut second));
        assert!(!is_served(&mut broker.client()), "{name}");
        drop(second);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !is_served(&mut broker.client()) {
            assert!(std::time::Instant::now() < until, "{name}: no room is made");
        }
        assert_eq!(set_for_all(&mut first, name, "0"), 0);
        assert!(!is_served(&mut broker.client()), "{name}");
        assert!(is_served(&mut first), "who is in stays");
    }
}

fn set_for_all(client: &mut Client, name: &str, value: &str) -> i16 {
    use incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
    let configs = [AlterableConfig { name, value: Some(value), ..Default::default() }];
    let resources =
        [AlterConfigsResource { resource_type: 4, configs: (&configs[..]).into(), ..Default::default() }];
    let request = IncrementalAlterConfigsRequest { resources: (&resources[..]).into(), ..Default::default() };
    let body = client.ask(&request, 1).unwrap();
    IncrementalAlterConfigsResponse::decode(&body, 1).unwrap().responses.first().unwrap().error_code
}
