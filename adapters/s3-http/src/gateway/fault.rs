//! Errors of the other store as our clients read them.

use std::error::Error as _;
use std::io::ErrorKind;

use dolmen_s3::error::ErrorCode;
use object_store::Error;

use crate::answer::Refusal;

/// What goes out for an error.
///
/// | there | here |
/// |---|---|
/// | not found | 404 NoSuchKey |
/// | exists already, a precondition | 412 PreconditionFailed |
/// | not modified | 304 |
/// | not possible there | 501 NotImplemented |
/// | a path that cannot be, a folder where a file is to be | 400 InvalidArgument |
/// | no space | 403 StorageQuotaExceeded |
/// | our own credentials are refused, a disk that fails | 500 InternalError, and the log says why |
/// | everything else: no connection, no answer, a status of 500 and above | 503 SlowDown |
pub(super) fn refusal(error: &Error) -> Refusal {
    match error {
        Error::NotFound { .. } => Refusal::new(ErrorCode::NoSuchKey),
        Error::AlreadyExists { .. } | Error::Precondition { .. } => {
            Refusal::new(ErrorCode::PreconditionFailed)
        }
        Error::NotModified { .. } => Refusal::new(ErrorCode::NotModified),
        Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            Refusal::says(ErrorCode::NotImplemented, "The store behind the gateway cannot do this.")
        }
        Error::InvalidPath { .. } => {
            Refusal::says(ErrorCode::InvalidArgument, "The store behind the gateway has no such path.")
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            tracing::error!(target: "s3", "the store behind the gateway refuses our credentials: {error}");
            Refusal::new(ErrorCode::InternalError)
        }
        error => match io(error) {
            Some(ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty) => {
                let text = "Another object has the name of a folder of this one; a folder cannot keep both.";
                Refusal::says(ErrorCode::InvalidArgument, text)
            }
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                Refusal::new(ErrorCode::StorageQuotaExceeded)
            }
            _ => {
                tracing::warn!(target: "s3", "the store behind the gateway: {error}");
                Refusal::new(ErrorCode::SlowDown)
            }
        },
    }
}

/// What the operating system said, if it is among the causes.
fn io(error: &Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

/// Whether there is nothing to delete.
pub(super) fn is_absent(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) || io(error) == Some(ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_go_out_as_the_table_says() {
        let source = || Box::new(std::io::Error::from(ErrorKind::StorageFull));
        let (path, text) = (String::new(), || Box::from("x"));
        let of = |error: Error| refusal(&error).code;
        assert_eq!(of(Error::NotFound { path: path.clone(), source: text() }), ErrorCode::NoSuchKey);
        assert_eq!(
            of(Error::AlreadyExists { path: path.clone(), source: text() }),
            ErrorCode::PreconditionFailed
        );
        assert_eq!(
            of(Error::Precondition { path: path.clone(), source: text() }),
            ErrorCode::PreconditionFailed
        );
        assert_eq!(of(Error::NotSupported { source: text() }), ErrorCode::NotImplemented);
        assert_eq!(of(Error::PermissionDenied { path, source: text() }), ErrorCode::InternalError);
        assert_eq!(of(Error::Generic { store: "x", source: source() }), ErrorCode::StorageQuotaExceeded);
        assert_eq!(of(Error::Generic { store: "x", source: text() }), ErrorCode::SlowDown);
        let reset = Box::new(std::io::Error::from(ErrorKind::ConnectionReset));
        assert_eq!(of(Error::Generic { store: "x", source: reset }), ErrorCode::SlowDown);
    }
}
