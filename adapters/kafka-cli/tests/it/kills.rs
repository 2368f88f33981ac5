//! Pipelines in processes of their own that are killed again and again, and their broker with them: every record once, in the order of its key.
//!
//! `DOLMEN_SOAK=50` makes it 100,000 records. `DOLMEN_TEST_KAFKA=HOST:PORT` runs it against a broker that is there, a real Kafka for instance.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dolmen_base::Rng;
use dolmen_cli::Status;
use dolmen_kafka_cli::client::Cluster;
use dolmen_kafka_cli::client::consumer::{LATEST, Positions, offset_for};
use dolmen_kafka_cli::client::group::{Membership, committed};
use dolmen_kafka_cli::client::producer::{Options, Outgoing, Producer};
use dolmen_kafka_net::{Broker, Settings};
use serde_json::Value;

use crate::kafka;

/// The file of the pipeline that this process is to run.
const FILE: &str = "DOLMEN_TEST_PIPELINE";
/// The folder and the address of the broker that this process is to be.
const BROKER: &str = "DOLMEN_TEST_BROKER";
const KEYS: u64 = 11;

/// What the killed process is: this test by itself, with a file.
#[test]
fn the_pipeline_of_a_child() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let (lines, status) = kafka(&["eos", Path::new(&file).to_str().unwrap()]);
    if let Err(error) = &status {
        std::fs::write(Path::new(&file).with_extension("error"), format!("{error:#}")).unwrap();
    }
    assert_eq!(status.unwrap(), Status::Success);
    let line = lines.last().map(Value::to_string).unwrap_or_default();
    std::fs::write(Path::new(&file).with_extension("report"), line).unwrap();
}

/// And the killed broker: this test by itself, with a folder and an address.
#[test]
fn the_broker_of_a_child() {
    let Ok(place) = std::env::var(BROKER) else { return };
    let (dir, address) = place.rsplit_once('|').unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = Settings::new(&[
            ("group.initial.rebalance.delay.ms", "0"),
            ("group.consumer.session.timeout.ms", "600"),
            ("group.consumer.heartbeat.interval.ms", "100"),
        ]);
        let _broker = Broker::start_with(Path::new(dir), settings.unwrap(), address).await.unwrap();
        std::future::pending::<()>().await;
    });
}

