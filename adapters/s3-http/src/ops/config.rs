//! What is set on a bucket, each a document of its own.

use dolmen_s3::body::{self, Tag, TagSet, Tagging};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::head;
use dolmen_s3::operation::Operation;
use dolmen_s3::state::record::{
    BucketRecord, ConfigKind, DefaultRetention, LockMode, Ownership, PublicAccessBlock, Versioning,
};
use dolmen_s3::state::{Tx, acl, bucket, keys};
use dolmen_s3::xml::Document;

use crate::answer::{Answer, Head, Refusal};
use crate::call::{Call, parse};

/// The document of a kind, if the bucket has one.
fn document(call: &Call<'_>, kind: ConfigKind, id: &str) -> Result<Option<Vec<u8>>, Refusal> {
    let name = call.bucket();
    call.read(|source| {
        let record = bucket::find(&Tx::new(source), name)?;
        Ok(source.get(&keys::config(record.id, kind, id))?)
    })
}

fn shown(document: Vec<u8>) -> Answer {
    Ok(Head::new(200).with("content-type", "application/xml").body(crate::reply::Reply::Bytes(document.into())))
}

async fn store(call: &Call<'_>, kind: ConfigKind, id: &str, text: String) -> Result<(), Refusal> {
    let id = id.to_owned();
    call.change_bucket(move |tx, record| {
        tx.put(keys::config(record.id, kind, &id), text.clone().into_bytes());
        Ok(())
    })
    .await
}

async fn remove(call: &Call<'_>, kind: ConfigKind, id: &str) -> Answer {
    let id = id.to_owned();
    call.change_bucket(move |tx, record| {
        tx.delete(keys::config(record.id, kind, &id));
        Ok(())
    })
    .await?;
    Ok(Head::new(204).empty())
}

/// Parses, checks and stores a document.
async fn put<D: Document>(
    call: &Call<'_>,
    kind: ConfigKind,
    body: &[u8],
    check: impl FnOnce(&D) -> Result<(), Refusal>,
) -> Answer {
    let parsed: D = parse(body)?;
    check(&parsed)?;
    store(call, kind, "", parsed.to_xml(false)).await?;
    Ok(Head::new(200).empty())
}

/// The document of a kind; if there is none, the one that stands for it, or a code.
fn get(call: &Call<'_>, kind: ConfigKind, absent: Result<String, ErrorCode>) -> Answer {
    match document(call, kind, "")? {
        Some(document) => shown(document),
        None => shown(absent?.into_bytes()),
    }
}

