//! librdkafka: runners, relays and sinks that die anywhere; the async ends.

use std::time::Duration;

use dolmen_base::Rng;
use dolmen_kafka::eos::Settings;
use dolmen_kafka_rdkafka::outbox::store::Outbox;
use dolmen_kafka_rdkafka::outbox::{Relay, forward};
use dolmen_kafka_rdkafka::rd::Pipe;
use dolmen_kafka_rdkafka::rd::producer::Producer;
use dolmen_kafka_rdkafka::sink::{Books, Options, StoreSink};
use dolmen_kafka_rdkafka::{Error, Incoming, Outgoing, Pipeline, metrics, spawn};
use dolmen_store::{Db, ReadOptions, WriteBatch, WriteOptions};

use crate::dying::live;
use crate::world::{Served, by_key, pipeline, record};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Numbers 0.. in transactions of 50, every third of them aborted first.
async fn fill(served: &Served, topic: &str, count: u64) {
    let producer = Producer::open(served.config("filler", &[])).await.unwrap();
    let numbers: Vec<u64> = (0..count).collect();
    for (at, part) in numbers.chunks(50).enumerate() {
        let records = |sign: &str| -> Vec<Outgoing> {
            part.iter().map(|n| record(topic, &format!("k{}", n % 5), &format!("{sign}{n}"))).collect()
        };
        if at % 3 == 0 {
            producer.begin().await.unwrap();
            producer.send(records("aborted")).await.unwrap();
            producer.abort().await.unwrap();
        }
        producer.begin().await.unwrap();
        producer.send(records("")).await.unwrap();
        producer.commit().await.unwrap();
    }
}

fn expected(count: u64, key: &str) -> Vec<u64> {
    (0..count).filter(|n| format!("k{}", n % 5) == key).collect()
}

fn all_once(found: std::collections::BTreeMap<String, Vec<u64>>, count: u64) {
    assert_eq!(found.len(), 5);
    for (key, numbers) in found {
        assert_eq!(numbers, expected(count, &key), "{key}: each once, in order");
    }
}

fn copy(record: &Incoming) -> Result<Vec<Outgoing>, String> {
    Ok(vec![Outgoing { topic: "out".into(), ..forward(record)?.remove(0) }])
}

#[test]
fn a_runner_that_dies_anywhere_writes_every_record_once() {
    let served = Served::start();
    block_on(fill(&served, "in", 600));
    let mut config = served.config("runner", &["in"]);
    // A static member: a new life takes the place of the old one at once.
    config.settings.push(("group.instance.id".into(), "one".into()));
    let make = || Pipe::new(config.clone()).unwrap();
    let died = live(&mut Rng::new(3), &pipeline(25), &mut copy, make, || served.count("out"), || 600);
    assert!(died > 3, "it died {died} times");
    all_once(by_key(served.committed("out")), 600);
}

/// Two members at a time, of classic groups without names of their own: every change is a rebalance.
#[test]
fn runners_that_come_and_go_share_the_work() {
    let served = Served::start();
    block_on(fill(&served, "in", 900));
    let start = |n: usize| {
        let mut config = served.config("share", &["in"]);
        config.transactional_id = format!("share-{}", n % 2);
        config.settings.push(("heartbeat.interval.ms".into(), "200".into()));
        let make = move || {
            let slow = |record: &Incoming| {
                std::thread::sleep(Duration::from_millis(8));
                copy(record)
            };
            Ok((Pipe::new(config)?, slow))
        };
        let settings = Settings { idle_exit: None, ..pipeline(20).settings };
        spawn(make, Pipeline { settings, dead_letter: None }).unwrap()
    };
    let mut older = start(0);
    let (mut rebalances, mut n) = (0, 1);
    while rebalances < 6 || served.count("out") < 900 {
        assert!(n < 100, "they come and go, and nothing is done");
        let newer = start(n);
        std::thread::sleep(Duration::from_millis(800));
        older.stop();
        rebalances += block_on(older.finished()).unwrap().rebalances;
        older = newer;
        n += 1;
    }
    older.stop();
    block_on(older.finished()).unwrap();
    all_once(by_key(served.committed("out")), 900);
}

