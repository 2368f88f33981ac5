//! Verbs against a broker of ours.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use dolmen_cli::Status;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::batch::Codec;
use dolmen_kafka_cli::client::consumer::{EARLIEST, LATEST, Positions, fetch, offset_for};
use dolmen_kafka_cli::client::group::{Member, committed};
use dolmen_kafka_cli::client::producer::{Options, Outgoing, Producer};
use dolmen_kafka_cli::client::{Cluster, code_of};
use dolmen_kafka_net::{Broker, Settings};
use serde_json::{Value, json};

use crate::kafka;

/// A broker in a runtime of its own, until it is dropped.
pub struct Served {
    runtime: tokio::runtime::Runtime,
    broker: Option<Broker>,
    pub address: String,
    dir: tempfile::TempDir,
}

impl Served {
    pub fn start() -> Served {
        Served::start_with(&[])
    }

    pub fn start_with(more: &[(&str, &str)]) -> Served {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let given = [
            ("group.initial.rebalance.delay.ms", "0"),
            ("offsets.topic.num.partitions", "2"),
            ("transaction.state.log.num.partitions", "2"),
        ];
        let settings = Settings::new(&[&given[..], more].concat()).unwrap();
        let broker = runtime.block_on(Broker::start_with(dir.path(), settings, "127.0.0.1:0")).unwrap();
        let address = broker.address().to_string();
        Served { runtime, broker: Some(broker), address, dir }
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        // Beside the broker's own folder names, which have a dash and a number.
        let path = self.dir.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    }

    /// Runs `kafka …` against it.
    pub fn kafka(&self, words: &[&str]) -> Vec<Value> {
        let (lines, status) = self.try_kafka(words);
        assert_eq!(status.unwrap(), Status::Success, "{words:?}");
        lines
    }

    fn try_kafka(&self, words: &[&str]) -> (Vec<Value>, anyhow::Result<Status>) {
        kafka(&[words, &["--bootstrap", &self.address]].concat())
    }

    pub fn produce(&self, topic: &str, lines: &[&str], more: &[&str]) {
        let file = self.file("input.txt", &lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        self.kafka(&[&["produce", topic, "--file", file.to_str().unwrap()], more].concat());
    }

    pub fn consume(&self, topic: &str, more: &[&str]) -> Vec<Value> {
        self.kafka(&[&["consume", topic, "--exit"], more].concat())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.take() {
            self.runtime.block_on(broker.stop()).unwrap();
        }
    }
}

fn values(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["value"].as_str().unwrap()).collect()
}

