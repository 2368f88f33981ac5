//! Conditions of reading, copying, writing and deleting.
//!
//! | request | condition | holds not |
//! |---|---|---|
//! | read | `If-Match`; without it `If-Unmodified-Since` | 412 |
//! | read | `If-None-Match`; without it `If-Modified-Since` | 304 |
//! | copy, rename: the source | the same, as `x-amz-copy-source-if-..` | 412 |
//! | write | `If-Match` | 404 if there is no object, else 412 |
//! | write | `If-None-Match` | 412 |
//! | delete | `If-Match`, `x-amz-if-match-last-modified-time`, `x-amz-if-match-size` | 412; nothing if there is no object |
//!
//! Times are compared in whole seconds, as headers have them; a time that cannot be read is as if it were not there. Source: RFC 9110,
//! section 13; "Conditional requests", Amazon S3 user guide.

use alloc::string::ToString;
use core::fmt;

use crate::error::{ErrorCode, error_codes};
use crate::etag::ETag;
use crate::payload::parse_len;
use crate::request::Headers;
use crate::time::Timestamp;

/// What is known of the object that a condition is about.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its tag; `None` for a delete marker, which no tag matches.
    pub etag: Option<&'a ETag>,
    /// When it was made.
    pub modified: Timestamp,
    /// Its bytes.
    pub size: u64,
}

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConditionError {
    /// The reader has it already.
    NotModified,
    /// A condition does not hold; its header in lower case.
    Failed(&'static str),
    /// A write over an object that is not there.
    NoObject,
}

impl ConditionError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NotModified => ErrorCode::NotModified,
            Self::Failed(_) => ErrorCode::PreconditionFailed,
            Self::NoObject => ErrorCode::NoSuchKey,
        }
    }
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotModified => f.write_str("not modified"),
            Self::Failed(condition) => write!(f, "{condition} does not hold"),
            Self::NoObject => f.write_str("if-match, and there is no object"),
        }
    }
}

error_codes!(ConditionError);

/// The names of the four headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Names {
    matches: &'static str,
    none: &'static str,
    modified: &'static str,
    unmodified: &'static str,
}

const PLAIN: Names = Names {
    matches: "if-match",
    none: "if-none-match",
    modified: "if-modified-since",
    unmodified: "if-unmodified-since",
};
const COPY: Names = Names {
    matches: "x-amz-copy-source-if-match",
    none: "x-amz-copy-source-if-none-match",
    modified: "x-amz-copy-source-if-modified-since",
    unmodified: "x-amz-copy-source-if-unmodified-since",
};
const RENAME: Names = Names {
    matches: "x-amz-rename-source-if-match",
    none: "x-amz-rename-source-if-none-match",
    modified: "x-amz-rename-source-if-modified-since",
    unmodified: "x-amz-rename-source-if-unmodified-since",
};

/// The four conditions that a request may have on one object.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    names: &'static Names,
    matches: Option<&'a str>,
    none: Option<&'a str>,
    modified: Option<Timestamp>,
    unmodified: Option<Timestamp>,
}

impl<'a> Conditions<'a> {
    /// On the object of the request.
    pub fn read(headers: Headers<'a>) -> Self {
        Self::named(headers, &PLAIN)
    }

    /// On the source of a copy.
    pub fn copy_source(headers: Headers<'a>) -> Self {
        Self::named(headers, &COPY)
    }

    /// On the source of a rename.
    pub fn rename_source(headers: Headers<'a>) -> Self {
        Self::named(headers, &RENAME)
    }