#[test]
fn an_outbox_is_published_once_and_in_order_whatever_dies() {
    let served = Served::start();
    let db = Db::open(&served.dir("db"), dolmen_store::Options::default()).unwrap();
    let outbox = Outbox::open(db.clone(), db.default_family(), b"outbox/").unwrap();
    let written = std::cell::Cell::new(0);
    let write = |count: u64| {
        for n in written.get()..written.get() + count {
            let mut batch = WriteBatch::new();
            outbox.add(&mut batch, &record("out", &format!("k{}", n % 5), &n.to_string())).unwrap();
            db.write(batch, WriteOptions { sync: Some(false) }).unwrap();
        }
        written.set(written.get() + count);
    };
    // The place is committed at a topic, which has to be there.
    block_on(fill(&served, "place", 1));
    write(200);
    let config = served.config("relay", &["place"]);
    let make = || {
        write(10);
        Relay::new(config.clone(), outbox.source().unwrap()).unwrap()
    };
    let done = || served.count("out");
    let died = live(&mut Rng::new(5), &pipeline(15), &mut forward, make, done, || written.get());
    assert!(died > 3, "it died {died} times");
    all_once(by_key(served.committed("out")), written.get());
    let options = ReadOptions { prefix: Some(b"outbox/".to_vec()), ..ReadOptions::default() };
    let mut iter = db.iter(&db.default_family(), options).unwrap();
    iter.seek_to_first().unwrap();
    assert!(!iter.valid(), "published rows are deleted");
}