#[test]
fn topics_come_and_go() {
    let served = Served::start();
    served.kafka(&["topics", "create", "orders", "--partitions", "3", "--config", "retention.ms=5000"]);
    let refused = served.try_kafka(&["topics", "create", "orders"]).1.unwrap_err();
    assert_eq!(code_of(&refused), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
    let listed = served.kafka(&["topics", "list"]);
    assert_eq!(
        (listed.len(), &listed[0]["topic"], &listed[0]["partitions"]),
        (1, &json!("orders"), &json!(3))
    );
    let described = served.kafka(&["topics", "describe", "orders"]);
    assert_eq!(described[0]["configs"]["retention.ms"], "5000");
    assert_eq!(described[0]["partitions"].as_array().unwrap().len(), 3);
    served.kafka(&["topics", "delete", "orders"]);
    assert!(served.kafka(&["topics", "list"]).is_empty());
    let refused = served.try_kafka(&["topics", "delete", "orders"]).1.unwrap_err();
    assert_eq!(code_of(&refused), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
}

#[test]
fn access_rules_come_and_go() {
    let served = Served::start();
    let refused = served.try_kafka(&["acls", "list"]).1.unwrap_err();
    assert_eq!(code_of(&refused), Some(ErrorCode::SECURITY_DISABLED));
    drop(served);
    let class = ("authorizer.class.name", dolmen_kafka::acl::AUTHORIZER);
    let served = Served::start_with(&[class, ("super.users", "User:ANONYMOUS")]);
    let topic = ["--topic", "orders"];
    let both = ["--operation", "read", "--operation", "describe-configs"];
    served.kafka(&[&["acls", "add", "User:tree"], &topic[..], &both[..]].concat());
    served.kafka(&[
        "acls",
        "add",
        "User:*",
        "--topic",
        "or",
        "--prefixed",
        "--operation",
        "all",
        "--deny",
        "--host",
        "10.0.0.0/8",
    ]);
    served.kafka(&["acls", "add", "User:tree", "--cluster", "--operation", "idempotent-write"]);
    let listed = served.kafka(&["acls", "list"]);
    assert_eq!(listed.len(), 4);
    let of_topic = served.kafka(&[&["acls", "list"], &topic[..]].concat());
    let texts: Vec<String> = of_topic
        .iter()
        .map(|rule| {
            ["name", "pattern", "permission", "principal", "host", "operation"]
                .map(|key| rule[key].as_str().unwrap())
                .join(" ")
        })
        .collect();
    assert_eq!(
        texts,
        [
            "orders Literal Allow User:tree * Read",
            "orders Literal Allow User:tree * DescribeConfigs",
            "or Prefixed Deny User:* 10.0.0.0/8 All",
        ]
    );
    served.kafka(&[&["acls", "remove", "User:tree"], &topic[..], &both[..]].concat());
    assert_eq!(served.kafka(&["acls", "list", "--principal", "User:tree"]).len(), 1);
    let gone =
        served.try_kafka(&[&["acls", "remove", "User:tree"], &topic[..], &both[..]].concat()).1.unwrap_err();
    assert!(gone.to_string().contains("there is no such rule"), "{gone}");
    let wrong = served.try_kafka(&[&["acls", "add", "tree"], &topic[..], &both[..]].concat()).1.unwrap_err();
    assert!(wrong.to_string().contains("User:NAME"), "{wrong}");
    assert!(served.try_kafka(&["acls", "add", "User:tree", "--operation", "read"]).1.is_err());
}

#[test]
fn the_broker_is_named_before_the_last_verb_or_behind_it() {
    let served = Served::start();
    served.kafka(&["topics", "create", "orders"]);
    let at = ["--bootstrap", served.address.as_str()];
    for (verb, rest, count) in
        [("topics", &["list"][..], 1), ("groups", &["list"], 0), ("transactions", &["list"], 0)]
    {
        for words in [[&[verb], &at[..], rest].concat(), [&[verb], rest, &at[..]].concat()] {
            let (lines, status) = kafka(&words);
            assert_eq!((lines.len(), status.unwrap()), (count, Status::Success), "{words:?}");
        }
    }
}

/// kafka-12 of the known faults: keys go where Java's client sends them, an empty one too; records without a key do not all go to one place.
#[test]
fn keys_go_to_the_partitions_that_java_gives_them() {
    let served = Served::start();
    served.kafka(&["topics", "create", "t", "--partitions", "12"]);
    served.produce("t", &["order-2:v", "foobar:v", "a:v", "abc:v", ":v"], &["--key-separator", ":"]);
    let place =
        |record: &Value| (record["key"].as_str().unwrap().to_owned(), record["partition"].as_i64().unwrap());
    let places: BTreeMap<String, i64> = served.consume("t", &[]).iter().map(place).collect();
    let wanted = [("order-2", 3), ("foobar", 6), ("a", 4), ("abc", 3), ("", 9)];
    assert_eq!(places, wanted.map(|(key, partition)| (key.to_owned(), partition)).into());
    served.kafka(&["topics", "create", "keyless", "--partitions", "12"]);
    let lines: Vec<String> = (0..400).map(|n| n.to_string()).collect();
    served.produce("keyless", &lines.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let mut used: Vec<i64> =
        served.consume("keyless", &[]).iter().map(|record| record["partition"].as_i64().unwrap()).collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), 12);
}

#[test]
fn what_is_produced_is_consumed_in_every_compression() {
    let served = Served::start();
    let long = "x".repeat(100_000);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let lines = ["a:one", "b:two", "keyless", &format!("c:{long}")];
        let more = ["--key-separator", ":", "--header", "h=v", "--header", "h=w", "--compression", codec];
        served.produce(codec, &lines, &more);
        let records = served.consume(codec, &[]);
        assert_eq!(values(&records), ["one", "two", "keyless", &long], "{codec}");
        assert_eq!((&records[0]["key"], &records[2]["key"]), (&json!("a"), &Value::Null));
        assert_eq!(records[0]["headers"], json!([{"name":"h","value":"v"},{"name":"h","value":"w"}]));
        assert_eq!(
            records.iter().map(|record| record["offset"].as_i64().unwrap()).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
    }
    assert_eq!(values(&served.consume("gzip", &["--from", "2", "--count", "1"])), ["keyless"]);
    assert!(served.consume("gzip", &["--from", "latest"]).is_empty());
}

#[test]
fn an_aborted_transaction_is_for_readers_of_everything_only() {
    let served = Served::start();
    served.produce("t", &["kept"], &["--transactional-id", "loader"]);
    let mut cluster = Cluster::connect(&served.address).unwrap();
    let options = Options { transactional_id: Some("other".into()), ..Options::default() };
    let mut producer = Producer::open(&mut cluster, options).unwrap();
    let record = |text: &str| vec![Outgoing { value: Some(text.into()), ..Outgoing::default() }];
    producer.begin();
    let offset = producer.send(&mut cluster, "t", 0, &record("undone")).unwrap();
    let listed = served.kafka(&["transactions", "list", "--state", "Ongoing"]);
    assert_eq!((listed.len(), &listed[0]["transactional_id"]), (1, &json!("other")));
    let described = served.kafka(&["transactions", "describe", "other"]);
    assert_eq!(described[0]["topics"], json!([{"topic":"t","partitions":[0]}]));
    // It holds back readers of committed data.
    assert_eq!(offset_for(&mut cluster, "t", 0, LATEST, true).unwrap(), offset);
    served.kafka(&["transactions", "abort", "other"]);
    assert!(served.kafka(&["transactions", "list", "--state", "Ongoing"]).is_empty());
    let late = producer.end(&mut cluster, true).unwrap_err();
    assert!(
        matches!(code_of(&late), Some(ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH)),
        "{late:#}"
    );
    served.produce("t", &["after"], &[]);
    assert_eq!(values(&served.consume("t", &[])), ["kept", "after"]);
    assert_eq!(
        values(&served.consume("t", &["--isolation", "read_uncommitted"])),
        ["kept", "undone", "after"]
    );
}

/// kafka-15 of the known faults: a record without a key stops the whole batch where a topic is compacted, however it is compressed.
#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let served = Served::start();
    served.kafka(&["topics", "create", "t", "--config", "cleanup.policy=compact"]);
    let mut cluster = Cluster::connect(&served.address).unwrap();
    let record = |key: Option<&str>| Outgoing {
        key: key.map(Into::into),
        value: Some("v".into()),
        ..Outgoing::default()
    };
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut producer = Producer::open(&mut cluster, Options { codec, ..Options::default() }).unwrap();
        let refused = producer.send(&mut cluster, "t", 0, &[record(None), record(Some("k"))]).unwrap_err();
        assert_eq!(code_of(&refused), Some(ErrorCode::INVALID_RECORD), "{codec:?}");
        assert_eq!(offset_for(&mut cluster, "t", 0, LATEST, false).unwrap(), 0, "nothing is appended");
    }
    let mut producer = Producer::open(&mut cluster, Options::default()).unwrap();
    assert_eq!(producer.send(&mut cluster, "t", 0, &[record(Some("")), record(Some("k"))]).unwrap(), 0);
}

