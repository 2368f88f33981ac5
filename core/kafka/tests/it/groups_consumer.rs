//! The newer group protocol (KIP-848), heartbeat by heartbeat, and the assignors.

use std::collections::{BTreeMap, BTreeSet};

use dolmen_base::Rng;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::control::Outcome;
use dolmen_kafka::group::Settings;
use dolmen_kafka::group::ask::{Answer, Ask, Beat, Commit};
use dolmen_kafka::group::assignor::{NAMES, Subscriber, assign};
use dolmen_kafka::group::consumer::{self, MemberState, Targets};
use dolmen_kafka::group::machine::AppendError;
use dolmen_kafka::topics::{Alteration, Change};
use dolmen_kafka::wire::Uuid;

use crate::desk::{
    Desk, by, commit, commit_at, first_beat, join, next_beat, parts, settings, topic_id, within,
};

/// Scenario kip848_group of Kafka 4.4.0.
#[test]
fn one_member_from_its_first_heartbeat_to_its_last() {
    let mut desk = Desk::new();
    let first = desk.beat(Beat { version: 0, ..first_beat("g", "", &["t"]) });
    assert_eq!((first.error, first.epoch, parts(&first)), (ErrorCode::NONE, 2, Some(vec![0, 1, 2, 3])));
    let member = first.member.unwrap();
    assert_eq!(member.len(), 22);
    let again = desk.beat(next_beat("g", &member, 2, None));
    assert_eq!((again.error, again.epoch, again.assignment), (ErrorCode::NONE, 2, None));
    assert_eq!(desk.beat(next_beat("g", &member, 7, None)).error, ErrorCode::FENCED_MEMBER_EPOCH);
    assert_eq!(desk.beat(next_beat("g", "nobody", 3, None)).error, ErrorCode::UNKNOWN_MEMBER_ID);
    let ask = |member: &str, generation| within(7, by(member, generation, commit("g", 3)));
    assert_eq!(desk.commit(ask(&member, 2)), ErrorCode::NONE);
    assert_eq!(desk.commit(ask(&member, 1)), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(desk.commit(ask(&member, 3)), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(desk.commit(ask("nobody", 2)), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.commit(ask("", -1)), ErrorCode::NONE);
    let plain = |version, generation| Commit { version, ..by(&member, generation, commit_at("g", 1, 4)) };
    assert_eq!(desk.commit(plain(9, 1)), ErrorCode::STALE_MEMBER_EPOCH);
    assert_eq!(desk.commit(plain(8, 1)), ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(desk.commit(plain(9, 2)), ErrorCode::NONE);
    desk.end(7, Outcome::Commit);
    assert_eq!((desk.committed("g", 0, true), desk.committed("g", 1, true)), (Ok(3), Ok(4)));
    let left = desk.beat(next_beat("g", &member, -1, None));
    assert_eq!((left.error, left.epoch, left.member), (ErrorCode::NONE, -1, Some(member.clone())));
    assert_eq!(desk.beat(next_beat("g", &member, 2, None)).error, ErrorCode::UNKNOWN_MEMBER_ID);
    let group = desk.groups.consumer("g").unwrap();
    assert_eq!((group.epoch, group.target_epoch, group.state()), (3, 3, "Empty"));
}

/// The records of a real 4.4.0 for the same two heartbeats have these types in this order.
#[test]
fn the_log_of_a_join_and_a_leave() {
    let mut desk = Desk::new();
    let first = desk.beat(first_beat("g", "m", &["t"]));
    desk.beat(next_beat("g", "m", -1, None));
    assert_eq!(first.epoch, 2);
    let kinds = |bytes: &[u8]| -> Vec<(u8, bool)> {
        let (batch, _) = dolmen_kafka::batch::Batch::split(bytes, 0).unwrap();
        let records = dolmen_kafka::group::records::each(&batch, &[]).unwrap();
        records.map(|(_, key, value)| (key[1], value.is_some())).collect()
    };
    assert_eq!(kinds(&desk.log[0]), [(5, true), (3, true), (7, true), (6, true), (8, true)]);
    assert_eq!(kinds(&desk.log[1]), [(8, false), (7, false), (5, false), (3, true), (6, true)]);
}

#[test]
fn heartbeats_that_are_no_requests() {
    let mut desk = Desk::new();
    let first = || first_beat("g", "m", &["t"]);
    let wrong = [
        Beat { group: String::new(), ..first() },
        Beat { member: String::new(), ..first() },
        Beat { version: 0, member: String::new(), epoch: 3, ..first() },
        Beat { instance: Some(String::new()), ..first() },
        Beat { rack: Some(" ".into()), ..first() },
        Beat { rebalance_timeout_ms: -1, ..first() },
        Beat { owned: None, ..first() },
        Beat { owned: Some(vec![(topic_id("t"), vec![0])]), ..first() },
        Beat { topics: None, ..first() },
        Beat { epoch: -3, ..first() },
        Beat { epoch: -2, ..first() },
    ];
    for ask in wrong {
        assert_eq!(desk.beat(ask.clone()).error, ErrorCode::INVALID_REQUEST, "{ask:?}");
    }
    let ask = Beat { assignor: Some("sticky".into()), ..first() };
    assert_eq!(desk.beat(ask).error, ErrorCode::UNSUPPORTED_ASSIGNOR);
    for regex in ["(", "a{99999999}", "(?:a{999}){999}"] {
        let ask = Beat { regex: Some(regex.into()), ..first() };
        assert_eq!(desk.beat(ask).error, ErrorCode::INVALID_REGULAR_EXPRESSION, "{regex}");
    }
    assert_eq!(desk.beat(next_beat("g", "m", 4, None)).error, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(desk.groups.names().count(), 0);
}

#[test]
fn a_partition_moves_when_its_owner_has_given_it_up() {
    let mut desk = Desk::new();
    assert_eq!(parts(&desk.beat(first_beat("g", "a", &["t"]))), Some(vec![0, 1, 2, 3]));
    // The second gets nothing before the first has given up two.
    let b = desk.beat(first_beat("g", "b", &["t"]));
    assert_eq!((b.epoch, parts(&b)), (3, Some(vec![])));
    let a = desk.beat(next_beat("g", "a", 2, Some(&[("t", &[0, 1, 2, 3])])));
    let kept = parts(&a).unwrap();
    assert_eq!((a.epoch, kept.len()), (2, 2));
    let group = desk.groups.consumer("g").unwrap();
    assert_eq!(
        (group.members["a"].state, group.members["b"].state),
        (MemberState::UnrevokedPartitions, MemberState::UnreleasedPartitions)
    );
    assert_eq!(group.state(), "Reconciling");
    // Still owning them it stays where it is; the other still waits.
    let a = desk.beat(next_beat("g", "a", 2, Some(&[("t", &[0, 1, 2, 3])])));
    assert_eq!((a.epoch, a.assignment), (2, None));
    assert_eq!(parts(&desk.beat(next_beat("g", "b", 3, Some(&[])))), None);
    let a = desk.beat(next_beat("g", "a", 2, Some(&[("t", &kept)])));
    assert_eq!((a.epoch, a.assignment), (3, None));
    let b = desk.beat(next_beat("g", "b", 3, Some(&[])));
    let got = parts(&b).unwrap();
    assert_eq!((b.epoch, got.len()), (3, 2));
    assert!(got.iter().all(|partition| !kept.contains(partition)));
    assert_eq!(desk.groups.consumer("g").unwrap().state(), "Stable");
    // The same after a restart.
    let before = desk.groups.consumer("g").unwrap().clone();
    desk.restart();
    let after = desk.groups.consumer("g").unwrap();
    assert_eq!(
        (&after.members, &after.target, after.epoch, after.hash),
        (&before.members, &before.target, 3, before.hash)
    );
    assert_eq!(desk.beat(next_beat("g", "a", 3, None)).error, ErrorCode::NONE);
}

#[test]
fn a_member_that_does_not_give_up_is_put_out() {
    let mut desk = Desk::new();
    desk.beat(first_beat("g", "a", &["t"]));
    desk.beat(first_beat("g", "b", &["t"]));
    let owned: &[(&str, &[i32])] = &[("t", &[0, 1, 2, 3])];
    assert_eq!(desk.beat(next_beat("g", "a", 2, Some(owned))).epoch, 2);
    desk.wait(4_000);
    assert_eq!(desk.beat(next_beat("g", "a", 2, Some(owned))).error, ErrorCode::NONE);
    desk.wait(1_000);
    assert_eq!(desk.beat(next_beat("g", "a", 2, Some(owned))).error, ErrorCode::UNKNOWN_MEMBER_ID);
    let b = desk.beat(next_beat("g", "b", 3, Some(&[])));
    assert_eq!((b.epoch, parts(&b)), (4, Some(vec![0, 1, 2, 3])));
}

#[test]
fn a_silent_member_is_put_out_and_one_that_speaks_is_not() {
    let mut desk = Desk::new();
    desk.beat(first_beat("g", "a", &["t"]));
    for _ in 0..4 {
        desk.wait(40_000);
        assert_eq!(desk.beat(next_beat("g", "a", 2, None)).error, ErrorCode::NONE);
    }
    desk.wait(45_000);
    assert_eq!(desk.beat(next_beat("g", "a", 2, None)).error, ErrorCode::UNKNOWN_MEMBER_ID);
    // Not written: it is tried again.
    desk.beat(first_beat("g", "a", &["t"]));
    desk.fates.push_back(AppendError::NotWritten);
    desk.wait(45_000);
    assert_eq!(desk.groups.consumer("g").unwrap().members.len(), 1);
    desk.wait(1_000);
    assert!(desk.groups.consumer("g").unwrap().members.is_empty());
}

#[test]
fn an_answer_that_was_lost_is_given_again() {
    let mut desk = Desk::new();
    desk.beat(first_beat("g", "a", &["t"]));
    desk.topic("u", 2);
    let more = |epoch| Beat {
        topics: Some(vec!["t".into(), "u".into()]),
        ..next_beat("g", "a", epoch, Some(&[("t", &[0, 1, 2, 3])]))
    };
    assert_eq!(desk.beat(more(2)).epoch, 3);
    // With the epoch before and no more than it has: it missed the answer.
    let again = desk.beat(more(2));
    assert_eq!((again.error, again.epoch, again.assignment.unwrap().len()), (ErrorCode::NONE, 3, 2));
    let too_much = next_beat("g", "a", 2, Some(&[("t", &[0, 9])]));
    assert_eq!(desk.beat(too_much).error, ErrorCode::FENCED_MEMBER_EPOCH);
    assert_eq!(desk.beat(next_beat("g", "a", 2, None)).error, ErrorCode::FENCED_MEMBER_EPOCH);
    assert_eq!(desk.beat(next_beat("g", "a", 1, Some(&[]))).error, ErrorCode::FENCED_MEMBER_EPOCH);
}

#[test]
fn a_commit_of_the_epoch_before_is_taken_for_what_the_member_had() {
    let mut desk = Desk::new();
    desk.beat(first_beat("g", "a", &["t"]));
    desk.topic("u", 1);
    let more = Beat {
        topics: Some(vec!["t".into(), "u".into()]),
        ..next_beat("g", "a", 2, Some(&[("t", &[0, 1, 2, 3])]))
    };
    assert_eq!(desk.beat(more).epoch, 3);
    let ask = Commit { version: 9, ..by("a", 2, commit("g", 5)) };
    assert_eq!(desk.commit(ask.clone()), ErrorCode::NONE);
    let mut of_u = ask;
    of_u.topics[0].0.name = "u".into();
    assert_eq!(desk.commit(of_u), ErrorCode::STALE_MEMBER_EPOCH);
}

#[test]
fn new_topics_and_partitions_raise_the_epoch() {
    let mut desk = Desk::new();
    let first = desk.beat(first_beat("g", "a", &["t", "later"]));
    assert_eq!((first.epoch, first.assignment.unwrap().len()), (2, 1));
    desk.topic("unread", 3);
    assert_eq!(desk.beat(next_beat("g", "a", 2, None)).epoch, 2);
    desk.topic("later", 1);
    let told = desk.beat(next_beat("g", "a", 2, None));
    assert_eq!((told.epoch, told.assignment.unwrap().len()), (3, 2));
    let defaults = dolmen_kafka::topics::Defaults { partition_count: 1, broker_id: 1 };
    for record in desk.topics.decide_grow("t", 6, None, defaults).unwrap() {
        desk.topics.load(&record).unwrap();
    }
    let told = desk.beat(next_beat("g", "a", 3, None));
    assert_eq!((told.epoch, parts(&told).unwrap().len()), (4, 6));
    // A deleted topic must be given up.
    desk.topics.decide_delete("later").unwrap().iter().for_each(|record| desk.topics.load(record).unwrap());
    let told = desk.beat(next_beat("g", "a", 4, Some(&[("t", &[0, 1, 2, 3, 4, 5])])));
    assert_eq!((told.epoch, told.assignment.unwrap().len()), (5, 1));
}

#[test]
fn topics_by_a_regular_expression() {
    let mut desk = Desk::new();
    desk.topic("tea", 1);
    desk.topic("at", 1);
    let ask = Beat { topics: None, regex: Some("t.*".into()), ..first_beat("g", "a", &[]) };
    let told = desk.beat(ask);
    // The whole name must match: `at` does not.
    assert_eq!((told.epoch, told.assignment.unwrap().len()), (2, 2));
    let none = Beat {
        regex: Some(String::new()),
        topics: Some(vec!["at".into()]),
        ..next_beat("g", "a", 2, Some(&[]))
    };
    let told = desk.beat(none);
    assert_eq!((told.epoch, told.assignment.unwrap()), (3, vec![(topic_id("at"), vec![0])]));
    assert!(!desk.groups.consumer("g").unwrap().reads("tea"));
}

fn static_beat(member: &str) -> Beat {
    Beat { instance: Some("i".into()), ..first_beat("g", member, &["t"]) }
}

#[test]
fn a_static_member_leaves_for_a_while_and_comes_back() {
    let mut desk = Desk::new();
    assert_eq!(desk.beat(static_beat("a")).epoch, 2);
    assert_eq!(desk.beat(static_beat("b")).error, ErrorCode::UNRELEASED_INSTANCE_ID);
    let named =
        |member: &str, epoch| Beat { instance: Some("i".into()), ..next_beat("g", member, epoch, None) };
    assert_eq!(desk.beat(named("b", 2)).error, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(desk.beat(named("b", -1)).error, ErrorCode::FENCED_INSTANCE_ID);
    let unknown = Beat { instance: Some("j".into()), ..next_beat("g", "z", 2, None) };
    assert_eq!(desk.beat(unknown).error, ErrorCode::UNKNOWN_MEMBER_ID);
    let left = desk.beat(named("a", -2));
    assert_eq!((left.error, left.epoch), (ErrorCode::NONE, -2));
    desk.restart();
    // Nothing is assigned anew: its name keeps its place.
    let back = desk.beat(static_beat("b"));
    assert_eq!((back.epoch, parts(&back)), (2, Some(vec![0, 1, 2, 3])));
    let group = desk.groups.consumer("g").unwrap();
    assert_eq!((group.epoch, group.members.keys().map(String::as_str).collect::<Vec<_>>()), (2, vec!["b"]));
    // If it does not come back in time, it is gone.
    assert_eq!(desk.beat(named("b", -2)).epoch, -2);
    desk.wait(45_000);
    assert!(desk.groups.consumer("g").unwrap().members.is_empty());
}

#[test]
fn a_full_newer_group_takes_nobody_else() {
    let mut full = settings();
    full.consumer.size_max = 1;
    let mut desk = Desk::with(full);
    assert_eq!(desk.beat(first_beat("g", "a", &["t"])).error, ErrorCode::NONE);
    assert_eq!(desk.beat(first_beat("g", "b", &["t"])).error, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(desk.beat(first_beat("g", "a", &["t"])).error, ErrorCode::NONE);
}

#[test]
fn groups_change_their_protocol_only_without_members() {
    let mut desk = Desk::new();
    let (member, _) = desk.alone("g");
    assert_eq!(desk.commit(by(&member, 1, commit("g", 5))), ErrorCode::NONE);
    assert_eq!(desk.beat(first_beat("g", "a", &["t"])).error, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(desk.leave("g", &[(&member, None)]).1, [ErrorCode::NONE]);
    assert_eq!(desk.beat(first_beat("g", "a", &["t"])).epoch, 2);
    assert!(desk.groups.classic("g").is_none() && desk.committed("g", 0, false) == Ok(5));
    desk.restart();
    assert!(desk.groups.consumer("g").is_some());
    assert_eq!(desk.join(join("g", "")).error, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(desk.heartbeat("g", "m", 1), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.beat(next_beat("g", "a", -1, None)).error, ErrorCode::NONE);
    desk.fates.push_back(AppendError::NotWritten);
    assert_eq!(desk.join(join("g", "")).error, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let (_, request) = desk.enter("g");
    assert_eq!(desk.joined(request).generation, 1);
    assert_eq!(desk.committed("g", 0, false), Ok(5));
    desk.restart();
    assert!(desk.groups.consumer("g").is_none() && desk.committed("g", 0, false) == Ok(5));
}

#[test]
fn requests_of_a_group_wait_for_its_change() {
    let mut desk = Desk::new();
    desk.holds = true;
    let a = desk.send(Ask::Beat(first_beat("g", "a", &["t"])));
    let b = desk.send(Ask::Beat(first_beat("g", "b", &["t"])));
    let deletion = desk.send(Ask::Delete(vec!["g".into()]));
    assert!(desk.take(a).is_none() && desk.take(b).is_none() && desk.take(deletion).is_none());
    desk.fates.push_back(AppendError::NotWritten);
    desk.release();
    let told = |answer| match answer {
        Some(Answer::Beat(beaten)) => (beaten.error, beaten.epoch),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(desk.take(a)), (ErrorCode::COORDINATOR_NOT_AVAILABLE, 0));
    assert_eq!(told(desk.take(b)), (ErrorCode::NONE, 2));
    assert!(
        matches!(desk.take(deletion), Some(Answer::Delete(results)) if results[0].1 == ErrorCode::NON_EMPTY_GROUP)
    );
    desk.beat(next_beat("g", "b", -1, None));
    assert_eq!(desk.delete(&["g"]), [ErrorCode::NONE]);
    desk.restart();
    assert_eq!(desk.groups.names().count(), 0);
}

#[test]
fn describing_a_newer_group() {
    let mut desk = Desk::new();
    desk.beat(Beat {
        rack: Some("r".into()),
        assignor: Some("range".into()),
        ..first_beat("g", "a", &["t"])
    });
    let groups = ["g", "none", ""].map(Into::into).to_vec();
    let Answer::DescribeConsumers(groups) = desk.ask(Ask::DescribeConsumers(groups)) else { panic!() };
    let of: Vec<_> =
        groups.iter().map(|group| (group.error, group.state, group.epoch, group.assignor)).collect();
    assert_eq!(of[0], (ErrorCode::NONE, "Stable", 2, "range"));
    assert_eq!((of[1].0, of[2].0), (ErrorCode::GROUP_ID_NOT_FOUND, ErrorCode::INVALID_GROUP_ID));
    let member = &groups[0].members[0];
    let expected = vec![(topic_id("t"), "t".to_owned(), vec![0, 1, 2, 3])];
    assert_eq!(
        (&member.assignment, &member.target, member.rack.as_deref()),
        (&expected, &expected, Some("r"))
    );
    let Answer::Describe(groups) = desk.ask(Ask::Describe { version: 5, groups: vec!["g".into()] }) else {
        panic!()
    };
    assert_eq!(groups[0].state, "Dead");
}

// ---- assignors

struct Case {
    subscribers: Vec<Subscriber>,
    counts: BTreeMap<Uuid, i32>,
}

fn case(rng: &mut Rng, same: bool) -> Case {
    let topics: Vec<Uuid> = (0..rng.range(1, 4)).map(|n| Uuid([n as u8 + 1; 16])).collect();
    let counts = topics.iter().map(|topic| (*topic, rng.range(0, 9) as i32)).collect();
    let subscribers = (0..rng.range(1, 7)).map(|n| Subscriber {
        id: format!("m{n}"),
        order: format!("m{n}"),
        topics: topics.iter().filter(|_| same || rng.one_in(2)).copied().collect(),
    });
    Case { subscribers: subscribers.collect(), counts }
}

/// Every partition that somebody reads has one owner, who reads it; nothing else is owned.
fn check(case: &Case, targets: &BTreeMap<String, Targets>) {
    let mut owned = BTreeSet::new();
    for (id, all) in targets {
        let subscriber = case.subscribers.iter().find(|s| s.id == *id).unwrap();
        for (topic, partitions) in all {
            assert!(subscriber.topics.contains(topic));
            for partition in partitions {
                assert!((0..case.counts[topic]).contains(partition) && owned.insert((*topic, *partition)));
            }
        }
    }
    let is_read = |topic: &Uuid| case.subscribers.iter().any(|s| s.topics.contains(topic));
    let wanted: i32 = case.counts.iter().filter(|(topic, _)| is_read(topic)).map(|(_, count)| *count).sum();
    assert_eq!(owned.len() as i32, wanted);
}

fn loads(targets: &BTreeMap<String, Targets>) -> Vec<usize> {
    targets.values().map(|all| all.values().map(BTreeSet::len).sum()).collect()
}

#[test]
fn assignors_give_every_partition_one_owner() {
    let mut rng = Rng::new(9);
    for round in 0..4000 {
        let same = round % 2 == 0;
        let before = case(&mut rng, same);
        for name in NAMES {
            let first = assign(name, &before.subscribers, &before.counts, &BTreeMap::new());
            check(&before, &first);
            // Nothing changes, nothing moves.
            assert_eq!(assign(name, &before.subscribers, &before.counts, &first), first, "{name}");
            let mut after = Case { subscribers: before.subscribers.clone(), counts: before.counts.clone() };
            if rng.one_in(2) {
                after.subscribers.pop();
            } else {
                let topics = after.subscribers[0].topics.clone();
                after.subscribers.push(Subscriber { id: "new".into(), order: "new".into(), topics });
            }
            let second = assign(name, &after.subscribers, &after.counts, &first);
            check(&after, &second);
            if *name == "uniform" && same {
                for targets in [&first, &second] {
                    let loads = loads(targets);
                    let (low, high) = (loads.iter().min().unwrap_or(&0), loads.iter().max().unwrap_or(&0));
                    assert!(high - low <= 1, "{loads:?}");
                }
            }
        }
    }
}

/// A member that comes takes no more than its share from the others; one that goes leaves the others what they had.
#[test]
fn uniform_moves_no_more_than_it_must() {
    let topic = Uuid([1; 16]);
    let counts = BTreeMap::from([(topic, 12)]);
    let of = |count: usize| -> Vec<Subscriber> {
        let one =
            |n| Subscriber { id: format!("m{n}"), order: String::new(), topics: BTreeSet::from([topic]) };
        (0..count).map(one).collect()
    };
    let three = assign("uniform", &of(3), &counts, &BTreeMap::new());
    let four = assign("uniform", &of(4), &counts, &three);
    let moved = |a: &BTreeMap<String, Targets>, b: &BTreeMap<String, Targets>| -> usize {
        let lost = |(id, all): (&String, &Targets)| {
            all.get(&topic).map_or(0, |was| {
                was.difference(&b.get(id).and_then(|now| now.get(&topic)).cloned().unwrap_or_default())
                    .count()
            })
        };
        a.iter().map(lost).sum()
    };
    assert_eq!((moved(&three, &four), loads(&four)), (3, vec![3; 4]));
    let again = assign("uniform", &of(3), &counts, &four);
    assert_eq!((moved(&four, &again), loads(&again)), (3, vec![4; 3]));
}

#[test]
fn range_gives_runs_in_the_order_of_names() {
    let (t, u) = (Uuid([1; 16]), Uuid([2; 16]));
    let counts = BTreeMap::from([(t, 7), (u, 2)]);
    let one = |id: &str, order: &str| Subscriber {
        id: id.into(),
        order: order.into(),
        topics: BTreeSet::from([t, u]),
    };
    let targets = assign("range", &[one("x", "c"), one("y", "a"), one("z", "b")], &counts, &BTreeMap::new());
    let of = |id: &str, topic| targets[id].get(&topic).map(|all| all.iter().copied().collect::<Vec<_>>());
    assert_eq!(
        (of("y", t), of("z", t), of("x", t)),
        (Some(vec![0, 1, 2]), Some(vec![3, 4]), Some(vec![5, 6]))
    );
    assert_eq!((of("y", u), of("z", u), of("x", u)), (Some(vec![0]), Some(vec![1]), None));
}

#[test]
fn a_group_may_have_a_session_and_an_interval_of_its_own() {
    let mut desk = Desk::new();
    let started_with = dolmen_kafka::configs::Static::new();
    let set = |desk: &mut Desk, value: &str| {
        let change = |name: &str, value: &str| Alteration {
            name: name.into(),
            operation: Some(Change::Set),
            value: Some(value.into()),
        };
        let changes =
            [change("consumer.session.timeout.ms", value), change("consumer.heartbeat.interval.ms", "7000")];
        let broker = dolmen_kafka::configs::InForce::broker(&started_with, desk.topics.broker_configs());
        let group = dolmen_kafka::topics::Resource::Group("g");
        let records = desk.topics.decide_alter(group, &changes, false, broker).unwrap();
        records.iter().for_each(|record| desk.topics.load(record).unwrap());
    };
    set(&mut desk, "60000");
    let own = desk.beat(first_beat("g", "m", &["t"]));
    let other = desk.beat(first_beat("h", "m", &["t"]));
    assert_eq!((own.interval_ms, other.interval_ms), (7000, 5000));
    let has_member = |desk: &Desk, group| desk.groups.consumer(group).is_some_and(|g| !g.members.is_empty());
    desk.wait(50_000);
    assert_eq!((has_member(&desk, "g"), has_member(&desk, "h")), (true, false));
    // A session that began before the change ends when it was said to; the next is the new one.
    set(&mut desk, "45000");
    assert_eq!(desk.beat(next_beat("g", "m", 2, None)).error, ErrorCode::NONE);
    desk.wait(46_000);
    assert!(!has_member(&desk, "g"));
    // What a broker with other bounds wrote is brought within ours.
    desk.restart();
    let tight = Settings {
        consumer: consumer::Settings { session_timeout_ms_bounds: (45_000, 46_000), ..settings().consumer },
        ..settings()
    };
    set(&mut desk, "60000");
    assert_eq!(tight.consumer.of_group(&desk.topics, "g").session_timeout_ms, 46_000);
}
