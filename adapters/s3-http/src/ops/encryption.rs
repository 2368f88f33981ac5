//! Encryption at rest, as requests ask for it and answers tell it.

use dolmen_s3::error::ErrorCode;
use dolmen_s3::state::record::{BucketRecord, Encryption, ObjectRecord, UploadRecord};
use dolmen_s3::state::sse::SecretKey;

use crate::answer::{Head, Refusal};
use crate::call::Call;

/// What is to be done with the bytes of an object that a request makes.
pub(crate) fn of_put(call: &Call<'_>, _bucket: &BucketRecord) -> Result<Encryption, Refusal> {
    let asked = call.headers.0.iter().any(|(name, _)| name.starts_with("x-amz-server-side-encryption"));
    if asked { Err(Refusal::new(ErrorCode::NotImplemented)) } else { Ok(Encryption::None) }
}

pub(crate) fn of_part(_: &Call<'_>, _: &UploadRecord) -> Result<(), Refusal> {
    Ok(())
}

/// The key of an object's bytes, if they are encrypted.
pub(crate) fn key_of(_: &Call<'_>, record: &ObjectRecord) -> Result<Option<SecretKey>, Refusal> {
    match record.encryption {
        Encryption::None => Ok(None),
        _ => Err(Refusal::new(ErrorCode::NotImplemented)),
    }
}

/// The key of the bytes that a copy reads.
pub(crate) fn key_of_source(call: &Call<'_>, record: &ObjectRecord) -> Result<Option<SecretKey>, Refusal> {
    key_of(call, record)
}

/// Tells how an object is encrypted.
pub(crate) fn shown(head: Head, _: &Encryption) -> Head {
    head
}
