//! Conditions of statements and what they are asked about.
//!
//! | the request's key | without | `IfExists` | `ForAllValues` | `ForAnyValue` |
//! |---|---|---|---|---|
//! | absent | positive no, negated yes | yes | yes | no |
//! | one or more values | any of them matches; negated: none does | the same | each of them does | one of them does |
//!
//! A value matches a positive operator when it matches one of the policy's values, and a negated one when it matches none.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::pattern::Pattern;
use crate::encoding::unbase64;
use crate::time::Timestamp;

/// Facts of a request, by key. Keys of the server and those that come from headers never share a name: the caller sets each by its
/// full name, and no header's name becomes a key by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    keys: BTreeMap<String, Vec<String>>,
}

impl Context {
    /// A key as it is compared: without regard to case, but for what follows the first slash (a tag's key).
    pub fn name(key: &str) -> String {
        match key.split_once('/') {
            Some((name, rest)) => alloc::format!("{}/{rest}", name.to_ascii_lowercase()),
            None => key.to_ascii_lowercase(),
        }
    }

    /// Sets a key to one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.keys.insert(Context::name(key), alloc::vec![value.into()]);
    }

    /// Sets a key to values; none at all is as if it were absent.
    pub fn set_all(&mut self, key: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.keys.insert(Context::name(key), values);
        }
    }

    /// Removes a key.
    pub fn unset(&mut self, key: &str) {
        self.keys.remove(&Context::name(key));
    }

    /// The values of a key whose name is in the form of [`Context::name`].
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.keys.get(key).map(|values| &values[..])
    }
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Amazon's")]
pub enum Operator {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    NumericEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    ArnLike,
    Null,
}

/// How several values of a request count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Amazon's")]
pub enum Quantifier {
    None,
    ForAllValues,
    ForAnyValue,
}

/// A condition that has been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    operator: Operator,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    key: String,
    values: Vec<Wanted>,
}

/// A value of the policy, read as the operator wants it.
#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    /// Text that may have variables.
    Pattern(Pattern),
    Number(f64),
    /// Milliseconds since 1970.
    Date(i64),
    Bool(bool),
    Binary(Vec<u8>),
    Net {
        address: IpAddr,
        bits: u32,
    },
}

const OPERATORS: [(&str, Operator, bool); 27] = [
    ("StringEquals", Operator::StringEquals, false),
    ("StringNotEquals", Operator::StringEquals, true),
    ("StringEqualsIgnoreCase", Operator::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Operator::StringEqualsIgnoreCase, true),
    ("StringLike", Operator::StringLike, false),
    ("StringNotLike", Operator::StringLike, true),
    ("NumericEquals", Operator::NumericEquals, false),
    ("NumericNotEquals", Operator::NumericEquals, true),
    ("NumericLessThan", Operator::NumericLessThan, false),
    ("NumericLessThanEquals", Operator::NumericLessThanEquals, false),
    ("NumericGreaterThan", Operator::NumericGreaterThan, false),
    ("NumericGreaterThanEquals", Operator::NumericGreaterThanEquals, false),
    ("DateEquals", Operator::DateEquals, false),
    ("DateNotEquals", Operator::DateEquals, true),
    ("DateLessThan", Operator::DateLessThan, false),
    ("DateLessThanEquals", Operator::DateLessThanEquals, false),
    ("DateGreaterThan", Operator::DateGreaterThan, false),
    ("DateGreaterThanEquals", Operator::DateGreaterThanEquals, false),
    ("Bool", Operator::Bool, false),
    ("BinaryEquals", Operator::BinaryEquals, false),
    ("IpAddress", Operator::IpAddress, false),
    ("NotIpAddress", Operator::IpAddress, true),
    ("ArnEquals", Operator::ArnLike, false),
    ("ArnLike", Operator::ArnLike, false),
    ("ArnNotEquals", Operator::ArnLike, true),
    ("ArnNotLike", Operator::ArnLike, true),
    ("Null", Operator::Null, false),
];

impl Condition {
    /// Reads `"ForAllValues:StringNotLikeIfExists": {"key": values}`.
    pub(super) fn read(operator: &str, key: &str, values: &[String], variables: bool) -> Option<Condition> {
        let (quantifier, name) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
            Some(_) => return None,
            None => (Quantifier::None, operator),
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let &(_, operator, negated) = OPERATORS.iter().find(|(known, ..)| *known == name)?;
        if operator == Operator::Null && (if_exists || quantifier != Quantifier::None) {
            return None;
        }
        let (service, rest) = key.split_once(':')?;
        let known =
            ["aws", "s3", "jwt", "sts", "iam", "kms", "saml"].iter().any(|s| s.eq_ignore_ascii_case(service));
        if !known || rest.is_empty() {
            return None;
        }
        let values = values
            .iter()
            .map(|value| Wanted::read(operator, value, variables))
            .collect::<Option<Vec<_>>>()?;
        Some(Condition { operator, negated, if_exists, quantifier, key: Context::name(key), values })
    }

