//! The classic group protocol and offsets, answer by answer. What Kafka 4.4.0 was asked the same answers the same.

use dolmen_base::Time;
use dolmen_kafka::ErrorCode;
use dolmen_kafka::control::Outcome;
use dolmen_kafka::group::ask::{
    Answer, Ask, Commit, DeleteOffsets, Fetch, FetchGroup, Join, Sync, TopicName,
};
use dolmen_kafka::group::classic::State;
use dolmen_kafka::group::machine::AppendError;
use dolmen_kafka::group::{Input, Settings};
use dolmen_kafka::messages::ConsumerProtocolSubscription;
use dolmen_kafka::wire::{List, Message, Uuid};

use crate::desk::{Desk, by, commit, commit_at, join, settings, sync, within};

fn state(desk: &Desk, group: &str) -> State {
    desk.groups.classic(group).unwrap().state
}

#[test]
fn a_first_join_is_given_an_id() {
    let mut desk = Desk::new();
    let first = desk.join(join("g", ""));
    assert_eq!((first.error, first.generation), (ErrorCode::MEMBER_ID_REQUIRED, -1));
    assert!(first.member.starts_with("c-") && first.member.len() == 2 + 36, "{}", first.member);
    // Before version 4 it is a member at once.
    let joined = desk.join(Join { version: 3, ..join("h", "") });
    assert_eq!((joined.error, joined.generation, joined.members.len()), (ErrorCode::NONE, 1, 1));
}

