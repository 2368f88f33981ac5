//! What an error means, and what is done about it: functions of the phase, the error, and how often it was tried.

use crate::ErrorCode;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Opening the producer.
    Open,
    /// Joining the group.
    Join,
    /// Reading records.
    Read,
    /// Reading what the group has committed.
    Committed,
    /// Going back there.
    Rewind,
    /// Beginning a transaction.
    Begin,
    /// Writing its records.
    Send,
    /// Adding the offsets.
    Offsets,
    /// Committing it.
    Commit,
    /// Aborting it.
    Abort,
    /// Leaving.
    Leave,
}

impl Phase {
    /// Whether a transaction is open.
    pub const fn is_within(self) -> bool {
        matches!(self, Phase::Begin | Phase::Send | Phase::Offsets | Phase::Commit | Phase::Abort)
    }
}

/// What a client says went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The broker's code.
    Broker(ErrorCode),
    /// No answer in time, or none before the connection broke: it may have happened or not.
    Unanswered,
    /// The client library says that the same call may be made again.
    Retriable,
    /// The client library says that the transaction must be aborted.
    MustAbort,
    /// The client library has been shut out by a newer producer.
    Fenced,
    /// The client library's producer is of no use any more, or in another state than was thought.
    Broken,
    /// The file or the cluster must be changed by people: a wrong name, a wrong password, a setting that is not known.
    Misconfigured,
}

/// What kind of error it is; every toolkit on these machines has the same three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same thing may be tried again.
    Retry,
    /// The transaction must be aborted; the next one may work.
    Abort,
    /// This producer can do nothing more.
    Fatal,
}

/// What the machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The same again, after a pause.
    Again,
    /// The transaction is aborted.
    Abort,
    /// The transaction is aborted, and its records go one by one: one of them is refused.
    Sift,
    /// The producer is opened anew.
    Reopen,
    /// The group is joined anew.
    Rejoin,
    /// Another producer has the transactional id.
    StopFenced,
    /// People must change something.
    StopRefused,
}

/// Codes that pass by themselves.
const PASSING: [ErrorCode; 12] = [
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::CONCURRENT_TRANSACTIONS,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::LEADER_NOT_AVAILABLE,
    ErrorCode::NOT_ENOUGH_REPLICAS,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::UNSTABLE_OFFSET_COMMIT,
    ErrorCode::UNKNOWN_LEADER_EPOCH,
    ErrorCode::FENCED_LEADER_EPOCH,
];

/// Codes of a member that is none any more, or not this one.
const MEMBER: [ErrorCode; 7] = [
    ErrorCode::UNKNOWN_MEMBER_ID,
    ErrorCode::ILLEGAL_GENERATION,
    ErrorCode::FENCED_INSTANCE_ID,
    ErrorCode::FENCED_MEMBER_EPOCH,
    ErrorCode::STALE_MEMBER_EPOCH,
    ErrorCode::MEMBER_ID_REQUIRED,
    ErrorCode::REBALANCE_IN_PROGRESS,
];

/// Codes that people have to do something about.
const PEOPLE: [ErrorCode; 14] = [
    ErrorCode::INVALID_TRANSACTION_TIMEOUT,
    ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ErrorCode::GROUP_AUTHORIZATION_FAILED,
    ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
    ErrorCode::UNSUPPORTED_VERSION,
    ErrorCode::UNSUPPORTED_SASL_MECHANISM,
    ErrorCode::ILLEGAL_SASL_STATE,
    ErrorCode::SASL_AUTHENTICATION_FAILED,
    ErrorCode::INVALID_TOPIC_EXCEPTION,
    ErrorCode::INVALID_GROUP_ID,
    ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
    ErrorCode::INVALID_SESSION_TIMEOUT,
    ErrorCode::GROUP_MAX_SIZE_REACHED,
];

/// Codes that speak of what is in a record.
const RECORD: [ErrorCode; 5] = [
    ErrorCode::MESSAGE_TOO_LARGE,
    ErrorCode::RECORD_LIST_TOO_LARGE,
    ErrorCode::INVALID_RECORD,
    ErrorCode::INVALID_TIMESTAMP,
    ErrorCode::POLICY_VIOLATION,
];

