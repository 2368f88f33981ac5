//! What goes wrong, as clients are told.

use std::fmt::Display;

/// A status code and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status.
    pub status: u16,
    /// What was expected, found, and what to do.
    pub text: String,
}

impl Failure {
    /// The request makes no sense.
    pub fn bad(text: impl Display) -> Self {
        Failure { status: 400, text: text.to_string() }
    }

    /// What is named is not there.
    pub fn missing(text: impl Display) -> Self {
        Failure { status: 404, text: text.to_string() }
    }

    /// What is named is there already.
    pub fn exists(text: impl Display) -> Self {
        Failure { status: 409, text: text.to_string() }
    }

    /// The service could not.
    pub fn broken(text: impl Display) -> Self {
        Failure { status: 500, text: text.to_string() }
    }
}

impl From<dolmen_hnsw::error::Error> for Failure {
    fn from(error: dolmen_hnsw::error::Error) -> Self {
        use dolmen_hnsw::error::Error;
        match error {
            Error::Invalid(_) | Error::Limit { .. } => Failure::bad(error),
            _ => Failure::broken(error),
        }
    }
}

impl From<dolmen_store::StoreError> for Failure {
    fn from(error: dolmen_store::StoreError) -> Self {
        Failure::broken(error)
    }
}

impl From<dolmen_store::WriteError> for Failure {
    fn from(error: dolmen_store::WriteError) -> Self {
        Failure::broken(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::broken(error)
    }
}