    /// Whether it holds for a request.
    pub fn holds(&self, context: &Context) -> bool {
        let found = context.get(&self.key);
        if self.operator == Operator::Null {
            return self.values.iter().any(|wanted| *wanted == Wanted::Bool(found.is_none()));
        }
        let Some(found) = found else {
            return match self.quantifier {
                Quantifier::ForAllValues => true,
                Quantifier::ForAnyValue => self.if_exists,
                Quantifier::None => self.if_exists || self.negated,
            };
        };
        let matches = |value: &String| self.values.iter().any(|wanted| self.compare(wanted, value, context));
        match self.quantifier {
            Quantifier::ForAllValues => found.iter().all(|value| matches(value) != self.negated),
            Quantifier::ForAnyValue => found.iter().any(|value| matches(value) != self.negated),
            Quantifier::None => found.iter().any(matches) != self.negated,
        }
    }

    fn compare(&self, wanted: &Wanted, value: &str, context: &Context) -> bool {
        match wanted {
            Wanted::Pattern(pattern) => match self.operator {
                Operator::StringLike => pattern.matches(value, context),
                Operator::ArnLike => pattern.matches_arn(value, context),
                Operator::StringEqualsIgnoreCase => pattern.expand(context).is_some_and(|text| {
                    text.chars().flat_map(char::to_lowercase).eq(value.chars().flat_map(char::to_lowercase))
                }),
                _ => pattern.expand(context).is_some_and(|text| text == value),
            },
            Wanted::Number(wanted) => number(value).is_some_and(|value| match self.operator {
                Operator::NumericEquals => value == *wanted,
                Operator::NumericLessThan => value < *wanted,
                Operator::NumericLessThanEquals => value <= *wanted,
                Operator::NumericGreaterThan => value > *wanted,
                _ => value >= *wanted,
            }),
            Wanted::Date(wanted) => date(value).is_some_and(|value| match self.operator {
                Operator::DateEquals => value == *wanted,
                Operator::DateLessThan => value < *wanted,
                Operator::DateLessThanEquals => value <= *wanted,
                Operator::DateGreaterThan => value > *wanted,
                _ => value >= *wanted,
            }),
            Wanted::Bool(wanted) => boolean(value) == Some(*wanted),
            Wanted::Binary(wanted) => unbase64(value.as_bytes()).as_ref() == Some(wanted),
            Wanted::Net { address, bits } => {
                value.parse().is_ok_and(|value| within(canonical(value), *address, *bits))
            }
        }
    }

    /// Whether it fixes who or where the caller is, so that a statement for anybody is not public. Source: "The meaning of public" in
    /// Amazon's guide to blocking public access.
    pub fn narrows(&self) -> bool {
        const KEYS: [&str; 12] = [
            "aws:sourceip",
            "aws:sourcearn",
            "aws:sourcevpc",
            "aws:sourcevpce",
            "aws:sourceowner",
            "aws:sourceaccount",
            "aws:principalorgid",
            "aws:principalarn",
            "aws:principalaccount",
            "aws:userid",
            "s3:dataaccesspointarn",
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
        ];
        let positive = !self.negated && !self.if_exists && self.quantifier != Quantifier::ForAllValues;
        let fixed = |wanted: &Wanted| match wanted {
            Wanted::Pattern(pattern) => pattern.is_fixed(),
            Wanted::Net { address, bits } => *bits >= if address.is_ipv4() { 8 } else { 32 },
            _ => false,
        };
        positive && KEYS.contains(&&*self.key) && self.values.iter().all(fixed)
    }
}

impl Wanted {
    fn read(operator: Operator, value: &str, variables: bool) -> Option<Wanted> {
        Some(match operator {
            Operator::StringEquals
            | Operator::StringEqualsIgnoreCase
            | Operator::StringLike
            | Operator::ArnLike => Wanted::Pattern(Pattern::parse(value, variables)),
            Operator::NumericEquals
            | Operator::NumericLessThan
            | Operator::NumericLessThanEquals
            | Operator::NumericGreaterThan
            | Operator::NumericGreaterThanEquals => Wanted::Number(number(value)?),
            Operator::DateEquals
            | Operator::DateLessThan
            | Operator::DateLessThanEquals
            | Operator::DateGreaterThan
            | Operator::DateGreaterThanEquals => Wanted::Date(date(value)?),
            Operator::Bool | Operator::Null => Wanted::Bool(boolean(value)?),
            Operator::BinaryEquals => Wanted::Binary(unbase64(value.as_bytes())?),
            Operator::IpAddress => {
                let (address, bits) = match value.split_once('/') {
                    Some((address, bits)) => {
                        (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u32>().ok()?))
                    }
                    None => (value.parse::<IpAddr>().ok()?, None),
                };
                let all = if address.is_ipv4() { 32 } else { 128 };
                let bits = bits.unwrap_or(all);
                if bits > all {
                    return None;
                }
                Wanted::Net { address, bits }
            }
        })
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

/// ISO 8601, a date alone, or seconds since 1970.
fn date(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000);
    }
    let time = match text.len() {
        10 => Timestamp::parse_iso8601(&alloc::format!("{text}T00:00:00Z")),
        _ => Timestamp::parse_iso8601(text),
    };
    Some(time?.unix_ms())
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

/// IPv4 in IPv6's clothes is IPv4.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn within(address: IpAddr, net: IpAddr, bits: u32) -> bool {
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(a) & mask == u32::from(b) & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(a) & mask == u128::from(b) & mask
        }
        _ => false,
    }
}
