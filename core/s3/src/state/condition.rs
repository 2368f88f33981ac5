//! Conditions of reading, copying, writing and deleting, over what the store knows of an object. [`crate::head`] reads them.
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
//! Times are compared in whole seconds, as headers have them. Source: RFC 9110, section 13; "Conditional requests", Amazon S3 user guide.

use alloc::vec::Vec;

use super::error::{Code, StateError};
use super::record::{Listed, VersionKind};
use crate::etag::ETag;

/// The value of an `If-Match` or `If-None-Match` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtagCondition {
    /// `*`.
    Any,
    /// One of these.
    OneOf(Vec<ETag>),
}

impl EtagCondition {
    /// From a header's value: `*`, or tags separated by commas, with or without quotes.
    pub fn parse(value: &str) -> EtagCondition {
        let tags = || value.split(',').map(str::trim);
        if tags().any(|tag| tag == "*") {
            return EtagCondition::Any;
        }
        EtagCondition::OneOf(tags().map(|tag| ETag::parse(tag.strip_prefix("W/").unwrap_or(tag))).collect())
    }

    pub(super) fn matches(&self, listed: &Listed) -> bool {
        match self {
            EtagCondition::Any => true,
            EtagCondition::OneOf(tags) => tags.contains(&listed.etag),
        }
    }
}

/// `If-Match` and `If-None-Match` of a put, a copy's destination, or a completed upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteCondition {
    /// The object must be there and have one of these tags.
    pub if_match: Option<EtagCondition>,
    /// The object must not be there with one of these tags.
    pub if_none_match: Option<EtagCondition>,
}

impl WriteCondition {
    /// Whether the write may go on over the key's latest version; a delete marker counts as nothing.
    ///
    /// # Errors
    /// `NoSuchKey` when there is nothing that could match, `PreconditionFailed` otherwise.
    pub fn check(&self, latest: Option<&Listed>) -> Result<(), StateError> {
        let latest = latest.filter(|listed| listed.kind == VersionKind::Object);
        if let Some(wanted) = &self.if_match {
            let Some(listed) = latest else { return Err(Code::NoSuchKey.into()) };
            if !wanted.matches(listed) {
                return Err(Code::PreconditionFailed.into());
            }
        }
        match (&self.if_none_match, latest) {
            (Some(unwanted), Some(listed)) if unwanted.matches(listed) => {
                Err(Code::PreconditionFailed.into())
            }
            _ => Ok(()),
        }
    }
}

/// Conditions of a delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteCondition {
    /// The tag it must have.
    pub if_match: Option<EtagCondition>,
    /// When it must have been put; whole seconds are compared.
    pub if_modified_ms: Option<u64>,
    /// The size it must have.
    pub if_size: Option<u64>,
}

impl DeleteCondition {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == DeleteCondition::default()
    }

    /// Whether what is there may be deleted. A delete marker has no tag and no size.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub fn check(&self, found: &Listed) -> Result<(), StateError> {
        let marker = found.kind == VersionKind::DeleteMarker;
        let tag = self.if_match.as_ref().is_none_or(|wanted| match wanted {
            EtagCondition::Any => true,
            EtagCondition::OneOf(_) => !marker && wanted.matches(found),
        });
        let time = self.if_modified_ms.is_none_or(|wanted| wanted / 1000 == found.modified_ms / 1000);
        let size = self.if_size.is_none_or(|wanted| !marker && wanted == found.size);
        if tag && time && size { Ok(()) } else { Err(Code::PreconditionFailed.into()) }
    }
}

/// Conditions of a read, and on the source of a copy (`x-amz-copy-source-if-*`) or a rename.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadCondition {
    /// It must have one of these tags; then `unmodified_since_ms` is not looked at.
    pub if_match: Option<EtagCondition>,
    /// It must have none of these; then `modified_since_ms` is not looked at.
    pub if_none_match: Option<EtagCondition>,
    /// It must be newer.
    pub modified_since_ms: Option<u64>,
    /// It must not be newer.
    pub unmodified_since_ms: Option<u64>,
}

impl ReadCondition {
    /// For GET and HEAD. What must hold beats what the reader has.
    ///
    /// # Errors
    /// `PreconditionFailed`; `NotModified` when the reader has it already.
    pub fn check_read(&self, listed: &Listed) -> Result<(), Code> {
        let seconds = listed.modified_ms / 1000;
        let holds = match (&self.if_match, self.unmodified_since_ms) {
            (Some(wanted), _) => wanted.matches(listed),
            (None, Some(time)) => seconds <= time / 1000,
            (None, None) => true,
        };
        let is_new = match (&self.if_none_match, self.modified_since_ms) {
            (Some(unwanted), _) => !unwanted.matches(listed),
            (None, Some(time)) => seconds > time / 1000,
            (None, None) => true,
        };
        match (holds, is_new) {
            (false, _) => Err(Code::PreconditionFailed),
            (true, false) => Err(Code::NotModified),
            (true, true) => Ok(()),
        }
    }

