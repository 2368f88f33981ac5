//! Policy documents, read and checked.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dolmen_text::json::{Document, Kind as JsonKind, Members, Value};

use super::condition::{Condition, Context};
use super::pattern::Pattern;
use crate::limits::{POLICY_LEN_MAX, POLICY_VALUES_MAX};

/// What a statement does when it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Amazon's")]
pub enum Effect {
    Allow,
    Deny,
}

/// What a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A bucket of this name: every statement names principals, and resources of the bucket.
    Bucket(&'a str),
    /// A user: no statement names principals.
    User,
}

/// Whom a statement is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principals {
    /// `NotPrincipal`: everybody else.
    pub not: bool,
    /// `*`.
    pub anybody: bool,
    /// Accounts and ARNs.
    pub aws: Vec<String>,
    /// Canonical user ids.
    pub canonical: Vec<String>,
    /// Services and federations, which never ask here.
    pub others: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its name.
    pub sid: String,
    /// What it does.
    pub effect: Effect,
    /// Whom it is for; `None` in the policy of a user.
    pub principals: Option<Principals>,
    /// `NotAction`.
    pub not_action: bool,
    /// Actions in lower case.
    pub actions: Vec<Pattern>,
    /// `NotResource`.
    pub not_resource: bool,
    /// Resources as ARNs.
    pub resources: Vec<Pattern>,
    /// What must hold.
    pub conditions: Vec<Condition>,
}

/// A policy that has been checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Its statements in order.
    pub statements: Vec<Statement>,
}

/// Why a document is no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// It is no JSON.
    Json {
        /// Where.
        at: usize,
    },
    /// It is too long.
    TooLong {
        /// Bytes.
        len: usize,
    },
    /// It has more values than a policy may have.
    TooMany,
    /// A member is missing, of another type, there twice, or none that policies have.
    Member,
    /// `Version` is neither 2012-10-17 nor 2008-10-17.
    Version,
    /// `Effect` is neither `Allow` nor `Deny`.
    Effect,
    /// A principal is missing, none, or not allowed here.
    Principal,
    /// An action is none of S3's.
    Action,
    /// A resource is no ARN, or lies outside of the bucket.
    Resource,
    /// A condition's operator, key or value is none.
    Condition,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PolicyError::Json { at } => return write!(f, "the policy is not valid JSON at byte {at}"),
            PolicyError::TooLong { len } => return write!(f, "{len} bytes are more than {POLICY_LEN_MAX}"),
            PolicyError::TooMany => "the policy has too many values",
            PolicyError::Member => "the policy has a member that is missing, wrong or unknown",
            PolicyError::Version => "the policy must have a valid version string",
            PolicyError::Effect => "invalid effect in policy",
            PolicyError::Principal => "invalid principal in policy",
            PolicyError::Action => "policy has invalid action",
            PolicyError::Resource => "policy has invalid resource",
            PolicyError::Condition => "policy has an invalid condition",
        })
    }
}

impl core::error::Error for PolicyError {}

impl Policy {
    /// Reads a document.
    ///
    /// # Errors
    /// [`PolicyError`]; clients read it as `MalformedPolicy`.
    pub fn parse(text: &[u8], kind: Kind<'_>) -> Result<Policy, PolicyError> {
        if text.len() > POLICY_LEN_MAX {
            return Err(PolicyError::TooLong { len: text.len() });
        }
        let document = Document::read(text).map_err(|error| PolicyError::Json { at: error.at() })?;
        let root = document.root();
        let members = members(root, &["Version", "Id", "Statement"])?;
        let variables = match members[0].map(text_of).transpose()?.as_deref() {
            Some("2012-10-17") => true,
            Some("2008-10-17") | None => false,
            _ => return Err(PolicyError::Version),
        };
        members[1].map(text_of).transpose()?;
        let statements = one_or_more(members[2].ok_or(PolicyError::Member)?, JsonKind::Object)?;
        if statements.is_empty() {
            return Err(PolicyError::Member);
        }
        let mut policy = Policy::default();
        for statement in statements {
            let statement = Statement::read(statement, kind, variables)?;
            let twice = |other: &Statement| !other.sid.is_empty() && other.sid == statement.sid;
            if policy.statements.iter().any(twice) {
                return Err(PolicyError::Member);
            }
            policy.statements.push(statement);
        }
        Ok(policy)
    }
}

