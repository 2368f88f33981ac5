//! Lifecycle: what is due for a key, as a pure function of the rules, the versions of the key, and the time.
//!
//! ```text
//! rules, versions of one key (newest first), now ─► due ─► actions ─► the same mutations that clients ask for
//! ```
//!
//! | rule | when it is due |
//! |---|---|
//! | `Expiration` days, date | the latest version is an object that old: a delete; a lone delete marker that old goes |
//! | `ExpiredObjectDeleteMarker` | a delete marker is the only version |
//! | `NoncurrentVersionExpiration` | so many days since a newer version came, and enough newer noncurrent ones are kept |
//! | `Transition`, `NoncurrentVersionTransition` | the same, and the version gets another storage class |
//! | `AbortIncompleteMultipartUpload` | so many days since the upload began |
//!
//! With days of 24 hours a date is the midnight (UTC) that follows, as in Amazon S3; a shorter day, for tests, is counted as it is.
//! What is locked stays. A sweep names keys where something is due; each is looked at again under the caller's lock.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::condition::DeleteCondition;
use super::error::{Code, Corrupt, StateError};
use super::keys::{self, Order};
use super::object;
use super::record::{BucketRecord, ObjectRecord, UploadRecord, Version, Versioning};
use super::source::Source;
use super::tx::{Env, Tx};
use crate::body::{FilterTag, LifecycleConfiguration, LifecycleRule, Status};
use crate::limits::LIFECYCLE_RULES_MAX;

/// A day of 24 hours.
pub const DAY_MS: u64 = 86_400_000;

/// Checks a configuration that is put, and names rules that have no name.
///
/// # Errors
/// `InvalidArgument` for names, counts and dates that are out of bounds, `InvalidRequest` and `MalformedXML` for rules that cannot be.
pub fn check(configuration: &mut LifecycleConfiguration, fresh: [u8; 16]) -> Result<(), StateError> {
    if configuration.rules.is_empty() || configuration.rules.len() > LIFECYCLE_RULES_MAX {
        return Err(Code::MalformedXML.into());
    }
    for (at, rule) in configuration.rules.iter_mut().enumerate() {
        if rule.id.as_ref().is_none_or(String::is_empty) {
            let mut id = String::new();
            crate::encoding::put_hex(&mut id, &fresh);
            rule.id = Some(alloc::format!("{id}-{at}"));
        }
        check_rule(rule)?;
    }
    let mut ids: Vec<&str> = configuration.rules.iter().filter_map(|rule| rule.id.as_deref()).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) { Err(Code::InvalidArgument.into()) } else { Ok(()) }
}

fn check_rule(rule: &LifecycleRule) -> Result<(), StateError> {
    if rule.id.as_ref().is_some_and(|id| id.len() > 255) {
        return Err(Code::InvalidArgument.into());
    }
    if rule.prefix.is_some() == rule.filter.is_some() {
        return Err(Code::MalformedXML.into());
    }
    let nothing = rule.expiration.is_none()
        && rule.transitions.is_empty()
        && rule.noncurrent_version_transitions.is_empty()
        && rule.noncurrent_version_expiration.is_none()
        && rule.abort_incomplete_multipart_upload.is_none();
    if nothing {
        return Err(Code::InvalidRequest.into());
    }
    let filter = Filter::of(rule);
    if filter.tags.windows(2).any(|pair| pair[0].key == pair[1].key) {
        return Err(Code::InvalidRequest.into());
    }
    if let (Some(above), Some(below)) = (filter.above, filter.below)
        && above >= below
    {
        return Err(Code::InvalidRequest.into());
    }
    let narrow = !filter.tags.is_empty() || filter.above.is_some() || filter.below.is_some();
    if narrow && rule.abort_incomplete_multipart_upload.is_some() {
        return Err(Code::InvalidRequest.into());
    }
    check_expiration(rule, !filter.tags.is_empty())?;
    check_others(rule)
}

