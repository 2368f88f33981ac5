//! The krafka client on a broker that is there: commits and aborts, a fenced producer, transforms with offsets in the transaction over both group
//! protocols. `cargo run -- HOST:PORT` prints a line for each and ends with the first thing that is not as it should be.

use std::time::Duration;

use krafka::admin::NewTopic;
use krafka::consumer::{AutoOffsetReset, Consumer, GroupProtocol, IsolationLevel};
use krafka::producer::{TopicPartitionOffset, TransactionalProducer};
use krafka::{Kafka, Record};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const RECORD_COUNT: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let bootstrap = std::env::args().nth(1).ok_or("say where the broker is: HOST:PORT")?;
    let kafka = Kafka::builder(bootstrap).client_id("dolmen-peers").connect().await?;
    let name = |what: &str| format!("{what}-{}", std::process::id());
    let admin = kafka.admin();
    let topics = ["in", "classic", "consumer"].map(|topic| NewTopic::new(name(topic), 2, 1));
    let topics = topics.into_iter().collect::<Result<Vec<_>, _>>()?;
    for made in admin.create_topics(topics, Default::default()).await?.into_values() {
        made?;
    }
    commits_and_aborts(&kafka, &name("in"), &name("writer")).await?;
    a_fenced_producer(&kafka, &name("in"), &name("writer")).await?;
    for (protocol, topic) in [(GroupProtocol::Classic, "classic"), (GroupProtocol::Consumer, "consumer")] {
        transform(&kafka, protocol, &name("in"), &name(topic)).await?;
    }
    Ok(())
}

async fn producer(kafka: &Kafka, id: &str) -> Outcome<TransactionalProducer> {
    let builder = kafka.producer().transaction_timeout(Duration::from_secs(60));
    Ok(builder.delivery_timeout(Duration::from_secs(45)).build_transactional(id).await?)
}

async fn reader(kafka: &Kafka, group: &str, protocol: GroupProtocol, topic: &str) -> Outcome<Consumer> {
    let builder = kafka.consumer(group).group_protocol(protocol).auto_offset_reset(AutoOffsetReset::Earliest);
    let builder = builder.isolation_level(IsolationLevel::ReadCommitted).enable_auto_commit(false);
    let consumer = builder.build().await?;
    consumer.subscribe([topic]).await?;
    Ok(consumer)
}

/// What a new group sees of a topic that is committed, in order of the values.
async fn committed(
    kafka: &Kafka,
    protocol: GroupProtocol,
    topic: &str,
    count: usize,
) -> Outcome<Vec<String>> {
    let consumer = reader(kafka, &format!("{topic}-{protocol:?}"), protocol, topic).await?;
    let (mut values, mut idle) = (Vec::new(), 0);
    // A while longer than what is expected: more than that is as wrong as less.
    while idle < if values.len() < count { 20 } else { 2 } {
        let records = consumer.poll(Duration::from_secs(1)).await?;
        idle = if records.is_empty() { idle + 1 } else { 0 };
        values.extend(records.iter().filter_map(|record| record.value_str()).map(str::to_owned));
    }
    consumer.close().await?;
    values.sort();
    Ok(values)
}

async fn commits_and_aborts(kafka: &Kafka, topic: &str, id: &str) -> Outcome<()> {
    let producer = producer(kafka, id).await?;
    for (sign, commits) in [("a", true), ("gone", false), ("b", true)] {
        producer.begin()?;
        for n in 0..RECORD_COUNT / 2 {
            let _ = producer.send(Record::new(topic, format!("{sign}{n:04}"))).await?;
        }
        if commits { producer.commit().await? } else { producer.abort().await? }
    }
    let version = producer.transaction_version();
    producer.close().await?;
    let values = committed(kafka, GroupProtocol::Classic, topic, RECORD_COUNT).await?;
    let wanted = ["a", "b"].map(|sign| (0..RECORD_COUNT / 2).map(move |n| format!("{sign}{n:04}")));
    assert_eq!(values, wanted.into_iter().flatten().collect::<Vec<_>>());
    println!("{version}: two commits are read, an abort is not");
    Ok(())
}

async fn a_fenced_producer(kafka: &Kafka, topic: &str, id: &str) -> Outcome<()> {
    let older = producer(kafka, id).await?;
    older.begin()?;
    let _ = older.send(Record::new(topic, "of the older one")).await?;
    let newer = producer(kafka, id).await?;
    let refused = older.commit().await.err().ok_or("the older producer committed")?;
    assert!(refused.is_fatal(), "{refused}");
    newer.begin()?;
    let _ = newer.send(Record::new(topic, "of the newer one")).await?;
    newer.abort().await?;
    newer.close().await?;
    println!("a newer producer fences the older one: {refused}");
    Ok(())
}

/// Every committed record once, whatever was aborted on the way.
async fn transform(kafka: &Kafka, protocol: GroupProtocol, input: &str, output: &str) -> Outcome<()> {
    let producer = producer(kafka, output).await?;
    let consumer = reader(kafka, output, protocol, input).await?;
    let (mut done, mut aborted) = (0, 0);
    while done < RECORD_COUNT {
        let records = consumer.poll(Duration::from_secs(20)).await?;
        if records.is_empty() {
            return Err(format!("{done} of {RECORD_COUNT} records have come").into());
        }
        let group = consumer.group_metadata().await.ok_or("not a member")?;
        producer.begin()?;
        let mut offsets = Vec::new();
        for record in &records {
            let value = record.value_str().unwrap_or_default().to_uppercase();
            let _ = producer.send(Record::new(output, value)).await?;
            offsets.push(TopicPartitionOffset::new(&*record.topic, record.partition, record.offset + 1));
        }
        producer.send_offsets(&offsets, &group).await?;
        if aborted < 2 {
            producer.abort().await?;
            aborted += 1;
            for record in records.iter().rev() {
                consumer.seek(&record.topic, record.partition, record.offset).await?;
            }
        } else {
            producer.commit().await?;
            done += records.len();
        }
    }
    consumer.close().await?;
    producer.close().await?;
    let values = committed(kafka, protocol, output, RECORD_COUNT).await?;
    let wanted: Vec<String> = committed(kafka, GroupProtocol::Consumer, input, RECORD_COUNT)
        .await?
        .iter()
        .map(|v| v.to_uppercase())
        .collect();
    assert_eq!(values, wanted);
    println!("{protocol:?}: {done} records transformed once, {aborted} transactions aborted on the way");
    Ok(())
}