/// Operations on documents that stand alone: `None` if it is not one of them.
pub(crate) async fn plain(call: &Call<'_>, body: &[u8]) -> Option<Answer> {
    use Operation as Op;
    Some(match call.operation {
        Op::PutBucketAccelerateConfiguration => {
            put::<body::AccelerateConfiguration>(call, ConfigKind::Accelerate, body, |document| {
                if call.bucket().contains('.') {
                    return Err(ErrorCode::InvalidRequest.into());
                }
                document.status.map(drop).ok_or(ErrorCode::MalformedXML.into())
            })
            .await
        }
        Op::GetBucketAccelerateConfiguration => {
            get(call, ConfigKind::Accelerate, Ok(body::AccelerateConfiguration::default().to_xml(false)))
        }
        Op::PutBucketRequestPayment => {
            put::<body::RequestPaymentConfiguration>(call, ConfigKind::RequestPayment, body, |_| Ok(())).await
        }
        Op::GetBucketRequestPayment => {
            let owner = body::RequestPaymentConfiguration { payer: body::Payer::BucketOwner };
            get(call, ConfigKind::RequestPayment, Ok(owner.to_xml(false)))
        }
        Op::PutBucketLogging => put::<body::BucketLoggingStatus>(call, ConfigKind::Logging, body, |_| Ok(())).await,
        Op::GetBucketLogging => {
            get(call, ConfigKind::Logging, Ok(body::BucketLoggingStatus::default().to_xml(false)))
        }
        Op::PutBucketNotificationConfiguration => {
            put::<body::NotificationConfiguration>(call, ConfigKind::Notification, body, |_| Ok(())).await
        }
        Op::GetBucketNotificationConfiguration => {
            get(call, ConfigKind::Notification, Ok(body::NotificationConfiguration::default().to_xml(false)))
        }
        Op::PutBucketAbac => put::<body::AbacStatus>(call, ConfigKind::Abac, body, |_| Ok(())).await,
        Op::GetBucketAbac => {
            let off = body::AbacStatus { status: Some(body::Status::Disabled) };
            get(call, ConfigKind::Abac, Ok(off.to_xml(false)))
        }
        Op::PutBucketReplication => {
            let record = match call.record() {
                Ok(record) => record,
                Err(refusal) => return Some(Err(refusal)),
            };
            put::<body::ReplicationConfiguration>(call, ConfigKind::Replication, body, |_| {
                if record.versioning != Versioning::Enabled {
                    let text = "Versioning must be 'Enabled' on the bucket to apply a replication configuration";
                    return Err(Refusal::says(ErrorCode::InvalidRequest, text));
                }
                Ok(())
            })
            .await
        }
        Op::GetBucketReplication => {
            get(call, ConfigKind::Replication, Err(ErrorCode::ReplicationConfigurationNotFoundError))
        }
        Op::DeleteBucketReplication => remove(call, ConfigKind::Replication, "").await,
        Op::PutBucketWebsite => {
            put::<body::WebsiteConfiguration>(call, ConfigKind::Website, body, |document| {
                let redirects = document.redirect_all_requests_to.is_some();
                let has_more = document.index_document.is_some()
                    || document.error_document.is_some()
                    || document.routing_rules.is_some();
                match (redirects, has_more, document.index_document.is_some()) {
                    (true, false, _) | (false, _, true) => Ok(()),
                    _ => Err(ErrorCode::InvalidArgument.into()),
                }
            })
            .await
        }
        Op::GetBucketWebsite => get(call, ConfigKind::Website, Err(ErrorCode::NoSuchWebsiteConfiguration)),
        Op::DeleteBucketWebsite => remove(call, ConfigKind::Website, "").await,
        Op::GetBucketCors => get(call, ConfigKind::Cors, Err(ErrorCode::NoSuchCORSConfiguration)),
        Op::DeleteBucketCors => remove(call, ConfigKind::Cors, "").await,
        Op::GetBucketLifecycleConfiguration => {
            get(call, ConfigKind::Lifecycle, Err(ErrorCode::NoSuchLifecycleConfiguration))
        }
        Op::DeleteBucketLifecycle => remove(call, ConfigKind::Lifecycle, "").await,
        Op::GetBucketTagging => get(call, ConfigKind::Tagging, Err(ErrorCode::NoSuchTagSet)),
        Op::PutBucketTagging => {
            put::<Tagging>(call, ConfigKind::Tagging, body, |document| {
                Ok(head::check_tags(&pairs(&document.tag_set), head::BUCKET_TAGS_MAX)?)
            })
            .await
        }
        Op::DeleteBucketTagging => remove(call, ConfigKind::Tagging, "").await,
        _ => return None,
    })
}

