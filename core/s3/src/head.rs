//! What the header of a request says about the object that it makes, and on which conditions.
//!
//! Source: "PutObject", "CopyObject", "DeleteObject" and "Object metadata" of Amazon S3's API reference and user guide.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::error::ErrorCode;
use crate::request::Headers;
use crate::state::condition::{DeleteCondition, EtagCondition, ReadCondition, WriteCondition};
use crate::state::record::{LockMode, Retention};
use crate::time::Timestamp;

/// Headers that an object keeps and gives back, besides `x-amz-meta-*`.
pub const KEPT: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-website-redirect-location",
];
/// Begins names of metadata.
pub const META: &str = "x-amz-meta-";
/// Bytes of names and values of an object's metadata together.
pub const META_LEN_MAX: usize = 2048;
/// The media type of an object that was put without one.
pub const TYPE_DEFAULT: &str = "binary/octet-stream";

/// The headers that an object keeps, names in lower case. `aws-chunked` is how the body came and no property of the object.
///
/// # Errors
///
/// `MetadataTooLarge`, `InvalidArgument` for a redirect that is neither a path nor a URL.
pub fn kept(headers: Headers<'_>) -> Result<Vec<(String, String)>, ErrorCode> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut meta_len = 0;
    for &(name, value) in headers.0 {
        let meta = name.strip_prefix(META);
        if meta.is_none() && !KEPT.contains(&name) {
            continue;
        }
        let mut text = text_of(value);
        match name {
            "content-encoding" if text.split(',').any(|coding| coding.trim() == "aws-chunked") => {
                let codings = text.split(',').map(str::trim).filter(|coding| *coding != "aws-chunked");
                let codings: Vec<&str> = codings.filter(|coding| !coding.is_empty()).collect();
                if codings.is_empty() {
                    continue;
                }
                text = codings.join(", ");
            }
            "x-amz-website-redirect-location" => {
                let known = ["/", "http://", "https://"].iter().any(|start| text.starts_with(start));
                if !known || text.len() > META_LEN_MAX {
                    return Err(ErrorCode::InvalidArgument);
                }
            }
            _ => {}
        }
        meta_len += meta.map_or(0, |meta| meta.len() + text.len());
        if meta_len > META_LEN_MAX {
            return Err(ErrorCode::MetadataTooLarge);
        }
        match out.iter_mut().find(|(there, _)| there == name) {
            Some((_, there)) => {
                there.push(',');
                there.push_str(&text);
            }
            None => out.push((name.into(), text)),
        }
    }
    Ok(out)
}

/// Bytes that are no UTF-8 are kept as characters from here on, which nobody else uses.
const RAW: u32 = 0xf700;

/// A value as text. It need not be UTF-8: [`bytes_of`] gives the same bytes back.
fn text_of(value: &[u8]) -> String {
    match core::str::from_utf8(value) {
        Ok(text) => text.trim().into(),
        Err(_) => {
            let kept = |&byte: &u8| match byte {
                0..0x80 => char::from(byte),
                _ => char::from_u32(RAW + u32::from(byte)).unwrap_or('?'),
            };
            value.iter().map(kept).collect::<String>().trim().into()
        }
    }
}