    fn named(headers: Headers<'a>, names: &'static Names) -> Self {
        let time = |name| headers.get(name).and_then(Timestamp::parse_http_date);
        Conditions {
            names,
            matches: headers.get(names.matches),
            none: headers.get(names.none),
            modified: time(names.modified),
            unmodified: time(names.unmodified),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.matches.is_none() && self.none.is_none() && self.modified.is_none() && self.unmodified.is_none()
    }

    /// For GET and HEAD.
    ///
    /// # Errors
    ///
    /// [`ConditionError`].
    pub fn check_read(&self, facts: &Facts<'_>) -> Result<(), ConditionError> {
        let changed = facts.modified.whole_second();
        match (self.matches, self.unmodified) {
            (Some(tags), _) if !names(tags, facts) => return Err(ConditionError::Failed(self.names.matches)),
            (None, Some(time)) if changed > time => {
                return Err(ConditionError::Failed(self.names.unmodified));
            }
            _ => {}
        }
        match (self.none, self.modified) {
            (Some(tags), _) if names(tags, facts) => Err(ConditionError::NotModified),
            (None, Some(time)) if changed <= time => Err(ConditionError::NotModified),
            _ => Ok(()),
        }
    }

    /// For the source of a copy or a rename: what is not modified has failed too.
    ///
    /// # Errors
    ///
    /// [`ConditionError::Failed`].
    pub fn check_source(&self, facts: &Facts<'_>) -> Result<(), ConditionError> {
        self.check_read(facts).map_err(|error| match error {
            ConditionError::NotModified if self.none.is_some() => ConditionError::Failed(self.names.none),
            ConditionError::NotModified => ConditionError::Failed(self.names.modified),
            error => error,
        })
    }

    /// For a write to a key, given what is there; `None` if nothing is, or a delete marker.
    ///
    /// # Errors
    ///
    /// [`ConditionError`].
    pub fn check_write(&self, current: Option<&Facts<'_>>) -> Result<(), ConditionError> {
        match (self.matches, current) {
            (Some(_), None) => return Err(ConditionError::NoObject),
            (Some(tags), Some(facts)) if !names(tags, facts) => {
                return Err(ConditionError::Failed(self.names.matches));
            }
            _ => {}
        }
        match (self.none, current) {
            (Some(tags), Some(facts)) if names(tags, facts) => Err(ConditionError::Failed(self.names.none)),
            _ => Ok(()),
        }
    }
}

/// The conditions of a delete, from its header or from an entry of DeleteObjects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteConditions {
    /// The tag that it must have; `*` is [`ETag::Other`].
    pub etag: Option<ETag>,
    /// When it must have been made.
    pub modified: Option<Timestamp>,
    /// The bytes that it must have.
    pub size: Option<u64>,
}