/// Operations on documents that have an id.
pub(crate) async fn numbered(call: &Call<'_>, body: &[u8]) -> Option<Answer> {
    use Operation as Op;
    let id = call.query("id").unwrap_or("");
    Some(match call.operation {
        Op::PutBucketAnalyticsConfiguration => {
            put_named::<body::AnalyticsConfiguration>(call, ConfigKind::Analytics, body, |d| &d.id).await
        }
        Op::PutBucketIntelligentTieringConfiguration => {
            put_named::<body::IntelligentTieringConfiguration>(call, ConfigKind::IntelligentTiering, body, |d| &d.id).await
        }
        Op::PutBucketInventoryConfiguration => {
            put_named::<body::InventoryConfiguration>(call, ConfigKind::Inventory, body, |d| &d.id).await
        }
        Op::PutBucketMetricsConfiguration => {
            put_named::<body::MetricsConfiguration>(call, ConfigKind::Metrics, body, |d| &d.id).await
        }
        Op::GetBucketAnalyticsConfiguration => get_named(call, ConfigKind::Analytics, id),
        Op::GetBucketIntelligentTieringConfiguration => get_named(call, ConfigKind::IntelligentTiering, id),
        Op::GetBucketInventoryConfiguration => get_named(call, ConfigKind::Inventory, id),
        Op::GetBucketMetricsConfiguration => get_named(call, ConfigKind::Metrics, id),
        Op::DeleteBucketAnalyticsConfiguration => remove_named(call, ConfigKind::Analytics, id).await,
        Op::DeleteBucketIntelligentTieringConfiguration => remove_named(call, ConfigKind::IntelligentTiering, id).await,
        Op::DeleteBucketInventoryConfiguration => remove_named(call, ConfigKind::Inventory, id).await,
        Op::DeleteBucketMetricsConfiguration => remove_named(call, ConfigKind::Metrics, id).await,
        Op::ListBucketAnalyticsConfigurations => list_named(call, ConfigKind::Analytics, |list| {
            body::ListBucketAnalyticsConfigurationsOutput {
                is_truncated: Some(false),
                analytics_configuration_list: list,
                ..Default::default()
            }
        }),
        Op::ListBucketIntelligentTieringConfigurations => list_named(call, ConfigKind::IntelligentTiering, |list| {
            body::ListBucketIntelligentTieringConfigurationsOutput {
                is_truncated: Some(false),
                intelligent_tiering_configuration_list: list,
                ..Default::default()
            }
        }),
        Op::ListBucketInventoryConfigurations => list_named(call, ConfigKind::Inventory, |list| {
            body::ListBucketInventoryConfigurationsOutput {
                is_truncated: Some(false),
                inventory_configuration_list: list,
                ..Default::default()
            }
        }),
        Op::ListBucketMetricsConfigurations => list_named(call, ConfigKind::Metrics, |list| {
            body::ListBucketMetricsConfigurationsOutput {
                is_truncated: Some(false),
                metrics_configuration_list: list,
                ..Default::default()
            }
        }),
        _ => return None,
    })
}

async fn put_named<D: Document>(call: &Call<'_>, kind: ConfigKind, body: &[u8], id_of: impl FnOnce(&D) -> &String) -> Answer {
    let parsed: D = parse(body)?;
    let id = call.query("id").unwrap_or("").to_owned();
    if id.is_empty() || id.len() > 64 || *id_of(&parsed) != id {
        return Err(Refusal::new(ErrorCode::InvalidArgument));
    }
    store(call, kind, &id, parsed.to_xml(false)).await?;
    Ok(Head::new(200).empty())
}

fn get_named(call: &Call<'_>, kind: ConfigKind, id: &str) -> Answer {
    shown(document(call, kind, id)?.ok_or(ErrorCode::NoSuchConfiguration)?)
}

async fn remove_named(call: &Call<'_>, kind: ConfigKind, id: &str) -> Answer {
    document(call, kind, id)?.ok_or(ErrorCode::NoSuchConfiguration)?;
    remove(call, kind, id).await
}

fn list_named<D: Document, L: Document>(
    call: &Call<'_>,
    kind: ConfigKind,
    make: impl FnOnce(Vec<D>) -> L,
) -> Answer {
    let name = call.bucket();
    let found = call.read(|source| {
        let tx = Tx::new(source);
        let record = bucket::find(&tx, name)?;
        let mut scan = tx.scan(keys::config(record.id, kind, ""))?;
        let mut found = Vec::new();
        while let Some((_, value)) = scan.step()? {
            found.push(value);
        }
        Ok(found)
    })?;
    let parsed: Result<Vec<D>, _> = found.iter().map(|document| D::parse(document)).collect();
    Ok(Head::new(200).xml(&make(parsed.map_err(|_| ErrorCode::InternalError)?)))
}

/// Stores tags with a bucket that is just made.
pub(crate) fn put_tags(tx: &mut Tx<'_>, record: &BucketRecord, tags: &[(String, String)]) {
    let text = tag_set(tags).to_xml(false);
    tx.put(keys::config(record.id, ConfigKind::Tagging, ""), text.into_bytes());
}