/// One record a transaction, each ended as it says; when all of it is decided. Of now: a marker behind old data begins a new segment.
fn one_by_one(cluster: &mut Cluster, topic: &str, commits: &[bool]) {
    let options = Options { transactional_id: Some("x".into()), ..Options::default() };
    let mut producer = Producer::open(cluster, options).unwrap();
    for (n, commits) in commits.iter().enumerate() {
        producer.begin();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let timestamp_ms = i64::try_from(now.as_millis()).unwrap();
        let record = Outgoing { value: Some(n.to_string().into()), timestamp_ms, ..Outgoing::default() };
        producer.send(cluster, topic, 0, &[record]).unwrap();
        producer.end(cluster, *commits).unwrap();
    }
    let end = 2 * i64::try_from(commits.len()).unwrap();
    while offset_for(cluster, topic, 0, LATEST, true).unwrap() < end {}
}

/// What one fetch from the beginning gives, and where it leads.
fn first_fetch(cluster: &mut Cluster, topic: &str, is_committed: bool) -> (Vec<String>, i64) {
    let place = (topic.to_owned(), 0);
    let mut positions = Positions::from([(place.clone(), 0)]);
    let read = fetch(cluster, &mut positions, is_committed, 1000).unwrap();
    let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
    (read.into_iter().map(|record| text(record.value)).collect(), positions[&place])
}

/// kafka-01 of the known faults: readers of everything get an aborted record; others pass over it and its marker.
#[test]
fn a_reader_of_committed_data_passes_over_what_was_aborted() {
    let served = Served::start();
    served.kafka(&["topics", "create", "t"]);
    let mut cluster = Cluster::connect(&served.address).unwrap();
    one_by_one(&mut cluster, "t", &[false]);
    assert_eq!(first_fetch(&mut cluster, "t", true), (vec![], 2));
    assert_eq!(first_fetch(&mut cluster, "t", false), (vec!["0".into()], 2));
}