impl DeleteConditions {
    /// From a request's header. A size that is no number matches nothing.
    pub fn read(headers: Headers<'_>) -> Self {
        let time = headers.get("x-amz-if-match-last-modified-time");
        let time =
            time.and_then(|text| Timestamp::parse_http_date(text).or_else(|| Timestamp::parse_iso8601(text)));
        DeleteConditions {
            etag: headers.get("if-match").map(ETag::parse),
            modified: time,
            size: headers.get("x-amz-if-match-size").map(|text| parse_len(text).unwrap_or(u64::MAX)),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// For what a delete would remove or hide; `None` if there is nothing, which is no error.
    ///
    /// # Errors
    ///
    /// [`ConditionError::Failed`].
    pub fn check(&self, current: Option<&Facts<'_>>) -> Result<(), ConditionError> {
        let Some(facts) = current else { return Ok(()) };
        if self.etag.as_ref().is_some_and(|tag| !is_any(tag) && Some(tag) != facts.etag) {
            return Err(ConditionError::Failed("if-match"));
        }
        if self.modified.is_some_and(|time| time.whole_second() != facts.modified.whole_second()) {
            return Err(ConditionError::Failed("x-amz-if-match-last-modified-time"));
        }
        if self.size.is_some_and(|size| size != facts.size) {
            return Err(ConditionError::Failed("x-amz-if-match-size"));
        }
        Ok(())
    }
}

fn is_any(tag: &ETag) -> bool {
    matches!(tag, ETag::Other(text) if &**text == "*")
}

/// Whether a list of tags, with or without quotation marks, weak or not, names the object's.
fn names(tags: &str, facts: &Facts<'_>) -> bool {
    let own = facts.etag.map(|tag| tag.to_string());
    tags.split(',').any(|tag| {
        let tag = tag.trim();
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let bare = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(tag);
        bare == "*" || own.as_deref() == Some(bare)
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const TAG: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn with<R>(headers: &[(&str, &str)], body: impl FnOnce(Headers<'_>) -> R) -> R {
        let headers: Vec<_> = headers.iter().map(|&(name, value)| (name, value.as_bytes())).collect();
        body(Headers(&headers))
    }

    /// Half a second after [`AT`].
    fn facts(tag: &ETag) -> Facts<'_> {
        Facts { etag: Some(tag), modified: Timestamp::from_unix_ms(784_111_777_500), size: 5 }
    }

    #[test]
    fn reading() {
        let tag = ETag::parse(TAG);
        let read = |headers: &[(&str, &str)]| {
            with(headers, |headers| Conditions::read(headers).check_read(&facts(&tag)))
        };
        let failed = |name| Err(ConditionError::Failed(name));
        let not_modified = Err(ConditionError::NotModified);
        assert_eq!(read(&[]), Ok(()));
        assert_eq!(read(&[("if-match", TAG)]), Ok(()));
        assert_eq!(read(&[("if-match", "\"x\", *")]), Ok(()));
        assert_eq!(read(&[("if-match", "\"x\"")]), failed("if-match"));
        assert_eq!(read(&[("if-none-match", "\"x\", W/\"d41d8cd98f00b204e9800998ecf8427e\"")]), not_modified);
        assert_eq!(read(&[("if-none-match", "x")]), Ok(()));
        assert_eq!(read(&[("if-unmodified-since", BEFORE)]), failed("if-unmodified-since"));
        assert_eq!(read(&[("if-unmodified-since", AT)]), Ok(()));
        assert_eq!(read(&[("if-modified-since", AT)]), not_modified);
        assert_eq!(read(&[("if-modified-since", BEFORE)]), Ok(()));
        assert_eq!(read(&[("if-modified-since", "yesterday")]), Ok(()));
        // A tag beats a time.
        assert_eq!(read(&[("if-match", TAG), ("if-unmodified-since", BEFORE)]), Ok(()));
        assert_eq!(read(&[("if-none-match", "x"), ("if-modified-since", AT)]), Ok(()));
        assert_eq!(read(&[("if-none-match", TAG), ("if-modified-since", BEFORE)]), not_modified);
        // What must hold beats what the reader has.
        assert_eq!(read(&[("if-match", "x"), ("if-none-match", TAG)]), failed("if-match"));
    }

    #[test]
    fn sources() {
        let tag = ETag::parse(TAG);
        let source = |name, value| {
            with(&[(name, value)], |headers| {
                let copy = Conditions::copy_source(headers);
                assert!(Conditions::read(headers).is_empty());
                copy.check_source(&facts(&tag))
            })
        };
        for (name, value) in
            [("x-amz-copy-source-if-none-match", TAG), ("x-amz-copy-source-if-modified-since", AT)]
        {
            assert_eq!(source(name, value), Err(ConditionError::Failed(name)));
        }
        assert_eq!(source("x-amz-copy-source-if-match", TAG), Ok(()));
    }

    #[test]
    fn writing() {
        let tag = ETag::parse(TAG);
        let there = facts(&tag);
        let write = |name, value, current: Option<&Facts<'_>>| {
            with(&[(name, value)], |headers| Conditions::read(headers).check_write(current))
        };
        assert_eq!(write("if-none-match", "*", None), Ok(()));
        assert_eq!(write("if-none-match", "*", Some(&there)), Err(ConditionError::Failed("if-none-match")));
        assert_eq!(write("if-none-match", TAG, Some(&there)), Err(ConditionError::Failed("if-none-match")));
        assert_eq!(write("if-none-match", "x", Some(&there)), Ok(()));
        assert_eq!(write("if-match", TAG, Some(&there)), Ok(()));
        assert_eq!(write("if-match", "x", Some(&there)), Err(ConditionError::Failed("if-match")));
        assert_eq!(write("if-match", "x", None), Err(ConditionError::NoObject));
        assert_eq!(write("if-match", "*", None), Err(ConditionError::NoObject));
    }

    #[test]
    fn deleting() {
        let tag = ETag::parse(TAG);
        let there = facts(&tag);
        let marker = Facts { etag: None, ..there };
        let delete = |name, value, current: Option<&Facts<'_>>| {
            with(&[(name, value)], |headers| DeleteConditions::read(headers).check(current).is_ok())
        };
        for (name, right, wrong) in [
            ("if-match", TAG, "x"),
            ("x-amz-if-match-last-modified-time", AT, BEFORE),
            ("x-amz-if-match-size", "5", "-5"),
        ] {
            assert!(delete(name, right, Some(&there)), "{name}");
            assert!(!delete(name, wrong, Some(&there)), "{name}");
            assert!(delete(name, wrong, None), "{name}");
        }
        assert!(delete("if-match", "*", Some(&marker)));
        assert!(!delete("if-match", TAG, Some(&marker)));
    }
}
