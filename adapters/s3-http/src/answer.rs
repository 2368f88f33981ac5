//! Answers: heads and bodies, and the document that an error becomes.

use dolmen_s3::error::{ErrorCode, ErrorDocument};
use dolmen_s3::state::{StateError, Version};
use dolmen_s3::time::Timestamp;
use dolmen_s3::xml::Document;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use crate::blobs::BlobFault;
use crate::engine::Fault;
use crate::reply::Reply;
use dolmen_base::io::IoError;
use dolmen_store::WriteError;

/// Why a request was not carried out.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub code: ErrorCode,
    pub message: Option<String>,
    /// Elements of the document.
    pub fields: Vec<(&'static str, String)>,
    /// Headers of the answer.
    pub headers: Vec<(HeaderName, String)>,
}

impl Refusal {
    pub fn new(code: ErrorCode) -> Refusal {
        Refusal { code, message: None, fields: Vec::new(), headers: Vec::new() }
    }

    pub fn says(code: ErrorCode, message: impl Into<String>) -> Refusal {
        Refusal { message: Some(message.into()), ..Refusal::new(code) }
    }

    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Refusal {
        self.fields.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Refusal {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    /// The answer. A HEAD has no body, and so has what is no error of the client's.
    pub fn answer(self, resource: &str, request_id: &str, is_head: bool) -> Response<Reply> {
        let mut response = Response::new(Reply::Empty);
        *response.status_mut() =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            put(response.headers_mut(), name, &value);
        }
        if self.code == ErrorCode::NotModified {
            return response;
        }
        let fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let document = ErrorDocument {
            message: self.message.as_deref(),
            fields: &fields,
            ..ErrorDocument::new(self.code, resource, request_id)
        };
        let mut text = String::new();
        document.write(&mut text);
        put(response.headers_mut(), http::header::CONTENT_TYPE, "application/xml");
        if is_head {
            return response;
        }
        *response.body_mut() = text.into();
        response
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Refusal {
        Refusal::new(code)
    }
}

/// Errors of the families of `dolmen_s3` that know what goes out and say why.
macro_rules! refusals {
    ($($family:ty),* $(,)?) => {
        $(impl From<$family> for Refusal {
            fn from(error: $family) -> Refusal {
                Refusal::says(error.code(), error.to_string())
            }
        })*
    };
}

refusals! {
    dolmen_s3::auth::AuthError,
    dolmen_s3::checksum::ChecksumError,
    dolmen_s3::chunked::ChunkedError,
    dolmen_s3::payload::ChunkedBodyError,
    dolmen_s3::post::FormError,
    dolmen_s3::post::PolicyError,
    dolmen_s3::range::RangeError,
    dolmen_s3::name::NameError,
    dolmen_s3::operation::OperationError,
    dolmen_s3::target::TargetError,
    dolmen_s3::xml::XmlError,
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Refusal {
        let code = ErrorCode::from_name(error.code().name()).unwrap_or(ErrorCode::InternalError);
        match error {
            StateError::DeleteMarker { version, modified_ms, .. } => {
                let refusal = Refusal::new(code)
                    .header("x-amz-delete-marker", "true")
                    .header("last-modified", http_date(modified_ms));
                match code {
                    ErrorCode::MethodNotAllowed => refusal.header("allow", "DELETE").version(Some(version)),
                    _ => refusal.version(Some(version)),
                }
            }
            StateError::Corrupt(_) | StateError::Storage(_) => {
                tracing::error!(target: "s3", "{error}");
                Refusal::new(code)
            }
            _ => Refusal::new(code),
        }
    }
}

impl Refusal {
    fn version(self, version: Option<Version>) -> Refusal {
        match version {
            Some(version) => self.header("x-amz-version-id", version.to_string()),
            None => self,
        }
    }
}

impl From<BlobFault> for Refusal {
    fn from(fault: BlobFault) -> Refusal {
        tracing::error!(target: "s3", "{fault}");
        match fault {
            BlobFault::Io { error: IoError::NoSpace, .. } => Refusal::new(ErrorCode::StorageQuotaExceeded),
            _ => Refusal::new(ErrorCode::InternalError),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        match fault {
            Fault::State(error) => error.into(),
            Fault::Blob(fault) => fault.into(),
            Fault::Write(WriteError::Io { error: IoError::NoSpace, .. }) => {
                Refusal::new(ErrorCode::StorageQuotaExceeded)
            }
            Fault::Write(WriteError::QueueFull) | Fault::Busy => Refusal::new(ErrorCode::SlowDown),
            Fault::Write(WriteError::Closed) | Fault::Ended => Refusal::new(ErrorCode::ServiceUnavailable),
            Fault::Write(error) => {
                tracing::error!(target: "s3", "metadata cannot be written: {error}");
                Refusal::new(ErrorCode::InternalError)
            }
        }
    }
}

/// What a request is answered with.
pub(crate) type Answer = Result<Response<Reply>, Refusal>;

/// Sets a header; characters that cannot stand in one are percent-encoded.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let plain = if value.is_ascii() {
        HeaderValue::from_str(value)
    } else {
        HeaderValue::from_bytes(&dolmen_s3::head::bytes_of(value))
    };
    let value = plain.unwrap_or_else(|_| {
        let clean: String = value
            .bytes()
            .map(|byte| match byte {
                b' '..=b'~' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect();
        HeaderValue::from_str(&clean).unwrap_or(HeaderValue::from_static(""))
    });
    headers.insert(name, value);
}

/// A head that is filled and gets a body.
pub(crate) struct Head(Response<Reply>);

impl Head {
    pub fn new(status: u16) -> Head {
        let mut response = Response::new(Reply::Empty);
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        Head(response)
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Head {
        put(self.0.headers_mut(), HeaderName::from_static(name), value.as_ref());
        self
    }

    #[must_use]
    pub fn maybe(self, name: &'static str, value: Option<impl AsRef<str>>) -> Head {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A header whose name came from outside.
    #[must_use]
    pub fn named(mut self, name: &str, value: &str) -> Head {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            put(self.0.headers_mut(), name, value);
        }
        self
    }

    #[must_use]
    pub fn version(self, version: Option<Version>) -> Head {
        self.maybe("x-amz-version-id", version.map(|version| version.to_string()))
    }

    pub fn body(mut self, body: impl Into<Reply>) -> Response<Reply> {
        *self.0.body_mut() = body.into();
        self.0
    }

    pub fn xml(self, document: &impl Document) -> Response<Reply> {
        self.xml_url(document, false)
    }

    /// A document whose keys are percent-encoded if the client asked for that.
    pub fn xml_url(self, document: &impl Document, url: bool) -> Response<Reply> {
        self.with("content-type", "application/xml").body(document.to_xml(url))
    }

    pub fn empty(self) -> Response<Reply> {
        self.0
    }
}

/// A time as headers have it.
pub(crate) fn http_date(ms: u64) -> String {
    stamp(ms).http_date().to_string()
}

/// A time as bodies have it.
pub(crate) fn stamp(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}