/// kafka-03 of the known faults: of three transactions in one fetch the middle one was aborted.
#[test]
fn each_transaction_of_one_fetch_has_its_own_end() {
    let served = Served::start();
    served.kafka(&["topics", "create", "t"]);
    let mut cluster = Cluster::connect(&served.address).unwrap();
    one_by_one(&mut cluster, "t", &[true, false, true]);
    assert_eq!(first_fetch(&mut cluster, "t", true), (vec!["0".into(), "2".into()], 6));
    assert_eq!(first_fetch(&mut cluster, "t", false).0, ["0", "1", "2"]);
}

#[test]
fn a_group_goes_on_where_it_was() {
    let served = Served::start();
    served.produce("t", &["1", "2", "3"], &[]);
    let read = |more: &[&str]| served.consume("t", &[&["--group", "g"], more].concat());
    assert_eq!(values(&read(&["--count", "2"])), ["1", "2"]);
    assert_eq!(values(&read(&[])), ["3"]);
    served.produce("t", &["4"], &[]);
    let offsets = served.kafka(&["groups", "offsets", "g"]);
    assert_eq!((&offsets[0]["offset"], &offsets[0]["lag"]), (&json!(3), &json!(1)));
    let described = served.kafka(&["groups", "describe", "g"]);
    assert_eq!((&described[0]["type"], &described[0]["state"]), (&json!("consumer"), &json!("Empty")));
    let listed = served.kafka(&["groups", "list"]);
    assert_eq!((listed.len(), &listed[0]["group"]), (1, &json!("g")));
    served.kafka(&["groups", "delete", "g"]);
    assert!(served.kafka(&["groups", "list"]).is_empty());
    let refused = served.try_kafka(&["groups", "describe", "g"]).1.unwrap_err();
    assert_eq!(code_of(&refused), Some(ErrorCode::GROUP_ID_NOT_FOUND));
}

