//! The parts of an HTTP request that this crate looks at, as the adapter lends them.

use core::fmt;

/// A method of HTTP that S3 knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// PUT
    Put,
    /// POST
    Post,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
}

impl Method {
    /// The method with this name.
    pub fn from_name(name: &str) -> Option<Method> {
        Some(match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "POST" => Self::Post,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One line of the header: the name in lower case, the value as it came.
pub type Header<'a> = (&'a str, &'a [u8]);

/// The lines of a header in their order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a>(pub &'a [Header<'a>]);

impl<'a> Headers<'a> {
    /// The values of a name (in lower case), in their order.
    pub fn all<'n>(self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.0.iter().filter(move |header| header.0 == name).map(|header| header.1)
    }

    /// The first value of a name as text, without the blanks around it; `None` if there is none or it is no UTF-8.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.all(name).next().and_then(|value| core::str::from_utf8(value).ok()).map(str::trim)
    }

    /// Whether there is such a line.
    pub fn has(self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}
