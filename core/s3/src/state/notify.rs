//! What a bucket tells of its objects: which rule of its configuration an event meets, what the message says, and the outbox in which
//! messages wait.
//!
//! ```text
//! change ─┐                                            E target 0 sequence n ─▶ what keeps the order, the message
//!         ├─▶ one batch: the object's records and      e                     ─▶ the highest sequence whose message was deleted
//! rules ──┘    one entry per rule that is met
//! ```
//!
//! A message is there if and only if the change is. Sequences grow with every message of a key, whatever the clock does: the driver gives
//! them while the key is locked, above all that the outbox holds and above its mark. A message that was delivered is deleted together with
//! raising the mark, so a message may be delivered twice and is never lost.
//!
//! Source: S3 user guide, "Amazon S3 Event Notifications" and "Event message structure".

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dolmen_text::json::Writer;

use super::codec::{Dec, Enc};
use super::config;
use super::error::{Corrupt, StateError};
use super::keys;
use super::record::{BucketRecord, ObjectRecord, Version};
use super::source::Source;
use super::tx::{Env, Tx, decode};
use super::{lifecycle, object};
use crate::body::{Event, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter};
use crate::encoding::unpercent;
use crate::etag::ETag;
use crate::time::Timestamp;

/// What happened to a version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The event; never one with a `*`.
    pub event: Event,
    /// Bytes, of what is there.
    pub size: Option<u64>,
    /// The entity tag, of what is there.
    pub etag: Option<ETag>,
    /// The version, in buckets that keep them.
    pub version: Option<Version>,
    /// Until when a restored object can be read, and its class.
    pub restored: Option<(u64, String)>,
    /// The class that a transition gave.
    pub class: Option<String>,
}

impl Happened {
    /// Something happened to a version that is there.
    pub fn to(event: Event, bucket: &BucketRecord, record: &ObjectRecord) -> Happened {
        let listed = &record.listed;
        let is_marker = record.is_marker();
        Happened {
            size: (!is_marker).then_some(listed.size),
            etag: (!is_marker).then(|| listed.etag.clone()),
            version: object::shown(bucket, listed.version),
            restored: (event == Event::ObjectRestoreCompleted)
                .then(|| (record.restored_until_ms, listed.storage_class.clone())),
            class: (event == Event::LifecycleTransition).then(|| listed.storage_class.clone()),
            event,
        }
    }

    /// A version went, or a marker came.
    pub fn without(event: Event, version: Option<Version>) -> Happened {
        Happened { event, size: None, etag: None, version, restored: None, class: None }
    }

    /// What a delete did; nothing if it changed nothing.
    pub fn of_delete(deleted: &object::Deleted, named: bool) -> Option<Happened> {
        let event = if deleted.marker && !named {
            Event::ObjectRemovedDeleteMarkerCreated
        } else {
            Event::ObjectRemovedDelete
        };
        deleted.changed.then(|| Happened::without(event, deleted.version))
    }

    /// What a step of a lifecycle did.
    pub fn of_lifecycle(bucket: &BucketRecord, done: &lifecycle::Done) -> Happened {
        match done {
            lifecycle::Done::Expired(deleted) if deleted.marker => {
                Happened::without(Event::LifecycleExpirationDeleteMarkerCreated, deleted.version)
            }
            lifecycle::Done::Expired(deleted) => {
                Happened::without(Event::LifecycleExpirationDelete, deleted.version)
            }
            lifecycle::Done::Removed(version) => {
                Happened::without(Event::LifecycleExpirationDelete, object::shown(bucket, *version))
            }
            lifecycle::Done::Moved(record) => Happened::to(Event::LifecycleTransition, bucket, record),
        }
    }
}

/// Who tells, and on whose request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Teller<'a> {
    /// The names of the targets that there are.
    pub targets: &'a [String],
    /// The server's region.
    pub region: &'a str,
    /// Id of the request, empty for what happens without one.
    pub request_id: &'a str,
    /// Where it came from.
    pub source_ip: &'a str,
    /// Id of who made it; empty for nobody.
    pub principal: &'a str,
}

