//! S3's error codes with their status and message, and the error document.
//!
//! Every family of operations in this crate has an error of its own with a `code()`; this table says what goes out. Source: "Error responses"
//! of Amazon S3's API reference, and the error shapes of botocore's model.

use alloc::string::String;
use core::fmt;

use crate::xml::Writer;

macro_rules! codes {
    ($($code:ident $status:literal $message:literal)*) => {
        /// An S3 error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = concat!($status, ": ", $message)] $code,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [ErrorCode] = &[$(Self::$code),*];

            /// The code as it stands in the document.
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// The HTTP status that it comes with.
            pub fn status(self) -> u16 {
                match self { $(Self::$code => $status,)* }
            }

            /// The message for people.
            pub fn message(self) -> &'static str {
                match self { $(Self::$code => $message,)* }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported 400 "The bucket does not allow ACLs"
    AccessDenied 403 "Access Denied"
    AccountProblem 403 "There is a problem with your account that prevents the operation from completing successfully."
    AllAccessDisabled 403 "All access to this resource has been disabled."
    AmbiguousGrantByEmailAddress 400 "The e-mail address you provided is associated with more than one account."
    AnnotationLimitExceeded 400 "The object has reached its limit of annotations."
    AnnotationNameTooLong 400 "The annotation name is too long."
    AuthorizationHeaderMalformed 400 "The authorization header is malformed."
    AuthorizationQueryParametersError 400 "Query-string authentication parameters are malformed."
    BadDigest 400 "The Content-MD5 or checksum value that you specified did not match what the server received."
    BadRequest 400 "An error occurred when parsing the HTTP request."
    BucketAlreadyExists 409 "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
    BucketAlreadyOwnedByYou 409 "Your previous request to create the named bucket succeeded and you already own it."
    BucketNotEmpty 409 "The bucket you tried to delete is not empty"
    ConditionalRequestConflict 409 "The conditional request cannot succeed due to a conflicting operation against this resource."
    CredentialsNotSupported 400 "This request does not support credentials."
    EncryptionTypeMismatch 400 "The encryption type of the object differs from the one in the request."
    EntityTooLarge 400 "Your proposed upload exceeds the maximum allowed size"
    EntityTooSmall 400 "Your proposed upload is smaller than the minimum allowed size"
    ExpiredToken 400 "The provided token has expired."
    IdempotencyParameterMismatch 400 "The client token was used before with other parameters."
    IllegalLocationConstraintException 400 "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to."
    IllegalVersioningConfigurationException 400 "The versioning configuration specified in the request is invalid."
    IncompleteBody 400 "You did not provide the number of bytes specified by the Content-Length HTTP header"
    IncorrectNumberOfFilesInPostRequest 400 "POST requires exactly one file upload per request."
    InlineDataTooLarge 400 "Inline data exceeds the maximum allowed size."
    InternalError 500 "We encountered an internal error. Please try again."
    InvalidAccessKeyId 403 "The AWS Access Key Id you provided does not exist in our records."
    InvalidAnnotationName 400 "The annotation name is not valid."
    InvalidArgument 400 "Invalid Argument"
    InvalidBucketAclWithObjectOwnership 400 "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
    InvalidBucketName 400 "The specified bucket is not valid."
    InvalidBucketState 409 "The request is not valid with the current state of the bucket."
    InvalidChunkSizeError 403 "Only the last chunk is allowed to have a size less than 8192 bytes"
    InvalidDigest 400 "The Content-MD5 or checksum value you specified is not valid."
    InvalidEncryptionAlgorithmError 400 "The encryption request you specified is not valid. The valid value is AES256."
    InvalidHostHeader 400 "The host headers provided in the request used the incorrect style addressing."
    InvalidLocationConstraint 400 "The specified location-constraint is not valid"
    InvalidObjectState 403 "The operation is not valid for the object's storage class"
    InvalidPart 400 "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    InvalidPartNumber 416 "The requested partnumber is not satisfiable"
    InvalidPartOrder 400 "The list of parts was not in ascending order. Parts must be ordered by part number."
    InvalidPolicyDocument 400 "The content of the form does not meet the conditions specified in the policy document."
    InvalidPrefix 400 "The prefix is not valid."
    InvalidRange 416 "The requested range is not satisfiable"
    InvalidRequest 400 "Invalid Request"
    InvalidRetentionPeriod 400 "The retention period is not valid."
    InvalidSecurity 403 "The provided security credentials are not valid."
    InvalidStorageClass 400 "The storage class you specified is not valid"
    InvalidTag 400 "The tag provided was not a valid tag."
    InvalidTargetBucketForLogging 400 "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate grants."
    InvalidToken 400 "The provided token is malformed or otherwise invalid."
    InvalidURI 400 "Couldn't parse the specified URI."
    InvalidWriteOffset 400 "The write offset value that you specified does not match the current object size."
    KeyTooLongError 400 "Your key is too long"
    MalformedACLError 400 "The XML you provided was not well-formed or did not validate against our published schema"
    MalformedPOSTRequest 400 "The body of your POST request is not well-formed multipart/form-data."
    MalformedPolicy 400 "Policy has invalid resource"
    MalformedTrailerError 400 "The request contained trailing data that was not well-formed or did not conform to our published schema."
    MalformedXML 400 "The XML you provided was not well-formed or did not validate against our published schema"
    MaxMessageLengthExceeded 400 "Your request was too big."
    MaxPostPreDataLengthExceeded 400 "Your POST request fields preceding the upload file were too large."
    MetadataTooLarge 400 "Your metadata headers exceed the maximum allowed metadata size"
    MethodNotAllowed 405 "The specified method is not allowed against this resource."
    MissingAuthenticationToken 403 "The request was not signed."
    MissingContentLength 411 "You must provide the Content-Length HTTP header."
    MissingRequestBodyError 400 "Request body is empty."
    MissingSecurityHeader 400 "Your request was missing a required header"
    NoSuchAnnotation 404 "The specified annotation does not exist."
    NoSuchBucket 404 "The specified bucket does not exist"
    NoSuchBucketPolicy 404 "The bucket policy does not exist"
    NoSuchCORSConfiguration 404 "The CORS configuration does not exist"
    NoSuchConfiguration 404 "The specified configuration does not exist."
    NoSuchKey 404 "The specified key does not exist."
    NoSuchLifecycleConfiguration 404 "The lifecycle configuration does not exist"
    NoSuchObjectLockConfiguration 404 "The specified object does not have a ObjectLock configuration"
    NoSuchPublicAccessBlockConfiguration 404 "The public access block configuration was not found"
    NoSuchTagSet 404 "The TagSet does not exist"
    NoSuchUpload 404 "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    NoSuchVersion 404 "The specified version does not exist."
    NoSuchWebsiteConfiguration 404 "The specified bucket does not have a website configuration"
    NotImplemented 501 "A header or operation you provided implies functionality that is not implemented"
    NotModified 304 "Not Modified"
    ObjectAlreadyInActiveTierError 403 "This object is already in an active storage tier."
    ObjectLockConfigurationNotFoundError 404 "Object Lock configuration does not exist for this bucket"
    ObjectNotInActiveTierError 403 "The source object of the COPY operation is not in the active tier."
    OperationAborted 409 "A conflicting conditional operation is currently in progress against this resource. Please try again."
    OwnershipControlsNotFoundError 404 "The bucket ownership controls were not found"
    PermanentRedirect 301 "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint."
    PreconditionFailed 412 "At least one of the pre-conditions you specified did not hold"
    ReplicationConfigurationNotFoundError 404 "The replication configuration was not found"
    RequestHeaderSectionTooLarge 400 "Your request header section exceeds the maximum allowed size."
    RequestIsNotMultiPartContent 400 "Bucket POST must be of the enclosure-type multipart/form-data."
    RequestTimeTooSkewed 403 "The difference between the request time and the server's time is too large."
    RequestTimeout 400 "Your socket connection to the server was not read from or written to within the timeout period."
    RestoreAlreadyInProgress 409 "Object restore is already in progress"
    ServerSideEncryptionConfigurationNotFoundError 404 "The server side encryption configuration was not found"
    ServiceUnavailable 503 "Service is unable to handle request."
    SignatureDoesNotMatch 403 "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    SlowDown 503 "Please reduce your request rate."
    StorageQuotaExceeded 507 "The quota of storage is used up."
    TooManyBuckets 400 "You have attempted to create more buckets than allowed"
    TooManyParts 400 "The object has reached its limit of parts."
    TooManyTags 400 "The number of tags exceeds the limit."
    UnauthorizedAccess 403 "Access Denied"
    UnexpectedContent 400 "This request contains unsupported content."
    UnresolvableGrantByEmailAddress 400 "The email address you provided does not match any account on record."
    UnsupportedMediaType 415 "The media type is not supported."
    UserKeyMustBeSpecified 400 "The bucket POST must contain the specified field name. If it is specified, check the order of the fields."
    XAmzContentChecksumMismatch 400 "The provided 'x-amz-checksum' header does not match what was computed."
    XAmzContentSHA256Mismatch 400 "The provided 'x-amz-content-sha256' header does not match what was computed."
}

impl ErrorCode {
    /// The code with this name.
    pub fn from_name(name: &str) -> Option<ErrorCode> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for ErrorCode {}

/// The document that every error but that of a HEAD is answered with.
#[derive(Clone, Copy, Debug)]
pub struct ErrorDocument<'a> {
    /// What went wrong.
    pub code: ErrorCode,
    /// Says more than the code's own message does.
    pub message: Option<&'a str>,
    /// The path that was asked for.
    pub resource: &'a str,
    /// The request's id, as in the header `x-amz-request-id`.
    pub request_id: &'a str,
    /// The host's id, as in the header `x-amz-id-2`.
    pub host_id: &'a str,
    /// What stands between message and resource: `BucketName`, `Key`, `ArgumentName`, `Condition` ..
    pub fields: &'a [(&'a str, &'a str)],
}

impl<'a> ErrorDocument<'a> {
    /// A document with nothing but its code and where it happened.
    pub fn new(code: ErrorCode, resource: &'a str, request_id: &'a str) -> Self {
        ErrorDocument { code, message: None, resource, request_id, host_id: "", fields: &[] }
    }

    /// Appends the document.
    pub fn write(&self, out: &mut String) {
        let mut xml = Writer::document(out);
        xml.open("Error");
        xml.text("Code", self.code.name());
        xml.text("Message", self.message.unwrap_or(self.code.message()));
        for (name, value) in self.fields {
            xml.text(name, value);
        }
        xml.text("Resource", self.resource);
        xml.text("RequestId", self.request_id);
        if !self.host_id.is_empty() {
            xml.text("HostId", self.host_id);
        }
        xml.close("Error");
    }
}

/// Links the error of a family of operations to the code that goes out.
macro_rules! error_codes {
    ($($family:ty),* $(,)?) => {
        $(impl From<$family> for ErrorCode {
            fn from(error: $family) -> ErrorCode {
                error.code()
            }
        }

        impl core::error::Error for $family {})*
    };
}
pub(crate) use error_codes;