#[test]
fn a_sink_that_dies_anywhere_takes_every_message_once() {
    let served = Served::start();
    block_on(async {
        fill(&served, "in", 300).await;
        // The same messages again, as a producer without memory would send them.
        let producer = Producer::open(served.config("again", &[])).await.unwrap();
        for round in 0..2 {
            producer.begin().await.unwrap();
            let named = (0..40).map(|n| Outgoing {
                headers: vec![("id".into(), Some(format!("m{n}").into_bytes()))],
                ..record("in", &format!("named{n}"), &round.to_string())
            });
            producer.send(named.collect()).await.unwrap();
            producer.commit().await.unwrap();
        }
    });
    let db = Db::open(&served.dir("sink"), dolmen_store::Options::default()).unwrap();
    let mut config = served.config("sink", &["in"]);
    config.settings.push(("group.instance.id".into(), "one".into()));
    // Each record adds itself to what its key has: twice would show.
    let family = db.default_family();
    let mut gather = |record: &Incoming| {
        let place = format!("{}@{}", record.partition, record.offset).into_bytes();
        let key = [record.key.clone().unwrap_or_default(), place].join(&b'/');
        Ok(vec![Outgoing { key: Some(key), ..forward(record)?.remove(0) }])
    };
    let options = Options { name_header: Some("id".into()), ..Options::default() };
    let make = || {
        let books = Books::open(db.clone(), family.clone(), options.clone()).unwrap();
        StoreSink::new(config.clone(), books).unwrap()
    };
    let under = |prefix: &[u8]| {
        let options = ReadOptions { prefix: Some(prefix.to_vec()), ..ReadOptions::default() };
        let mut iter = db.iter(&family, options).unwrap();
        iter.seek_to_first().unwrap();
        let mut values = Vec::new();
        while iter.valid() {
            values.push(String::from_utf8(iter.value().to_vec()).unwrap());
            iter.next().unwrap();
        }
        values
    };
    let done = || (under(b"k").len().min(300) + under(b"named").len().min(40)) as u64;
    let died = live(&mut Rng::new(9), &pipeline(20), &mut gather, make, done, || 340);
    assert!(died > 3, "it died {died} times");
    let mut numbers: Vec<u64> = under(b"k").iter().map(|value| value.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
    assert_eq!(under(b"named"), vec!["0"; 40], "each named message once, and the first");
}

#[test]
fn what_cannot_be_handled_becomes_a_dead_letter() {
    let served = Served::start();
    block_on(fill(&served, "in", 60));
    let config = served.config("strict", &["in"]);
    let plan = Pipeline { dead_letter: Some("dead".into()), ..pipeline(10) };
    let running = spawn(
        move || {
            let strict = |record: &Incoming| match record.value.as_deref() {
                Some(b"13") => Err("unlucky".to_owned()),
                // More than any broker takes: found by sending records one by one.
                Some(b"17") => {
                    let value = Some(vec![b'x'; 2_000_000]);
                    Ok(vec![Outgoing { value, ..copy(record)?.remove(0) }])
                }
                _ => copy(record),
            };
            Ok((Pipe::new(config)?, strict))
        },
        plan,
    )
    .unwrap();
    let done = block_on(running.finished()).unwrap();
    assert_eq!((done.read, done.dead_letters, done.written), (60, 2, 58));
    let dead = served.committed("dead");
    let both = [("k3", "13"), ("k2", "17")].map(|(k, v)| (Some(k.to_owned()), Some(v.to_owned())));
    let mut dead = dead.concat();
    dead.sort();
    assert_eq!(dead, {
        let mut both = both.to_vec();
        both.sort();
        both
    });
    assert!(metrics::exposition("strict", done).contains("dead_letters_total{pipeline=\"strict\"} 2"));
}

#[test]
fn a_stopped_runner_finishes_what_it_has_read() {
    let served = Served::start();
    block_on(fill(&served, "in", 100));
    let config = served.config("stopped", &["in"]);
    let plan = Pipeline {
        settings: Settings { linger: Duration::from_secs(3600), ..Default::default() },
        ..Pipeline::default()
    };
    let (seen, reads) = std::sync::mpsc::channel();
    let running = spawn(
        move || {
            let told = move |record: &Incoming| {
                seen.send(()).unwrap();
                copy(record)
            };
            Ok((Pipe::new(config)?, told))
        },
        plan,
    )
    .unwrap();
    // All is read, nothing is due yet.
    (0..100).for_each(|_| reads.recv_timeout(Duration::from_secs(60)).unwrap());
    assert_eq!(running.metrics().commits, 0);
    running.stop();
    let done = block_on(running.finished()).unwrap();
    assert_eq!((done.written, done.aborts), (100, 0));
    all_once(by_key(served.committed("out")), 100);
}

#[test]
fn a_producer_that_is_shut_out_says_so() {
    let served = Served::start();
    block_on(async {
        let first = Producer::open(served.config("twin", &[])).await.unwrap();
        first.begin().await.unwrap();
        first.send(vec![record("t", "k", "1")]).await.unwrap();
        let second = Producer::open(served.config("twin", &[])).await.unwrap();
        let refused = first.commit().await.unwrap_err();
        assert!(matches!(refused, Error::Fatal { is_fenced: true, .. }), "{refused}");
        second.begin().await.unwrap();
        second.send(vec![record("t", "k", "2")]).await.unwrap();
        second.offsets(vec![("t".into(), 0, 5)]).await.unwrap();
        second.commit().await.unwrap();
    });
    assert_eq!(by_key(served.committed("t"))["k"], [2]);
}

#[test]
fn a_broker_that_never_answers_does_not_stop_the_runtime() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = dolmen_kafka_rdkafka::rd::Config {
        bootstrap: silent.local_addr().unwrap().to_string(),
        transactional_id: "x".into(),
        ..Default::default()
    };
    let ticks = block_on(async {
        let open = Producer::open(config);
        tokio::pin!(open);
        let mut ticks = 0;
        loop {
            tokio::select! {
                _ = &mut open => break ticks,
                () = tokio::time::sleep(Duration::from_millis(10)) => ticks += 1,
            }
            if ticks == 20 {
                break ticks;
            }
        }
    });
    assert_eq!(ticks, 20);
}

#[test]
fn settings_that_the_runner_depends_on_cannot_be_given() {
    for (name, value) in [("isolation.level", "read_uncommitted"), ("group.protocol", "consumer")] {
        let config = dolmen_kafka_rdkafka::rd::Config {
            settings: vec![(name.into(), value.into())],
            ..Default::default()
        };
        assert!(Pipe::new(config).err().unwrap().to_string().contains(name));
    }
}