/// The bytes of a value that an object keeps, as the client sent them.
pub fn bytes_of(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c)
            .checked_sub(RAW)
            .and_then(|byte| u8::try_from(byte).ok())
            .filter(|byte| *byte >= 0x80)
        {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

/// Retention and legal hold that a put asks for.
///
/// # Errors
///
/// `InvalidArgument` for half of a retention and for values that are none; `NotImplemented` for event holds.
pub fn lock(headers: Headers<'_>) -> Result<(Option<Retention>, bool), ErrorCode> {
    let mode = match headers.get("x-amz-object-lock-mode") {
        None => None,
        Some("GOVERNANCE") => Some(LockMode::Governance),
        Some("COMPLIANCE") => Some(LockMode::Compliance),
        Some(_) => return Err(ErrorCode::InvalidArgument),
    };
    let until = match headers.get("x-amz-object-lock-retain-until-date") {
        None => None,
        Some(text) => Some(time(Timestamp::parse_iso8601(text)).ok_or(ErrorCode::InvalidArgument)?),
    };
    let retention = match (mode, until) {
        (Some(mode), Some(until_ms)) => Some(Retention { mode, until_ms }),
        (None, None) => None,
        _ => return Err(ErrorCode::InvalidArgument),
    };
    let hold = match headers.get("x-amz-object-lock-legal-hold") {
        None | Some("OFF") => false,
        Some("ON") => true,
        Some(_) => return Err(ErrorCode::InvalidArgument),
    };
    event_hold(headers)?;
    Ok((retention, hold))
}

/// Headers that ask for an event hold.
const EVENT_HOLD: [&str; 3] = [
    "x-amz-object-lock-event-hold",
    "x-amz-object-lock-event-hold-duration-days",
    "x-amz-object-lock-event-hold-duration-years",
];

/// Event holds are not kept: a client that asks for one is not to think that its object is held.
fn event_hold(headers: Headers<'_>) -> Result<(), ErrorCode> {
    let mut is_asked = false;
    for name in EVENT_HOLD {
        let Some(text) = headers.get(name) else { continue };
        let fits = match name {
            "x-amz-object-lock-event-hold" => matches!(text, "ON" | "OFF"),
            _ => text.parse::<u32>().is_ok(),
        };
        if !fits {
            return Err(ErrorCode::InvalidArgument);
        }
        is_asked = true;
    }
    if is_asked { Err(ErrorCode::NotImplemented) } else { Ok(()) }
}

fn time(stamp: Option<Timestamp>) -> Option<u64> {
    stamp.and_then(|stamp| u64::try_from(stamp.unix_ms()).ok())
}

/// What a put, a copy or the completion of an upload asks of what is there.
pub fn write_condition(headers: Headers<'_>) -> WriteCondition {
    WriteCondition {
        if_match: headers.get("if-match").map(EtagCondition::parse),
        if_none_match: headers.get("if-none-match").map(EtagCondition::parse),
    }
}

/// What a delete asks of what is there.
///
/// # Errors
///
/// `InvalidArgument` for a time or a size that is none.
pub fn delete_condition(headers: Headers<'_>) -> Result<DeleteCondition, ErrorCode> {
    let if_modified_ms = match headers.get("x-amz-if-match-last-modified-time") {
        None => None,
        Some(text) => {
            let stamp = Timestamp::parse_http_date(text).or_else(|| Timestamp::parse_iso8601(text));
            Some(time(stamp).ok_or(ErrorCode::InvalidArgument)?)
        }
    };
    let if_size = match headers.get("x-amz-if-match-size") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| ErrorCode::InvalidArgument)?),
    };
    Ok(DeleteCondition {
        if_match: headers.get("if-match").map(EtagCondition::parse),
        if_modified_ms,
        if_size,
    })
}

/// The second in which an upload that is to be given up must have begun.
///
/// # Errors
///
/// `InvalidArgument` for a time that is none.
pub fn initiated_s(headers: Headers<'_>) -> Result<Option<u64>, ErrorCode> {
    let Some(text) = headers.get("x-amz-if-match-initiated-time") else { return Ok(None) };
    let stamp = Timestamp::parse_http_date(text).or_else(|| Timestamp::parse_iso8601(text));
    Ok(Some(time(stamp).ok_or(ErrorCode::InvalidArgument)? / 1000))
}

/// What a read asks of its object; or a copy of its source, with `prefix` in front of the names: `x-amz-copy-source-` or
/// `x-amz-rename-source-`. Times that
/// cannot be read are ignored, as everywhere in HTTP.
pub fn read_condition(headers: Headers<'_>, prefix: &str) -> ReadCondition {
    let get = |name: &str| headers.get(&[prefix, name].concat());
    let date = |name: &str| time(get(name).and_then(Timestamp::parse_http_date));
    ReadCondition {
        if_match: get("if-match").map(EtagCondition::parse),
        if_none_match: get("if-none-match").map(EtagCondition::parse),
        modified_since_ms: date("if-modified-since"),
        unmodified_since_ms: date("if-unmodified-since"),
    }
}

