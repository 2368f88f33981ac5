//! The checker finds nothing in a right history, and every fault that is planted in it.

use dolmen_kafka_cli::history::{Finding, Kind, check};
use serde_json::{Value, json};

/// A right history: two transactional producers, a plain one, an aborted transaction, a transform with its offsets, two readers.
fn right() -> Vec<Value> {
    let send = |process: u64, txn: &str, partition: u64, value: &str, offset: u64| {
        let txn = if txn.is_empty() { Value::Null } else { json!(txn) };
        json!({"type":"send","process":process,"txn":txn,"topic":"t","partition":partition,"value":value,"ok":true,"offset":offset})
    };
    let poll = |process: u64, partition: u64, records: &[(&str, u64)]| {
        let records: Vec<Value> = records
            .iter()
            .map(|(value, offset)| json!({"topic":"t","partition":partition,"offset":offset,"value":value}))
            .collect();
        json!({"type":"poll","process":process,"isolation":"read_committed","txn":null,"records":records})
    };
    vec![
        json!({"type":"init","process":1,"id":"a"}),
        json!({"type":"init","process":2,"id":"b"}),
        send(1, "a/1", 0, "a1", 0),
        send(1, "a/1", 1, "a2", 0),
        send(2, "b/1", 0, "b1", 1),
        send(1, "a/1", 0, "a3", 2),
        json!({"type":"committing","txn":"a/1"}),
        json!({"type":"commit","process":1,"txn":"a/1","ok":true}),
        json!({"type":"abort","process":2,"txn":"b/1","ok":true}),
        send(3, "", 0, "p1", 5),
        poll(8, 0, &[("a1", 0), ("a3", 2)]),
        poll(8, 0, &[("p1", 5)]),
        poll(9, 0, &[("a1", 0), ("a3", 2), ("p1", 5)]),
        poll(9, 1, &[("a2", 0)]),
        // A transform: it reads p1, writes b2, commits the offset behind it.
        json!({"type":"poll","process":2,"isolation":"read_committed","txn":"b/2","records":[{"topic":"t","partition":0,"offset":5,"value":"p1"}]}),
        send(2, "b/2", 1, "b2", 2),
        json!({"type":"offset_commit","process":2,"group":"g","topic":"t","partition":0,"offset":6,"txn":"b/2","ok":true}),
        json!({"type":"committing","txn":"b/2"}),
        json!({"type":"commit","process":2,"txn":"b/2","ok":true}),
        // One that is aborted with its offset.
        send(2, "b/3", 1, "b3", 4),
        json!({"type":"offset_commit","process":2,"group":"g","topic":"t","partition":0,"offset":9,"txn":"b/3","ok":true}),
        json!({"type":"abort","process":2,"txn":"b/3","ok":true}),
        json!({"type":"offset_fetch","group":"g","topic":"t","partition":0,"offset":6}),
        json!({"type":"seek","process":9,"topic":"t","partition":1}),
        poll(9, 1, &[("a2", 0), ("b2", 2)]),
        // No answer came: it may have been written or not.
        json!({"type":"send","process":3,"txn":null,"topic":"t","partition":0,"value":"maybe","ok":null,"offset":null}),
        json!({"type":"end","topic":"t","partition":0,"last_stable":6,"high_watermark":6}),
        json!({"type":"end","topic":"t","partition":1,"last_stable":6,"high_watermark":6}),
    ]
}

fn judged(events: &[Value]) -> Vec<Finding> {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    check(lines.iter().map(String::as_str))
}

#[test]
fn nothing_is_found_in_a_right_history() {
    assert_eq!(judged(&right()), []);
    // What was written without an answer may be there.
    let mut events = right();
    events.insert(26, json!({"type":"poll","process":8,"isolation":"read_committed","txn":null,"records":[{"topic":"t","partition":0,"offset":6,"value":"maybe"}]}));
    assert_eq!(judged(&events), []);
}

