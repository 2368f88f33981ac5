//! Tags of objects and buckets.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::{Code, StateError};
use crate::encoding::unpercent_text;
use crate::limits::{BUCKET_TAGS_MAX, OBJECT_TAGS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};

/// What tags are put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// An object: at most ten.
    Object,
    /// A bucket: at most fifty.
    Bucket,
}

/// Tags that may be put, in the order of their keys.
///
/// # Errors
/// `InvalidTag`: too many, too long, an empty key, a key twice, a key of Amazon's own, or a character that tags cannot have.
pub fn check(mut tags: Vec<(String, String)>, on: On) -> Result<Vec<(String, String)>, StateError> {
    let max = if on == On::Object { OBJECT_TAGS_MAX } else { BUCKET_TAGS_MAX };
    tags.sort();
    let long = |text: &str, max: usize| text.chars().count() > max;
    let plain = |text: &str| !text.chars().any(char::is_control);
    let wrong = tags.len() > max
        || tags.windows(2).any(|pair| pair[0].0 == pair[1].0)
        || tags.iter().any(|(key, value)| {
            key.is_empty()
                || key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
                || long(key, TAG_KEY_CHARS_MAX)
                || long(value, TAG_VALUE_CHARS_MAX)
                || !plain(key)
                || !plain(value)
        });
    if wrong { Err(Code::InvalidTag.into()) } else { Ok(tags) }
}

/// Tags of the header `x-amz-tagging`, in the form of a query.
///
/// # Errors
/// `InvalidArgument` for a header that is no query, and those of [`check`].
pub fn of_header(value: &str) -> Result<Vec<(String, String)>, StateError> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        unpercent_text(spaced.as_bytes()).map(|text| String::from(&*text)).ok_or(Code::InvalidArgument)
    };
    let mut tags = Vec::new();
    for pair in value.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        tags.push((decode(key)?, decode(value)?));
        if tags.len() > OBJECT_TAGS_MAX {
            return Err(Code::InvalidTag.into());
        }
    }
    check(tags, On::Object)
}