fn check_expiration(rule: &LifecycleRule, tagged: bool) -> Result<(), StateError> {
    let Some(expiration) = &rule.expiration else { return Ok(()) };
    let ways = [
        expiration.date.is_some(),
        expiration.days.is_some(),
        expiration.expired_object_delete_marker.is_some(),
    ];
    if ways.into_iter().filter(|&way| way).count() != 1 {
        return Err(Code::MalformedXML.into());
    }
    if tagged && expiration.expired_object_delete_marker.is_some() {
        return Err(Code::InvalidRequest.into());
    }
    if expiration.days.is_some_and(|days| days < 1) || expiration.date.is_some_and(|date| !is_midnight(date))
    {
        return Err(Code::InvalidArgument.into());
    }
    Ok(())
}

fn check_others(rule: &LifecycleRule) -> Result<(), StateError> {
    for transition in &rule.transitions {
        if transition.storage_class.is_none() || transition.date.is_some() == transition.days.is_some() {
            return Err(Code::MalformedXML.into());
        }
        if transition.days.is_some_and(|days| days < 0)
            || transition.date.is_some_and(|date| !is_midnight(date))
        {
            return Err(Code::InvalidArgument.into());
        }
    }
    let kept = |count: Option<i32>| count.is_none_or(|count| (1..=100).contains(&count));
    for transition in &rule.noncurrent_version_transitions {
        let Some(days) = transition.noncurrent_days.filter(|_| transition.storage_class.is_some()) else {
            return Err(Code::MalformedXML.into());
        };
        if days < 0 || !kept(transition.newer_noncurrent_versions) {
            return Err(Code::InvalidArgument.into());
        }
    }
    if let Some(expiration) = &rule.noncurrent_version_expiration {
        let days = expiration.noncurrent_days.ok_or(Code::MalformedXML)?;
        if days < 1 || !kept(expiration.newer_noncurrent_versions) {
            return Err(Code::InvalidArgument.into());
        }
    }
    let abort = rule.abort_incomplete_multipart_upload.as_ref();
    if abort.is_some_and(|abort| abort.days_after_initiation.is_none_or(|days| days < 1)) {
        return Err(Code::InvalidArgument.into());
    }
    Ok(())
}

fn is_midnight(date: crate::time::Timestamp) -> bool {
    date.unix_ms().rem_euclid(86_400_000) == 0
}

/// What a rule applies to.
struct Filter<'a> {
    prefix: &'a str,
    tags: Vec<&'a FilterTag>,
    above: Option<u64>,
    below: Option<u64>,
}

impl<'a> Filter<'a> {
    fn of(rule: &'a LifecycleRule) -> Filter<'a> {
        let size = |size: Option<i64>| size.and_then(|size| u64::try_from(size).ok());
        let mut found = Filter {
            prefix: rule.prefix.as_deref().unwrap_or(""),
            tags: Vec::new(),
            above: None,
            below: None,
        };
        let Some(filter) = &rule.filter else { return found };
        let and = filter.and.as_ref();
        let prefix = filter.prefix.as_deref().or(and.and_then(|and| and.prefix.as_deref()));
        found.prefix = prefix.unwrap_or(found.prefix);
        found.tags = filter.tag.iter().chain(and.map_or(&[][..], |and| &and.tags)).collect();
        found.tags.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        found.above =
            size(filter.object_size_greater_than.or(and.and_then(|and| and.object_size_greater_than)));
        found.below = size(filter.object_size_less_than.or(and.and_then(|and| and.object_size_less_than)));
        found
    }

    fn fits(&self, key: &[u8], record: &ObjectRecord) -> bool {
        let tagged =
            |tag: &&FilterTag| record.tags.iter().any(|(key, value)| *key == tag.key && *value == tag.value);
        let marker = record.is_marker();
        key.starts_with(self.prefix.as_bytes())
            && (marker || self.tags.iter().all(tagged))
            && (marker || self.above.is_none_or(|above| record.listed.size > above))
            && (marker || self.below.is_none_or(|below| record.listed.size < below))
    }
}

/// The clock of a lifecycle.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// What counts as a day.
    pub day_ms: u64,
}