/// A fault: its name, what is found, and how it is planted.
type Fault = (&'static str, Kind, fn(&mut Vec<Value>));

fn at(events: &[Value], wanted: &[(&str, Value)]) -> usize {
    events.iter().position(|event| wanted.iter().all(|(key, value)| event[*key] == *value)).unwrap()
}

/// The poll of a process and partition, counted from 0.
fn poll_of(events: &mut [Value], process: u64, partition: u64, nth: usize) -> &mut Vec<Value> {
    let fits = |event: &&mut Value| {
        event["type"] == "poll"
            && event["process"] == process
            && event["records"][0]["partition"] == partition
    };
    events.iter_mut().filter(fits).nth(nth).unwrap()["records"].as_array_mut().unwrap()
}

fn record(partition: u64, offset: u64, value: &str) -> Value {
    json!({"topic":"t","partition":partition,"offset":offset,"value":value})
}

const FAULTS: &[Fault] = &[
    ("an aborted record is delivered", Kind::AbortedRead, |e| {
        poll_of(e, 9, 0, 0).insert(1, record(0, 1, "b1"))
    }),
    ("the abort marker of a later transaction is skipped", Kind::AbortedRead, |e| {
        poll_of(e, 9, 1, 1).push(record(1, 4, "b3"))
    }),
    ("a failed write is delivered", Kind::AbortedRead, |e| {
        let at = at(e, &[("value", json!("p1"))]);
        e[at]["ok"] = json!(false);
        e[at]["offset"] = json!(null);
    }),
    ("a record is delivered before its commit is asked for", Kind::PrecommittedRead, |e| {
        e.insert(5, json!({"type":"poll","process":7,"isolation":"read_committed","txn":null,"records":[record(0, 0, "a1")]}));
    }),
    ("the last stable offset is off by one", Kind::PrecommittedRead, |e| {
        let at = at(e, &[("type", json!("committing")), ("txn", json!("b/2"))]);
        e.insert(at, json!({"type":"poll","process":7,"isolation":"read_committed","txn":null,"records":[record(1, 2, "b2")]}));
    }),
    ("an acknowledged plain record is lost", Kind::LostWrite, |e| {
        e.insert(10, json!({"type":"send","process":3,"txn":null,"topic":"t","partition":0,"value":"lost","ok":true,"offset":4}));
    }),
    ("a committed record is lost", Kind::LostWrite, |e| {
        for (process, nth) in [(8, 0), (9, 0)] {
            poll_of(e, process, 0, nth).retain(|r| r["value"] != "a3");
        }
    }),
    ("a repeated batch is written twice", Kind::Duplicate, |e| {
        poll_of(e, 9, 0, 0).insert(2, record(0, 4, "a3"))
    }),
    ("one offset holds two records", Kind::InconsistentOffset, |e| {
        poll_of(e, 8, 0, 1)[0] = record(0, 5, "maybe")
    }),
    ("a record stands in another partition", Kind::Misplaced, |e| {
        poll_of(e, 9, 1, 0).push(record(1, 1, "a1"));
    }),
    ("a write is acknowledged with a wrong offset", Kind::Misplaced, |e| {
        let at = at(e, &[("value", json!("p1"))]);
        e[at]["offset"] = json!(4);
    }),
    ("a record appears that nobody wrote", Kind::Phantom, |e| {
        poll_of(e, 8, 0, 1).push(record(0, 7, "ghost"))
    }),
    ("a poll gives records out of order", Kind::Nonmonotonic, |e| poll_of(e, 9, 0, 0).swap(0, 1)),
    ("a poll passes over a committed record", Kind::PollSkip, |e| {
        poll_of(e, 9, 0, 0).remove(1);
    }),
    ("a reader passes over a committed record between polls", Kind::ReaderSkip, |e| {
        poll_of(e, 8, 0, 0).pop();
    }),
    ("a reader steps back", Kind::ReaderStepBack, |e| {
        poll_of(e, 8, 0, 1).insert(0, record(0, 2, "a3"));
    }),
    ("a producer's offsets step back within a transaction", Kind::WriterStepBack, |e| {
        let (first, last) = (at(e, &[("value", json!("a1"))]), at(e, &[("value", json!("a3"))]));
        e[first]["offset"] = json!(2);
        e[last]["offset"] = json!(0);
    }),
    ("a transaction of unknown outcome is visible in one partition only", Kind::Torn, |e| {
        let at = at(e, &[("type", json!("commit")), ("txn", json!("a/1"))]);
        e[at]["ok"] = json!(null);
        poll_of(e, 9, 1, 1).remove(0);
        poll_of(e, 9, 1, 0)[0] = record(1, 2, "b2");
        e.retain(|event| event["txn"] != "b/2" || event["type"] == "send" || event["type"] == "commit");
    }),
    ("two transactions read from each other", Kind::Circle, |e| {
        e.push(json!({"type":"poll","process":1,"isolation":"read_uncommitted","txn":"a/1","records":[record(1, 2, "b2")]}));
        e.push(json!({"type":"poll","process":2,"isolation":"read_uncommitted","txn":"b/2","records":[record(0, 0, "a1")]}));
    }),
    ("a zombie commits", Kind::Zombie, |e| {
        let at = at(e, &[("type", json!("committing")), ("txn", json!("a/1"))]);
        e.insert(at, json!({"type":"init","process":4,"id":"a"}));
    }),
    ("a zombie writes", Kind::Zombie, |e| {
        let at = at(e, &[("value", json!("b2"))]);
        e.insert(at, json!({"type":"init","process":4,"id":"b"}));
    }),
    ("a committed offset is lost", Kind::LostOffset, |e| {
        let at = at(e, &[("type", json!("offset_fetch"))]);
        e[at]["offset"] = json!(-1);
    }),
    ("an older offset comes back", Kind::LostOffset, |e| {
        e.insert(2, json!({"type":"offset_commit","group":"g","topic":"t","partition":0,"offset":3,"txn":null,"ok":true}));
        let at = at(e, &[("type", json!("offset_fetch"))]);
        e[at]["offset"] = json!(3);
    }),
    ("an offset of an aborted transaction is told", Kind::AbortedOffset, |e| {
        let at = at(e, &[("type", json!("offset_fetch"))]);
        e[at]["offset"] = json!(9);
    }),
    ("an offset is told that nobody committed", Kind::PhantomOffset, |e| {
        let at = at(e, &[("type", json!("offset_fetch"))]);
        e[at]["offset"] = json!(7);
    }),
    ("a transaction commits and aborts", Kind::TwoOutcomes, |e| {
        e.push(json!({"type":"abort","process":1,"txn":"a/1","ok":true}))
    }),
    ("the last stable offset is stuck", Kind::Stuck, |e| {
        let at = at(e, &[("type", json!("end")), ("partition", json!(1))]);
        e[at]["last_stable"] = json!(3);
    }),
    ("a value is written twice", Kind::Malformed, |e| {
        let again = e[2].clone();
        e.push(again);
    }),
];

#[test]
fn every_planted_fault_is_found() {
    assert!(FAULTS.len() >= 20);
    for (name, kind, plant) in FAULTS {
        let mut events = right();
        plant(&mut events);
        let found = judged(&events);
        assert!(found.iter().any(|finding| finding.kind == *kind), "{name}: {found:?}");
    }
}

#[test]
fn lines_that_are_no_events_are_named() {
    let found = check(["{", "{\"type\":\"what\"}", "", "{\"type\":\"send\"}"].into_iter());
    assert_eq!(
        found.iter().map(|f| (f.kind, f.line)).collect::<Vec<_>>(),
        [1, 2, 4].map(|line| (Kind::Malformed, line))
    );
}