/// An object, by the names that people use.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The bucket's name.
    pub name: &'a str,
    /// Its record.
    pub bucket: &'a BucketRecord,
    /// The key.
    pub key: &'a [u8],
}

/// The target that an ARN names by its last part: `arn:aws:sqs:us-east-1:000000000000:NAME`, or a function's.
pub fn target_of(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let known = parts.next() == Some("arn")
        && parts.next().is_some()
        && matches!(parts.next(), Some("sqs" | "sns" | "lambda"));
    let name = arn.rsplit(':').next().filter(|name| !name.is_empty());
    name.filter(|_| known && parts.count() >= 3)
}

/// Whether a target can be called so: letters, digits, `-` and `_`, at most 64.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Whether a rule for `rule` is one for `event`.
pub fn covers(rule: Event, event: Event) -> bool {
    match rule.as_str().strip_suffix('*') {
        Some(family) => event.as_str().starts_with(family),
        None => rule == event,
    }
}

/// Whether a key begins and ends as a filter has it. Values stand percent-encoded in it; one that is no such text stands for itself.
pub fn fits(filter: Option<&NotificationConfigurationFilter>, key: &[u8]) -> bool {
    let rules = filter.and_then(|filter| filter.key.as_ref()).map_or(&[][..], |key| &key.filter_rules);
    rules.iter().all(|rule| {
        let value = rule.value.as_deref().unwrap_or("").as_bytes();
        let value = unpercent(value).unwrap_or(Cow::Borrowed(value));
        match rule.name {
            Some(FilterRuleName::Prefix) => key.starts_with(&value),
            Some(FilterRuleName::Suffix) => key.ends_with(&value),
            None => true,
        }
    })
}

/// One rule of a configuration.
struct Rule<'c> {
    id: &'c str,
    arn: &'c str,
    kind: &'static str,
    events: &'c [Event],
    filter: Option<&'c NotificationConfigurationFilter>,
}

fn rules(configuration: &NotificationConfiguration) -> impl Iterator<Item = Rule<'_>> {
    macro_rules! of {
        ($list:ident, $arn:ident, $kind:literal) => {
            configuration.$list.iter().map(|rule| Rule {
                id: rule.id.as_deref().unwrap_or(""),
                arn: &rule.$arn,
                kind: $kind,
                events: &rule.events,
                filter: rule.filter.as_ref(),
            })
        };
    }
    of!(topic_configurations, topic_arn, "topic")
        .chain(of!(queue_configurations, queue_arn, "queue"))
        .chain(of!(lambda_function_configurations, lambda_function_arn, "Lambda function"))
}

/// The destinations of a configuration that name none of the targets, each with the word for its kind.
pub fn unknown<'c>(
    configuration: &'c NotificationConfiguration,
    targets: &[String],
) -> Vec<(&'c str, &'static str)> {
    let is_known =
        |rule: &Rule<'_>| target_of(rule.arn).is_some_and(|name| targets.iter().any(|target| target == name));
    rules(configuration).filter(|rule| !is_known(rule)).map(|rule| (rule.arn, rule.kind)).collect()
}

/// The target and the id of each rule that an event meets.
pub fn met<'c>(
    configuration: &'c NotificationConfiguration,
    targets: &[String],
    event: Event,
    key: &[u8],
) -> Vec<(&'c str, &'c str)> {
    let meets =
        |rule: &Rule<'_>| rule.events.iter().any(|each| covers(*each, event)) && fits(rule.filter, key);
    rules(configuration)
        .filter(meets)
        .filter_map(|rule| Some((target_of(rule.arn)?, rule.id)))
        .filter(|(target, _)| targets.iter().any(|known| known == target))
        .collect()
}