/// Whether the code passes by itself: the same request may be sent again, whatever it asked for.
pub fn is_passing(code: ErrorCode) -> bool {
    PASSING.contains(&code)
}

/// What kind of error this is while that is done.
pub fn class(phase: Phase, fault: Fault) -> Class {
    match fault {
        Fault::Unanswered | Fault::Retriable => Class::Retry,
        Fault::MustAbort => Class::Abort,
        Fault::Fenced | Fault::Broken | Fault::Misconfigured => Class::Fatal,
        Fault::Broker(code) => class_of_code(phase, code),
    }
}

fn class_of_code(phase: Phase, code: ErrorCode) -> Class {
    if phase.is_within() && MEMBER.contains(&code) {
        return Class::Abort;
    }
    if is_passing(code) || code == ErrorCode::REBALANCE_IN_PROGRESS {
        return Class::Retry;
    }
    let is_abortable = code == ErrorCode::TRANSACTION_ABORTABLE
        || (phase == Phase::Send && RECORD.contains(&code))
        // Of the coordinator they mean that another producer has the name; of a partition only that this transaction is over.
        || (phase == Phase::Send
            && [
                ErrorCode::INVALID_PRODUCER_EPOCH,
                ErrorCode::INVALID_PRODUCER_ID_MAPPING,
                ErrorCode::UNKNOWN_PRODUCER_ID,
                ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            ]
            .contains(&code));
    if is_abortable { Class::Abort } else { Class::Fatal }
}

/// Whether it says that another producer has the transactional id.
pub fn is_fenced(phase: Phase, fault: Fault) -> bool {
    match fault {
        Fault::Fenced => true,
        Fault::Broker(ErrorCode::PRODUCER_FENCED) => true,
        // Of the coordinator: it is what older versions say instead.
        Fault::Broker(ErrorCode::INVALID_PRODUCER_EPOCH) => phase != Phase::Send,
        _ => false,
    }
}

/// How things stand when an error comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How often the same effect has failed before.
    pub tries: u32,
    /// Whether the transaction has been open for longer than the broker allows: then the broker has ended it, and nobody else.
    pub is_overdue: bool,
}

/// What is done about an error.
pub fn react(phase: Phase, fault: Fault, standing: Standing) -> Reaction {
    if fault == Fault::Misconfigured {
        return Reaction::StopRefused;
    }
    if let Fault::Broker(code) = fault {
        if PEOPLE.contains(&code) {
            return Reaction::StopRefused;
        }
        if phase == Phase::Send && RECORD.contains(&code) {
            return Reaction::Sift;
        }
    }
    if is_fenced(phase, fault) && phase.is_within() {
        return if standing.is_overdue { Reaction::Reopen } else { Reaction::StopFenced };
    }
    if !phase.is_within() {
        return react_outside(phase, fault);
    }
    match (class(phase, fault), phase) {
        // What was written so far cannot be told from what was not.
        (Class::Retry, Phase::Send) => Reaction::Abort,
        (Class::Retry, Phase::Begin) => Reaction::Reopen,
        (Class::Retry, _) if standing.tries < TRIES_MAX => Reaction::Again,
        (Class::Retry, Phase::Offsets) => Reaction::Abort,
        (Class::Abort, Phase::Send | Phase::Offsets | Phase::Commit) => Reaction::Abort,
        _ => Reaction::Reopen,
    }
}

fn react_outside(phase: Phase, fault: Fault) -> Reaction {
    let is_member = matches!(fault, Fault::Broker(code) if MEMBER.contains(&code));
    match (class(phase, fault), phase) {
        // Nothing may be written before this has worked, whatever was answered.
        (_, Phase::Open) => Reaction::Again,
        _ if is_member => Reaction::Rejoin,
        (Class::Retry, _) => Reaction::Again,
        _ => Reaction::Rejoin,
    }
}

/// How often a call within a transaction is made again before the transaction is given up.
const TRIES_MAX: u32 = 5;