/// Tags as pairs.
pub(crate) fn pairs(set: &TagSet) -> Vec<(String, String)> {
    set.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}

/// Tags as a document.
pub(crate) fn tag_set(tags: &[(String, String)]) -> Tagging {
    let tag = |(key, value): &(String, String)| Tag { key: key.clone(), value: value.clone() };
    Tagging { tag_set: TagSet { tags: tags.iter().map(tag).collect() } }
}

pub(crate) fn get_versioning(call: &Call<'_>) -> Answer {
    let status = match call.record()?.versioning {
        Versioning::Unversioned => None,
        Versioning::Enabled => Some(body::EnabledOrSuspended::Enabled),
        Versioning::Suspended => Some(body::EnabledOrSuspended::Suspended),
    };
    Ok(Head::new(200).xml(&body::VersioningConfiguration { status, mfa_delete: None }))
}

pub(crate) async fn put_versioning(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::VersioningConfiguration = parse(body)?;
    if document.mfa_delete == Some(body::Status::Enabled) {
        return Err(Refusal::new(ErrorCode::NotImplemented));
    }
    let versioning = match document.status {
        Some(body::EnabledOrSuspended::Enabled) => Versioning::Enabled,
        Some(body::EnabledOrSuspended::Suspended) => Versioning::Suspended,
        None => return Err(Refusal::new(ErrorCode::IllegalVersioningConfigurationException)),
    };
    call.change_bucket(move |_, record| bucket::set_versioning(record, versioning)).await?;
    Ok(Head::new(200).empty())
}

pub(crate) fn get_ownership(call: &Call<'_>) -> Answer {
    let record = call.record()?;
    if !record.ownership_set {
        return Err(Refusal::new(ErrorCode::OwnershipControlsNotFoundError));
    }
    let object_ownership = match record.ownership {
        Ownership::BucketOwnerEnforced => body::ObjectOwnership::BucketOwnerEnforced,
        Ownership::BucketOwnerPreferred => body::ObjectOwnership::BucketOwnerPreferred,
        Ownership::ObjectWriter => body::ObjectOwnership::ObjectWriter,
    };
    let rules = vec![body::OwnershipControlsRule { object_ownership }];
    Ok(Head::new(200).xml(&body::OwnershipControls { rules }))
}

pub(crate) async fn put_ownership(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::OwnershipControls = parse(body)?;
    let [rule] = document.rules.as_slice() else { return Err(Refusal::new(ErrorCode::MalformedXML)) };
    let ownership = super::bucket::ownership(rule.object_ownership.as_str());
    call.change_bucket(move |_, record| acl::set_ownership(record, ownership)).await?;
    Ok(Head::new(200).empty())
}

pub(crate) async fn delete_ownership(call: &Call<'_>) -> Answer {
    call.change_bucket(|_, record| acl::set_ownership(record, None)).await?;
    Ok(Head::new(204).empty())
}

pub(crate) fn get_public_access_block(call: &Call<'_>) -> Answer {
    let block = call.record()?.public_access_block;
    let block = block.ok_or(ErrorCode::NoSuchPublicAccessBlockConfiguration)?;
    Ok(Head::new(200).xml(&body::PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    }))
}

pub(crate) async fn put_public_access_block(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::PublicAccessBlockConfiguration = parse(body)?;
    let block = PublicAccessBlock {
        block_public_acls: document.block_public_acls.unwrap_or(false),
        ignore_public_acls: document.ignore_public_acls.unwrap_or(false),
        block_public_policy: document.block_public_policy.unwrap_or(false),
        restrict_public_buckets: document.restrict_public_buckets.unwrap_or(false),
    };
    set_block(call, Some(block)).await?;
    Ok(Head::new(200).empty())
}

pub(crate) async fn delete_public_access_block(call: &Call<'_>) -> Answer {
    set_block(call, None).await?;
    Ok(Head::new(204).empty())
}

