//! Object lock: retention and legal hold, as arithmetic on records.

use super::error::{Code, StateError};
use super::record::{BucketRecord, LockMode, ObjectRecord, Retention};

const DAY_MS: u64 = 86_400_000;

/// Objects of the bucket can be locked.
///
/// # Errors
/// `InvalidRequest`.
pub fn of_bucket(bucket: &BucketRecord) -> Result<(), StateError> {
    if bucket.lock_enabled { Ok(()) } else { Err(Code::InvalidRequest.into()) }
}

/// The retention of an object that is put: its own, or the bucket's default.
///
/// # Errors
/// `InvalidRequest` for a lock in a bucket without, `InvalidArgument` for a time that is past.
pub fn of_new(
    bucket: &BucketRecord,
    now_ms: u64,
    own: Option<Retention>,
    legal_hold: bool,
) -> Result<Option<Retention>, StateError> {
    if own.is_some() || legal_hold {
        of_bucket(bucket)?;
    }
    if let Some(retention) = own {
        if retention.until_ms <= now_ms {
            return Err(Code::InvalidArgument.into());
        }
        return Ok(Some(retention));
    }
    Ok(bucket.default_retention.map(|default| {
        let days = u64::from(default.count) * if default.years { 365 } else { 1 };
        Retention { mode: default.mode, until_ms: now_ms.saturating_add(days.saturating_mul(DAY_MS)) }
    }))
}

/// The version may be removed now. Delete markers are never locked.
///
/// # Errors
/// `AccessDenied`: a legal hold, or a retention that has not ended and may not be bypassed.
pub fn may_delete(record: &ObjectRecord, now_ms: u64, bypass: bool) -> Result<(), StateError> {
    if record.legal_hold {
        return Err(Code::AccessDenied.into());
    }
    match record.retention {
        Some(r) if r.until_ms > now_ms && !(bypass && r.mode == LockMode::Governance) => {
            Err(Code::AccessDenied.into())
        }
        _ => Ok(()),
    }
}

/// The retention may be replaced. A later one of the same mode always may.
///
/// # Errors
/// `AccessDenied` for a weaker one that may not be, `InvalidArgument` for a time that is past.
pub fn may_change(
    present: Option<Retention>,
    wanted: Option<Retention>,
    now_ms: u64,
    bypass: bool,
) -> Result<(), StateError> {
    if wanted.is_some_and(|w| w.until_ms <= now_ms) {
        return Err(Code::InvalidArgument.into());
    }
    let Some(present) = present.filter(|r| r.until_ms > now_ms) else { return Ok(()) };
    let weaker = match wanted {
        None => true,
        Some(w) => w.until_ms < present.until_ms || w.mode != present.mode,
    };
    if weaker && !(bypass && present.mode == LockMode::Governance) {
        return Err(Code::AccessDenied.into());
    }
    Ok(())
}