/// Writes a message for each rule of the bucket that is met. `sequence` gives numbers that only grow, and is asked only where there is a
/// message.
///
/// # Errors
/// [`StateError`] of reading.
pub fn tell(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    place: Place<'_>,
    teller: &Teller<'_>,
    happened: &Happened,
    sequence: &dyn Fn() -> u64,
) -> Result<(), StateError> {
    if teller.targets.is_empty() {
        return Ok(());
    }
    let found = config::find::<NotificationConfiguration>(tx, place.bucket.id, "")?;
    let Some(configuration) = found else { return Ok(()) };
    let met = met(&configuration, teller.targets, happened.event, place.key);
    if met.is_empty() {
        return Ok(());
    }
    let number = sequence();
    for (at, (target, id)) in met.into_iter().enumerate() {
        let text = message(env, place, teller, happened, id, number);
        push(tx, target, (number, at), lane(place.name, place.key), &text);
    }
    Ok(())
}

/// Writes the message that a new configuration is announced with, one for each target that it names.
pub fn announce(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    name: &str,
    teller: &Teller<'_>,
    configuration: &NotificationConfiguration,
    sequence: &dyn Fn() -> u64,
) {
    let mut told: Vec<&str> = rules(configuration)
        .filter_map(|rule| target_of(rule.arn))
        .filter(|name| teller.targets.iter().any(|target| target == name))
        .collect();
    told.sort_unstable();
    told.dedup();
    for target in told {
        push(tx, target, (sequence(), 0), lane(name, b""), &test_message(env, name, teller));
    }
}

fn push(tx: &mut Tx<'_>, target: &str, (number, at): (u64, usize), lane: Vec<u8>, text: &str) {
    let at = u16::try_from(at).unwrap_or(u16::MAX);
    tx.put(keys::event(target, number, at), Enc::new().bytes(&lane).bytes(text.as_bytes()).finish());
}

/// Messages of one lane go out in their order: those of one object.
fn lane(bucket: &str, key: &[u8]) -> Vec<u8> {
    [bucket.as_bytes(), b"/", key].concat()
}

/// A sequence as messages have it: the longer of two is never the lesser, and of one length they compare as texts.
fn sequencer(number: u64) -> String {
    format!("{number:016X}")
}

/// A key as messages have it: percent-encoded, a space as a plus.
fn encoded(key: &[u8]) -> String {
    crate::encoding::percent(key, crate::encoding::Keep::Slash).replace("%20", "+")
}

fn iso(ms: u64) -> String {
    Timestamp::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX)).iso8601().to_string()
}

fn message(
    env: &Env<'_>,
    place: Place<'_>,
    teller: &Teller<'_>,
    happened: &Happened,
    id: &str,
    number: u64,
) -> String {
    let who = |id: &str, none: &str| String::from(if id.is_empty() { none } else { id });
    let event = happened.event.as_str();
    let mut out = String::with_capacity(1024);
    let mut json = Writer::new(&mut out);
    json.object().key("Records").array().object();
    json.key("eventVersion").string("2.1").key("eventSource").string("aws:s3");
    json.key("awsRegion").string(teller.region).key("eventTime").string(&iso(env.now_ms));
    json.key("eventName").string(event.strip_prefix("s3:").unwrap_or(event));
    let none = if teller.request_id.is_empty() { "s3.amazonaws.com" } else { "Anonymous" };
    json.key("userIdentity").object().key("principalId").string(&who(teller.principal, none)).end();
    json.key("requestParameters").object();
    json.key("sourceIPAddress").string(&who(teller.source_ip, "s3.amazonaws.com")).end();
    json.key("responseElements").object();
    json.key("x-amz-request-id").string(teller.request_id).key("x-amz-id-2").string(teller.request_id).end();
    json.key("s3").object().key("s3SchemaVersion").string("1.0").key("configurationId").string(id);
    json.key("bucket").object().key("name").string(place.name);
    json.key("ownerIdentity").object().key("principalId").string(&place.bucket.owner).end();
    json.key("arn").string(&format!("arn:aws:s3:::{}", place.name)).end();
    json.key("object").object().key("key").string(&encoded(place.key));
    if let Some(size) = happened.size {
        json.key("size").u64(size);
    }
    if let Some(etag) = &happened.etag {
        json.key("eTag").string(etag.quoted().to_string().trim_matches('"'));
    }
    if let Some(version) = happened.version {
        json.key("versionId").string(&version.to_string());
    }
    json.key("sequencer").string(&sequencer(number)).end().end();
    if let Some((until_ms, class)) = &happened.restored {
        json.key("glacierEventData").object().key("restoreEventData").object();
        json.key("lifecycleRestorationExpiryTime").string(&iso(*until_ms));
        json.key("lifecycleRestoreStorageClass").string(class).end().end();
    }
    if let Some(class) = &happened.class {
        json.key("lifecycleEventData").object().key("transitionEventData").object();
        json.key("destinationStorageClass").string(class).end().end();
    }
    json.finish();
    out
}

