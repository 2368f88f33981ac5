//! What is set on a bucket: documents of its own, and what stands in its record.

use dolmen_s3::body::{self, PolicyStatus};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::operation::Operation as Op;
use dolmen_s3::state::config::{self, Config};
use dolmen_s3::state::record::Versioning;
use dolmen_s3::state::{Tx, acl, bucket, notify, shapes};
use dolmen_s3::xml::Document;

use crate::answer::{Answer, Head, Refusal};
use crate::call::{Call, parse};

/// Documents with an id on one page.
const PAGE_LEN: usize = 100;
/// Elements that name what is wrong with several arguments; more are not told.
const ARGUMENTS: [(&str, &str); 3] = [
    ("ArgumentName1", "ArgumentValue1"),
    ("ArgumentName2", "ArgumentValue2"),
    ("ArgumentName3", "ArgumentValue3"),
];

async fn put<C: Config + Clone + Send + 'static>(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: C = parse(body)?;
    let id = call.query("id").unwrap_or("");
    if document.id() != id && !document.id().is_empty() {
        return Err(Refusal::new(ErrorCode::InvalidArgument));
    }
    call.change_bucket(move |tx, env, record| config::put(tx, env, record.id, document.clone())).await?;
    Ok(Head::new(200).empty())
}

fn find<C: Config>(call: &Call<'_>) -> Result<Option<C>, Refusal> {
    let (name, id) = (call.bucket(), call.query("id").unwrap_or(""));
    call.read(|source| {
        let tx = Tx::new(source);
        let record = bucket::find(&tx, name)?;
        config::find(&tx, record.id, id)
    })
}

fn get<C: Config>(call: &Call<'_>) -> Answer {
    let document: C = find(call)?.ok_or(C::ABSENT)?;
    Ok(Head::new(200).xml(&document))
}

/// The document, or the one that stands for none.
fn get_or<C: Config>(call: &Call<'_>, absent: C) -> Answer {
    Ok(Head::new(200).xml(&find(call)?.unwrap_or(absent)))
}

async fn delete<C: Config>(call: &Call<'_>) -> Answer {
    let id = call.query("id").unwrap_or("").to_owned();
    call.change_bucket(move |tx, _, record| config::delete::<C>(tx, record.id, &id)).await?;
    Ok(Head::new(204).empty())
}

fn list<C: Config, L: Document>(
    call: &Call<'_>,
    make: impl FnOnce(Vec<C>, bool, Option<String>) -> L,
) -> Answer {
    let (name, after) = (call.bucket(), call.query("continuation-token").unwrap_or(""));
    let (found, more) = call.read(|source| {
        let tx = Tx::new(source);
        let record = bucket::find(&tx, name)?;
        config::list::<C>(&tx, record.id, after, PAGE_LEN)
    })?;
    let next = found.last().filter(|_| more).map(|last| last.id().to_owned());
    Ok(Head::new(200).xml(&make(found, more, next)))
}