const STATEMENT: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl Statement {
    fn read(value: Value<'_>, kind: Kind<'_>, variables: bool) -> Result<Statement, PolicyError> {
        let [sid, effect, principal, not_principal, action, not_action, resource, not_resource, condition] =
            members(value, &STATEMENT)?;
        let effect = match text_of(effect.ok_or(PolicyError::Member)?)?.as_str() {
            "Allow" => Effect::Allow,
            "Deny" => Effect::Deny,
            _ => return Err(PolicyError::Effect),
        };
        let principals = match either(principal, not_principal)? {
            Some((value, not)) if kind != Kind::User => Some(principals(value, not)?),
            None if kind == Kind::User => None,
            _ => return Err(PolicyError::Principal),
        };
        if effect == Effect::Allow && principals.as_ref().is_some_and(|p| p.not) {
            return Err(PolicyError::Principal);
        }
        let (actions, not_action) = either(action, not_action)?.ok_or(PolicyError::Member)?;
        let (resources, not_resource) = either(resource, not_resource)?.ok_or(PolicyError::Member)?;
        Ok(Statement {
            sid: sid.map(text_of).transpose()?.unwrap_or_default(),
            effect,
            principals,
            not_action,
            actions: actions_of(actions)?,
            not_resource,
            resources: resources_of(resources, kind, variables)?,
            conditions: condition.map_or(Ok(Vec::new()), |value| conditions(value, variables))?,
        })
    }
}

/// The members of an object in the order of `names`; any other, and one that is there twice, is refused.
fn members<'a, const N: usize>(
    value: Value<'a>,
    names: &[&str; N],
) -> Result<[Option<Value<'a>>; N], PolicyError> {
    let mut found = [None; N];
    for (name, value) in object(value).ok_or(PolicyError::Member)? {
        let at = names.iter().position(|known| *known == name).ok_or(PolicyError::Member)?;
        if found[at].replace(value).is_some() {
            return Err(PolicyError::Member);
        }
    }
    Ok(found)
}

fn object(value: Value<'_>) -> Option<Members<'_>> {
    (value.kind() == JsonKind::Object).then(|| value.members())
}

/// Exactly one of a member and its `Not` form, or neither.
fn either<'a>(
    plain: Option<Value<'a>>,
    not: Option<Value<'a>>,
) -> Result<Option<(Value<'a>, bool)>, PolicyError> {
    match (plain, not) {
        (Some(_), Some(_)) => Err(PolicyError::Member),
        (Some(value), None) => Ok(Some((value, false))),
        (None, Some(value)) => Ok(Some((value, true))),
        (None, None) => Ok(None),
    }
}

