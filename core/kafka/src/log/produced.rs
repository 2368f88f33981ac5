//! What a client sends to be appended: one batch, whole, of its own making.
//!
//! 1. The field holds exactly one batch of format 2 with the right checksum.
//! 2. Its header claims nothing that only a broker may: no offset, no control record, no append time.
//! 3. Its records are as many as the header says and stand one behind the other; a compacted topic needs keys.
//! 4. Timestamps lie within what the topic allows.
//!
//! Source: the answers of Kafka 4.4.0 (`produce_invalid_batches` of the scenarios). Where it is lenient (a transactional batch without
//! a producer, deltas that begin at 1, bits that mean nothing) the batch is refused here.

use alloc::vec::Vec;

use dolmen_codec::compress::Codecs;

use crate::batch::{Batch, Codec, TimestampType, attribute, total_len};
use crate::compression;
use crate::error::BatchError;
use crate::limits::{PRODUCED_EXPANDED_LEN_MAX, RECORD_ERRORS_MAX};
use crate::{ErrorCode, log::LogSettings};

/// Why a batch is not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code for the client.
    pub code: ErrorCode,
    /// The records that it is about, from 0; empty if it is about the batch.
    pub records: Vec<i32>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Refusal { code, records: Vec::new() }
    }
}

/// Checks the records field of one partition of a Produce request. `scratch` is used for what is compressed.
///
/// # Errors
/// [`Refusal`] with the code for the client.
pub fn check<'a>(
    records: Option<&'a [u8]>,
    settings: &LogSettings,
    codecs: &dyn Codecs,
    now_ms: i64,
    scratch: &mut Vec<u8>,
) -> Result<Batch<'a>, Refusal> {
    let batch = only_batch(records.unwrap_or_default())?;
    check_header(&batch, settings)?;
    scratch.clear();
    if batch.codec() != Codec::None {
        compression::expand(&batch, codecs, PRODUCED_EXPANDED_LEN_MAX, scratch)
            .map_err(|_| ErrorCode::CORRUPT_MESSAGE)?;
    }
    check_records(&batch, settings, now_ms, scratch)?;
    Ok(batch)
}

/// The one batch that a field holds.
fn only_batch(field: &[u8]) -> Result<Batch<'_>, Refusal> {
    match total_len(field, 0) {
        Ok(Some(len)) if len > field.len() => return Err(ErrorCode::INVALID_RECORD.into()),
        Ok(None) if field.is_empty() => return Err(ErrorCode::INVALID_RECORD.into()),
        Ok(Some(_)) => {}
        _ => return Err(ErrorCode::CORRUPT_MESSAGE.into()),
    }
    match Batch::split(field, 0) {
        Ok((batch, [])) => Ok(batch),
        Ok(_) | Err(BatchError::Field { .. }) => Err(ErrorCode::INVALID_RECORD.into()),
        Err(_) => Err(ErrorCode::CORRUPT_MESSAGE.into()),
    }
}

fn check_header(batch: &Batch<'_>, settings: &LogSettings) -> Result<(), Refusal> {
    if batch.bytes().len() > settings.batch_len_max {
        return Err(ErrorCode::MESSAGE_TOO_LARGE.into());
    }
    let known = 7 | attribute::TRANSACTIONAL;
    let has_producer = batch.producer_id() >= 0;
    let is_wrong = batch.base_offset() != 0
        || batch.attributes() & !known != 0
        || batch.record_count() == 0
        || batch.last_offset_delta() != batch.record_count() - 1
        || (has_producer && (batch.base_sequence() < 0 || batch.producer_epoch() < 0))
        || (batch.is_transactional() && !has_producer);
    if is_wrong { Err(ErrorCode::INVALID_RECORD.into()) } else { Ok(()) }
}

fn check_records(
    batch: &Batch<'_>,
    settings: &LogSettings,
    now_ms: i64,
    expanded: &[u8],
) -> Result<(), Refusal> {
    let earliest = now_ms.saturating_sub(settings.before_ms_max);
    let latest = now_ms.saturating_add(settings.after_ms_max);
    let is_timed = settings.timestamp_type == TimestampType::Create;
    let (mut keyless, mut untimely) = (Vec::new(), Vec::new());
    for (index, record) in (0..).zip(batch.read(expanded)) {
        let record = record.map_err(|_| ErrorCode::INVALID_RECORD)?;
        if record.offset_delta != index {
            return Err(ErrorCode::INVALID_RECORD.into());
        }
        if settings.compacts && record.key.is_none() && keyless.len() < RECORD_ERRORS_MAX {
            keyless.push(index);
        }
        let time = batch.timestamp_of(&record);
        let is_out = is_timed && time >= 0 && !(earliest..=latest).contains(&time);
        if is_out && untimely.len() < RECORD_ERRORS_MAX {
            untimely.push(index);
        }
    }
    if !keyless.is_empty() {
        return Err(Refusal { code: ErrorCode::INVALID_RECORD, records: keyless });
    }
    if !untimely.is_empty() {
        return Err(Refusal { code: ErrorCode::INVALID_TIMESTAMP, records: untimely });
    }
    Ok(())
}