/// Operations on what is set on a bucket; `None` if it is none of them.
pub(crate) async fn answer(call: &Call<'_>, body: &[u8]) -> Option<Answer> {
    Some(match call.operation {
        Op::PutBucketAccelerateConfiguration => put::<body::AccelerateConfiguration>(call, body).await,
        Op::GetBucketAccelerateConfiguration => get_or(call, body::AccelerateConfiguration::default()),
        Op::PutBucketRequestPayment => put::<body::RequestPaymentConfiguration>(call, body).await,
        Op::GetBucketRequestPayment => {
            get_or(call, body::RequestPaymentConfiguration { payer: body::Payer::BucketOwner })
        }
        Op::PutBucketLogging => put_logging(call, body).await,
        Op::GetBucketLogging => get_or(call, body::BucketLoggingStatus::default()),
        Op::PutBucketNotificationConfiguration => put_notification(call, body).await,
        Op::GetBucketNotificationConfiguration => get_or(call, body::NotificationConfiguration::default()),
        Op::PutBucketAbac => put::<body::AbacStatus>(call, body).await,
        Op::GetBucketAbac => get_or(call, body::AbacStatus { status: Some(body::Status::Disabled) }),
        Op::PutBucketReplication => put_replication(call, body).await,
        Op::GetBucketReplication => get::<body::ReplicationConfiguration>(call),
        Op::DeleteBucketReplication => delete::<body::ReplicationConfiguration>(call).await,
        Op::PutBucketWebsite => put::<body::WebsiteConfiguration>(call, body).await,
        Op::GetBucketWebsite => get::<body::WebsiteConfiguration>(call),
        Op::DeleteBucketWebsite => delete::<body::WebsiteConfiguration>(call).await,
        Op::PutBucketCors => put::<body::CorsConfiguration>(call, body).await,
        Op::GetBucketCors => get::<body::CorsConfiguration>(call),
        Op::DeleteBucketCors => delete::<body::CorsConfiguration>(call).await,
        Op::PutBucketLifecycleConfiguration => put::<body::LifecycleConfiguration>(call, body).await,
        Op::GetBucketLifecycleConfiguration => get::<body::LifecycleConfiguration>(call),
        Op::DeleteBucketLifecycle => delete::<body::LifecycleConfiguration>(call).await,
        Op::PutBucketTagging => {
            let put = put::<body::Tagging>(call, body).await;
            put.map(|mut response| {
                *response.status_mut() = http::StatusCode::NO_CONTENT;
                response
            })
        }
        Op::GetBucketTagging => get::<body::Tagging>(call),
        Op::DeleteBucketTagging => delete::<body::Tagging>(call).await,
        Op::PutBucketEncryption => put_encryption(call, body).await,
        Op::GetBucketEncryption => get::<body::ServerSideEncryptionConfiguration>(call),
        Op::DeleteBucketEncryption => delete_encryption(call).await,
        Op::PutBucketAnalyticsConfiguration => put::<body::AnalyticsConfiguration>(call, body).await,
        Op::GetBucketAnalyticsConfiguration => get::<body::AnalyticsConfiguration>(call),
        Op::DeleteBucketAnalyticsConfiguration => delete::<body::AnalyticsConfiguration>(call).await,
        Op::PutBucketIntelligentTieringConfiguration => {
            put::<body::IntelligentTieringConfiguration>(call, body).await
        }
        Op::GetBucketIntelligentTieringConfiguration => get::<body::IntelligentTieringConfiguration>(call),
        Op::DeleteBucketIntelligentTieringConfiguration => {
            delete::<body::IntelligentTieringConfiguration>(call).await
        }
        Op::PutBucketInventoryConfiguration => put::<body::InventoryConfiguration>(call, body).await,
        Op::GetBucketInventoryConfiguration => get::<body::InventoryConfiguration>(call),
        Op::DeleteBucketInventoryConfiguration => delete::<body::InventoryConfiguration>(call).await,
        Op::PutBucketMetricsConfiguration => put::<body::MetricsConfiguration>(call, body).await,
        Op::GetBucketMetricsConfiguration => get::<body::MetricsConfiguration>(call),
        Op::DeleteBucketMetricsConfiguration => delete::<body::MetricsConfiguration>(call).await,
        _ => return listed(call).or(of_record(call, body).await),
    })
}

/// Lists of documents with ids.
fn listed(call: &Call<'_>) -> Option<Answer> {
    let token = || call.query("continuation-token").map(str::to_owned);
    Some(match call.operation {
        Op::ListBucketAnalyticsConfigurations => {
            list(call, |found, more, next| body::ListBucketAnalyticsConfigurationsOutput {
                is_truncated: Some(more),
                continuation_token: token(),
                next_continuation_token: next,
                analytics_configuration_list: found,
            })
        }
        Op::ListBucketIntelligentTieringConfigurations => {
            list(call, |found, more, next| body::ListBucketIntelligentTieringConfigurationsOutput {
                is_truncated: Some(more),
                continuation_token: token(),
                next_continuation_token: next,
                intelligent_tiering_configuration_list: found,
            })
        }
        Op::ListBucketInventoryConfigurations => {
            list(call, |found, more, next| body::ListBucketInventoryConfigurationsOutput {
                is_truncated: Some(more),
                continuation_token: token(),
                next_continuation_token: next,
                inventory_configuration_list: found,
            })
        }
        Op::ListBucketMetricsConfigurations => {
            list(call, |found, more, next| body::ListBucketMetricsConfigurationsOutput {
                is_truncated: Some(more),
                continuation_token: token(),
                next_continuation_token: next,
                metrics_configuration_list: found,
            })
        }
        _ => return None,
    })
}