/// The storage class that a put asks for; empty: none.
///
/// # Errors
///
/// `InvalidStorageClass`, also for the classes of other kinds of buckets, of appliances and of backups, which no put may ask for.
pub fn storage_class(headers: Headers<'_>) -> Result<String, ErrorCode> {
    use crate::body::StorageClass::{
        AwsBackupLowCostWarm, AwsBackupWarm, ExpressOnezone, FsxOntap, FsxOpenzfs, Outposts, Snow,
    };
    let Some(text) = headers.get("x-amz-storage-class") else { return Ok(String::new()) };
    match crate::body::StorageClass::parse(text).ok_or(ErrorCode::InvalidStorageClass)? {
        Outposts | Snow | ExpressOnezone | FsxOpenzfs | FsxOntap | AwsBackupWarm | AwsBackupLowCostWarm => {
            Err(ErrorCode::InvalidStorageClass)
        }
        class => Ok(class.as_str().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_an_object_keeps() {
        let long = [b'x'; 2048];
        let lines: &[(&str, &[u8])] = &[
            ("host", b"localhost"),
            ("content-type", b"text/plain"),
            ("content-encoding", b"aws-chunked, gzip"),
            ("x-amz-meta-a", b" 1 "),
            ("x-amz-meta-a", b"2"),
            ("x-amz-meta-latin", b"\xe9"),
        ];
        let want = [
            ("content-type", "text/plain"),
            ("content-encoding", "gzip"),
            ("x-amz-meta-a", "1,2"),
            ("x-amz-meta-latin", "\u{f7e9}"),
        ];
        assert_eq!(bytes_of("\u{f7e9} \u{e9}"), b"\xe9 \xc3\xa9");
        let want: Vec<(String, String)> = want.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        assert_eq!(kept(Headers(lines)), Ok(want));
        assert_eq!(kept(Headers(&[("content-encoding", b"aws-chunked")])), Ok(vec![]));
        assert_eq!(kept(Headers(&[("x-amz-meta-a", &long)])), Err(ErrorCode::MetadataTooLarge));
        assert!(kept(Headers(&[("x-amz-meta-a", &long[..2047])])).is_ok());
        let redirect = |to: &'static [u8]| kept(Headers(&[("x-amz-website-redirect-location", to)])).is_ok();
        assert!(redirect(b"/a") && redirect(b"https://a") && !redirect(b"javascript:1"));
    }

    #[test]
    fn locks_are_whole() {
        let mode: (&str, &[u8]) = ("x-amz-object-lock-mode", b"GOVERNANCE");
        let until: (&str, &[u8]) = ("x-amz-object-lock-retain-until-date", b"1970-01-01T00:00:01Z");
        let whole = Retention { mode: LockMode::Governance, until_ms: 1000 };
        assert_eq!(lock(Headers(&[mode, until])), Ok((Some(whole), false)));
        assert_eq!(lock(Headers(&[mode])), Err(ErrorCode::InvalidArgument));
        assert_eq!(lock(Headers(&[until])), Err(ErrorCode::InvalidArgument));
        assert_eq!(lock(Headers(&[("x-amz-object-lock-legal-hold", b"ON")])), Ok((None, true)));
        assert!(lock(Headers(&[("x-amz-object-lock-legal-hold", b"on")])).is_err());
    }

    /// What is not kept is not said to be kept; what is no value is an error whether it is kept or not.
    #[test]
    fn event_holds_are_refused() {
        let asked = |name: &str, value: &[u8]| lock(Headers(&[(name, value)]));
        let name = "x-amz-object-lock-event-hold";
        assert_eq!(asked(name, b"ON"), Err(ErrorCode::NotImplemented));
        assert_eq!(asked(name, b"perhaps"), Err(ErrorCode::InvalidArgument));
        let name = "x-amz-object-lock-event-hold-duration-days";
        assert_eq!(asked(name, b"7"), Err(ErrorCode::NotImplemented));
        assert_eq!(asked(name, b"99999999999999999999"), Err(ErrorCode::InvalidArgument));
    }

    #[test]
    fn classes_of_other_buckets_are_none() {
        let class = |class: &'static [u8]| storage_class(Headers(&[("x-amz-storage-class", class)]));
        assert_eq!(class(b"GLACIER_IR"), Ok("GLACIER_IR".into()));
        for none in
            [&b"EXPRESS_ONEZONE"[..], b"OUTPOSTS", b"SNOW", b"FSX_ONTAP", b"AWS_BACKUP_WARM", b"standard"]
        {
            assert_eq!(class(none), Err(ErrorCode::InvalidStorageClass));
        }
    }
}