fn child(test: &str, name: &str, value: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(name, value)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The broker: a child that is killed and begun anew, or one that was there before.
struct Served {
    address: String,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Served {
    fn start() -> Served {
        let dir = tempfile::tempdir().unwrap();
        if let Ok(address) = std::env::var("DOLMEN_TEST_KAFKA") {
            return Served { address, dir, child: None };
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let mut served = Served { address, dir, child: None };
        served.begin();
        served
    }

    fn begin(&mut self) {
        let data = self.dir.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let place = format!("{}|{}", data.display(), self.address);
        self.child = Some(child("kills::the_broker_of_a_child", BROKER, &place));
        while std::net::TcpStream::connect(&self.address).is_err() {
            assert!(self.child.as_mut().unwrap().try_wait().unwrap().is_none(), "the broker does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it and begins it anew, if it is ours.
    fn kill(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return false };
        child.kill().unwrap();
        child.wait().unwrap();
        self.begin();
        true
    }

    fn kafka(&self, words: &[&str]) -> Vec<Value> {
        let (lines, status) = kafka(&[words, &["--bootstrap", &self.address]].concat());
        assert_eq!(status.unwrap(), Status::Success, "{words:?}");
        lines
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

fn soak() -> u64 {
    std::env::var("DOLMEN_SOAK").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// `more`: lines of the pipeline's file that say which client it runs on.
fn through_kills(more: &str, seed: u64) {
    let records = 2_000 * soak();
    let mut served = Served::start();
    let run = std::process::id();
    let name = |what: &str| format!("{what}-{run}-{seed}");
    let (input, output) = (name("in"), name("out"));
    served.kafka(&["topics", "create", &input, "--partitions", "3"]);
    served.kafka(&["topics", "create", &output, "--partitions", "2"]);
    let lines: String = (0..records).map(|n| format!("k{}:{n}\n", n % KEYS)).collect();
    let lines_file = served.dir.path().join("input.txt");
    std::fs::write(&lines_file, lines).unwrap();
    served.kafka(&["produce", &input, "--file", lines_file.to_str().unwrap(), "--key-separator", ":"]);
    let text = format!(
        "bootstrap = \"{}\"\ngroup = \"{}\"\ntransactional_id = \"{}\"\ninput = [\"{input}\"]\noutput = \"{output}\"\nrecords = 20\ninterval_ms = 5\nidle_exit_ms = 2000\n{more}",
        served.address,
        name("eos"),
        name("eos")
    );
    let file = served.dir.path().join("pipeline.toml");
    std::fs::write(&file, text).unwrap();
    let (kills, broker_kills) = kill_until_done(&mut served, &file, seed, |served| {
        served.kafka(&["consume", &output, "--exit"]).len() as u64 >= records
    });
    eprintln!("{records} records through {kills} kills of the pipeline and {broker_kills} of the broker");
    let mut next: BTreeMap<String, u64> = (0..KEYS).map(|key| (format!("k{key}"), key)).collect();
    for record in served.kafka(&["consume", &output, "--exit"]) {
        let wanted = next.get_mut(record["key"].as_str().unwrap()).unwrap();
        let number: u64 = record["value"].as_str().unwrap().parse().unwrap();
        assert_eq!(number, *wanted, "each once, in order: {record}");
        *wanted += KEYS;
    }
    assert!(next.values().all(|next| *next >= records), "what comes next is {next:?}");
}

/// Lives of random length, until one finishes by itself and all is done; how many were cut short, and how often the broker was.
fn kill_until_done(
    served: &mut Served,
    file: &Path,
    seed: u64,
    is_done: impl Fn(&Served) -> bool,
) -> (u64, u64) {
    let mut rng = Rng::new(seed);
    let (mut kills, mut broker_kills, mut idle) = (0, 0, 0);
    loop {
        let mut running = child("kills::the_pipeline_of_a_child", FILE, file.to_str().unwrap());
        // The first lives are always cut short; later ones may finish.
        let life_ms = if kills < 4 { 200 + rng.below(900) } else { 500 + rng.below(9_000) };
        let mut status = None;
        for _ in 0..life_ms / 50 {
            std::thread::sleep(Duration::from_millis(50));
            status = running.try_wait().unwrap();
            if status.is_some() {
                break;
            }
            if rng.one_in(60) || (kills == 1 && broker_kills == 0) {
                broker_kills += u64::from(served.kill());
            }
        }
        let Some(status) = status else {
            running.kill().unwrap();
            running.wait().unwrap();
            kills += 1;
            continue;
        };
        let why = std::fs::read_to_string(file.with_extension("error")).unwrap_or_default();
        assert!(status.success(), "{why}");
        if is_done(served) {
            return (kills, broker_kills);
        }
        // A member that was killed still has what was not read.
        idle += 1;
        assert!(idle < 100, "it is idle, and not all is done");
    }
}

/// kafka-06 of the known faults: records in two partitions and a group's offset, and the broker is killed before the end: all of it counts, or nothing.
#[test]
fn a_transaction_with_offsets_goes_on_over_a_kill() {
    let mut served = Served::start();
    let mut cluster = Cluster::connect(&served.address).unwrap();
    for commits in [true, false] {
        let name = |what: &str| format!("{what}-{}-{commits}", std::process::id());
        let (input, output) = (name("in"), name("out"));
        served.kafka(&["topics", "create", &input]);
        served.kafka(&["topics", "create", &output, "--partitions", "2"]);
        let options = Options { transactional_id: Some(name("x")), ..Options::default() };
        let mut producer = Producer::open(&mut cluster, options).unwrap();
        let records = vec![Outgoing { value: Some("v".into()), ..Outgoing::default() }; 5];
        producer.begin();
        for partition in 0..2 {
            producer.send(&mut cluster, &output, partition, &records).unwrap();
        }
        // A group without members: whoever commits says nothing of who it is.
        let nobody = Membership { group: name("g"), member: String::new(), epoch: -1 };
        let offsets = Positions::from([((input, 0), 3)]);
        producer.send_offsets(&mut cluster, &nobody, &offsets).unwrap();
        served.kill();
        producer.end(&mut cluster, commits).unwrap();
        for partition in 0..2 {
            // Nothing holds readers of committed data back for longer than the marker takes.
            while offset_for(&mut cluster, &output, partition, LATEST, true).unwrap() < 6 {}
        }
        let wanted: Vec<_> = offsets.keys().cloned().collect();
        let found = committed(&mut cluster, &nobody.group, &wanted).unwrap();
        let read = |isolation| served.kafka(&["consume", &output, "--exit", "--isolation", isolation]).len();
        assert_eq!(read("read_uncommitted"), 10);
        if commits {
            assert_eq!((read("read_committed"), found), (10, offsets));
        } else {
            assert_eq!((read("read_committed"), found), (0, Positions::new()));
        }
    }
}

#[test]
fn a_pipeline_that_is_killed_loses_and_doubles_nothing() {
    through_kills("", 7);
}

/// A static member: a new life takes the place of the old one at once.
#[cfg(feature = "rdkafka")]
#[test]
fn a_pipeline_on_librdkafka_that_is_killed_loses_and_doubles_nothing() {
    let more = "client = \"librdkafka\"\n[librdkafka]\n\"group.instance.id\" = \"one\"\n\"session.timeout.ms\" = 6000\n\"heartbeat.interval.ms\" = 500\n";
    through_kills(more, 8);
}