/// What stands in the bucket's record.
async fn of_record(call: &Call<'_>, body: &[u8]) -> Option<Answer> {
    Some(match call.operation {
        Op::GetBucketVersioning => get_versioning(call),
        Op::PutBucketVersioning => put_versioning(call, body).await,
        Op::GetBucketOwnershipControls => shown(call, shapes::ownership_body),
        Op::PutBucketOwnershipControls => put_ownership(call, body).await,
        Op::DeleteBucketOwnershipControls => {
            changed(call, 204, |record| acl::set_ownership(record, None)).await
        }
        Op::GetPublicAccessBlock => shown(call, shapes::block_body),
        Op::PutPublicAccessBlock => put_block(call, body).await,
        Op::DeletePublicAccessBlock => {
            changed(call, 204, |record| {
                record.public_access_block = None;
                Ok(())
            })
            .await
        }
        Op::GetObjectLockConfiguration => shown(call, shapes::lock_body),
        Op::PutObjectLockConfiguration => put_lock(call, body).await,
        Op::GetBucketPolicy => get_policy(call),
        Op::PutBucketPolicy => put_policy(call, body).await,
        Op::DeleteBucketPolicy => {
            changed(call, 204, |record| {
                record.policy = None;
                Ok(())
            })
            .await
        }
        Op::GetBucketPolicyStatus => policy_status(call),
        _ => return None,
    })
}

type Record = dolmen_s3::state::BucketRecord;
type Outcome<T> = Result<T, dolmen_s3::state::StateError>;

fn shown<D: Document>(call: &Call<'_>, make: impl FnOnce(&Record) -> Outcome<D>) -> Answer {
    let record = call.record()?;
    Ok(Head::new(200).xml(&make(&record)?))
}

async fn changed(
    call: &Call<'_>,
    status: u16,
    mut change: impl FnMut(&mut Record) -> Outcome<()> + Send + 'static,
) -> Answer {
    call.change_bucket(move |_, _, record| change(record)).await?;
    Ok(Head::new(status).empty())
}

fn get_versioning(call: &Call<'_>) -> Answer {
    let status = match call.record()?.versioning {
        Versioning::Unversioned => None,
        Versioning::Enabled => Some(body::EnabledOrSuspended::Enabled),
        Versioning::Suspended => Some(body::EnabledOrSuspended::Suspended),
    };
    let kept: Option<body::VersioningConfiguration> = find(call)?;
    let mfa_delete = kept.and_then(|kept| kept.mfa_delete);
    Ok(Head::new(200).xml(&body::VersioningConfiguration { status, mfa_delete }))
}

async fn put_versioning(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::VersioningConfiguration = parse(body)?;
    if document.mfa_delete == Some(body::Status::Enabled) {
        return Err(Refusal::new(ErrorCode::NotImplemented));
    }
    let versioning = match document.status {
        Some(body::EnabledOrSuspended::Enabled) => Versioning::Enabled,
        Some(body::EnabledOrSuspended::Suspended) => Versioning::Suspended,
        None => return Err(Refusal::new(ErrorCode::IllegalVersioningConfigurationException)),
    };
    call.change_bucket(move |tx, env, record| {
        bucket::set_versioning(record, versioning)?;
        match document.mfa_delete {
            Some(_) => config::put(tx, env, record.id, document.clone()),
            None => Ok(()),
        }
    })
    .await?;
    Ok(Head::new(200).empty())
}

async fn put_ownership(call: &Call<'_>, body: &[u8]) -> Answer {
    let ownership = shapes::ownership_of(&parse(body)?)?;
    changed(call, 200, move |record| acl::set_ownership(record, Some(ownership))).await
}

async fn put_block(call: &Call<'_>, body: &[u8]) -> Answer {
    let block = shapes::block_of(&parse(body)?);
    changed(call, 200, move |record| {
        record.public_access_block = Some(block);
        Ok(())
    })
    .await
}

