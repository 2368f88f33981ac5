//! Names: which path an object has, and which objects have none.

use dolmen_s3::error::ErrorCode;
use object_store::path::Path;

use crate::answer::Refusal;

/// The folder of a bucket below the base; both end with a slash unless they are empty.
pub(super) fn folder(base: &str, bucket: &str) -> String {
    format!("{base}{bucket}/")
}

/// The path of an object. Only what a path keeps as it is has one: no empty part, no `.` and `..`, no control character, no slash at an
/// end. So no key leaves its folder, and two keys never share a path.
pub(super) fn path(base: &str, bucket: &str, key: &str) -> Option<Path> {
    let whole = folder(base, bucket) + key;
    Path::parse(&whole).ok().filter(|path| path.as_ref() == whole && !key.is_empty())
}

/// What is said of a key without a path.
pub(super) fn refused(key: &str) -> Refusal {
    let text = "The gateway cannot keep this key exactly: keys there have no empty part, no . or .. between slashes, no control \
                characters, and no slash at their end.";
    Refusal::says(ErrorCode::InvalidArgument, text).field("ArgumentName", "key").field("ArgumentValue", key)
}

/// The base of a URL's path: parts between single slashes, with a slash at the end unless it is empty.
pub(super) fn base(path: &str) -> Result<String, String> {
    let bare = path.trim_matches('/');
    if bare.is_empty() {
        return Ok(String::new());
    }
    let parsed = Path::parse(bare).map_err(|error| error.to_string())?;
    if parsed.as_ref() == bare { Ok(format!("{bare}/")) } else { Err(format!("{path:?} is no plain path")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_own_path_or_none() {
        let path = |key: &str| path("base/", "box", key).map(|path| path.to_string());
        for key in ["a", "a/b.txt", "a b", "é/ü", "a%2Fb", "~", "a+b", "...", "a/..b"] {
            assert_eq!(path(key), Some(format!("base/box/{key}")));
        }
        let none =
            ["", ".", "..", "../x", "a/../b", "a/./b", "a//b", "/a", "a/", "/", "//", "a\nb", "\u{7f}"];
        for key in none {
            assert_eq!(path(key), None, "{key:?}");
        }
    }

    #[test]
    fn a_base_is_plain() {
        assert_eq!(base("/"), Ok(String::new()));
        assert_eq!(base("/a/b/"), Ok("a/b/".into()));
        for wrong in ["a//b", "../a", "a/./b"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }
}
