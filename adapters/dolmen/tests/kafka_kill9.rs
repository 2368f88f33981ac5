//! A broker that is killed in the middle of a transactional load: the history that its clients saw is judged by `dolmen kafka verify-history`.
//!
//! Writers keep their producers across kills, as applications do: what is under way is asked again. At the end everything is read, committed and
//! not, and every partition must stand still.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dolmen_kafka_cli::client::Cluster;
use dolmen_kafka_cli::client::consumer::{Positions, fetch, offset_for};
use dolmen_kafka_cli::client::producer::{Options, Outgoing, Producer};
use serde_json::{Value, json};

const ROUNDS: u64 = 30;
const WRITERS: u64 = 4;
const PARTITIONS: i32 = 3;
const TOPIC: &str = "accounts";

struct Server(Child);

impl Server {
    fn start(data: &Path, port: u16) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dolmen"))
            .args(["up", "--only", "kafka", "--http", "127.0.0.1:0", "--log", "error"])
            .args(["--kafka", &format!("127.0.0.1:{port}"), "--kafka-set", "num.partitions=3", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.starts_with("ready in ")));
        Server(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What clients saw, a line for each fact.
struct History(Mutex<Vec<Value>>);

impl History {
    fn tell(&self, fact: Value) {
        self.0.lock().unwrap().push(fact);
    }
}

/// A writer that gives up ends the test, and does not leave it waiting.
struct StopAll<'a>(&'a AtomicBool);

impl Drop for StopAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Writes transaction after transaction until it is told to stop.
fn write(bootstrap: &str, writer: u64, history: &History, stop: &AtomicBool, committed: &AtomicU64) {
    let _stop = StopAll(stop);
    let id = format!("pay{writer}");
    let mut cluster = Cluster::connect(bootstrap).unwrap();
    let options = Options { transactional_id: Some(id.clone()), ..Options::default() };
    let mut producer = Producer::open(&mut cluster, options).unwrap();
    history.tell(json!({"type": "init", "process": writer, "id": id}));
    for number in 0u64.. {
        if stop.load(Relaxed) {
            return;
        }
        let txn = format!("{id}/{number}");
        producer.begin();
        for n in 0..1 + number % 3 {
            let partition = i32::try_from((number + n + writer) % PARTITIONS as u64).unwrap();
            let value = format!("{txn}/{n}");
            let record = Outgoing { value: Some(value.clone().into_bytes()), ..Outgoing::default() };
            let offset = producer.send(&mut cluster, TOPIC, partition, &[record]).unwrap();
            history.tell(json!({
                "type": "send", "process": writer, "txn": txn, "topic": TOPIC, "partition": partition,
                "value": value, "ok": true, "offset": offset,
            }));
        }
        if number % 4 == 3 {
            producer.abort(&mut cluster).unwrap();
            history.tell(json!({"type": "abort", "txn": txn, "ok": true}));
        } else {
            history.tell(json!({"type": "committing", "txn": txn}));
            producer.end(&mut cluster, true).unwrap();
            history.tell(json!({"type": "commit", "txn": txn, "ok": true}));
            committed.fetch_add(1, Relaxed);
        }
    }
}

/// Reads everything as a new reader does.
fn read(bootstrap: &str, process: u64, is_committed: bool, history: &History) {
    let mut cluster = Cluster::connect(bootstrap).unwrap();
    let mut positions: Positions = (0..PARTITIONS).map(|p| ((TOPIC.to_owned(), p), 0)).collect();
    let end: BTreeMap<_, _> = (0..PARTITIONS)
        .map(|p| ((TOPIC.to_owned(), p), offset_for(&mut cluster, TOPIC, p, -1, is_committed).unwrap()))
        .collect();
    // Markers of the last transactions may come meanwhile: then it is read a little further.
    while positions.iter().any(|(place, at)| *at < end[place]) {
        let incoming = fetch(&mut cluster, &mut positions, is_committed, 500).unwrap();
        let records: Vec<Value> = incoming
            .iter()
            .map(|one| {
                let value = String::from_utf8(one.value.clone().unwrap()).unwrap();
                json!({"topic": TOPIC, "partition": one.partition, "offset": one.offset, "value": value})
            })
            .collect();
        let isolation = if is_committed { "read_committed" } else { "read_uncommitted" };
        history.tell(json!({
            "type": "poll", "process": process, "isolation": isolation, "txn": null, "records": records,
        }));
    }
}

/// Where a partition ends for readers of committed data, and for all, once it stands still; or after a while, if it does not.
fn ends(cluster: &mut Cluster, partition: i32) -> (i64, i64) {
    for _ in 0..1000 {
        let stable = offset_for(cluster, TOPIC, partition, -1, true).unwrap();
        let end = offset_for(cluster, TOPIC, partition, -1, false).unwrap();
        if stable == end {
            return (stable, end);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    (-1, 0)
}

#[test]
fn transactions_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bootstrap = format!("127.0.0.1:{port}");
    let history = History(Mutex::default());
    let (stop, committed) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut server = Server::start(&data, port);
    Cluster::connect(&bootstrap).unwrap().topic(TOPIC, true).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (bootstrap, history, stop, committed) = (&bootstrap, &history, &stop, &committed);
            scope.spawn(move || write(bootstrap, writer, history, stop, committed));
        }
        for round in 0..ROUNDS {
            // A life in which something is committed: else nothing would be under way.
            let before = committed.load(Relaxed);
            while committed.load(Relaxed) < before + 3 && !stop.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(round * 7 % 40));
            server.0.kill().unwrap();
            server.0.wait().unwrap();
            server = Server::start(&data, port);
        }
        stop.store(true, Relaxed);
    });
    let mut cluster = Cluster::connect(&bootstrap).unwrap();
    let ends: Vec<(i64, i64)> = (0..PARTITIONS).map(|partition| ends(&mut cluster, partition)).collect();
    read(&bootstrap, 100, true, &history);
    read(&bootstrap, 101, false, &history);
    for (partition, (last_stable, high_watermark)) in ends.into_iter().enumerate() {
        history.tell(json!({
            "type": "end", "topic": TOPIC, "partition": partition,
            "last_stable": last_stable, "high_watermark": high_watermark,
        }));
    }
    drop(server);
    let path = dir.path().join("history.jsonl");
    let mut file = std::fs::File::create(&path).unwrap();
    for fact in history.0.lock().unwrap().iter() {
        writeln!(file, "{fact}").unwrap();
    }
    let judged = Command::new(env!("CARGO_BIN_EXE_dolmen"))
        .args(["kafka", "verify-history"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}{}", String::from_utf8_lossy(&judged.stderr));
    println!("{} commits over {ROUNDS} kills: {said}", committed.load(Relaxed));
}