/// One value, or an array of them.
fn one_or_more(value: Value<'_>, kind: JsonKind) -> Result<Vec<Value<'_>>, PolicyError> {
    if value.kind() == kind {
        return Ok(alloc::vec![value]);
    }
    if value.kind() != JsonKind::Array {
        return Err(PolicyError::Member);
    }
    let items: Vec<Value<'_>> = value.items().take(POLICY_VALUES_MAX + 1).collect();
    if items.len() > POLICY_VALUES_MAX {
        return Err(PolicyError::TooMany);
    }
    if items.iter().any(|item| item.kind() != kind) { Err(PolicyError::Member) } else { Ok(items) }
}

fn text_of(value: Value<'_>) -> Result<String, PolicyError> {
    value.as_str().map(String::from).ok_or(PolicyError::Member)
}

fn texts(value: Value<'_>) -> Result<Vec<String>, PolicyError> {
    let values = one_or_more(value, JsonKind::String)?;
    if values.is_empty() { Err(PolicyError::Member) } else { values.into_iter().map(text_of).collect() }
}

fn principals(value: Value<'_>, not: bool) -> Result<Principals, PolicyError> {
    let mut found = Principals { not, ..Principals::default() };
    if value.kind() == JsonKind::String {
        found.anybody = text_of(value)? == "*";
        return if found.anybody { Ok(found) } else { Err(PolicyError::Principal) };
    }
    for (name, value) in object(value).ok_or(PolicyError::Principal)? {
        let values = texts(value).map_err(|_| PolicyError::Principal)?;
        match &*name {
            "AWS" => {
                for value in values {
                    match &*value {
                        "*" => found.anybody = true,
                        _ if is_principal(&value) => found.aws.push(value),
                        _ => return Err(PolicyError::Principal),
                    }
                }
            }
            "CanonicalUser" => found.canonical.extend(values),
            "Service" | "Federated" => found.others.extend(values),
            _ => return Err(PolicyError::Principal),
        }
    }
    let nobody =
        !found.anybody && found.aws.is_empty() && found.canonical.is_empty() && found.others.is_empty();
    if nobody { Err(PolicyError::Principal) } else { Ok(found) }
}

/// An account's id, or the ARN of an account, a user or a role, without wildcards.
fn is_principal(text: &str) -> bool {
    let arn = text.strip_prefix("arn:aws:iam::").or_else(|| text.strip_prefix("arn:aws:sts::"));
    match arn.and_then(|rest| rest.split_once(':')) {
        Some((_, resource)) => {
            let named = ["user/", "role/", "assumed-role/", "federated-user/", "group/"];
            let named =
                named.iter().any(|kind| resource.strip_prefix(kind).is_some_and(|name| !name.is_empty()));
            (resource == "root" || named) && !text.contains(['*', '?'])
        }
        None => {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        }
    }
}

/// Actions are compared without regard to case, and each must be able to match one of S3's.
fn actions_of(value: Value<'_>) -> Result<Vec<Pattern>, PolicyError> {
    let read = |text: String| {
        let lower = text.to_ascii_lowercase();
        let service = lower.split_once(':').map_or(&lower[..], |(service, _)| service);
        let known = lower == "*"
            || matches!(service, "s3" | "s3express" | "s3-object-lambda" | "iam" | "sts" | "kms");
        let named = lower.split_once(':').is_none_or(|(_, name)| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'*' || b == b'?')
        });
        if known && named { Ok(Pattern::parse(&lower, false)) } else { Err(PolicyError::Action) }
    };
    texts(value)?.into_iter().map(read).collect()
}

fn resources_of(value: Value<'_>, kind: Kind<'_>, variables: bool) -> Result<Vec<Pattern>, PolicyError> {
    let read = |text: String| {
        let ours = match (kind, text.strip_prefix("arn:aws:s3:::")) {
            (Kind::Bucket(bucket), Some(path)) => {
                // The bucket part may be a pattern; it must be able to mean this bucket.
                let part = path.split_once('/').map_or(path, |(part, _)| part);
                Pattern::parse(part, variables).matches(bucket, &Context::default()) || part.contains("${")
            }
            (Kind::Bucket(_), None) => false,
            (Kind::User, Some(_)) => true,
            (Kind::User, None) => text == "*" || text.starts_with("arn:"),
        };
        if ours { Ok(Pattern::parse(&text, variables)) } else { Err(PolicyError::Resource) }
    };
    texts(value)?.into_iter().map(read).collect()
}

/// `{"Operator": {"key": value or values}}`.
fn conditions(value: Value<'_>, variables: bool) -> Result<Vec<Condition>, PolicyError> {
    let mut found = Vec::new();
    for (operator, keys) in object(value).ok_or(PolicyError::Condition)? {
        for (key, values) in object(keys).ok_or(PolicyError::Condition)? {
            let values = condition_values(values)?;
            let condition =
                Condition::read(&operator, &key, &values, variables).ok_or(PolicyError::Condition)?;
            found.push(condition);
            if found.len() > POLICY_VALUES_MAX {
                return Err(PolicyError::TooMany);
            }
        }
    }
    Ok(found)
}

/// Texts, and numbers and booleans as they are written.
fn condition_values(value: Value<'_>) -> Result<Vec<String>, PolicyError> {
    let items: Vec<Value<'_>> = match value.kind() {
        JsonKind::Array => value.items().take(POLICY_VALUES_MAX + 1).collect(),
        _ => alloc::vec![value],
    };
    if items.is_empty() || items.len() > POLICY_VALUES_MAX {
        return Err(PolicyError::Condition);
    }
    let read = |item: &Value<'_>| match item.kind() {
        JsonKind::String => text_of(*item).map_err(|_| PolicyError::Condition),
        JsonKind::Number | JsonKind::Bool => Ok(String::from(item.text())),
        _ => Err(PolicyError::Condition),
    };
    items.iter().map(read).collect()
}
