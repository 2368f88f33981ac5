//! Why an operation was refused or failed.

use core::fmt;

use dolmen_codec::DecodeError;

use super::source::Unavailable;

macro_rules! codes {
    ($($name:ident $status:literal $says:literal,)*) => {
        /// The error codes of Amazon S3 that this module answers with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "the names are Amazon's; `says` has the sentence")]
        pub enum Code { $($name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// As it stands in an error document.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => stringify!($name),)* }
            }

            /// Its HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* }
            }

            /// A sentence for people.
            pub const fn says(self) -> &'static str {
                match self { $(Code::$name => $says,)* }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported 400 "The bucket does not allow ACLs.",
    AccessDenied 403 "Access Denied",
    AnnotationLimitExceeded 400 "The object has as many annotations as it may have.",
    AnnotationNameTooLong 400 "The name of the annotation is too long.",
    BadDigest 400 "The digest you specified did not match what we received.",
    BucketAlreadyExists 409 "The requested bucket name is not available.",
    BucketAlreadyOwnedByYou 409 "Your previous request to create the named bucket succeeded and you already own it.",
    BucketNotEmpty 409 "The bucket you tried to delete is not empty.",
    ConditionalRequestConflict 409 "A conflicting operation occurred during this request.",
    EncryptionTypeMismatch 400 "The object is encrypted in another way.",
    EntityTooLarge 400 "Your proposed upload exceeds the maximum allowed size.",
    EntityTooSmall 400 "Your proposed upload is smaller than the minimum allowed size.",
    IdempotencyParameterMismatch 400 "The client token was used with other parameters.",
    IllegalVersioningConfigurationException 400 "The versioning configuration is invalid.",
    InternalError 500 "We encountered an internal error. Please try again.",
    InvalidAnnotationName 400 "The name of the annotation is invalid.",
    InvalidArgument 400 "Invalid Argument",
    InvalidBucketAclWithObjectOwnership 400 "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    InvalidBucketName 400 "The specified bucket is not valid.",
    InvalidBucketState 409 "The request is not valid for the current state of the bucket.",
    InvalidObjectState 403 "The operation is not valid for the object's storage class.",
    InvalidPart 400 "One or more of the specified parts could not be found, or its entity tag did not match.",
    InvalidPartOrder 400 "The list of parts was not in ascending order.",
    InvalidPrefix 400 "The prefix is invalid.",
    InvalidRange 416 "The requested range is not satisfiable",
    InvalidRequest 400 "Invalid Request",
    InvalidRetentionPeriod 400 "The retention period must be a positive integer value.",
    InvalidStorageClass 400 "The storage class you specified is not valid.",
    InvalidTag 400 "The tag provided was not a valid tag.",
    InvalidTargetBucketForLogging 400 "The target bucket for logging does not exist or is not yours.",
    InvalidWriteOffset 400 "The write offset does not equal the size of the object.",
    KeyTooLongError 400 "Your key is too long.",
    MalformedACLError 400 "The XML you provided was not well-formed or did not validate against our published schema.",
    MalformedPolicy 400 "This policy contains invalid Json",
    MalformedXML 400 "The XML you provided was not well-formed or did not validate against our published schema.",
    MetadataTooLarge 400 "Your metadata headers exceed the maximum allowed metadata size.",
    MethodNotAllowed 405 "The specified method is not allowed against this resource.",
    NoSuchAnnotation 404 "The specified annotation does not exist.",
    NoSuchBucket 404 "The specified bucket does not exist.",
    NoSuchBucketPolicy 404 "The bucket policy does not exist",
    NoSuchConfiguration 404 "The specified configuration does not exist.",
    NoSuchCORSConfiguration 404 "The CORS configuration does not exist",
    NoSuchKey 404 "The specified key does not exist.",
    NoSuchLifecycleConfiguration 404 "The lifecycle configuration does not exist",
    NoSuchObjectLockConfiguration 404 "The specified object does not have an object lock configuration.",
    NoSuchPublicAccessBlockConfiguration 404 "The public access block configuration was not found",
    NoSuchTagSet 404 "The TagSet does not exist",
    NoSuchUpload 404 "The specified multipart upload does not exist.",
    NoSuchVersion 404 "The specified version does not exist.",
    NoSuchWebsiteConfiguration 404 "The specified bucket does not have a website configuration",
    NotImplemented 501 "This is not implemented.",
    ObjectLockConfigurationNotFoundError 404 "Object Lock configuration does not exist for this bucket",
    OwnershipControlsNotFoundError 404 "The bucket ownership controls were not found",
    PreconditionFailed 412 "At least one of the pre-conditions you specified did not hold",
    ReplicationConfigurationNotFoundError 404 "The replication configuration was not found",
    ServerSideEncryptionConfigurationNotFoundError 404 "The server side encryption configuration was not found",
    TooManyBuckets 400 "You have attempted to create more buckets than allowed",
    TooManyParts 400 "The object has as many parts as it may have.",
    UnresolvableGrantByEmailAddress 400 "The email address you provided does not match any account on record.",
}

/// Why bytes of the store are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corrupt {
    /// A field is cut off, or bytes are left over.
    Field(DecodeError),
    /// A field holds what it cannot hold.
    Value {
        /// Where, in bytes from the start of the record.
        at: usize,
    },
    /// The record is of a version that is not known here.
    Version {
        /// Its version.
        version: u8,
    },
    /// A key of the store is not what its kind demands.
    Key,
}

impl From<DecodeError> for Corrupt {
    fn from(error: DecodeError) -> Self {
        Corrupt::Field(error)
    }
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Corrupt::Field(error) => write!(f, "damaged record: {error}"),
            Corrupt::Value { at } => write!(f, "damaged record: byte {at} is no possible value"),
            Corrupt::Version { version } => write!(f, "a record of version {version}, which is not known"),
            Corrupt::Key => f.write_str("damaged key"),
        }
    }
}

impl core::error::Error for Corrupt {}

/// Why an operation gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// It was refused, with the code that the client reads.
    Refused(Code),
    /// It was refused because what it asks for is a delete marker: 404 or 405, with `x-amz-delete-marker: true`.
    DeleteMarker {
        /// `NoSuchKey` when the marker is the latest version, `MethodNotAllowed` when it was asked for by its id.
        code: Code,
        /// Which marker.
        version: super::record::Version,
        /// When it was made.
        modified_ms: u64,
    },
    /// Stored metadata is damaged: an internal error to the client, never taken for absence.
    Corrupt(Corrupt),
    /// The store could not be read.
    Storage(Unavailable),
}

impl StateError {
    /// The code that the client reads.
    pub const fn code(&self) -> Code {
        match self {
            StateError::Refused(code) | StateError::DeleteMarker { code, .. } => *code,
            StateError::Corrupt(_) | StateError::Storage(_) => Code::InternalError,
        }
    }
}

impl From<Code> for StateError {
    fn from(code: Code) -> Self {
        StateError::Refused(code)
    }
}

impl From<Corrupt> for StateError {
    fn from(error: Corrupt) -> Self {
        StateError::Corrupt(error)
    }
}

impl From<Unavailable> for StateError {
    fn from(error: Unavailable) -> Self {
        StateError::Storage(error)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Refused(code) | StateError::DeleteMarker { code, .. } => f.write_str(code.says()),
            StateError::Corrupt(error) => error.fmt(f),
            StateError::Storage(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for StateError {}