impl Clock {
    /// When so many days have gone by since a time.
    pub fn after(self, since_ms: u64, days: i32) -> u64 {
        let days = u64::try_from(days).unwrap_or(0);
        let due = since_ms.saturating_add(days.saturating_mul(self.day_ms));
        if self.day_ms == DAY_MS { due.div_ceil(DAY_MS).saturating_mul(DAY_MS) } else { due }
    }

    fn is_due(self, since_ms: u64, days: Option<i32>) -> bool {
        days.is_some_and(|days| self.after(since_ms, days) <= self.now_ms)
    }

    fn is_past(self, date: Option<crate::time::Timestamp>) -> bool {
        date.is_some_and(|date| u64::try_from(date.unix_ms()).unwrap_or(0) <= self.now_ms)
    }
}

/// What is due for one version; the index counts from the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Delete the object as a client does that names no version.
    Expire,
    /// Remove this version.
    Remove(usize),
    /// Give this version another storage class.
    Transition(usize, String),
}

/// What is due for a key. At most one action for each version: removal comes before transition.
pub fn due(rules: &[LifecycleRule], key: &[u8], versions: &[ObjectRecord], clock: Clock) -> Vec<Action> {
    let enabled: Vec<(&LifecycleRule, Filter<'_>)> = rules
        .iter()
        .filter(|rule| rule.status == Status::Enabled)
        .map(|rule| (rule, Filter::of(rule)))
        .filter(|(_, filter)| key.starts_with(filter.prefix.as_bytes()))
        .collect();
    let mut actions = Vec::new();
    for (at, record) in versions.iter().enumerate() {
        let fitting = || enabled.iter().filter(|(_, filter)| filter.fits(key, record)).map(|(rule, _)| *rule);
        let action = if at == 0 {
            of_latest(fitting, record, versions.len() == 1, clock)
        } else {
            of_noncurrent(fitting, record, at, versions[at - 1].listed.modified_ms, clock)
        };
        actions.extend(action);
    }
    actions
}

fn of_latest<'a, I: Iterator<Item = &'a LifecycleRule>>(
    rules: impl Fn() -> I,
    record: &ObjectRecord,
    alone: bool,
    clock: Clock,
) -> Option<Action> {
    let since = record.listed.modified_ms;
    let expirations = || rules().filter_map(|rule| rule.expiration.as_ref());
    let old = expirations().any(|e| clock.is_due(since, e.days) || clock.is_past(e.date));
    if record.is_marker() {
        let expired = expirations().any(|e| e.expired_object_delete_marker == Some(true));
        return (alone && (old || expired)).then_some(Action::Remove(0));
    }
    if old {
        return Some(Action::Expire);
    }
    let due = rules()
        .flat_map(|rule| &rule.transitions)
        .filter(|t| clock.is_due(since, t.days) || clock.is_past(t.date))
        .filter_map(|t| t.storage_class);
    transition(due.map(|class| class.as_str()), record, 0)
}

fn of_noncurrent<'a, I: Iterator<Item = &'a LifecycleRule>>(
    rules: impl Fn() -> I,
    record: &ObjectRecord,
    at: usize,
    since: u64,
    clock: Clock,
) -> Option<Action> {
    // The version at index 1 is the newest that is not the latest: none newer than it is kept.
    let enough = |kept: Option<i32>| kept.is_none_or(|kept| at > usize::try_from(kept).unwrap_or(0));
    let gone = rules()
        .filter_map(|rule| rule.noncurrent_version_expiration.as_ref())
        .any(|e| clock.is_due(since, e.noncurrent_days) && enough(e.newer_noncurrent_versions));
    if gone {
        return Some(Action::Remove(at));
    }
    if record.is_marker() {
        return None;
    }
    let due = rules()
        .flat_map(|rule| &rule.noncurrent_version_transitions)
        .filter(|t| clock.is_due(since, t.noncurrent_days) && enough(t.newer_noncurrent_versions))
        .filter_map(|t| t.storage_class);
    transition(due.map(|class| class.as_str()), record, at)
}

/// Classes from warm to cold: a transition only goes down.
const CLASSES: [&str; 7] =
    ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"];

fn transition<'a>(due: impl Iterator<Item = &'a str>, record: &ObjectRecord, at: usize) -> Option<Action> {
    let rank = |class: &str| CLASSES.iter().position(|known| *known == class).unwrap_or(0);
    let coldest = due.max_by_key(|class| rank(class))?;
    (rank(coldest) > rank(&record.listed.storage_class)).then(|| Action::Transition(at, coldest.into()))
}

