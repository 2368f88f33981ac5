//! The policy of a form: until when it is good, and what its fields may be.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dolmen_text::json::{Document, Value};

use super::Form;
use crate::encoding::unbase64;
use crate::error::{ErrorCode, error_codes};
use crate::limits::{FORM_FIELDS_LEN_MAX, POLICY_CONDITIONS_MAX};
use crate::time::Timestamp;

/// Why a form is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// The policy is not base64 of JSON in its form, or has a condition that is not known.
    Syntax,
    /// Its time is over.
    Expired,
    /// A field is not as a condition has it.
    Condition,
    /// A field that no condition names.
    Field,
    /// The file has fewer bytes than it must.
    TooSmall,
    /// The file has more bytes than it may.
    TooLarge,
}

impl PolicyError {
    /// What goes out.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Syntax => ErrorCode::InvalidPolicyDocument,
            Self::Expired | Self::Condition | Self::Field => ErrorCode::AccessDenied,
            Self::TooSmall => ErrorCode::EntityTooSmall,
            Self::TooLarge => ErrorCode::EntityTooLarge,
        }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "Invalid Policy: Invalid JSON or an unknown condition",
            Self::Expired => "Invalid according to Policy: Policy expired.",
            Self::Condition => "Invalid according to Policy: Policy Condition failed",
            Self::Field => "Invalid according to Policy: Extra input fields",
            Self::TooSmall => "Your proposed upload is smaller than the minimum allowed size",
            Self::TooLarge => "Your proposed upload exceeds the maximum allowed size",
        })
    }
}

error_codes!(PolicyError);

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPolicy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
    /// Bytes that the file may have.
    lens: (u64, u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    /// In lower case.
    field: String,
    value: String,
    /// The field begins with the value; otherwise it is the value.
    starts: bool,
}

/// Fields that no condition has to name: they say who signs, or are checked by themselves.
fn is_free(field: &str) -> bool {
    const FREE: [&str; 7] = [
        "policy",
        "signature",
        "awsaccesskeyid",
        "x-amz-signature",
        "x-amz-security-token",
        "x-amz-sdk-checksum-algorithm",
        "file",
    ];
    FREE.contains(&field) || field.starts_with("x-ignore-") || field.starts_with("x-amz-checksum-")
}

impl PostPolicy {
    /// Reads the policy as the form has it: base64.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Syntax`].
    pub fn parse(base64: &str) -> Result<PostPolicy, PolicyError> {
        if base64.len() > FORM_FIELDS_LEN_MAX {
            return Err(PolicyError::Syntax);
        }
        let json = unbase64(base64.as_bytes()).ok_or(PolicyError::Syntax)?;
        let document = Document::read(&json).map_err(|_| PolicyError::Syntax)?;
        let root = document.root();
        let expiration = root.get("expiration").and_then(Value::as_str).ok_or(PolicyError::Syntax)?;
        let expiration = Timestamp::parse_iso8601(&expiration).ok_or(PolicyError::Syntax)?;
        let list = root.get("conditions").ok_or(PolicyError::Syntax)?;
        let mut policy = PostPolicy { expiration, conditions: Vec::new(), lens: (0, u64::MAX) };
        for condition in list.items() {
            policy.add(condition)?;
        }
        if policy.conditions.is_empty() { Err(PolicyError::Syntax) } else { Ok(policy) }
    }

    fn add(&mut self, condition: Value<'_>) -> Result<(), PolicyError> {
        if self.conditions.len() == POLICY_CONDITIONS_MAX {
            return Err(PolicyError::Syntax);
        }
        let items: Vec<_> = condition.items().take(4).collect();
        if items.is_empty() {
            let mut members = condition.members();
            let (Some((field, value)), None) = (members.next(), members.next()) else {
                return Err(PolicyError::Syntax);
            };
            let value = value.as_str().ok_or(PolicyError::Syntax)?.into_owned();
            self.conditions.push(Condition { field: field.to_ascii_lowercase(), value, starts: false });
            return Ok(());
        }
        let [operator, field, value] = items[..] else { return Err(PolicyError::Syntax) };
        let operator = operator.as_str().ok_or(PolicyError::Syntax)?.to_ascii_lowercase();
        if operator == "content-length-range" {
            let (min, max) = (length(field)?, length(value)?);
            // Of several ranges all hold.
            self.lens = (self.lens.0.max(min), self.lens.1.min(max));
            return Ok(());
        }
        let starts = match operator.as_str() {
            "eq" => false,
            "starts-with" => true,
            _ => return Err(PolicyError::Syntax),
        };
        let field = field.as_str().ok_or(PolicyError::Syntax)?;
        let field = field.strip_prefix('$').ok_or(PolicyError::Syntax)?.to_ascii_lowercase();
        let value = value.as_str().ok_or(PolicyError::Syntax)?.into_owned();
        self.conditions.push(Condition { field, value, starts });
        Ok(())
    }

    /// Checks the form's fields, given the bucket of the request: every condition holds, and every field is named by one.
    ///
    /// # Errors
    ///
    /// [`PolicyError`].
    pub fn check(&self, form: &Form, bucket: &str, now: Timestamp) -> Result<(), PolicyError> {
        if now > self.expiration {
            return Err(PolicyError::Expired);
        }
        let key = form.key();
        let value_of = |field: &str| match field {
            "bucket" => Some(bucket),
            "key" => key.as_deref(),
            field => form.get(field),
        };
        for condition in &self.conditions {
            let holds = match value_of(&condition.field) {
                Some(value) if condition.starts => value.starts_with(condition.value.as_str()),
                Some(value) => value == condition.value,
                None => false,
            };
            if !holds {
                return Err(PolicyError::Condition);
            }
        }
        let named = |field: &str| self.conditions.iter().any(|condition| condition.field == field);
        let all = form.fields().all(|(field, _)| is_free(field) || named(field));
        if all && named("bucket") { Ok(()) } else { Err(PolicyError::Field) }
    }

