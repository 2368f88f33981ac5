//! Every decision of the coordinator: a function of one id's [`Entry`] and one request. Nothing here remembers or writes.
//!
//! The order of the checks is part of the protocol: the first that applies gives the answer.

use crate::ErrorCode;
use crate::control::Outcome;

use super::state::{
    EPOCH_LAST, Entry, NO_EPOCH, NO_ID, NO_TIME, Partitions, Producer, Status, TransactionVersion, contains,
};

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request is refused.
    Refuse(ErrorCode),
    /// The request has its effect already; its producer from now on.
    Answer(Producer),
    /// This is to be logged, then remembered.
    Become(Entry),
}

/// What a decision may depend on besides the entry and the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The wall clock, in milliseconds.
    pub now_ms: i64,
    /// A producer id that nobody has, for a rotation; none while a block of them is being reserved.
    pub spare_id: Option<i64>,
    /// Whether a change of the entry is being logged.
    pub is_pending: bool,
    /// The finalized feature `transaction.version`.
    pub feature: TransactionVersion,
}

/// InitProducerId for a transactional id. `expected` is what the client believes to be, [`Producer::NONE`] if it asks for the first time.
///
/// [`Decision::Become`] in state [`Status::PrepareAbort`] means that an open transaction is aborted first: the client is told
/// [`ErrorCode::CONCURRENT_TRANSACTIONS`] and asks again.
pub fn init(entry: &Entry, expected: Producer, timeout_ms: i32, facts: Facts) -> Decision {
    let stored = entry.producer;
    if facts.is_pending {
        return Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    let knows = stored.epoch == NO_EPOCH
        || expected.id == stored.id
        || (expected.id == entry.previous_id && expected.is_exhausted());
    if expected != Producer::NONE && !knows {
        return Decision::Refuse(ErrorCode::PRODUCER_FENCED);
    }
    match entry.status {
        Status::Ongoing => fence(entry, facts),
        status if status.is_idle() => match next_owner(entry, expected, facts) {
            Err(code) => Decision::Refuse(code),
            Ok((producer, last_epoch)) => Decision::Become(Entry {
                previous_id: if producer.id == stored.id { entry.previous_id } else { stored.id },
                producer,
                last_epoch,
                next_id: NO_ID,
                timeout_ms,
                status: Status::Empty,
                partitions: Partitions::new(),
                start_ms: NO_TIME,
                update_ms: facts.now_ms,
                client_version: entry.client_version,
            }),
        },
        _ => Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS),
    }
}

/// The producer that an idle id gets, and the epoch that may ask again (KIP-360).
fn next_owner(entry: &Entry, expected: Producer, facts: Facts) -> Result<(Producer, i16), ErrorCode> {
    let stored = entry.producer;
    let asked_first = expected == Producer::NONE;
    if stored.is_exhausted() && (asked_first || expected.epoch == stored.epoch) {
        let id = facts.spare_id.ok_or(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)?;
        let last_epoch = if asked_first { NO_EPOCH } else { stored.epoch };
        return Ok((Producer { id, epoch: 0 }, last_epoch));
    }
    let bumped = Producer { epoch: stored.epoch.saturating_add(1), ..stored };
    if asked_first {
        Ok((bumped, NO_EPOCH))
    } else if stored.epoch == NO_EPOCH || expected.epoch == stored.epoch {
        Ok((bumped, stored.epoch))
    } else if expected.epoch == entry.last_epoch {
        Ok((stored, entry.last_epoch))
    } else {
        Err(ErrorCode::PRODUCER_FENCED)
    }
}

/// Shuts the owner of an open transaction out and aborts it: when a new producer comes, or its time is over.
pub fn fence(entry: &Entry, facts: Facts) -> Decision {
    let raises = facts.feature == TransactionVersion::Tv2;
    let mut next = match prepared(entry, Outcome::Abort, true, raises, facts) {
        Ok(next) => next,
        Err(code) => return Decision::Refuse(code),
    };
    if !raises {
        next.last_epoch = NO_EPOCH;
    }
    Decision::Become(next)
}