/// The rule that will expire an object next, and when: `x-amz-expiration` of a latest version.
pub fn expiration(
    rules: &[LifecycleRule],
    key: &[u8],
    record: &ObjectRecord,
    clock: Clock,
) -> Option<(u64, String)> {
    let when = |rule: &LifecycleRule| {
        let e = rule.expiration.as_ref()?;
        let date = e.date.and_then(|date| u64::try_from(date.unix_ms()).ok());
        date.or_else(|| Some(clock.after(record.listed.modified_ms, e.days?)))
    };
    rules
        .iter()
        .filter(|rule| rule.status == Status::Enabled && Filter::of(rule).fits(key, record))
        .filter_map(|rule| Some((when(rule)?, rule.id.clone().unwrap_or_default())))
        .min()
}

/// Whether an upload is to be given up.
pub fn is_abandoned(rules: &[LifecycleRule], key: &[u8], upload: &UploadRecord, clock: Clock) -> bool {
    rules.iter().filter(|rule| rule.status == Status::Enabled).any(|rule| {
        let days = rule.abort_incomplete_multipart_upload.as_ref().and_then(|a| a.days_after_initiation);
        key.starts_with(Filter::of(rule).prefix.as_bytes()) && clock.is_due(upload.initiated_ms, days)
    })
}

/// What was done to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was deleted as a client does that names no version.
    Expired(object::Deleted),
    /// This version went.
    Removed(Version),
    /// This version has another storage class.
    Moved(Box<ObjectRecord>),
}

/// Does what is due for a key; the answer says what that was.
///
/// # Errors
/// [`StateError`] of reading. What is locked is left where it is.
pub fn run_key(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: &BucketRecord,
    key: &[u8],
    rules: &[LifecycleRule],
    day_ms: u64,
) -> Result<Vec<Done>, StateError> {
    let (orders, versions) = versions_of(tx, bucket, key)?;
    let clock = Clock { now_ms: env.now_ms, day_ms };
    let mut done = Vec::new();
    for action in due(rules, key, &versions, clock) {
        match action {
            Action::Expire
                if bucket.versioning == Versioning::Unversioned || is_free(&versions[0], env, bucket) =>
            {
                let any = DeleteCondition::default();
                let deleted = object::delete(tx, env, bucket, key, None, &any, false)?;
                done.extend(deleted.changed.then_some(Done::Expired(deleted)));
            }
            Action::Remove(at) if super::lock::may_delete(&versions[at], env.now_ms, false).is_ok() => {
                object::remove(tx, bucket, key, orders[at], &versions[at])?;
                done.push(Done::Removed(versions[at].listed.version));
            }
            Action::Transition(at, class) => {
                let mut record = versions[at].clone();
                record.listed.storage_class = class;
                object::update(tx, bucket, key, orders[at], &record);
                done.push(Done::Moved(Box::new(record)));
            }
            Action::Expire | Action::Remove(_) => {}
        }
    }
    Ok(done)
}

/// A delete that leaves a marker touches no locked version; a suspended bucket's null version goes with it.
fn is_free(latest: &ObjectRecord, env: &Env<'_>, bucket: &BucketRecord) -> bool {
    bucket.versioning == Versioning::Enabled || super::lock::may_delete(latest, env.now_ms, false).is_ok()
}

fn versions_of(
    tx: &Tx<'_>,
    bucket: &BucketRecord,
    key: &[u8],
) -> Result<(Vec<Order>, Vec<ObjectRecord>), StateError> {
    let mut orders = Vec::new();
    let mut versions = Vec::new();
    for (at, value) in tx.entries(keys::of_key(keys::OBJECTS, bucket.id, key))? {
        orders.push(keys::parse_object(&at).ok_or(Corrupt::Key)?.2);
        versions.push(ObjectRecord::decode(&value)?);
    }
    Ok((orders, versions))
}