    /// Checks the length of the file: `whole` says that nothing more will come.
    ///
    /// # Errors
    ///
    /// [`PolicyError::TooLarge`] as soon as it is, [`PolicyError::TooSmall`] at the end.
    pub fn check_len(&self, len: u64, whole: bool) -> Result<(), PolicyError> {
        match len {
            len if len > self.lens.1 => Err(PolicyError::TooLarge),
            len if whole && len < self.lens.0 => Err(PolicyError::TooSmall),
            _ => Ok(()),
        }
    }
}

/// A length: a number, or one in quotation marks.
fn length(value: Value<'_>) -> Result<u64, PolicyError> {
    let number = value.as_number().and_then(|number| number.as_u64());
    let text = || value.as_str().and_then(|text| crate::payload::parse_len(&text));
    number.or_else(text).ok_or(PolicyError::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::base64;

    fn form(fields: &[(&str, &str)]) -> Form {
        let own = |&(name, value): &(&str, &str)| (String::from(name), String::from(value));
        Form { fields: fields.iter().map(own).collect(), file_name: "foo.txt".into() }
    }

    fn policy(conditions: &str) -> Result<PostPolicy, PolicyError> {
        let json = alloc::format!("{{\"expiration\":\"2030-01-01T00:00:00Z\",\"conditions\":{conditions}}}");
        PostPolicy::parse(&base64(json.as_bytes()))
    }

    const FIELDS: [(&str, &str); 6] = [
        ("key", "${filename}"),
        ("acl", "private"),
        ("content-type", "text/plain"),
        ("policy", "x"),
        ("x-ignore-me", "x"),
        ("awsaccesskeyid", "x"),
    ];
    const GOOD: &str = r#"[{"bUcKeT":"b"},["StArTs-WiTh","$KeY","foo"],{"acl":"private"},
        ["starts-with","$Content-Type","text/"],["content-length-range",2,"5"]]"#;

    fn check(conditions: &str, fields: &[(&str, &str)]) -> Result<(), PolicyError> {
        policy(conditions)?.check(&form(fields), "b", Timestamp::from_unix_s(1_800_000_000))
    }

    #[test]
    fn what_holds() {
        assert_eq!(check(GOOD, &FIELDS), Ok(()));
        let good = policy(GOOD).expect("a policy");
        assert_eq!(good.check(&form(&FIELDS), "other", Timestamp::EPOCH), Err(PolicyError::Condition));
        let late = Timestamp::from_unix_s(1_893_456_001);
        assert_eq!(good.check(&form(&FIELDS), "b", late), Err(PolicyError::Expired));
        assert_eq!(good.check_len(1, false), Ok(()));
        assert_eq!(good.check_len(1, true), Err(PolicyError::TooSmall));
        assert_eq!(good.check_len(5, true), Ok(()));
        assert_eq!(good.check_len(6, false), Err(PolicyError::TooLarge));
    }

    #[test]
    fn what_does_not() {
        // An own field that no condition names; a condition on a field that is not there; another value.
        let with = |name, value| [&FIELDS[..], &[(name, value)]].concat();
        assert_eq!(check(GOOD, &with("x-amz-meta-a", "b")), Err(PolicyError::Field));
        assert_eq!(check(GOOD, &FIELDS[..2]), Err(PolicyError::Condition));
        let meta = GOOD.replace("{\"acl\"", "[\"eq\",\"$x-amz-meta-a\",\"\"],{\"acl\"");
        assert_eq!(check(&meta, &with("x-amz-meta-a", "b")), Err(PolicyError::Condition));
        assert_eq!(check(&meta, &with("x-amz-meta-a", "")), Ok(()));
        let no_bucket = GOOD.replace("{\"bUcKeT\":\"b\"},", "");
        assert_eq!(check(&no_bucket, &FIELDS), Err(PolicyError::Field));
    }

    #[test]
    fn what_is_no_policy() {
        for conditions in [
            "[]",
            "[{}]",
            "[{\"a\":\"b\",\"c\":\"d\"}]",
            "[{\"a\":1}]",
            "[[\"ends-with\",\"$key\",\"a\"]]",
            "[[\"eq\",\"key\",\"a\"]]",
            "[[\"eq\",\"$key\"]]",
            "[[\"content-length-range\",0]]",
            "[[\"content-length-range\",-1,0]]",
            "[[\"content-length-range\",0,1,2]]",
            "{}",
            "1",
        ] {
            assert_eq!(policy(conditions), Err(PolicyError::Syntax), "{conditions}");
        }
        for json in [
            "",
            "{",
            "{\"conditions\":[{\"bucket\":\"b\"}]}",
            "{\"expiration\":\"2030-01-01 00:00:00+00:00\",\"conditions\":[{\"bucket\":\"b\"}]}",
            "{\"EXPIRATION\":\"2030-01-01T00:00:00Z\",\"conditions\":[{\"bucket\":\"b\"}]}",
        ] {
            assert_eq!(PostPolicy::parse(&base64(json.as_bytes())), Err(PolicyError::Syntax), "{json}");
        }
        assert_eq!(PostPolicy::parse("%%%"), Err(PolicyError::Syntax));
    }
}