async fn set_block(call: &Call<'_>, block: Option<PublicAccessBlock>) -> Result<(), Refusal> {
    call.change_bucket(move |_, record| {
        record.public_access_block = block;
        Ok(())
    })
    .await
}

pub(crate) fn get_encryption(call: &Call<'_>) -> Answer {
    get(call, ConfigKind::Encryption, Err(ErrorCode::ServerSideEncryptionConfigurationNotFoundError))
}

pub(crate) async fn put_encryption(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::ServerSideEncryptionConfiguration = parse(body)?;
    let [rule] = document.rules.as_slice() else { return Err(Refusal::new(ErrorCode::MalformedXML)) };
    let default = rule.apply_server_side_encryption_by_default.as_ref().ok_or(ErrorCode::MalformedXML)?;
    match default.sse_algorithm {
        body::ServerSideEncryption::Aes256 if default.kms_master_key_id.is_none() => {}
        body::ServerSideEncryption::Aes256 => return Err(Refusal::new(ErrorCode::InvalidArgument)),
        // Keys of a key management service are not here.
        _ => return Err(Refusal::new(ErrorCode::NotImplemented)),
    }
    let text = document.to_xml(false);
    call.change_bucket(move |tx, record| {
        record.encrypt = true;
        tx.put(keys::config(record.id, ConfigKind::Encryption, ""), text.clone().into_bytes());
        Ok(())
    })
    .await?;
    Ok(Head::new(200).empty())
}

pub(crate) async fn delete_encryption(call: &Call<'_>) -> Answer {
    call.change_bucket(|tx, record| {
        record.encrypt = false;
        tx.delete(keys::config(record.id, ConfigKind::Encryption, ""));
        Ok(())
    })
    .await?;
    Ok(Head::new(204).empty())
}

pub(crate) fn get_object_lock(call: &Call<'_>) -> Answer {
    let record = call.record()?;
    if !record.lock_enabled {
        return Err(Refusal::new(ErrorCode::ObjectLockConfigurationNotFoundError));
    }
    let rule = record.default_retention.map(|retention| {
        let count = i32::try_from(retention.count).unwrap_or(i32::MAX);
        body::ObjectLockRule {
            default_retention: Some(body::DefaultRetention {
                mode: Some(mode_shown(retention.mode)),
                days: (!retention.years).then_some(count),
                years: retention.years.then_some(count),
                default_event_hold: None,
            }),
        }
    });
    let object_lock_enabled = Some(body::ObjectLockEnabled::Enabled);
    Ok(Head::new(200).xml(&body::ObjectLockConfiguration { object_lock_enabled, rule }))
}

pub(crate) async fn put_object_lock(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::ObjectLockConfiguration = parse(body)?;
    if document.object_lock_enabled.is_none() {
        return Err(Refusal::new(ErrorCode::MalformedXML));
    }
    let default = match document.rule {
        None => None,
        Some(rule) => {
            let default = rule.default_retention.ok_or(ErrorCode::MalformedXML)?;
            let mode = mode(default.mode.ok_or(ErrorCode::MalformedXML)?);
            let (count, years) = match (default.days, default.years) {
                (Some(days), None) => (days, false),
                (None, Some(years)) => (years, true),
                _ => return Err(Refusal::new(ErrorCode::MalformedXML)),
            };
            let count = u32::try_from(count).map_err(|_| ErrorCode::InvalidRetentionPeriod)?;
            Some(DefaultRetention { mode, count, years })
        }
    };
    call.change_bucket(move |_, record| bucket::set_object_lock(record, default)).await?;
    Ok(Head::new(200).empty())
}

pub(crate) fn mode(mode: body::RetentionMode) -> LockMode {
    match mode {
        body::RetentionMode::Governance => LockMode::Governance,
        body::RetentionMode::Compliance => LockMode::Compliance,
    }
}

pub(crate) fn mode_shown(mode: LockMode) -> body::RetentionMode {
    match mode {
        LockMode::Governance => body::RetentionMode::Governance,
        LockMode::Compliance => body::RetentionMode::Compliance,
    }
}
