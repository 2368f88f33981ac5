//! Buckets: made, listed, removed.

use dolmen_s3::body::{
    Bucket, Buckets, CreateBucketConfiguration, ListBucketsOutput, LocationConstraint, Tagging,
};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::state::bucket::{self, BucketQuery, NewBucket};
use dolmen_s3::state::record::{Acl, Ownership};
use dolmen_s3::state::{Tx, config, shapes};

use super::acl;
use crate::answer::{Answer, Head, Refusal, stamp};
use crate::call::{Call, parse};
use crate::engine::{Fault, Scope, Written};

/// Buckets of a page.
const PAGE_MAX: u64 = 10_000;

pub(crate) async fn create(call: &Call<'_>, body: &[u8]) -> Answer {
    let wanted = if body.is_empty() { CreateBucketConfiguration::default() } else { parse(body)? };
    // Buckets of one zone, and names that are an account's own.
    if wanted.location.is_some() || wanted.bucket.is_some() {
        return Err(Refusal::new(ErrorCode::NotImplemented));
    }
    match call.headers.get("x-amz-bucket-namespace") {
        None | Some("global") => {}
        Some("account-regional") => return Err(Refusal::new(ErrorCode::NotImplemented)),
        Some(_) => return Err(Refusal::new(ErrorCode::InvalidArgument)),
    }
    let region = wanted.location_constraint.unwrap_or_default();
    let own = &call.server.region;
    if !region.is_empty() && region != *own && !call.server.takes_region(&region) {
        return Err(Refusal::new(ErrorCode::InvalidLocationConstraint));
    }
    let ownership = match call.headers.get("x-amz-object-ownership") {
        None => None,
        Some(text) => Some(ownership(text).ok_or(ErrorCode::InvalidArgument)?),
    };
    let lock_enabled = match call.headers.get("x-amz-bucket-object-lock-enabled") {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("true") => true,
        Some(text) if text.eq_ignore_ascii_case("false") => false,
        Some(_) => return Err(ErrorCode::InvalidArgument.into()),
    };
    let asked = acl::of_headers(call, &call.caller.id, &call.caller.id)?;
    let tags = wanted.tags.map(|tag_set| Tagging { tag_set });
    let name = call.bucket().to_owned();
    let new = NewBucket { region, acl: asked.acl.clone(), lock_enabled, ownership };
    let made = call.engine().change(
        &call.caller.id,
        Scope::Bucket(name.clone()),
        Written::default(),
        move |tx, env| {
            let record = bucket::create(tx, env, &name, new.clone())?;
            match &tags {
                Some(tags) => config::put(tx, env, record.id, tags.clone()),
                None => Ok(()),
            }
        },
    );
    if let Err(fault) = made.await {
        again(call, &asked.acl, fault)?;
    }
    Ok(Head::new(200).with("location", format!("/{}", call.bucket())).empty())
}

/// In the first region a bucket that the account has already is made once more, if nothing of it changes.
fn again(call: &Call<'_>, acl: &Acl, fault: Fault) -> Result<(), Refusal> {
    let refusal = Refusal::from(fault);
    if refusal.code != ErrorCode::BucketAlreadyOwnedByYou || call.server.region != "us-east-1" {
        return Err(refusal);
    }
    if call.record()?.acl == *acl { Ok(()) } else { Err(Refusal::new(ErrorCode::BucketAlreadyExists)) }
}

/// The name of an ownership.
pub(crate) fn ownership(text: &str) -> Option<Ownership> {
    Some(match text {
        "BucketOwnerEnforced" => Ownership::BucketOwnerEnforced,
        "BucketOwnerPreferred" => Ownership::BucketOwnerPreferred,
        "ObjectWriter" => Ownership::ObjectWriter,
        _ => return None,
    })
}

pub(crate) async fn delete(call: &Call<'_>) -> Answer {
    let name = call.bucket().to_owned();
    let scope = Scope::Bucket(name.clone());
    call.engine()
        .change(&call.caller.id, scope, Written::default(), move |tx, _| bucket::remove(tx, &name))
        .await?;
    Ok(Head::new(204).empty())
}

pub(crate) fn head_bucket(call: &Call<'_>) -> Answer {
    let record = call.record()?;
    let region = if record.region.is_empty() { call.server.region.clone() } else { record.region };
    Ok(Head::new(200).with("x-amz-bucket-region", region).with("x-amz-access-point-alias", "false").empty())
}

pub(crate) fn location(call: &Call<'_>) -> Answer {
    let record = call.record()?;
    // The first region has no name here, as Amazon's has none.
    let region = if record.region == "us-east-1" { String::new() } else { record.region };
    Ok(Head::new(200).xml(&LocationConstraint(region)))
}

pub(crate) fn list(call: &Call<'_>) -> Answer {
    let max = call.number("max-buckets", PAGE_MAX)?;
    if max == Some(0) {
        return Err(Refusal::new(ErrorCode::InvalidArgument));
    }
    let after = match call.query("continuation-token") {
        None | Some("") => String::new(),
        Some(token) => token_name(token).ok_or(ErrorCode::InvalidArgument)?,
    };
    let prefix = call.query("prefix").unwrap_or("");
    let caller = call.caller.id.as_str();
    let query = BucketQuery {
        owner: Some(caller),
        prefix,
        after: &after,
        region: call.query("bucket-region"),
        max: usize::try_from(max.unwrap_or(PAGE_MAX)).unwrap_or(usize::MAX),
    };
    let (found, more, owner) = call.read(|source| {
        let (found, more) = bucket::list(source, &query)?;
        Ok((found, more, shapes::owner(&Tx::new(source), caller)?))
    })?;
    let token = if more { found.last().map(|(name, _)| name_token(name)) } else { None };
    let buckets = found.into_iter().map(|(name, record)| Bucket {
        bucket_region: max.is_some().then(|| call.server.region.clone()),
        creation_date: Some(stamp(record.created_ms)),
        name,
        bucket_arn: None,
    });
    let document = ListBucketsOutput {
        buckets: Some(Buckets { buckets: buckets.collect() }),
        owner: Some(owner),
        continuation_token: token,
        prefix: call.query("prefix").map(str::to_owned),
    };
    Ok(Head::new(200).xml(&document))
}

/// A token that nobody takes for a name.
fn name_token(name: &str) -> String {
    let mut out = String::from("1");
    dolmen_s3::encoding::put_hex(&mut out, name.as_bytes());
    out
}

fn token_name(token: &str) -> Option<String> {
    let digits = token.strip_prefix('1')?.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        pairs.map(|pair| dolmen_s3::encoding::parse_hex::<1>(pair).map(|byte| byte[0])).collect();
    String::from_utf8(bytes?).ok()
}
