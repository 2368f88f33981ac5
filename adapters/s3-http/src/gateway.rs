//! The backend `gateway`: objects are those of another store, and bucket B is the folder B/ there. What buckets are, who may do what and how
//! a bucket is set stays in our own store; the one gate decides before anything of the other is touched.
//!
//! | module | holds |
//! |---|---|
//! | `name`, `fault`, `page` | decisions: names, errors, pages of listings |
//! | `upstream` | the other store, and the time that it has |
//! | `upload` | bytes on their way there, in pieces of a bounded size |
//! | `objects`, `parts` | operations on objects and on uploads in parts |
//!
//! No object is ever in memory whole: what goes up is gathered to pieces of 8 MiB, parts of an upload are held whole and bounded, and all
//! uploads share a budget of memory.

mod fault;
mod name;
mod objects;
mod page;
mod parts;
mod upload;
mod upstream;

use dolmen_s3::auth::Verified;
use dolmen_s3::error::ErrorCode;
use dolmen_s3::operation::Operation as Op;
use hyper::body::Incoming;

use crate::answer::{Answer, Refusal};
use crate::call::Call;
use crate::gate::Admitted;
pub(crate) use objects::delete;
pub(crate) use upstream::Gateway;

/// Who carries out an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The other store, asked by this module.
    There,
    /// Our own, as ever; listings and deletes of several ask the other store where they ask for objects.
    Here,
    /// Nobody.
    Nowhere,
}

fn way(operation: Op) -> Way {
    match operation {
        Op::PutObject
        | Op::GetObject
        | Op::HeadObject
        | Op::DeleteObject
        | Op::CopyObject
        | Op::DeleteBucket
        | Op::CreateMultipartUpload
        | Op::UploadPart
        | Op::CompleteMultipartUpload
        | Op::AbortMultipartUpload => Way::There,
        Op::ListObjects
        | Op::ListObjectsV2
        | Op::DeleteObjects
        | Op::ListParts
        | Op::ListMultipartUploads
        | Op::ListBuckets
        | Op::CreateBucket
        | Op::HeadBucket
        | Op::GetBucketLocation
        | Op::GetBucketVersioning
        | Op::GetBucketAcl
        | Op::GetBucketPolicy
        | Op::PutBucketPolicy
        | Op::DeleteBucketPolicy
        | Op::GetBucketPolicyStatus
        | Op::GetBucketCors
        | Op::PutBucketCors
        | Op::DeleteBucketCors
        | Op::GetBucketTagging
        | Op::PutBucketTagging
        | Op::DeleteBucketTagging
        | Op::GetPublicAccessBlock
        | Op::PutPublicAccessBlock
        | Op::DeletePublicAccessBlock
        | Op::GetBucketOwnershipControls => Way::Here,
        _ => Way::Nowhere,
    }
}

/// Headers that ask for what the other store is not asked for; with a value that asks for nothing.
const REFUSED: [(&str, &[&str]); 12] = [
    ("x-amz-tagging", &[""]),
    ("x-amz-object-lock-mode", &[]),
    ("x-amz-object-lock-retain-until-date", &[]),
    ("x-amz-object-lock-legal-hold", &["OFF"]),
    ("x-amz-bucket-object-lock-enabled", &["false"]),
    ("x-amz-server-side-encryption", &[]),
    ("x-amz-server-side-encryption-customer-algorithm", &[]),
    ("x-amz-website-redirect-location", &[]),
    ("x-amz-write-offset-bytes", &[]),
    ("x-amz-storage-class", &["", "STANDARD"]),
    ("x-amz-acl", &["", "private", "bucket-owner-full-control"]),
    ("x-amz-object-ownership", &["BucketOwnerEnforced"]),
];

/// Carries an operation out in the other store; `None` if our own does it.
pub(crate) async fn answer(
    gateway: &Gateway,
    call: &Call<'_>,
    admitted: &Admitted,
    incoming: &mut Incoming,
    verified: &Verified,
) -> Option<Answer> {
    let way = way(call.operation);
    if let Err(refusal) = may_pass(call, way) {
        return Some(Err(refusal));
    }
    if way == Way::Here {
        return None;
    }
    Some(match call.operation {
        Op::PutObject => objects::put(gateway, call, incoming, verified).await,
        Op::GetObject | Op::HeadObject => objects::get(gateway, call, admitted).await,
        Op::DeleteObject => objects::delete_one(gateway, call).await,
        Op::CopyObject => objects::copy(gateway, call, admitted).await,
        Op::DeleteBucket => objects::delete_bucket(gateway, call).await,
        Op::CreateMultipartUpload => parts::create(gateway, call, admitted).await,
        Op::UploadPart => parts::put(gateway, call, incoming, verified).await,
        Op::CompleteMultipartUpload => parts::complete(gateway, call, incoming, verified).await,
        Op::AbortMultipartUpload => parts::abort(gateway, call).await,
        _ => Err(Refusal::new(ErrorCode::NotImplemented)),
    })
}

/// Refuses what a request asks for and the other store is not asked for.
fn may_pass(call: &Call<'_>, way: Way) -> Result<(), Refusal> {
    if way == Way::Nowhere {
        return Err(Refusal::new(ErrorCode::NotImplemented));
    }
    if matches!(call.version()?, Some(version) if version != dolmen_s3::state::Version::Null) {
        return Err(Refusal::new(ErrorCode::NoSuchVersion));
    }
    for (name, harmless) in REFUSED {
        if call.headers.get(name).is_some_and(|value| !harmless.contains(&value)) {
            return Err(not_here(name));
        }
    }
    if let Some((name, _)) = call.headers.0.iter().find(|(name, _)| name.starts_with("x-amz-grant-")) {
        return Err(not_here(name));
    }
    Ok(())
}

fn not_here(name: &str) -> Refusal {
    Refusal::says(ErrorCode::NotImplemented, format!("The gateway does not pass on the header {name}."))
        .field("Header", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_way_and_what_changes_objects_is_never_done_here() {
        let here: Vec<&str> = Op::all().filter(|op| way(*op) == Way::Here).map(Op::name).collect();
        for name in
            ["PutObject", "CopyObject", "PutObjectTagging", "RenameObject", "PostObject", "RestoreObject"]
        {
            assert!(!here.contains(&name), "{name}");
        }
        assert_eq!(Op::all().filter(|op| way(*op) == Way::There).count(), 10);
    }
}