async fn put_lock(call: &Call<'_>, body: &[u8]) -> Answer {
    let default = shapes::default_retention(&parse(body)?)?;
    changed(call, 200, move |record| bucket::set_object_lock(record, default)).await
}

async fn put_encryption(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::ServerSideEncryptionConfiguration = parse(body)?;
    call.change_bucket(move |tx, env, record| {
        config::put(tx, env, record.id, document.clone())?;
        record.encrypt = true;
        Ok(())
    })
    .await?;
    Ok(Head::new(200).empty())
}

async fn delete_encryption(call: &Call<'_>) -> Answer {
    call.change_bucket(|tx, _, record| {
        record.encrypt = false;
        config::delete::<body::ServerSideEncryptionConfiguration>(tx, record.id, "")
    })
    .await?;
    Ok(Head::new(204).empty())
}

/// Logs go to a bucket of the same account.
async fn put_logging(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::BucketLoggingStatus = parse(body)?;
    if let Some(logging) = &document.logging_enabled {
        let (own, target) = (call.bucket(), logging.target_bucket.as_str());
        let fits = call.read(|source| {
            let tx = Tx::new(source);
            let own = bucket::find(&tx, own)?;
            Ok(bucket::find(&tx, target).is_ok_and(|target| target.owner == own.owner))
        })?;
        if !fits {
            return Err(Refusal::new(ErrorCode::InvalidTargetBucketForLogging));
        }
    }
    put::<body::BucketLoggingStatus>(call, body).await
}

/// Where targets are known, every destination must be one; they are told of the configuration, unless the request says that nobody is to
/// be asked.
async fn put_notification(call: &Call<'_>, body: &[u8]) -> Answer {
    let document: body::NotificationConfiguration = parse(body)?;
    let skips = call.headers.get("x-amz-skip-destination-validation") == Some("true");
    let targets = call.engine().outbox.names();
    if !targets.is_empty() && !skips {
        let unknown = notify::unknown(&document, targets);
        if !unknown.is_empty() {
            let text = "Unable to validate the following destination configurations";
            let mut refusal = Refusal::says(ErrorCode::InvalidArgument, text);
            for ((arn, kind), (name, value)) in unknown.into_iter().zip(ARGUMENTS) {
                refusal = refusal.field(name, format!("{arn}, {kind}"));
                refusal = refusal.field(value, format!("The destination {kind} does not exist"));
            }
            return Err(refusal);
        }
    }
    let telling = call.telling();
    call.change_bucket(move |tx, env, record| {
        config::put(tx, env, record.id, document.clone())?;
        if !skips {
            telling.announce(tx, env, &document);
        }
        Ok(())
    })
    .await?;
    Ok(Head::new(200).empty())
}

async fn put_replication(call: &Call<'_>, body: &[u8]) -> Answer {
    if call.record()?.versioning != Versioning::Enabled {
        let text = "Versioning must be 'Enabled' on the bucket to apply a replication configuration";
        return Err(Refusal::says(ErrorCode::InvalidRequest, text));
    }
    put::<body::ReplicationConfiguration>(call, body).await
}

fn get_policy(call: &Call<'_>) -> Answer {
    let policy = call.record()?.policy.ok_or(ErrorCode::NoSuchBucketPolicy)?;
    Ok(Head::new(200).with("content-type", "application/json").body(policy))
}

async fn put_policy(call: &Call<'_>, body: &[u8]) -> Answer {
    if body.is_empty() {
        return Err(Refusal::new(ErrorCode::MissingRequestBodyError));
    }
    let text = String::from_utf8(body.to_vec()).map_err(|_| ErrorCode::MalformedPolicy)?;
    let name = call.bucket().to_owned();
    let binds = call.headers.get("x-amz-confirm-remove-self-bucket-access") == Some("true");
    changed(call, 204, move |record| bucket::set_policy(record, &name, &text, binds)).await
}

fn policy_status(call: &Call<'_>) -> Answer {
    let is_public = bucket::is_public(&call.record()?, call.bucket())?;
    Ok(Head::new(200).xml(&PolicyStatus { is_public: Some(is_public) }))
}