#[test]
fn joins_that_are_refused() {
    let mut desk = Desk::new();
    let error = |desk: &mut Desk, ask: Join| desk.join(ask).error;
    assert_eq!(error(&mut desk, join("", "")), ErrorCode::INVALID_GROUP_ID);
    assert_eq!(error(&mut desk, join("g", "nobody")), ErrorCode::UNKNOWN_MEMBER_ID);
    for session_timeout_ms in [10, 1_800_001, -1] {
        let ask = Join { session_timeout_ms, ..join("g", "") };
        assert_eq!(error(&mut desk, ask), ErrorCode::INVALID_SESSION_TIMEOUT);
    }
    let none = Join { protocols: Vec::new(), ..join("g", "") };
    assert_eq!(error(&mut desk, none), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let kindless = Join { protocol_type: String::new(), ..join("g", "") };
    assert_eq!(error(&mut desk, kindless), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    assert_eq!(desk.groups.names().count(), 0);
    desk.alone("g");
    assert_eq!(error(&mut desk, join("g", "nobody")), ErrorCode::UNKNOWN_MEMBER_ID);
    let other_kind = Join { protocol_type: "other".into(), ..join("g", "") };
    assert_eq!(error(&mut desk, other_kind), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    let other = Join { protocols: vec![("sticky".into(), Vec::new())], ..join("g", "") };
    assert_eq!(error(&mut desk, other), ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut full = settings();
    full.classic.size_max = 1;
    let mut desk = Desk::with(full);
    let (member, generation) = desk.alone("g");
    assert_eq!(desk.join(join("g", "")).error, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::NONE);
}

#[test]
fn a_generation_of_two() {
    let mut desk = Desk::new();
    let (one, generation) = desk.alone("g");
    let (two, second) = desk.enter("g");
    // The first is told by its heartbeat, and joins again.
    assert_eq!(desk.heartbeat("g", &one, generation), ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(desk.take(second).is_none());
    let first = desk.send(Ask::Join(join("g", &one)));
    let (first, second) = (desk.joined(first), desk.joined(second));
    assert_eq!((first.generation, second.generation), (generation + 1, generation + 1));
    assert_eq!((&first.leader, &second.leader), (&one, &one));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    assert_eq!(
        (first.protocol.as_deref(), first.protocol_type.as_deref()),
        (Some("range"), Some("consumer"))
    );
    assert!(first.members.iter().all(|member| member.metadata == b"m"));
    // A follower's sync waits for the leader's.
    let waiting = desk.send(Ask::Sync(sync("g", &two, 2, &[])));
    assert!(desk.take(waiting).is_none());
    let given = [(&one[..], &b"A"[..]), (&two, b"B"), ("stranger", b"C")];
    assert_eq!(desk.sync("g", &one, 2, &given).assignment, b"A");
    assert!(matches!(desk.take(waiting), Some(Answer::Sync(synced)) if synced.assignment == b"B"));
    assert_eq!(state(&desk, "g"), State::Stable);
    // A late sync of a stable group gets its part.
    assert_eq!(desk.sync("g", &two, 2, &[]).assignment, b"B");
}

#[test]
fn heartbeats() {
    let mut desk = Desk::new();
    assert_eq!(desk.heartbeat("g", "m", 1), ErrorCode::UNKNOWN_MEMBER_ID);
    let (member, request) = desk.enter("g");
    let generation = desk.joined(request).generation;
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::NONE);
    assert_eq!(desk.heartbeat("g", &member, generation - 1), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(desk.heartbeat("g", "nobody", generation), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.heartbeat("", &member, generation), ErrorCode::INVALID_GROUP_ID);
}

#[test]
fn syncs_that_are_refused() {
    let mut desk = Desk::new();
    assert_eq!(desk.sync("g", "m", 1, &[]).error, ErrorCode::UNKNOWN_MEMBER_ID);
    let (member, request) = desk.enter("g");
    let generation = desk.joined(request).generation;
    assert_eq!(desk.sync("g", &member, generation - 1, &[]).error, ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(desk.sync("g", "nobody", generation, &[]).error, ErrorCode::UNKNOWN_MEMBER_ID);
    let says = |protocol_type: &str, protocol: &str| {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let ask = sync("g", &member, generation, &[]);
        Ask::Sync(Sync { protocol_type: said(protocol_type), protocol: said(protocol), ..ask })
    };
    for wrong in [says("connect", ""), says("", "sticky")] {
        let Answer::Sync(synced) = desk.ask(wrong) else { panic!() };
        assert_eq!(synced.error, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    let Answer::Sync(synced) = desk.ask(says("consumer", "range")) else { panic!() };
    assert_eq!(synced.error, ErrorCode::NONE);
    let (_, _second) = desk.enter("g");
    assert_eq!(desk.sync("g", &member, generation, &[]).error, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_sync_that_waits_when_a_rebalance_begins_is_answered() {
    let mut desk = Desk::new();
    let (one, _) = desk.alone("g");
    let (two, second) = desk.enter("g");
    let _ = desk.send(Ask::Join(join("g", &one)));
    assert_eq!(desk.joined(second).generation, 2);
    let waiting = desk.send(Ask::Sync(sync("g", &two, 2, &[])));
    let (_, _third) = desk.enter("g");
    let Some(Answer::Sync(synced)) = desk.take(waiting) else { panic!() };
    assert_eq!(synced.error, ErrorCode::REBALANCE_IN_PROGRESS);
}

/// An assignment that becomes durable when the group has moved on changes nothing.
#[test]
fn a_late_assignment_is_of_no_use() {
    let mut desk = Desk::new();
    let (one, request) = desk.enter("g");
    assert_eq!(desk.joined(request).generation, 1);
    desk.holds = true;
    let waiting = desk.send(Ask::Sync(sync("g", &one, 1, &[(&one, b"old")])));
    let (two, second) = desk.enter("g");
    let Some(Answer::Sync(synced)) = desk.take(waiting) else { panic!() };
    assert_eq!(synced.error, ErrorCode::REBALANCE_IN_PROGRESS);
    let _ = desk.send(Ask::Join(join("g", &one)));
    assert_eq!(desk.joined(second).generation, 2);
    desk.release();
    assert_eq!(state(&desk, "g"), State::CompletingRebalance);
    let follower = desk.send(Ask::Sync(sync("g", &two, 2, &[])));
    assert!(desk.take(follower).is_none());
    assert_eq!(desk.sync("g", &one, 2, &[(&one, b"new"), (&two, b"also")]).assignment, b"new");
    assert!(matches!(desk.take(follower), Some(Answer::Sync(synced)) if synced.assignment == b"also"));
}

#[test]
fn an_assignment_that_is_not_written_begins_anew() {
    let mut desk = Desk::new();
    let (one, request) = desk.enter("g");
    assert_eq!(desk.joined(request).generation, 1);
    desk.fates.push_back(AppendError::NotWritten);
    assert_eq!(desk.sync("g", &one, 1, &[(&one, b"x")]).error, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(state(&desk, "g"), State::PreparingRebalance);
    assert_eq!(desk.join(join("g", &one)).generation, 2);
    assert_eq!(desk.sync("g", &one, 2, &[(&one, b"x")]).error, ErrorCode::NONE);
}

#[test]
fn after_an_append_of_unknown_fate_everything_is_refused() {
    let mut desk = Desk::new();
    let (member, generation) = desk.alone("g");
    let (_, waiting) = desk.enter("g");
    desk.fates.push_back(AppendError::Unknown);
    let ask = by(&member, generation, commit("h", 1));
    assert_eq!(
        desk.commit(Commit { generation: -1, member: String::new(), ..ask }),
        ErrorCode::COORDINATOR_NOT_AVAILABLE
    );
    assert_eq!(desk.joined(waiting).error, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert!(desk.groups.is_poisoned() && desk.groups.next_deadline().is_none());
    desk.restart();
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::NONE);
}

#[test]
fn lost_answers_are_given_again() {
    let mut desk = Desk::new();
    let (one, _) = desk.alone("g");
    let (two, second) = desk.enter("g");
    let _ = desk.send(Ask::Join(join("g", &one)));
    let told = desk.joined(second);
    // It asks again before it has synced, and as a follower of a stable group.
    assert_eq!(desk.join(join("g", &two)), told);
    let _ = desk.send(Ask::Sync(sync("g", &two, 2, &[])));
    assert_eq!(desk.sync("g", &one, 2, &[(&two, b"B")]).error, ErrorCode::NONE);
    assert_eq!(desk.join(join("g", &two)), told);
    assert_eq!(state(&desk, "g"), State::Stable);
    // The leader's join, or one with something new, begins anew.
    let again =
        desk.send(Ask::Join(Join { protocols: vec![("range".into(), b"new".to_vec())], ..join("g", &two) }));
    assert!(desk.take(again).is_none());
    assert_eq!(state(&desk, "g"), State::PreparingRebalance);
}

#[test]
fn a_join_that_is_asked_twice_is_answered_twice() {
    let mut desk = Desk::new();
    let (_, _) = desk.alone("g");
    let (two, first) = desk.enter("g");
    let second = desk.send(Ask::Join(join("g", &two)));
    assert_eq!(desk.joined(first).error, ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(desk.take(second).is_none());
}

#[test]
fn the_assignor_that_most_like_best() {
    let mut desk = Desk::new();
    let likes =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect();
    let ask =
        |member: &str, names: &[&str]| Join { version: 3, protocols: likes(names), ..join("g", member) };
    let one = desk.join(ask("", &["range", "sticky"])).member;
    let two = desk.send(Ask::Join(ask("", &["sticky", "range"])));
    let three = desk.send(Ask::Join(ask("", &["other", "sticky", "range"])));
    let first = desk.join(ask(&one, &["range", "sticky"]));
    assert_eq!(first.protocol.as_deref(), Some("sticky"));
    assert!(first.members.iter().all(|member| member.metadata == b"sticky"));
    assert_eq!((desk.joined(two).generation, desk.joined(three).generation), (2, 2));
}

#[test]
fn an_empty_group_waits_for_more_members() {
    let mut delayed = settings();
    delayed.classic.initial_delay_ms = 3_000;
    let mut desk = Desk::with(delayed);
    let (one, first) = desk.enter("g");
    desk.wait(2_000);
    let (two, second) = desk.enter("g");
    desk.wait(2_000);
    // One more came meanwhile: it waits once more.
    assert!(desk.take(first).is_none());
    desk.wait(2_000);
    let (a, b) = (desk.joined(first), desk.joined(second));
    assert_eq!((a.generation, b.generation, a.members.len()), (1, 1, 2));
    assert!(a.leader == one && b.member == two);
    // No longer than the members' rebalance time-out, however many come.
    let (_, waiting) = desk.enter("h");
    let mut more = Vec::new();
    for _ in 0..9 {
        desk.wait(2_500);
        if desk.answers.contains_key(&waiting) {
            break;
        }
        more.push(desk.enter("h"));
    }
    assert_eq!(desk.joined(waiting).generation, 1);
}

#[test]
fn silent_members_are_put_out() {
    let mut desk = Desk::new();
    let (member, generation) = desk.alone("g");
    desk.wait(9_000);
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::NONE);
    desk.wait(9_000);
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::NONE);
    desk.wait(10_000);
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::UNKNOWN_MEMBER_ID);
    let group = desk.groups.classic("g").unwrap();
    assert_eq!((group.state, group.generation, group.members.len()), (State::Empty, generation + 1, 0));
}

#[test]
fn commits_and_syncs_are_signs_of_life() {
    let mut desk = Desk::new();
    let (member, generation) = desk.alone("g");
    for offset in 0..4 {
        desk.wait(8_000);
        assert_eq!(desk.commit(by(&member, generation, commit("g", offset))), ErrorCode::NONE);
        desk.wait(8_000);
        assert_eq!(desk.sync("g", &member, generation, &[]).error, ErrorCode::NONE);
    }
}

#[test]
fn who_does_not_join_again_is_put_out() {
    let mut desk = Desk::new();
    let (one, generation) = desk.alone("g");
    let (two, second) = desk.enter("g");
    for _ in 0..3 {
        desk.wait(6_000);
        let _ = desk.heartbeat("g", &one, generation);
    }
    assert!(desk.take(second).is_none());
    desk.wait(3_000);
    let joined = desk.joined(second);
    assert_eq!((joined.generation, &joined.leader, joined.members.len()), (2, &two, 1));
    assert_eq!(desk.heartbeat("g", &one, generation), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn who_does_not_sync_is_put_out() {
    let mut desk = Desk::new();
    let (one, _) = desk.alone("g");
    let (two, second) = desk.enter("g");
    let _ = desk.send(Ask::Join(join("g", &one)));
    assert_eq!(desk.joined(second).generation, 2);
    // The leader keeps its session and never assigns.
    let waiting = desk.send(Ask::Sync(sync("g", &two, 2, &[])));
    for _ in 0..4 {
        desk.wait(5_000);
        let _ = desk.heartbeat("g", &one, 2);
    }
    let Some(Answer::Sync(synced)) = desk.take(waiting) else { panic!() };
    assert_eq!(synced.error, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(desk.heartbeat("g", &one, 2), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.join(join("g", &two)).leader, two);
}

#[test]
fn an_id_that_is_never_used_is_forgotten() {
    let mut desk = Desk::new();
    let first = desk.join(join("g", ""));
    desk.wait(10_000);
    assert_eq!(desk.groups.names().count(), 0);
    assert_eq!(desk.join(join("g", &first.member)).error, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn leaving() {
    let mut desk = Desk::new();
    assert_eq!(desk.leave("g", &[("m", None)]).0, ErrorCode::UNKNOWN_MEMBER_ID);
    let (member, generation) = desk.alone("g");
    let both = desk.leave("g", &[("nobody", None), (&member, None)]);
    assert_eq!(both, (ErrorCode::NONE, vec![ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::NONE]));
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(state(&desk, "g"), State::Empty);
    // An id that was given out is given back.
    let first = desk.join(join("g", ""));
    assert_eq!(desk.leave("g", &[(&first.member, None)]).1, [ErrorCode::NONE]);
    assert_eq!(desk.join(join("g", &first.member)).error, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_leave_lets_the_others_go_on() {
    let mut desk = Desk::new();
    let (one, _) = desk.alone("g");
    let (two, second) = desk.enter("g");
    assert_eq!(desk.leave("g", &[(&one, None)]).1, [ErrorCode::NONE]);
    let joined = desk.joined(second);
    assert_eq!((joined.generation, &joined.leader), (2, &two));
}

fn static_join(member: &str, instance: &str, version: i16) -> Join {
    Join { version, instance: Some(instance.into()), ..join("g", member) }
}

fn static_group(desk: &mut Desk) -> String {
    let joined = desk.join(static_join("", "i", 5));
    assert!(joined.error == ErrorCode::NONE && joined.member.starts_with("i-"));
    assert_eq!(desk.sync("g", &joined.member, 1, &[(&joined.member, b"mine")]).error, ErrorCode::NONE);
    joined.member
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    for (version, skips) in [(5, false), (9, true)] {
        let mut desk = Desk::new();
        let old = static_group(&mut desk);
        let joined = desk.join(static_join("", "i", version));
        assert_eq!((joined.error, joined.generation, joined.skips_assignment), (ErrorCode::NONE, 1, skips));
        assert!(joined.member != old && state(&desk, "g") == State::Stable);
        assert_eq!(
            joined.leader == joined.member,
            skips,
            "an older client is no leader, so that it does not assign"
        );
        assert_eq!(desk.sync("g", &joined.member, 1, &[]).assignment, b"mine");
        // The earlier one is shut out.
        let fenced =
            |ask| matches!(ask, Answer::Sync(synced) if synced.error == ErrorCode::FENCED_INSTANCE_ID);
        let late = Sync { instance: Some("i".into()), ..sync("g", &old, 1, &[]) };
        assert!(fenced(desk.ask(Ask::Sync(late))));
        assert_eq!(desk.join(static_join(&old, "i", version)).error, ErrorCode::FENCED_INSTANCE_ID);
        assert_eq!(desk.heartbeat("g", &old, 1), ErrorCode::UNKNOWN_MEMBER_ID);
        assert_eq!(desk.leave("g", &[(&old, Some("i"))]).1, [ErrorCode::FENCED_INSTANCE_ID]);
        let ask = Commit { instance: Some("i".into()), ..by(&old, 1, commit("g", 1)) };
        assert_eq!(desk.commit(ask), ErrorCode::FENCED_INSTANCE_ID);
        // It is the member of the log, too.
        desk.restart();
        assert_eq!(desk.heartbeat("g", &joined.member, 1), ErrorCode::NONE);
    }
}

#[test]
fn a_static_member_whose_return_is_not_written_begins_anew() {
    let mut desk = Desk::new();
    static_group(&mut desk);
    desk.fates.push_back(AppendError::NotWritten);
    assert_eq!(desk.join(static_join("", "i", 9)).error, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(state(&desk, "g"), State::PreparingRebalance);
    assert_eq!(desk.join(static_join("", "i", 9)).generation, 2);
}

#[test]
fn a_static_member_that_reads_something_else_begins_anew() {
    let mut desk = Desk::new();
    static_group(&mut desk);
    let other = Join {
        protocols: vec![("sticky".into(), Vec::new()), ("range".into(), Vec::new())],
        ..static_join("", "i", 9)
    };
    assert_eq!(desk.join(other).generation, 2);
}

#[test]
fn a_static_member_keeps_its_place_until_its_session_ends() {
    let mut desk = Desk::new();
    let member = static_group(&mut desk);
    let (_, second) = desk.enter("g");
    assert!(desk.take(second).is_none());
    desk.wait(10_000);
    assert_eq!(desk.joined(second).generation, 2);
    assert_eq!(desk.heartbeat("g", &member, 1), ErrorCode::UNKNOWN_MEMBER_ID);
    let unknown = Join { instance: Some("j".into()), ..join("g", &member) };
    assert_eq!(desk.join(unknown).error, ErrorCode::UNKNOWN_MEMBER_ID);
    // By its name alone it can be put out.
    let mut desk = Desk::new();
    static_group(&mut desk);
    assert_eq!(
        desk.leave("g", &[("", Some("j")), ("", Some("i"))]).1,
        [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::NONE]
    );
    assert_eq!(state(&desk, "g"), State::Empty);
}

#[test]
fn a_restart_in_a_stable_group_disturbs_nobody() {
    let mut desk = Desk::new();
    let (member, generation) = desk.alone("g");
    desk.wait(9_000);
    desk.restart();
    desk.wait(9_000);
    assert_eq!(desk.heartbeat("g", &member, generation), ErrorCode::NONE);
    assert_eq!(desk.sync("g", &member, generation, &[]).assignment, b"all");
    let group = desk.groups.classic("g").unwrap();
    assert_eq!((group.protocol.as_deref(), group.leader.as_ref()), (Some("range"), Some(&member)));
}

// ---- offsets

#[test]
fn commits_of_members_and_of_nobody() {
    let mut desk = Desk::new();
    // A group that only keeps offsets.
    assert_eq!(desk.commit(commit("simple", 3)), ErrorCode::NONE);
    assert_eq!(desk.commit(by("m", 2, commit("none", 3))), ErrorCode::ILLEGAL_GENERATION);
    let ask = Commit { version: 9, ..by("m", 2, commit("none", 3)) };
    assert_eq!(desk.commit(ask), ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(desk.commit(commit("", 3)), ErrorCode::INVALID_GROUP_ID);
    let (member, generation) = desk.alone("g");
    let mut ask = |member: &str, generation, offset| desk.commit(by(member, generation, commit("g", offset)));
    assert_eq!(ask(&member, generation, 5), ErrorCode::NONE);
    assert_eq!(ask(&member, generation - 1, 6), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(ask("nobody", generation, 6), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(ask("", -1, 6), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(desk.committed("g", 0, false), Ok(5));
    assert_eq!(desk.leave("g", &[(&member, None)]).1, [ErrorCode::NONE]);
    assert_eq!(desk.commit(commit("g", 7)), ErrorCode::NONE);
    assert_eq!((desk.committed("g", 0, false), desk.committed("simple", 0, false)), (Ok(7), Ok(3)));
    assert_eq!((desk.committed("g", 1, false), desk.committed("none", 0, true)), (Ok(-1), Ok(-1)));
    desk.restart();
    assert_eq!((desk.committed("g", 0, false), desk.committed("simple", 0, false)), (Ok(7), Ok(3)));
}

#[test]
fn a_commit_between_join_and_sync_is_told_to_wait() {
    let mut desk = Desk::new();
    let (member, request) = desk.enter("g");
    let generation = desk.joined(request).generation;
    assert_eq!(desk.commit(by(&member, generation, commit("g", 1))), ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn partitions_and_texts_that_are_refused() {
    let mut desk = Desk::new();
    assert_eq!(desk.commit(commit_at("g", 4, 1)), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut ask = commit("g", 1);
    ask.topics[0].0.name = "missing".into();
    assert_eq!(desk.commit(ask), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut ask = commit("g", 1);
    ask.topics[0].0 = TopicName { name: String::new(), id: Uuid([1; 16]) };
    assert_eq!(desk.commit(ask), ErrorCode::UNKNOWN_TOPIC_ID);
    let mut ask = commit("g", 1);
    ask.topics[0].0 = TopicName { name: String::new(), id: crate::desk::topic_id("t") };
    ask.topics[0].1[0].metadata = "m".repeat(4097);
    assert_eq!(desk.commit(ask.clone()), ErrorCode::OFFSET_METADATA_TOO_LARGE);
    assert_eq!(desk.groups.names().count(), 0);
    ask.topics[0].1[0].metadata = "m".repeat(4096);
    assert_eq!(desk.commit(ask), ErrorCode::NONE);
    assert_eq!(desk.groups.offsets("g").unwrap().get("t", 0).unwrap().metadata.len(), 4096);
}

/// Spec §1.7, and scenario txn_offsets_pending of Kafka 4.4.0.
#[test]
fn transactional_offsets_are_pending_until_the_marker() {
    let mut desk = Desk::new();
    assert_eq!(desk.commit(within(7, commit("g", 5))), ErrorCode::NONE);
    assert_eq!(desk.committed("g", 0, false), Ok(-1));
    assert_eq!(desk.committed("g", 0, true), Err(ErrorCode::UNSTABLE_OFFSET_COMMIT));
    assert_eq!(desk.committed("g", 1, true), Ok(-1));
    desk.end(7, Outcome::Commit);
    assert_eq!(desk.committed("g", 0, true), Ok(5));
    assert_eq!(desk.commit(within(7, commit("g", 9))), ErrorCode::NONE);
    assert_eq!(desk.committed("g", 0, false), Ok(5));
    desk.restart();
    assert_eq!(desk.committed("g", 0, true), Err(ErrorCode::UNSTABLE_OFFSET_COMMIT));
    desk.end(7, Outcome::Abort);
    assert_eq!(desk.committed("g", 0, true), Ok(5));
    // A later plain commit is not undone by an older pending one; the other partition is committed.
    assert_eq!(desk.commit(within(7, commit("g", 11))), ErrorCode::NONE);
    assert_eq!(desk.commit(within(7, commit_at("g", 1, 21))), ErrorCode::NONE);
    assert_eq!(desk.commit(commit("g", 7)), ErrorCode::NONE);
    desk.end(8, Outcome::Commit);
    assert_eq!(desk.committed("g", 1, false), Ok(-1));
    desk.end(7, Outcome::Commit);
    assert_eq!((desk.committed("g", 0, true), desk.committed("g", 1, true)), (Ok(7), Ok(21)));
    desk.restart();
    assert_eq!((desk.committed("g", 0, true), desk.committed("g", 1, true)), (Ok(7), Ok(21)));
}

/// Scenarios txn_offsets_errors and txn_offsets_of_a_member of Kafka 4.4.0 (KIP-447).
#[test]
fn transactional_offsets_of_members() {
    let mut desk = Desk::new();
    assert_eq!(desk.commit(within(7, by("m", 3, commit("g", 1)))), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(desk.commit(within(7, commit("", 1))), ErrorCode::INVALID_GROUP_ID);
    let (member, generation) = desk.alone("g");
    let mut ask = |member: &str, generation, instance: Option<&str>| {
        let ask = within(7, by(member, generation, commit("g", 4)));
        desk.commit(Commit { instance: instance.map(Into::into), ..ask })
    };
    assert_eq!(ask(&member, generation, None), ErrorCode::NONE);
    assert_eq!(ask(&member, generation - 1, None), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(ask(&member, generation + 1, None), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(ask("nobody", generation, None), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(ask(&member, generation, Some("i")), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(ask("", -1, None), ErrorCode::NONE);
    // With offsets but without members the group is there: a member is unknown to it.
    assert_eq!(desk.commit(within(7, commit("h", 1))), ErrorCode::NONE);
    assert_eq!(desk.commit(within(7, by("m", 2, commit("h", 1)))), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn what_the_partition_refuses_is_told() {
    let mut desk = Desk::new();
    desk.fates.push_back(AppendError::Refused(ErrorCode::INVALID_PRODUCER_EPOCH));
    assert_eq!(desk.commit(within(7, commit("g", 1))), ErrorCode::INVALID_PRODUCER_EPOCH);
    desk.fates.push_back(AppendError::NotWritten);
    assert_eq!(desk.commit(commit("g", 1)), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!((desk.committed("g", 0, false), desk.groups.names().count()), (Ok(-1), 0));
}

fn delete_offsets(
    desk: &mut Desk,
    group: &str,
    topic: &str,
    partition: i32,
) -> (ErrorCode, Option<ErrorCode>) {
    let ask = DeleteOffsets { group: group.into(), topics: vec![(topic.into(), vec![partition])] };
    match desk.ask(Ask::DeleteOffsets(ask)) {
        Answer::DeleteOffsets { error, topics } => (error, topics.first().map(|(_, results)| results[0].1)),
        other => panic!("{other:?}"),
    }
}

fn reads(topics: &[&str]) -> Vec<u8> {
    let mut out = vec![0, 1];
    let value = ConsumerProtocolSubscription { topics: List::from(topics), ..Default::default() };
    value.encode(1, &mut out).unwrap();
    out
}

#[test]
fn deleting_offsets() {
    let mut desk = Desk::new();
    desk.topic("u", 1);
    assert_eq!(delete_offsets(&mut desk, "g", "t", 0).0, ErrorCode::GROUP_ID_NOT_FOUND);
    assert_eq!(desk.commit(commit("g", 5)), ErrorCode::NONE);
    assert_eq!(delete_offsets(&mut desk, "g", "missing", 0).1, Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert_eq!(delete_offsets(&mut desk, "g", "t", 0), (ErrorCode::NONE, Some(ErrorCode::NONE)));
    assert_eq!(desk.committed("g", 0, false), Ok(-1));
    // Of a group with members only what nobody reads.
    let subscribed = Join { version: 3, protocols: vec![("range".into(), reads(&["t"]))], ..join("h", "") };
    let member = desk.join(subscribed).member;
    assert_eq!(desk.sync("h", &member, 1, &[]).error, ErrorCode::NONE);
    assert_eq!(
        delete_offsets(&mut desk, "h", "t", 0),
        (ErrorCode::NONE, Some(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC))
    );
    assert_eq!(delete_offsets(&mut desk, "h", "u", 0), (ErrorCode::NONE, Some(ErrorCode::NONE)));
    let connect = Join { version: 3, protocol_type: "connect".into(), ..join("k", "") };
    assert_eq!(desk.join(connect).error, ErrorCode::NONE);
    assert_eq!(delete_offsets(&mut desk, "k", "t", 0).0, ErrorCode::NON_EMPTY_GROUP);
}

#[test]
fn deleting_groups() {
    let mut desk = Desk::new();
    let (member, _) = desk.alone("g");
    assert_eq!(desk.commit(commit("h", 5)), ErrorCode::NONE);
    let codes = desk.delete(&["g", "none", "", "h"]);
    let expected = [
        ErrorCode::NON_EMPTY_GROUP,
        ErrorCode::GROUP_ID_NOT_FOUND,
        ErrorCode::INVALID_GROUP_ID,
        ErrorCode::NONE,
    ];
    assert_eq!(codes, expected);
    assert_eq!(desk.leave("g", &[(&member, None)]).1, [ErrorCode::NONE]);
    assert_eq!(desk.delete(&["g"]), [ErrorCode::NONE]);
    assert_eq!(desk.delete(&[]), []);
    desk.restart();
    assert_eq!((desk.groups.names().count(), desk.committed("h", 0, false)), (0, Ok(-1)));
    // Not written: the group is still there.
    assert_eq!(desk.commit(commit("h", 6)), ErrorCode::NONE);
    desk.fates.push_back(AppendError::NotWritten);
    assert_eq!(desk.delete(&["h"]), [ErrorCode::COORDINATOR_NOT_AVAILABLE]);
    assert_eq!(desk.committed("h", 0, false), Ok(6));
}

/// As Kafka does it: measured on 4.4.0 and 3.9.2 (hard case 8).
#[test]
fn a_deleted_groups_pending_offsets_stay_lost() {
    let mut desk = Desk::new();
    assert_eq!(desk.commit(within(7, commit("g", 5))), ErrorCode::NONE);
    assert_eq!(desk.delete(&["g"]), [ErrorCode::NONE]);
    desk.end(7, Outcome::Commit);
    assert_eq!(desk.committed("g", 0, true), Ok(-1));
    desk.restart();
    assert_eq!(desk.committed("g", 0, true), Ok(-1));
}

/// A join that comes while its group is being deleted finds a new one.
#[test]
fn a_join_waits_for_the_end_of_a_deletion() {
    let mut desk = Desk::new();
    assert_eq!(desk.commit(commit("g", 5)), ErrorCode::NONE);
    desk.holds = true;
    let deletion = desk.send(Ask::Delete(vec!["g".into()]));
    let joins = desk.send(Ask::Join(join("g", "")));
    let meanwhile = desk.send(Ask::Commit(commit_at("g", 1, 6)));
    assert!(desk.take(deletion).is_none() && desk.take(joins).is_none());
    desk.release();
    assert!(matches!(desk.take(deletion), Some(Answer::Delete(_))));
    assert_eq!(desk.joined(joins).error, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(desk.take(meanwhile).is_some());
    // What was committed behind the deletion is not lost with it.
    assert_eq!((desk.committed("g", 0, false), desk.committed("g", 1, false)), (Ok(-1), Ok(6)));
    desk.restart();
    assert_eq!((desk.committed("g", 0, false), desk.committed("g", 1, false)), (Ok(-1), Ok(6)));
}

#[test]
fn a_topics_offsets_go_with_it() {
    let mut desk = Desk::new();
    assert_eq!(desk.commit(commit("g", 5)), ErrorCode::NONE);
    desk.handle(Input::TopicDeleted { topic: "other".into() });
    assert_eq!(desk.committed("g", 0, false), Ok(5));
    desk.handle(Input::TopicDeleted { topic: "t".into() });
    assert_eq!(desk.committed("g", 0, false), Ok(-1));
    desk.restart();
    assert_eq!(desk.committed("g", 0, false), Ok(-1));
}

#[test]
fn offsets_expire() {
    let retention = Settings { retention_ms: 100_000, retention_check_ms: 10_000, ..settings() };
    let mut desk = Desk::with(retention);
    assert_eq!(desk.commit(commit("simple", 5)), ErrorCode::NONE);
    assert_eq!(
        desk.commit(Commit { version: 2, retention_ms: 30_000, ..commit_at("simple", 1, 6) }),
        ErrorCode::NONE
    );
    assert_eq!(desk.commit(within(7, commit("pending", 5))), ErrorCode::NONE);
    let (member, generation) = desk.alone("g");
    assert_eq!(desk.commit(by(&member, generation, commit("g", 8))), ErrorCode::NONE);
    desk.wait(50_000);
    assert_eq!((desk.committed("simple", 0, false), desk.committed("simple", 1, false)), (Ok(5), Ok(-1)));
    // A group with members keeps its own; one that has lost them keeps them from then on. The member has gone silent at 10 s.
    desk.wait(50_000);
    assert_eq!((desk.committed("simple", 0, false), desk.committed("g", 0, false)), (Ok(-1), Ok(8)));
    desk.wait(25_000);
    assert_eq!(desk.committed("g", 0, false), Ok(-1));
    // With its last offset a group without members goes; what is pending stays.
    assert_eq!(desk.groups.names().collect::<Vec<_>>(), ["pending"]);
    desk.end(7, Outcome::Commit);
    assert_eq!(desk.committed("pending", 0, true), Ok(5));
    desk.restart();
    assert_eq!(desk.groups.names().collect::<Vec<_>>(), ["pending"]);
}

#[test]
fn a_members_unread_topics_expire() {
    let retention = Settings { retention_ms: 20_000, retention_check_ms: 5_000, ..settings() };
    let mut desk = Desk::with(retention);
    desk.topic("u", 1);
    let subscribed = Join { version: 3, protocols: vec![("range".into(), reads(&["u"]))], ..join("g", "") };
    let member = desk.join(subscribed).member;
    assert_eq!(desk.sync("g", &member, 1, &[]).error, ErrorCode::NONE);
    assert_eq!(desk.commit(by(&member, 1, commit("g", 8))), ErrorCode::NONE);
    let mut of_u = by(&member, 1, commit("g", 9));
    of_u.topics[0].0.name = "u".into();
    assert_eq!(desk.commit(of_u), ErrorCode::NONE);
    for _ in 0..5 {
        desk.wait(8_000);
        assert_eq!(desk.heartbeat("g", &member, 1), ErrorCode::NONE);
    }
    let offsets = desk.groups.offsets("g").unwrap();
    assert!(offsets.get("t", 0).is_none() && offsets.get("u", 0).is_some());
}

#[test]
fn describing_and_listing() {
    let mut desk = Desk::new();
    let (member, _) = desk.alone("g");
    assert_eq!(desk.commit(commit("simple", 5)), ErrorCode::NONE);
    let describe = |desk: &mut Desk, version| match desk
        .ask(Ask::Describe { version, groups: vec!["g".into(), "none".into()] })
    {
        Answer::Describe(groups) => groups,
        other => panic!("{other:?}"),
    };
    let groups = describe(&mut desk, 5);
    let of = |at: usize| {
        (groups[at].error, groups[at].state, groups[at].protocol_type.as_str(), groups[at].protocol.as_str())
    };
    assert_eq!(of(0), (ErrorCode::NONE, "Stable", "consumer", "range"));
    assert_eq!(of(1), (ErrorCode::NONE, "Dead", "", ""));
    assert_eq!(
        (groups[0].members[0].member.as_str(), &groups[0].members[0].assignment[..]),
        (member.as_str(), &b"all"[..])
    );
    assert_eq!(describe(&mut desk, 6)[1].error, ErrorCode::GROUP_ID_NOT_FOUND);
    let list = |desk: &mut Desk, states: &[&str], types: &[&str]| {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).into()).collect();
        match desk.ask(Ask::List { states: texts(states), types: texts(types) }) {
            Answer::List { groups, .. } => groups.into_iter().map(|group| group.group).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(list(&mut desk, &[], &[]), ["g", "simple"]);
    assert_eq!(list(&mut desk, &["stable"], &["Classic"]), ["g"]);
    assert_eq!(list(&mut desk, &["Empty", "Dead"], &[]), ["simple"]);
    assert!(list(&mut desk, &[], &["consumer"]).is_empty());
}

#[test]
fn fetching_all_offsets() {
    let mut desk = Desk::new();
    for (partition, offset) in [(3, 7), (0, 5)] {
        assert_eq!(desk.commit(commit_at("g", partition, offset)), ErrorCode::NONE);
    }
    let groups = vec![FetchGroup { group: "g".into(), member: Some(("m".into(), 3)), topics: None }];
    let Answer::Fetch(groups) = desk.ask(Ask::Fetch(Fetch { is_stable: true, groups })) else { panic!() };
    let (topic, partitions) = &groups[0].topics[0];
    assert_eq!((topic.name.as_str(), topic.id), ("t", crate::desk::topic_id("t")));
    assert_eq!(
        partitions.iter().map(|found| (found.partition, found.offset)).collect::<Vec<_>>(),
        [(0, 5), (3, 7)]
    );
    // A member of a group that is not there.
    let groups = vec![FetchGroup { group: "none".into(), member: Some(("m".into(), 3)), topics: None }];
    let Answer::Fetch(groups) = desk.ask(Ask::Fetch(Fetch { is_stable: false, groups })) else { panic!() };
    assert_eq!(groups[0].error, ErrorCode::GROUP_ID_NOT_FOUND);
    let by_id = |id| vec![(TopicName { name: String::new(), id }, vec![0])];
    for (id, found) in
        [(crate::desk::topic_id("t"), Ok(5)), (Uuid([1; 16]), Err(ErrorCode::UNKNOWN_TOPIC_ID))]
    {
        let groups = vec![FetchGroup { group: "g".into(), member: None, topics: Some(by_id(id)) }];
        let Answer::Fetch(groups) = desk.ask(Ask::Fetch(Fetch { is_stable: false, groups })) else {
            panic!()
        };
        let one = &groups[0].topics[0].1[0];
        assert_eq!(if one.error == ErrorCode::NONE { Ok(one.offset) } else { Err(one.error) }, found);
    }
}

#[test]
fn nothing_is_due_while_nothing_happens() {
    let desk = Desk::new();
    assert_eq!(desk.groups.next_deadline(), Some(Time::from_millis(601_000)));
}
