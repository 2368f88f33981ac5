//! What goes wrong, as a sentence that names what it is about: `what: why`.

use std::fmt::{self, Display};

/// A sentence for people.
#[derive(Debug)]
pub struct Fault(String);

/// What can go wrong here.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    /// A sentence.
    pub fn new(text: impl Display) -> Fault {
        Fault(text.to_string())
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Fault {
                Fault::new(error)
            }
        })*
    };
}

from!(
    std::io::Error,
    dolmen_llm::LoadError,
    dolmen_llm::StepError,
    dolmen_text::json::ReadError,
    dolmen_tokenizer::error::LoadError
);

/// Says what a failure is about.
pub trait Context<T> {
    /// Puts this in front.
    ///
    /// # Errors
    ///
    /// The same failure, with this in front.
    fn context(self, what: impl Display) -> Result<T>;

    /// Puts what this makes in front.
    ///
    /// # Errors
    ///
    /// The same failure, with this in front.
    fn with_context<D: Display>(self, what: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Display> Context<T> for Result<T, E> {
    fn context(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Fault(format!("{what}: {error}")))
    }

    fn with_context<D: Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| Fault(format!("{}: {error}", what())))
    }
}

/// A fault of a format string.
macro_rules! fault {
    ($($text:tt)*) => {
        $crate::fault::Fault::new(format_args!($($text)*))
    };
}

/// Returns a fault unless a condition holds.
macro_rules! ensure {
    ($holds:expr, $($text:tt)*) => {
        if !$holds {
            return Err($crate::fault::fault!($($text)*));
        }
    };
}

pub(crate) use {ensure, fault};
