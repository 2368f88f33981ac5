//! Configuration documents of a bucket: checked when they are put, kept as the XML that a read answers with.
//!
//! One mechanism for all kinds: the shape is read from the request, checked, written in the model's order, and stored under
//! [`super::keys::config`]. A stored document that cannot be read is an error, never taken for none.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, Corrupt, StateError};
use super::keys;
use super::record::{BucketId, ConfigKind};
use super::tx::{Env, Tx};
use super::{cors, lifecycle, tagging, website};
use crate::body::{
    AbacStatus, AccelerateConfiguration, AnalyticsConfiguration, BucketLoggingStatus, CorsConfiguration,
    IntelligentTieringConfiguration, InventoryConfiguration, LifecycleConfiguration, MetricsConfiguration,
    NotificationConfiguration, ReplicationConfiguration, RequestPaymentConfiguration, ServerSideEncryption,
    ServerSideEncryptionConfiguration, Tagging, VersioningConfiguration, WebsiteConfiguration,
};
use crate::limits::CONFIGURATIONS_MAX;
use crate::xml::Document;

/// A document that buckets keep.
pub trait Config: Document {
    /// Its kind.
    const KIND: ConfigKind;
    /// What a read answers when there is none.
    const ABSENT: Code;

    /// What it is called among its kind; empty for kinds that have one document.
    fn id(&self) -> &str {
        ""
    }

    /// What the schema does not say; may fill in what a read is to show.
    ///
    /// # Errors
    /// The code that the client reads.
    fn settle(&mut self, _env: &Env<'_>) -> Result<(), StateError> {
        Ok(())
    }
}

/// Puts a document.
///
/// # Errors
/// Those of [`Config::settle`]; `TooManyConfigurations` is told as `InvalidRequest`.
pub fn put<C: Config>(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    bucket: BucketId,
    mut document: C,
) -> Result<(), StateError> {
    document.settle(env)?;
    let key = keys::config(bucket, C::KIND, document.id());
    if !document.id().is_empty() && tx.get(&key)?.is_none() {
        let prefix = keys::config(bucket, C::KIND, "");
        if tx.entries(prefix)?.len() >= CONFIGURATIONS_MAX {
            return Err(Code::InvalidRequest.into());
        }
    }
    tx.put(key, document.to_xml(false).into_bytes());
    Ok(())
}

/// The document, when there is one.
///
/// # Errors
/// [`StateError::Corrupt`] for one that cannot be read.
pub fn find<C: Config>(tx: &Tx<'_>, bucket: BucketId, id: &str) -> Result<Option<C>, StateError> {
    match tx.get(&keys::config(bucket, C::KIND, id))? {
        Some(bytes) => Ok(Some(C::parse(&bytes).map_err(|_| Corrupt::Value { at: 0 })?)),
        None => Ok(None),
    }
}

/// The document.
///
/// # Errors
/// [`Config::ABSENT`] when there is none.
pub fn get<C: Config>(tx: &Tx<'_>, bucket: BucketId, id: &str) -> Result<C, StateError> {
    find(tx, bucket, id)?.ok_or(C::ABSENT.into())
}

/// Documents of a kind whose ids stand behind `after`, at most `max`; the second says whether there are more.
///
/// # Errors
/// [`StateError::Corrupt`] for one that cannot be read.
pub fn list<C: Config>(
    tx: &Tx<'_>,
    bucket: BucketId,
    after: &str,
    max: usize,
) -> Result<(Vec<C>, bool), StateError> {
    let prefix = keys::config(bucket, C::KIND, "");
    let behind = keys::config(bucket, C::KIND, after);
    let mut found = Vec::new();
    for (key, value) in tx.entries(prefix)? {
        if key <= behind {
            continue;
        }
        if found.len() == max {
            return Ok((found, true));
        }
        found.push(C::parse(&value).map_err(|_| Corrupt::Value { at: 0 })?);
    }
    Ok((found, false))
}

/// Removes a document. Most kinds do not mind when there is none; those with ids do.
///
/// # Errors
/// [`Config::ABSENT`] for an id that is not there.
pub fn delete<C: Config>(tx: &mut Tx<'_>, bucket: BucketId, id: &str) -> Result<(), StateError> {
    let key = keys::config(bucket, C::KIND, id);
    if !id.is_empty() && tx.get(&key)?.is_none() {
        return Err(C::ABSENT.into());
    }
    tx.delete(key);
    Ok(())
}

/// Ids are 1 to 64 letters, digits, `.`, `-`, `_`.
fn check_id(id: &str) -> Result<(), StateError> {
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if plain && (1..=64).contains(&id.len()) { Ok(()) } else { Err(Code::InvalidArgument.into()) }
}

impl Config for CorsConfiguration {
    const KIND: ConfigKind = ConfigKind::Cors;
    const ABSENT: Code = Code::NoSuchCORSConfiguration;

    fn settle(&mut self, _env: &Env<'_>) -> Result<(), StateError> {
        cors::check(self)
    }
}

impl Config for LifecycleConfiguration {
    const KIND: ConfigKind = ConfigKind::Lifecycle;
    const ABSENT: Code = Code::NoSuchLifecycleConfiguration;

    fn settle(&mut self, env: &Env<'_>) -> Result<(), StateError> {
        lifecycle::check(self, env.fresh)
    }
}

impl Config for WebsiteConfiguration {
    const KIND: ConfigKind = ConfigKind::Website;
    const ABSENT: Code = Code::NoSuchWebsiteConfiguration;

    fn settle(&mut self, _env: &Env<'_>) -> Result<(), StateError> {
        website::check(self)
    }
}

