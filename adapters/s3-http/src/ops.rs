//! Operations: from a request that was let in to its answer, by what its body is.

mod acl;
mod annotation;
pub(crate) mod bucket;
mod config;
pub(crate) mod cors;
pub(crate) mod delete;
pub(crate) mod encryption;
pub(crate) mod form;
mod list;
pub(crate) mod put;
pub(crate) mod read;

use dolmen_s3::auth::Verified;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::operation::Operation as Op;
use hyper::body::Incoming;

use crate::answer::{Answer, Refusal};
use crate::call::Call;
use crate::gate::Admitted;

/// Operations whose body is an object.
pub(crate) async fn stream(
    call: &Call<'_>,
    admitted: &Admitted,
    incoming: &mut Incoming,
    verified: &Verified,
) -> Answer {
    match call.operation {
        Op::PutObject => put::put_object(call, admitted, incoming, verified).await,
        Op::UploadPart => put::upload_part(call, incoming, verified).await,
        Op::PutObjectAnnotation => annotation::put(call, incoming, verified).await,
        _ => Err(Refusal::new(ErrorCode::NotImplemented)),
    }
}

/// Operations whose body is a document.
pub(crate) async fn document(call: &Call<'_>, admitted: &Admitted, body: &[u8]) -> Answer {
    match call.operation {
        Op::CreateBucket => bucket::create(call, body).await,
        Op::DeleteObjects => delete::many(call, admitted, body).await,
        Op::CompleteMultipartUpload => put::complete(call, admitted, body).await,
        Op::PutBucketAcl => acl::put_bucket(call, body).await,
        Op::PutObjectAcl => acl::put_object(call, body).await,
        Op::PutObjectTagging => read::put_tags(call, body).await,
        Op::PutObjectRetention => read::put_retention(call, body).await,
        Op::PutObjectLegalHold => read::put_legal_hold(call, body).await,
        Op::RestoreObject => read::restore(call, body).await,
        _ => config::answer(call, body).await.unwrap_or(Err(Refusal::new(ErrorCode::NotImplemented))),
    }
}

/// Operations without a body.
pub(crate) async fn plain(call: &Call<'_>, admitted: &Admitted) -> Answer {
    match call.operation {
        Op::GetObject | Op::HeadObject => read::get(call, admitted).await,
        Op::GetObjectAttributes => read::attributes(call, admitted),
        Op::GetObjectAcl => acl::get_object(call),
        Op::GetObjectTagging => read::get_tags(admitted),
        Op::DeleteObjectTagging => read::delete_tags(call).await,
        Op::GetObjectRetention => read::get_retention(admitted),
        Op::GetObjectLegalHold => read::get_legal_hold(admitted),
        Op::DeleteObject => delete::one(call).await,
        Op::CopyObject => put::copy_object(call, admitted).await,
        Op::RenameObject => put::rename(call, admitted).await,
        Op::CreateMultipartUpload => put::create_upload(call, admitted).await,
        Op::UploadPartCopy => put::upload_part_copy(call, admitted).await,
        Op::AbortMultipartUpload => put::abort(call).await,
        Op::ListParts => put::list_parts(call),
        Op::ListObjects => list::objects_v1(call).await,
        Op::ListObjectsV2 => list::objects_v2(call).await,
        Op::ListObjectVersions => list::versions(call),
        Op::ListMultipartUploads => list::uploads(call),
        Op::ListBuckets => bucket::list(call),
        Op::HeadBucket => bucket::head_bucket(call),
        Op::GetBucketLocation => bucket::location(call),
        Op::DeleteBucket => bucket::delete(call).await,
        Op::GetBucketAcl => acl::get_bucket(call),
        Op::GetObjectAnnotation => annotation::get(call).await,
        Op::DeleteObjectAnnotation => annotation::delete(call).await,
        Op::ListObjectAnnotations => annotation::list(call),
        _ => config::answer(call, &[]).await.unwrap_or(Err(Refusal::new(ErrorCode::NotImplemented))),
    }
}
