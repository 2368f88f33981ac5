//! Conditions of writes, of deletes and of copy sources.
//!
//! Reads have their own rules (304 against 412); here a condition that does not hold refuses the request.

use alloc::vec::Vec;

use super::error::{Code, StateError};
use super::record::Listed;
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
        if value.trim() == "*" {
            return EtagCondition::Any;
        }
        let bare = |tag: &str| ETag::parse(tag.trim().trim_start_matches("W/"));
        EtagCondition::OneOf(value.split(',').map(bare).collect())
    }

    fn matches(&self, listed: &Listed) -> bool {
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
        let latest = latest.filter(|listed| listed.kind == super::record::VersionKind::Object);
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
        let marker = found.kind == super::record::VersionKind::DeleteMarker;
        let tag = self.if_match.as_ref().is_none_or(|wanted| match wanted {
            EtagCondition::Any => true,
            EtagCondition::OneOf(_) => !marker && wanted.matches(found),
        });
        let time = self.if_modified_ms.is_none_or(|wanted| wanted / 1000 == found.modified_ms / 1000);
        let size = self.if_size.is_none_or(|wanted| !marker && wanted == found.size);
        if tag && time && size { Ok(()) } else { Err(Code::PreconditionFailed.into()) }
    }
}

/// `x-amz-copy-source-if-*`, and the source conditions of a rename.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceCondition {
    /// It must have one of these tags; then `unmodified_since_ms` is not looked at.
    pub if_match: Option<EtagCondition>,
    /// It must have none of these; then `modified_since_ms` is not looked at.
    pub if_none_match: Option<EtagCondition>,
    /// It must be newer.
    pub modified_since_ms: Option<u64>,
    /// It must not be newer.
    pub unmodified_since_ms: Option<u64>,
}

impl SourceCondition {
    /// Whether the source may be used.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub fn check(&self, source: &Listed) -> Result<(), StateError> {
        let seconds = source.modified_ms / 1000;
        let holds = match (&self.if_match, self.unmodified_since_ms) {
            (Some(wanted), _) => wanted.matches(source),
            (None, Some(time)) => seconds <= time / 1000,
            (None, None) => true,
        };
        let also = match (&self.if_none_match, self.modified_since_ms) {
            (Some(unwanted), _) => !unwanted.matches(source),
            (None, Some(time)) => seconds > time / 1000,
            (None, None) => true,
        };
        if holds && also { Ok(()) } else { Err(Code::PreconditionFailed.into()) }
    }
}