fn test_message(env: &Env<'_>, name: &str, teller: &Teller<'_>) -> String {
    let mut out = String::new();
    let mut json = Writer::new(&mut out);
    json.object().key("Service").string("Amazon S3").key("Event").string("s3:TestEvent");
    json.key("Time").string(&iso(env.now_ms)).key("Bucket").string(name);
    json.key("RequestId").string(teller.request_id).key("HostId").string(teller.request_id);
    json.finish();
    out
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its key in the store.
    pub at: Vec<u8>,
    /// Bucket and key of the object: what belongs together goes out in order.
    pub lane: Vec<u8>,
    /// The message.
    pub text: Vec<u8>,
}

/// The oldest messages of a target, at most `max`.
///
/// # Errors
/// [`StateError`] of reading.
pub fn waiting(source: &dyn Source, target: &str, max: usize) -> Result<Vec<Waiting>, StateError> {
    let mut found = Vec::new();
    let bound = keys::events(target);
    let mut cursor = source.cursor();
    cursor.seek(&bound)?;
    while let Some((at, value)) = cursor.entry().filter(|(at, _)| at.starts_with(&bound)) {
        if found.len() == max {
            break;
        }
        let (lane, text) = decode(value, |d: &mut Dec<'_>| Ok((d.bytes()?.to_vec(), d.bytes()?.to_vec())))?;
        found.push(Waiting { at: at.to_vec(), lane, text });
        cursor.next()?;
    }
    Ok(found)
}

/// What an outbox holds when a server starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Messages by target.
    pub counts: BTreeMap<String, u64>,
    /// The highest sequence that was ever given and is known of.
    pub last: u64,
}

/// Counts what waits.
///
/// # Errors
/// [`StateError`] of reading; [`StateError::Corrupt`] for a key that cannot be read.
pub fn held(source: &dyn Source) -> Result<Held, StateError> {
    let mut held = Held::default();
    if let Some(value) = source.get(&[keys::EVENTS_MARK])? {
        held.last = decode(&value, Dec::u64)?;
    }
    let mut cursor = source.cursor();
    cursor.seek(&[keys::EVENTS])?;
    while let Some((at, _)) = cursor.entry().filter(|(at, _)| at.first() == Some(&keys::EVENTS)) {
        let (target, number) = keys::parse_event(at).ok_or(Corrupt::Key)?;
        held.last = held.last.max(number);
        *held.counts.entry(target.into()).or_default() += 1;
        cursor.next()?;
    }
    Ok(held)
}

/// Deletes messages, and raises the mark; the answer counts those that were there.
///
/// # Errors
/// [`StateError`] of reading.
pub fn remove(tx: &mut Tx<'_>, messages: &[Vec<u8>]) -> Result<u64, StateError> {
    let mut count = 0;
    let mark = [keys::EVENTS_MARK];
    let mut last = match tx.get(&mark)? {
        Some(value) => decode(&value, Dec::u64)?,
        None => 0,
    };
    for at in messages {
        if tx.get(at)?.is_some() {
            count += 1;
            last = last.max(keys::parse_event(at).ok_or(Corrupt::Key)?.1);
            tx.delete(at.clone());
        }
    }
    if count > 0 {
        tx.put(mark.to_vec(), Enc::new().u64(last).finish());
    }
    Ok(count)
}