    /// For the source of a copy or a rename: what is not modified has failed too.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub fn check(&self, source: &Listed) -> Result<(), StateError> {
        self.check_read(source).map_err(|_| Code::PreconditionFailed.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Version;
    use super::*;
    use crate::head;
    use crate::request::Headers;

    const TAG: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn with<R>(headers: &[(&str, &str)], body: impl FnOnce(Headers<'_>) -> R) -> R {
        let headers: Vec<_> = headers.iter().map(|&(name, value)| (name, value.as_bytes())).collect();
        body(Headers(&headers))
    }

    /// Half a second after [`AT`].
    fn there(kind: VersionKind) -> Listed {
        Listed {
            kind,
            version: Version::Null,
            modified_ms: 784_111_777_500,
            size: 5,
            etag: ETag::parse(TAG),
            owner: "u".into(),
            storage_class: "STANDARD".into(),
            checksum: None,
        }
    }

    #[test]
    fn reading() {
        let read = |headers: &[(&str, &str)]| {
            with(headers, |headers| head::read_condition(headers, "").check_read(&there(VersionKind::Object)))
        };
        let (failed, not_modified) = (Err(Code::PreconditionFailed), Err(Code::NotModified));
        assert_eq!(read(&[]), Ok(()));
        assert_eq!(read(&[("if-match", TAG)]), Ok(()));
        assert_eq!(read(&[("if-match", "\"x\", *")]), Ok(()));
        assert_eq!(read(&[("if-match", "\"x\"")]), failed);
        assert_eq!(read(&[("if-none-match", "\"x\", W/\"d41d8cd98f00b204e9800998ecf8427e\"")]), not_modified);
        assert_eq!(read(&[("if-none-match", "x")]), Ok(()));
        assert_eq!(read(&[("if-unmodified-since", BEFORE)]), failed);
        assert_eq!(read(&[("if-unmodified-since", AT)]), Ok(()));
        assert_eq!(read(&[("if-modified-since", AT)]), not_modified);
        assert_eq!(read(&[("if-modified-since", BEFORE)]), Ok(()));
        assert_eq!(read(&[("if-modified-since", "yesterday")]), Ok(()));
        // A tag beats a time.
        assert_eq!(read(&[("if-match", TAG), ("if-unmodified-since", BEFORE)]), Ok(()));
        assert_eq!(read(&[("if-none-match", "x"), ("if-modified-since", AT)]), Ok(()));
        assert_eq!(read(&[("if-none-match", TAG), ("if-modified-since", BEFORE)]), not_modified);
        // What must hold beats what the reader has.
        assert_eq!(read(&[("if-match", "x"), ("if-none-match", TAG)]), failed);
    }

    #[test]
    fn sources() {
        let source = |name: &str, value| {
            let name = ["x-amz-copy-source-", name].concat();
            with(&[(&name, value)], |headers| {
                assert_eq!(head::read_condition(headers, ""), ReadCondition::default());
                head::read_condition(headers, "x-amz-copy-source-").check(&there(VersionKind::Object))
            })
        };
        assert_eq!(source("if-none-match", TAG), Err(Code::PreconditionFailed.into()));
        assert_eq!(source("if-modified-since", AT), Err(Code::PreconditionFailed.into()));
        assert_eq!(source("if-match", TAG), Ok(()));
    }

    #[test]
    fn writing() {
        let (there, marker) = (there(VersionKind::Object), there(VersionKind::DeleteMarker));
        let write = |name, value, latest: Option<&Listed>| {
            with(&[(name, value)], |headers| head::write_condition(headers).check(latest))
        };
        let failed = Err(Code::PreconditionFailed.into());
        for nothing in [None, Some(&marker)] {
            assert_eq!(write("if-none-match", "*", nothing), Ok(()));
            assert_eq!(write("if-match", TAG, nothing), Err(Code::NoSuchKey.into()));
            assert_eq!(write("if-match", "*", nothing), Err(Code::NoSuchKey.into()));
        }
        assert_eq!(write("if-none-match", "*", Some(&there)), failed);
        assert_eq!(write("if-none-match", TAG, Some(&there)), failed);
        assert_eq!(write("if-none-match", "x", Some(&there)), Ok(()));
        assert_eq!(write("if-match", TAG, Some(&there)), Ok(()));
        assert_eq!(write("if-match", "x", Some(&there)), failed);
    }

    #[test]
    fn deleting() {
        let (there, marker) = (there(VersionKind::Object), there(VersionKind::DeleteMarker));
        let delete = |name, value, found: &Listed| {
            with(&[(name, value)], |headers| {
                head::delete_condition(headers).is_ok_and(|condition| condition.check(found).is_ok())
            })
        };
        for (name, right, wrong) in [
            ("if-match", TAG, "x"),
            ("x-amz-if-match-last-modified-time", AT, BEFORE),
            ("x-amz-if-match-size", "5", "-5"),
        ] {
            assert!(delete(name, right, &there), "{name}");
            assert!(!delete(name, wrong, &there), "{name}");
        }
        assert!(delete("if-match", "*", &marker));
        assert!(!delete("if-match", TAG, &marker));
    }
}