impl Config for Tagging {
    const KIND: ConfigKind = ConfigKind::Tagging;
    const ABSENT: Code = Code::NoSuchTagSet;

    fn settle(&mut self, _env: &Env<'_>) -> Result<(), StateError> {
        let tags = self.tag_set.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
        tagging::check(tags, tagging::On::Bucket).map(|_| ())
    }
}

impl Config for ServerSideEncryptionConfiguration {
    const KIND: ConfigKind = ConfigKind::Encryption;
    const ABSENT: Code = Code::ServerSideEncryptionConfigurationNotFoundError;

    /// Keys by name are the server's own; two layers of them and other services' keys are not kept here.
    fn settle(&mut self, _env: &Env<'_>) -> Result<(), StateError> {
        if self.rules.len() != 1 {
            return Err(Code::MalformedXML.into());
        }
        let default =
            self.rules.iter().filter_map(|rule| rule.apply_server_side_encryption_by_default.as_ref());
        for default in default {
            match default.sse_algorithm {
                ServerSideEncryption::Aes256 if default.kms_master_key_id.is_some() => {
                    return Err(Code::InvalidArgument.into());
                }
                ServerSideEncryption::Aes256 | ServerSideEncryption::AwsKms => {}
                _ => return Err(Code::NotImplemented.into()),
            }
        }
        Ok(())
    }
}

impl Config for BucketLoggingStatus {
    const KIND: ConfigKind = ConfigKind::Logging;
    const ABSENT: Code = Code::NoSuchConfiguration;
}

impl Config for NotificationConfiguration {
    const KIND: ConfigKind = ConfigKind::Notification;
    const ABSENT: Code = Code::NoSuchConfiguration;

    /// Every configuration names events, and has a name of its own.
    fn settle(&mut self, env: &Env<'_>) -> Result<(), StateError> {
        let mut fresh = String::new();
        crate::encoding::put_hex(&mut fresh, &env.fresh);
        let topics = self.topic_configurations.iter_mut().map(|c| (&mut c.id, c.events.is_empty()));
        let queues = self.queue_configurations.iter_mut().map(|c| (&mut c.id, c.events.is_empty()));
        let lambdas =
            self.lambda_function_configurations.iter_mut().map(|c| (&mut c.id, c.events.is_empty()));
        let mut ids = Vec::new();
        for (at, (id, silent)) in topics.chain(queues).chain(lambdas).enumerate() {
            if silent {
                return Err(Code::MalformedXML.into());
            }
            let id = id.get_or_insert_with(|| alloc::format!("{fresh}-{at}"));
            if id.len() > 255 {
                return Err(Code::InvalidArgument.into());
            }
            ids.push(id.clone());
        }
        ids.sort_unstable();
        let twice = ids.windows(2).any(|pair| pair[0] == pair[1]);
        if twice { Err(Code::InvalidArgument.into()) } else { Ok(()) }
    }
}

impl Config for ReplicationConfiguration {
    const KIND: ConfigKind = ConfigKind::Replication;
    const ABSENT: Code = Code::ReplicationConfigurationNotFoundError;

    fn settle(&mut self, env: &Env<'_>) -> Result<(), StateError> {
        if self.rules.is_empty() || self.rules.len() > CONFIGURATIONS_MAX {
            return Err(Code::MalformedXML.into());
        }
        let mut fresh = String::new();
        crate::encoding::put_hex(&mut fresh, &env.fresh);
        for (at, rule) in self.rules.iter_mut().enumerate() {
            let id = rule.id.get_or_insert_with(|| alloc::format!("{fresh}-{at}"));
            if id.len() > 255 || !rule.destination.bucket.starts_with("arn:") {
                return Err(Code::InvalidArgument.into());
            }
        }
        Ok(())
    }
}

impl Config for AccelerateConfiguration {
    const KIND: ConfigKind = ConfigKind::Accelerate;
    const ABSENT: Code = Code::NoSuchConfiguration;

    fn settle(&mut self, _env: &Env<'_>) -> Result<(), StateError> {
        if self.status.is_some() { Ok(()) } else { Err(Code::MalformedXML.into()) }
    }
}

/// Only what it says of deletes with a second factor, which can be switched off alone: whether there are versions is in the record.
impl Config for VersioningConfiguration {
    const KIND: ConfigKind = ConfigKind::Versioning;
    const ABSENT: Code = Code::NoSuchConfiguration;
}

impl Config for RequestPaymentConfiguration {
    const KIND: ConfigKind = ConfigKind::RequestPayment;
    const ABSENT: Code = Code::NoSuchConfiguration;
}

impl Config for AbacStatus {
    const KIND: ConfigKind = ConfigKind::Abac;
    const ABSENT: Code = Code::NoSuchConfiguration;
}

macro_rules! reports {
    ($($type:ident = $kind:ident $(with $list:ident)?,)*) => {$(
        impl Config for $type {
            const KIND: ConfigKind = ConfigKind::$kind;
            const ABSENT: Code = Code::NoSuchConfiguration;

            fn id(&self) -> &str {
                &self.id
            }

            fn settle(&mut self, _env: &Env<'_>) -> Result<(), StateError> {
                $(if self.$list.is_empty() {
                    return Err(Code::MalformedXML.into());
                })?
                check_id(&self.id)
            }
        }
    )*};
}

reports! {
    AnalyticsConfiguration = Analytics,
    IntelligentTieringConfiguration = IntelligentTiering with tierings,
    InventoryConfiguration = Inventory,
    MetricsConfiguration = Metrics,
}