/// A step of a sweep through a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Keys for [`run_key`].
    pub keys: Vec<Vec<u8>>,
    /// Uploads for [`super::multipart::abort`]: key and id.
    pub uploads: Vec<(Vec<u8>, String)>,
    /// The key after which the next step goes on; `None` when the bucket has been seen.
    pub next: Option<Vec<u8>>,
}

/// Looks at up to `max` keys behind `after`; in the first step also at the uploads.
///
/// # Errors
/// [`StateError`] of reading.
pub fn sweep(
    source: &dyn Source,
    bucket: &BucketRecord,
    rules: &[LifecycleRule],
    after: Option<&[u8]>,
    max: usize,
    clock: Clock,
) -> Result<Sweep, StateError> {
    let mut found = Sweep::default();
    let bound = keys::in_bucket(keys::OBJECTS, bucket.id);
    let start = match after {
        Some(key) => keys::successor(keys::of_key(keys::OBJECTS, bucket.id, key)).ok_or(Corrupt::Key)?,
        None => {
            found.uploads = abandoned(source, bucket, rules, clock)?;
            bound.clone()
        }
    };
    let mut cursor = source.cursor();
    cursor.seek(&start)?;
    let mut seen = 0;
    let mut key: Option<Vec<u8>> = None;
    let mut versions = Vec::new();
    loop {
        let entry = cursor.entry().filter(|(at, _)| at.starts_with(&bound));
        let entry = entry.map(|(at, value)| Ok((keys::parse_object(at).ok_or(Corrupt::Key)?.1, value)));
        let entry: Option<(Vec<u8>, &[u8])> = entry.transpose().map_err(StateError::Corrupt)?;
        let same = matches!((&key, &entry), (Some(a), Some((b, _))) if a == b);
        if !same && let Some(done) = key.take() {
            if !due(rules, &done, &versions, clock).is_empty() {
                found.keys.push(done.clone());
            }
            versions.clear();
            seen += 1;
            if seen >= max && entry.is_some() {
                found.next = Some(done);
                return Ok(found);
            }
        }
        let Some((next, value)) = entry else { return Ok(found) };
        versions.push(ObjectRecord::decode(value)?);
        key = Some(next);
        cursor.next()?;
    }
}

fn abandoned(
    source: &dyn Source,
    bucket: &BucketRecord,
    rules: &[LifecycleRule],
    clock: Clock,
) -> Result<Vec<(Vec<u8>, String)>, StateError> {
    let mut found = Vec::new();
    let bound = keys::in_bucket(keys::UPLOADS, bucket.id);
    let mut cursor = source.cursor();
    cursor.seek(&bound)?;
    while let Some((at, value)) = cursor.entry().filter(|(at, _)| at.starts_with(&bound)) {
        let (_, key, id) = keys::parse_upload(at).ok_or(Corrupt::Key)?;
        if is_abandoned(rules, &key, &UploadRecord::decode(value)?, clock) {
            found.push((key, alloc::format!("{id}")));
        }
        cursor.next()?;
    }
    Ok(found)
}

/// Answers kept for repeats (of completed uploads and renames) that are older than `before_ms`, at most `max`: keys to delete.
///
/// # Errors
/// [`StateError`] of reading.
pub fn stale_answers(source: &dyn Source, before_ms: u64, max: usize) -> Result<Vec<Vec<u8>>, StateError> {
    let mut found = Vec::new();
    for kind in [keys::DONE, keys::TOKENS] {
        let mut cursor = source.cursor();
        cursor.seek(&[kind])?;
        while let Some((at, value)) = cursor.entry().filter(|(at, _)| at.first() == Some(&kind)) {
            if found.len() == max {
                return Ok(found);
            }
            if super::record::answered_ms(value)? < before_ms {
                found.push(at.to_vec());
            }
            cursor.next()?;
        }
    }
    Ok(found)
}
