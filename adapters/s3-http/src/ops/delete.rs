//! Objects that go.

use dolmen_s3::body::{Delete, DeleteError, DeleteObjectsOutput, DeletedObject, ObjectIdentifier};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::head;
use dolmen_s3::limits::KEY_LEN_MAX;
use dolmen_s3::state::condition::{DeleteCondition, EtagCondition};
use dolmen_s3::state::gate::{self, Ask, Object, Place};
use dolmen_s3::state::notify::Happened;
use dolmen_s3::state::object::{self, Deleted};
use dolmen_s3::state::{StateError, Tx, Version, bucket};
use futures_like::join_bounded;

use crate::answer::{Answer, Head, Refusal};
use crate::call::{Call, parse, version};
use crate::engine::{Fault, Scope, Written};
use crate::gate::Admitted;

/// Deletes of one request that run at a time: they share syncs.
const AT_ONCE: usize = 64;

/// Whether the request wants to bypass governance; the gate has asked whether it may.
fn bypasses(call: &Call<'_>) -> bool {
    call.headers
        .get("x-amz-bypass-governance-retention")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

pub(crate) async fn one(call: &Call<'_>) -> Answer {
    let version = call.version()?;
    let condition = head::delete_condition(call.headers)?;
    let bypass = bypasses(call);
    let telling = call.telling();
    let deleted = call
        .change_key(Written::default(), move |tx, env, bucket, key| {
            let deleted = object::delete(tx, env, bucket, key, version, &condition, bypass)?;
            if let Some(happened) = Happened::of_delete(&deleted, version.is_some()) {
                telling.happened(tx, env, (bucket, key), &happened)?;
            }
            Ok(deleted)
        })
        .await?;
    let head = Head::new(204).version(deleted.version);
    Ok(if deleted.marker { head.with("x-amz-delete-marker", "true").empty() } else { head.empty() })
}

pub(crate) async fn many(call: &Call<'_>, admitted: &Admitted, body: &[u8]) -> Answer {
    let document: Delete = parse(body)?;
    let has_digest = call.headers.has("content-md5")
        || call
            .headers
            .0
            .iter()
            .any(|(name, _)| name.starts_with("x-amz-checksum-") || *name == "x-amz-trailer");
    let is_signed = call.headers.get("x-amz-content-sha256").is_some_and(|mode| mode.len() == 64);
    if !has_digest && !is_signed {
        return Err(Refusal::says(
            ErrorCode::InvalidRequest,
            "Missing required header for this request: Content-MD5",
        ));
    }
    let bypass = bypasses(call);
    let mut out = DeleteObjectsOutput::default();
    let entries = document.objects.iter();
    let outcomes =
        join_bounded(AT_ONCE, entries.map(|entry| entry_deleted(call, admitted, entry, bypass))).await;
    for (entry, outcome) in document.objects.iter().zip(outcomes) {
        match outcome {
            Ok(deleted) => {
                if !document.quiet.unwrap_or(false) {
                    out.deleted.push(told(entry, &deleted));
                }
            }
            Err(refusal) => out.errors.push(DeleteError {
                key: Some(entry.key.clone()),
                version_id: entry.version_id.clone(),
                code: Some(refusal.code.name().to_owned()),
                message: Some(refusal.message.unwrap_or_else(|| refusal.code.message().to_owned())),
            }),
        }
    }
    Ok(Head::new(200).xml(&out))
}

fn told(entry: &ObjectIdentifier, deleted: &Deleted) -> DeletedObject {
    let made = deleted.marker && entry.version_id.is_none();
    DeletedObject {
        key: Some(entry.key.clone()),
        version_id: entry.version_id.clone(),
        delete_marker: deleted.marker.then_some(true),
        delete_marker_version_id: if made || deleted.marker {
            deleted.version.map(|version| version.to_string())
        } else {
            None
        },
    }
}

async fn entry_deleted(
    call: &Call<'_>,
    admitted: &Admitted,
    entry: &ObjectIdentifier,
    bypass: bool,
) -> Result<Deleted, Refusal> {
    if entry.key.is_empty() || entry.key.len() > KEY_LEN_MAX {
        return Err(Refusal::new(if entry.key.is_empty() {
            ErrorCode::InvalidArgument
        } else {
            ErrorCode::KeyTooLongError
        }));
    }
    let named = version(entry.version_id.as_deref()).map_err(|_| Refusal::new(ErrorCode::NoSuchVersion))?;
    permitted(call, admitted, entry, named)?;
    let condition = DeleteCondition {
        if_match: entry.etag.as_ref().map(|tag| EtagCondition::parse(&tag.to_string())),
        if_modified_ms: entry.last_modified_time.and_then(|time| u64::try_from(time.unix_ms()).ok()),
        if_size: entry.size,
    };
    #[cfg(feature = "gateway")]
    if let Some(gateway) = &call.server.gateway {
        crate::gateway::delete(gateway, call.bucket(), &entry.key, &condition).await?;
        return Ok(Deleted { version: None, marker: false, changed: true });
    }
    let (name, key) = (call.bucket().to_owned(), entry.key.clone().into_bytes());
    let scope = Scope::Keys(name.clone(), vec![key.clone()]);
    let telling = call.telling();
    let deleted = call.engine().change(&call.caller.id, scope, Written::default(), move |tx, env| {
        let bucket = bucket::find(tx, &name)?;
        let deleted = object::delete(tx, env, &bucket, &key, named, &condition, bypass)?;
        if let Some(happened) = Happened::of_delete(&deleted, named.is_some()) {
            telling.happened(tx, env, (&bucket, &key), &happened)?;
        }
        Ok(deleted)
    });
    deleted.await.map_err(|fault: Fault| fault.into())
}

/// Asks the gate for one entry.
fn permitted(
    call: &Call<'_>,
    admitted: &Admitted,
    entry: &ObjectIdentifier,
    named: Option<Version>,
) -> Result<(), Refusal> {
    let record = admitted.bucket.as_ref().ok_or(ErrorCode::NoSuchBucket)?;
    let name = call.bucket();
    call.read(|source| {
        let tx = Tx::new(source);
        let found = object::find(&tx, record, entry.key.as_bytes(), named);
        if let Err(error @ (StateError::Corrupt(_) | StateError::Storage(_))) = &found {
            return Err(*error);
        }
        let policy = gate::policy_of(name, record)?;
        let place = Place {
            name,
            bucket: Some(record),
            policy: policy.as_ref(),
            key: &entry.key,
            object: found.as_ref().map_or(Object::Absent, |(_, record)| Object::Present(record)),
        };
        let ask = Ask {
            caller: call.caller.as_core(),
            operation: call.operation,
            headers: call.headers,
            versioned: named.is_some(),
            source_versioned: false,
            target: Some(place),
            source: None,
            context: admitted.facts()?,
        };
        gate::authorize_entry(&ask, &place, named.is_some()).check()
    })
}

mod futures_like {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::Poll;

    /// Runs futures, at most so many at a time, and gives their answers in order.
    pub(super) async fn join_bounded<F: Future>(
        at_once: usize,
        futures: impl ExactSizeIterator<Item = F>,
    ) -> Vec<F::Output> {
        let count = futures.len();
        let mut waiting = futures.enumerate();
        let mut running: Vec<(usize, Pin<Box<F>>)> = Vec::new();
        let mut done: Vec<Option<F::Output>> = (0..count).map(|_| None).collect();
        std::future::poll_fn(|context| {
            loop {
                while running.len() < at_once
                    && let Some((at, future)) = waiting.next()
                {
                    running.push((at, Box::pin(future)));
                }
                let before = running.len();
                running.retain_mut(|(at, future)| match future.as_mut().poll(context) {
                    Poll::Ready(answer) => {
                        done[*at] = Some(answer);
                        false
                    }
                    Poll::Pending => true,
                });
                if running.is_empty() && waiting.len() == 0 {
                    return Poll::Ready(());
                }
                if running.len() == before {
                    return Poll::Pending;
                }
            }
        })
        .await;
        done.into_iter().flatten().collect()
    }
}
