//! The one error of this crate.

use dolmen_kafka::eos::decide::{class, is_fenced};
use dolmen_kafka::eos::{Class, Phase};

use crate::client::Failure;

/// What went wrong, by what can be done about it.
#[derive(Clone, Debug)]
pub enum Error {
    /// The same thing may be tried again.
    Retry(String),
    /// The transaction must be aborted; the next one may work.
    Abort(String),
    /// This producer can do nothing more.
    Fatal {
        /// Whether that is so since another producer has its transactional id.
        is_fenced: bool,
        /// Why.
        why: String,
    },
}

impl Error {
    /// The error of a client in this phase.
    pub fn of(phase: Phase, failure: Failure) -> Error {
        match class(phase, failure.fault) {
            Class::Retry => Error::Retry(failure.why),
            Class::Abort => Error::Abort(failure.why),
            Class::Fatal => Error::Fatal { is_fenced: is_fenced(phase, failure.fault), why: failure.why },
        }
    }

    /// A fatal one.
    pub fn fatal(why: impl Into<String>) -> Error {
        Error::Fatal { is_fenced: false, why: why.into() }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Retry(why) => write!(f, "{why}; it may work when tried again"),
            Error::Abort(why) => write!(f, "{why}; the transaction must be aborted"),
            Error::Fatal { is_fenced: true, why } => {
                write!(f, "{why}: another producer runs under this transactional id")
            }
            Error::Fatal { why, .. } => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}