#[test]
fn two_members_share_a_topic() {
    let served = Served::start();
    served.kafka(&["topics", "create", "t", "--partitions", "4"]);
    let mut cluster = Cluster::connect(&served.address).unwrap();
    let topics = ["t".to_owned()];
    let mut one = Member::join(&mut cluster, "g", &topics).unwrap();
    assert_eq!(one.partitions(&mut cluster).unwrap().len(), 4);
    let mut two = Member::join(&mut cluster, "g", &topics).unwrap();
    for _ in 0..400 {
        one.keep(&mut cluster).unwrap();
        two.keep(&mut cluster).unwrap();
        if two.partitions(&mut cluster).unwrap().len() == 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let mut all = one.partitions(&mut cluster).unwrap();
    all.extend(two.partitions(&mut cluster).unwrap());
    all.sort();
    assert_eq!(all, (0..4).map(|partition| ("t".to_owned(), partition)).collect::<Vec<_>>());
    let described = served.kafka(&["groups", "describe", "g"]);
    assert_eq!(described[0]["members"].as_array().unwrap().len(), 2);
    let refused = served.try_kafka(&["groups", "delete", "g"]).1.unwrap_err();
    assert_eq!(code_of(&refused), Some(ErrorCode::NON_EMPTY_GROUP));
    one.leave(&mut cluster).unwrap();
    two.leave(&mut cluster).unwrap();
}

fn pipeline(served: &Served, more: &str) -> PathBuf {
    let text = format!(
        "bootstrap = \"{}\"\ngroup = \"eos\"\ntransactional_id = \"eos-1\"\ninput = [\"in\"]\noutput = \"out\"\nrecords = 50\ninterval_ms = 20\nidle_exit_ms = 400\n{more}",
        served.address
    );
    served.file("pipeline.toml", &text)
}

#[test]
fn a_pipeline_writes_every_record_once() {
    let served = Served::start();
    served.kafka(&["topics", "create", "in", "--partitions", "2"]);
    served.kafka(&["topics", "create", "out", "--partitions", "3"]);
    let lines: Vec<String> = (0..300).map(|n| format!("k{}:v{n}", n % 7)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    served.produce("in", &lines, &["--key-separator", ":"]);
    let file = pipeline(&served, "transform = \"upper\"\n");
    let (ran, status) = kafka(&["eos", file.to_str().unwrap()]);
    assert_eq!(status.unwrap(), Status::Success);
    assert_eq!(
        (&ran[0]["read"], &ran[0]["written"], &ran[0]["aborts"]),
        (&json!(300), &json!(300), &json!(0))
    );
    let records = served.consume("out", &[]);
    let mut by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in &records {
        let number = record["value"].as_str().unwrap().strip_prefix('V').unwrap().parse().unwrap();
        by_key.entry(record["key"].as_str().unwrap().into()).or_default().push(number);
    }
    for (key, numbers) in &by_key {
        let key: u64 = key[1..].parse().unwrap();
        let expected: Vec<u64> = (0..300).filter(|n| n % 7 == key).collect();
        assert_eq!(*numbers, expected, "order within a key");
    }
    // Nothing is left: a second run does nothing.
    let (ran, _) = kafka(&["eos", file.to_str().unwrap()]);
    assert_eq!((&ran[0]["read"], &ran[0]["commits"]), (&json!(0), &json!(0)));
}

#[test]
fn what_a_program_refuses_goes_to_the_dead_letters() {
    let served = Served::start();
    served.produce("in", &["good", "bad", "fine"], &[]);
    let script =
        "while read line; do case $line in bad) echo '!no good';; *) echo \\\"<$line>\\\";; esac; done";
    let more = format!(
        "dead_letter = \"dead\"\nattempts = 2\ntransform = {{ command = [\"sh\", \"-c\", \"{script}\"] }}\n"
    );
    let file = pipeline(&served, &more);
    let (ran, status) = kafka(&["eos", file.to_str().unwrap()]);
    assert_eq!(status.unwrap(), Status::Success);
    assert_eq!((&ran[0]["written"], &ran[0]["dead_letters"]), (&json!(2), &json!(1)));
    assert_eq!(values(&served.consume("out", &[])), ["<good>", "<fine>"]);
    let dead = served.consume("dead", &[]);
    assert_eq!(values(&dead), ["bad"]);
    let header = |name: &str| {
        let mut headers = dead[0]["headers"].as_array().unwrap().iter();
        headers.find(|header| header["name"] == name).unwrap()["value"].as_str().unwrap().to_owned()
    };
    assert!(
        header("dlq.error").contains("no good") && header("dlq.topic") == "in" && header("dlq.offset") == "1"
    );
    assert_eq!(header("dlq.attempts"), "2");
    // Without a dead-letter topic it stops, and nothing is half done.
    served.produce("in", &["bad"], &[]);
    let file = pipeline(&served, &format!("transform = {{ command = [\"sh\", \"-c\", \"{script}\"] }}\n"));
    let (_, status) = kafka(&["eos", file.to_str().unwrap()]);
    assert!(status.unwrap_err().to_string().contains("in-0@3"));
    let mut cluster = Cluster::connect(&served.address).unwrap();
    let offsets = committed(&mut cluster, "eos", &[("in".into(), 0)]).unwrap();
    assert_eq!(offsets, Positions::from([(("in".to_owned(), 0), 3)]));
}

#[test]
fn two_pipelines_of_one_id_shut_each_other_out() {
    let served = Served::start();
    served.produce("in", &["a"], &[]);
    let mut cluster = Cluster::connect(&served.address).unwrap();
    let open = |cluster: &mut Cluster| {
        Producer::open(cluster, Options { transactional_id: Some("x".into()), ..Options::default() }).unwrap()
    };
    let record = [Outgoing { value: Some(b"z".to_vec()), ..Outgoing::default() }];
    let mut first = open(&mut cluster);
    first.begin();
    first.send(&mut cluster, "in", 0, &record).unwrap();
    let mut second = open(&mut cluster);
    assert!(first.send(&mut cluster, "in", 0, &record).is_err());
    second.begin();
    second.send(&mut cluster, "in", 0, &record).unwrap();
    second.end(&mut cluster, true).unwrap();
    let mut positions =
        Positions::from([(("in".to_owned(), 0), offset_for(&mut cluster, "in", 0, EARLIEST, true).unwrap())]);
    // The markers are written behind the answer.
    let mut read = Vec::new();
    while read.len() < 2 {
        read.extend(fetch(&mut cluster, &mut positions, true, 100).unwrap());
    }
    assert_eq!(
        read.iter().map(|record| record.value.clone().unwrap()).collect::<Vec<_>>(),
        [b"a".to_vec(), b"z".to_vec()]
    );
}

#[test]
fn a_short_bench() {
    let served = Served::start();
    let lines = served.kafka(&[
        "bench",
        "--records",
        "2000",
        "--batch",
        "500",
        "--transactions",
        "3",
        "--compression",
        "lz4",
    ]);
    let what: Vec<&str> = lines.iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["produce", "consume", "transactions"]);
}

#[test]
fn nobody_there_is_a_sentence() {
    let (_, status) = kafka(&["topics", "list", "--bootstrap", "127.0.0.1:1"]);
    assert!(status.unwrap_err().to_string().contains("127.0.0.1:1"));
}