/// AddPartitionsToTxn and AddOffsetsToTxn, and a Produce or TxnOffsetCommit that adds what it writes to (`client` is [`TransactionVersion::Tv2`]
/// then).
pub fn add(
    entry: &Entry,
    producer: Producer,
    partitions: &Partitions,
    client: TransactionVersion,
    facts: Facts,
) -> Decision {
    if is_early(entry, producer) {
        return Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    if let Err(code) = owns(entry, producer) {
        return Decision::Refuse(code);
    }
    if facts.is_pending || entry.status.is_prepared() {
        return Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    let is_open = entry.status == Status::Ongoing;
    if is_open && contains(&entry.partitions, partitions) {
        return Decision::Answer(entry.producer);
    }
    let mut next = entry.clone();
    for (topic, indexes) in partitions {
        next.partitions.entry(topic.clone()).or_default().extend(indexes);
    }
    if !is_open {
        next.start_ms = facts.now_ms;
    }
    next.status = Status::Ongoing;
    next.update_ms = facts.now_ms;
    next.client_version = client;
    Decision::Become(next)
}

/// Whether a producer has an open transaction with these partitions: what a partition asks before it lets one begin (KIP-890).
///
/// # Errors
/// The code for the client.
pub fn verify(
    entry: &Entry,
    producer: Producer,
    partitions: &Partitions,
    facts: Facts,
) -> Result<(), ErrorCode> {
    if is_early(entry, producer) {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    owns(entry, producer)?;
    if facts.is_pending || entry.status.is_prepared() {
        return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    let is_part = entry.status == Status::Ongoing && contains(&entry.partitions, partitions);
    if is_part { Ok(()) } else { Err(ErrorCode::TRANSACTION_ABORTABLE) }
}

/// EndTxn before version 5: the epoch stays.
pub fn end(entry: &Entry, producer: Producer, outcome: Outcome, facts: Facts) -> Decision {
    if let Err(code) = owns(entry, producer) {
        return Decision::Refuse(code);
    }
    if facts.is_pending {
        return Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    match (entry.status, outcome) {
        (Status::Ongoing, _) => become_or_refuse(prepared(entry, outcome, false, false, facts)),
        (Status::CompleteCommit, Outcome::Commit) | (Status::CompleteAbort, Outcome::Abort) => {
            Decision::Answer(entry.producer)
        }
        (Status::PrepareCommit, Outcome::Commit) | (Status::PrepareAbort, Outcome::Abort) => {
            Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS)
        }
        _ => Decision::Refuse(ErrorCode::INVALID_TXN_STATE),
    }
}

/// EndTxn from version 5 on: the epoch is raised, so that nothing of this transaction can touch the next one (KIP-890).
pub fn end_and_raise(entry: &Entry, producer: Producer, outcome: Outcome, facts: Facts) -> Decision {
    if is_early(entry, producer) {
        return Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    let stored = entry.producer;
    let is_equal = producer == stored;
    let is_retry = is_retry(entry, producer);
    if producer.id != stored.id && !is_retry {
        return Decision::Refuse(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    }
    let is_valid = match entry.status {
        Status::PrepareCommit | Status::PrepareAbort => is_retry,
        Status::CompleteCommit | Status::CompleteAbort => is_retry || is_equal,
        _ => is_equal,
    };
    if !is_valid {
        return Decision::Refuse(ErrorCode::PRODUCER_FENCED);
    }
    if facts.is_pending {
        return Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS);
    }
    let raise = |entry: &Entry| become_or_refuse(prepared(entry, outcome, true, true, facts));
    match (entry.status, outcome) {
        (Status::Ongoing, _) => raise(entry),
        (Status::CompleteCommit, Outcome::Commit) | (Status::CompleteAbort, Outcome::Abort) if is_retry => {
            Decision::Answer(stored)
        }
        (Status::PrepareCommit, Outcome::Commit) | (Status::PrepareAbort, Outcome::Abort) => {
            Decision::Refuse(ErrorCode::CONCURRENT_TRANSACTIONS)
        }
        // An abort of nothing: the producer asks for a fresh epoch.
        (Status::Empty | Status::CompleteCommit | Status::CompleteAbort, Outcome::Abort) if !is_retry => {
            raise(entry)
        }
        _ => Decision::Refuse(ErrorCode::INVALID_TXN_STATE),
    }
}

/// Whether the producer goes on with what the answer to its EndTxn said, while markers are still being written. Kafka refuses some of that for good
/// (90 to an EndTxn, 49 after a rotation), which no owner deserves.
fn is_early(entry: &Entry, producer: Producer) -> bool {
    entry.status.is_prepared() && producer == entry.next_producer()
}

/// Whether an EndTxn repeats the one that raised the epoch: its epoch is the one before, or the last of the producer id before.
fn is_retry(entry: &Entry, producer: Producer) -> bool {
    let stored = entry.producer;
    let on_bump = producer.id == stored.id && producer.epoch.checked_add(1) == Some(stored.epoch);
    let on_overflow = producer.id == entry.previous_id && producer.epoch == EPOCH_LAST && stored.epoch == 0;
    on_bump || on_overflow
}

/// The entry once all markers are written.
pub fn complete(entry: &Entry, now_ms: i64) -> Entry {
    let status = match entry.status {
        Status::PrepareCommit => Status::CompleteCommit,
        _ => Status::CompleteAbort,
    };
    let mut next = Entry { status, partitions: Partitions::new(), update_ms: now_ms, ..entry.clone() };
    if entry.next_id != NO_ID {
        next.producer = entry.next_producer();
        next.next_id = NO_ID;
        next.previous_id = entry.producer.id;
        next.last_epoch = EPOCH_LAST;
    }
    next
}

/// Whether an open transaction's time is over.
pub fn is_timed_out(entry: &Entry, now_ms: i64) -> bool {
    entry.status == Status::Ongoing && entry.start_ms.saturating_add(i64::from(entry.timeout_ms)) < now_ms
}

/// Whether nobody has used the id for so long that it is forgotten.
pub fn is_expired(entry: &Entry, now_ms: i64, expiration_ms: i64) -> bool {
    entry.status.is_idle() && entry.update_ms.saturating_add(expiration_ms) < now_ms
}

/// The code as a version of an API knows it: old clients know no [`ErrorCode::PRODUCER_FENCED`]. `since` is the first version that does.
pub fn downgraded(code: ErrorCode, version: i16, since: i16) -> ErrorCode {
    if code == ErrorCode::PRODUCER_FENCED && version < since {
        ErrorCode::INVALID_PRODUCER_EPOCH
    } else {
        code
    }
}

fn owns(entry: &Entry, producer: Producer) -> Result<(), ErrorCode> {
    if producer.id != entry.producer.id {
        Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
    } else if producer.epoch != entry.producer.epoch {
        Err(ErrorCode::PRODUCER_FENCED)
    } else {
        Ok(())
    }
}

fn become_or_refuse(next: Result<Entry, ErrorCode>) -> Decision {
    next.map_or_else(Decision::Refuse, Decision::Become)
}

/// The entry with its outcome decided. `bumps`: the epoch is raised; at its end it stays at the one that is kept for fencing, and where the
/// protocol `rotates`, the next producer id is chosen now.
fn prepared(
    entry: &Entry,
    outcome: Outcome,
    bumps: bool,
    rotates: bool,
    facts: Facts,
) -> Result<Entry, ErrorCode> {
    let stored = entry.producer;
    let status = match outcome {
        Outcome::Commit => Status::PrepareCommit,
        Outcome::Abort => Status::PrepareAbort,
    };
    let start_ms = if entry.start_ms == NO_TIME { facts.now_ms } else { entry.start_ms };
    let mut next = Entry { status, update_ms: facts.now_ms, start_ms, ..entry.clone() };
    if bumps {
        next.producer.epoch = stored.epoch.saturating_add(1);
        next.last_epoch = stored.epoch;
    }
    next.client_version = if rotates { TransactionVersion::Tv2 } else { TransactionVersion::Tv0 };
    if rotates && stored.is_exhausted() {
        next.next_id = facts.spare_id.ok_or(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)?;
    }
    Ok(next)
}
