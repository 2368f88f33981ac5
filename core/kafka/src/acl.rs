//! Access rules: who may do what with which resource, as Apache Kafka's `StandardAuthorizer` decides it.
//!
//! A [`Rule`] allows or denies one operation on the resources of a name, or of all names that begin so, to a principal from a host. A request asks for
//! an operation on a resource by its name, and is answered so:
//!
//! 1. Super users may do everything.
//! 2. The rules for the resource are those of its type with its name, with the name `*`, and with a prefix of its name.
//! 3. If one of them denies the operation to the principal or to everyone (`User:*`), from the host or from all (`*`), it is denied.
//! 4. If one of them allows it, it is allowed. To allow reading, writing, deleting or altering is to allow describing, to allow altering
//!    settings is to allow describing them; to deny one of them denies nothing else.
//! 5. If there are rules for the resource, whoever they are for, it is denied. If there are none, `allow.everyone.if.no.acl.found` says.
//!
//! What is looked at is [`Acls`]: the rules of one resource's name and prefixes, and of them those of the principal; others cost nothing.
//!
//! Source: `StandardAuthorizerData`, `AclControlManager` and `Authorizer.authorizeByResourceType` of Kafka 4.4.0.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

use crate::ErrorCode;
use crate::limits::{ACL_TEXT_LEN_MAX, ACLS_MAX};

mod host;
mod rules;

pub use host::Host;
pub use rules::{Acls, Created, Deleted, Found};

/// A principal's rule for everyone, a host's for all, a resource's for every name.
pub const WILDCARD: &str = "*";
/// Everyone.
pub const EVERYONE: &str = "User:*";
/// Whoever has not said who it is.
pub const ANONYMOUS: &str = "User:ANONYMOUS";
/// The name of the one resource of the type [`ResourceType::Cluster`].
pub const CLUSTER: &str = "kafka-cluster";
/// The authorizer's name in `authorizer.class.name`.
pub const AUTHORIZER: &str = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";

/// An enumeration with Kafka's codes and names.
macro_rules! coded {
    ($(#[$about:meta])* $type:ident { $($(#[$doc:meta])* $name:ident = $code:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i8)]
        pub enum $type {
            $($(#[$doc])* $name = $code,)*
        }

        impl $type {
            /// All of them, by code.
            pub const ALL: &'static [$type] = &[$($type::$name),*];

            /// By its code in requests and records.
            pub const fn from_code(code: i8) -> Option<$type> {
                match code {
                    $($code => Some($type::$name),)*
                    _ => None,
                }
            }

            /// Its code.
            pub const fn code(self) -> i8 {
                self as i8
            }

            /// Its name, as Kafka's tools write it.
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$name => stringify!($name),)*
                }
            }

            /// By its name, in any case, with or without `-` and `_`.
            pub fn parse(name: &str) -> Option<$type> {
                let letters = |text: &str| -> String {
                    text.chars().filter(|letter| !matches!(letter, '-' | '_')).map(|letter| letter.to_ascii_lowercase()).collect()
                };
                let wanted = letters(name);
                $type::ALL.iter().copied().find(|one| letters(one.name()) == wanted)
            }
        }
    };
}

coded! {
    /// What a rule is about.
    ResourceType {
        /// A topic.
        Topic = 2,
        /// A group of consumers.
        Group = 3,
        /// The cluster: [`CLUSTER`].
        Cluster = 4,
        /// A transactional id.
        TransactionalId = 5,
        /// A delegation token. There are none here; rules of them are kept.
        DelegationToken = 6,
        /// A user, for whom tokens are made. As with [`ResourceType::DelegationToken`].
        User = 7,
    }
}

coded! {
    /// Which names a rule is for.
    Pattern {
        /// This name; `*` for every name.
        Literal = 3,
        /// Every name that begins so.
        Prefixed = 4,
    }
}

coded! {
    /// What is done with a resource.
    Operation {
        /// Everything.
        All = 2,
        /// Reading.
        Read = 3,
        /// Writing.
        Write = 4,
        /// Making it.
        Create = 5,
        /// Deleting it.
        Delete = 6,
        /// Changing it.
        Alter = 7,
        /// Being told of it.
        Describe = 8,
        /// What brokers ask of each other.
        ClusterAction = 9,
        /// Being told its settings.
        DescribeConfigs = 10,
        /// Changing its settings.
        AlterConfigs = 11,
        /// Writing without gaps and doubles, outside transactions.
        IdempotentWrite = 12,
        /// Making tokens.
        CreateTokens = 13,
        /// Being told of tokens.
        DescribeTokens = 14,
        /// Deciding a transaction's outcome elsewhere.
        TwoPhaseCommit = 15,
    }
}

coded! {
    /// Which way a rule goes.
    Permission {
        /// No.
        Deny = 2,
        /// Yes.
        Allow = 3,
    }
}

impl ResourceType {
    /// The operations that a resource of this type knows.
    pub const fn operations(self) -> &'static [Operation] {
        use Operation::*;
        match self {
            ResourceType::Topic => {
                &[Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs]
            }
            ResourceType::Group => &[Read, Delete, Describe, DescribeConfigs, AlterConfigs],
            ResourceType::Cluster => {
                &[Create, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite]
            }
            ResourceType::TransactionalId => &[Write, Describe, TwoPhaseCommit],
            ResourceType::DelegationToken => &[Describe],
            ResourceType::User => &[CreateTokens, DescribeTokens],
        }
    }

    /// [`ResourceType::operations`] as answers tell them: a bit for each code.
    pub const fn operation_bits(self) -> i32 {
        let (operations, mut bits, mut at) = (self.operations(), 0, 0);
        while at < operations.len() {
            bits |= operations[at].bit();
            at += 1;
        }
        bits
    }

    /// What is told to who may not.
    pub const fn refusal(self) -> ErrorCode {
        match self {
            ResourceType::Topic => ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            ResourceType::Group => ErrorCode::GROUP_AUTHORIZATION_FAILED,
            ResourceType::TransactionalId => ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            _ => ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        }
    }
}

impl Operation {
    /// Its bit in the authorized operations of answers.
    pub const fn bit(self) -> i32 {
        1 << self as i32
    }

    /// Whether a rule that allows `self` allows `asked`.
    const fn allows(self, asked: Operation) -> bool {
        use Operation::*;
        match asked {
            _ if self as i8 == All as i8 => true,
            Describe => matches!(self, Describe | Read | Write | Delete | Alter),
            DescribeConfigs => matches!(self, DescribeConfigs | AlterConfigs),
            _ => self as i8 == asked as i8,
        }
    }

    /// Whether a rule that denies `self` denies `asked`.
    fn denies(self, asked: Operation) -> bool {
        self == Operation::All || self == asked
    }
}

/// An access rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// What it is about.
    pub resource_type: ResourceType,
    /// Which names it is for, with [`Rule::name`].
    pub pattern: Pattern,
    /// The name.
    pub name: String,
    /// To whom it applies: `User:x`, or [`EVERYONE`].
    pub principal: String,
    /// From where: an address, a range of them (`10.0.0.0/8`), or [`WILDCARD`].
    pub host: String,
    /// What is done.
    pub operation: Operation,
    /// Which way it goes.
    pub permission: Permission,
}

/// A rule as a request gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given<'a> {
    /// The code of its type.
    pub resource_type: i8,
    /// The code of its pattern.
    pub pattern: i8,
    /// Its name.
    pub name: &'a str,
    /// Its principal.
    pub principal: &'a str,
    /// Its host.
    pub host: &'a str,
    /// The code of its operation.
    pub operation: i8,
    /// The code of its permission.
    pub permission: i8,
}

impl Given<'_> {
    /// The rule, if it may be made.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check(&self) -> Result<Rule, Refusal> {
        let resource_type = ResourceType::from_code(self.resource_type);
        if resource_type == Some(ResourceType::Cluster) && self.name != CLUSTER {
            return Err(Refusal::Cluster);
        }
        let rule = Rule {
            resource_type: resource_type.ok_or(Refusal::ResourceType)?,
            pattern: Pattern::from_code(self.pattern).ok_or(Refusal::Pattern)?,
            operation: Operation::from_code(self.operation).ok_or(Refusal::Operation)?,
            permission: Permission::from_code(self.permission).ok_or(Refusal::Permission)?,
            name: self.name.into(),
            principal: self.principal.into(),
            host: self.host.into(),
        };
        if self.name.is_empty() {
            return Err(Refusal::Name);
        }
        if !is_principal(self.principal) {
            return Err(Refusal::Principal);
        }
        host::check(self.host)?;
        if self.name.len().saturating_add(self.principal.len()).saturating_add(self.host.len())
            > ACL_TEXT_LEN_MAX
        {
            return Err(Refusal::TooLong);
        }
        Ok(rule)
    }
}

/// Whether this is a principal's kind and name: `User:x`.
fn is_principal(text: &str) -> bool {
    text.contains(':')
}

/// Which rules are meant. What is `None` says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Of which type.
    pub resource_type: Option<ResourceType>,
    /// With which names.
    pub pattern: PatternFilter,
    /// The name.
    pub name: Option<&'a str>,
    /// The principal, to the letter.
    pub principal: Option<&'a str>,
    /// The host, to the letter.
    pub host: Option<&'a str>,
    /// The operation, to the letter.
    pub operation: Option<Operation>,
    /// The permission.
    pub permission: Option<Permission>,
}

/// How a filter's name is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PatternFilter {
    /// It is the rule's name, whatever its pattern.
    #[default]
    Any,
    /// The rule is for the resource of this name: by the name, by `*`, or by a prefix.
    Match,
    /// It is the rule's name, and the pattern is this.
    Only(Pattern),
}

impl<'a> Filter<'a> {
    /// As a request gives it: codes, 1 for any, 2 of a pattern for [`PatternFilter::Match`].
    ///
    /// # Errors
    /// [`Refusal::Filter`] for a code that is not known.
    pub fn from_codes(
        [resource_type, pattern, operation, permission]: [i8; 4],
        [name, principal, host]: [Option<&'a str>; 3],
    ) -> Result<Filter<'a>, Refusal> {
        fn any<T>(code: i8, known: impl FnOnce(i8) -> Option<T>) -> Result<Option<T>, Refusal> {
            if code == 1 { Ok(None) } else { known(code).map(Some).ok_or(Refusal::Filter) }
        }
        let pattern = match pattern {
            1 => PatternFilter::Any,
            2 => PatternFilter::Match,
            code => PatternFilter::Only(Pattern::from_code(code).ok_or(Refusal::Filter)?),
        };
        Ok(Filter {
            resource_type: any(resource_type, ResourceType::from_code)?,
            pattern,
            name,
            principal,
            host,
            operation: any(operation, Operation::from_code)?,
            permission: any(permission, Permission::from_code)?,
        })
    }

    /// Whether rules of this pattern and name are meant.
    pub fn takes_name(&self, pattern: Pattern, name: &str) -> bool {
        let Some(wanted) = self.name else {
            return !matches!(self.pattern, PatternFilter::Only(only) if only != pattern);
        };
        match (self.pattern, pattern) {
            (PatternFilter::Any, _) => wanted == name,
            (PatternFilter::Only(only), _) => only == pattern && wanted == name,
            (PatternFilter::Match, Pattern::Literal) => wanted == name || name == WILDCARD,
            (PatternFilter::Match, Pattern::Prefixed) => wanted.starts_with(name),
        }
    }

    /// Whether a rule is meant.
    pub fn takes(&self, rule: &Rule) -> bool {
        self.resource_type.is_none_or(|wanted| wanted == rule.resource_type)
            && self.takes_name(rule.pattern, &rule.name)
            && self.principal.is_none_or(|wanted| wanted == rule.principal)
            && self.takes_grant(&rule.host, rule.operation, rule.permission)
    }

    fn takes_grant(&self, host: &str, operation: Operation, permission: Permission) -> bool {
        self.host.is_none_or(|wanted| wanted == host)
            && self.operation.is_none_or(|wanted| wanted == operation)
            && self.permission.is_none_or(|wanted| wanted == permission)
    }
}

/// Why a rule is not made, or a filter not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No type of resource.
    ResourceType,
    /// No pattern of a rule.
    Pattern,
    /// No operation.
    Operation,
    /// No permission.
    Permission,
    /// The name is empty.
    Name,
    /// The cluster has another name.
    Cluster,
    /// The principal's kind is missing.
    Principal,
    /// The host is empty.
    Host,
    /// The host's range is none.
    Range,
    /// A filter's code is not known.
    Filter,
    /// Name, principal and host have more than [`ACL_TEXT_LEN_MAX`] bytes.
    TooLong,
    /// There are [`ACLS_MAX`] rules.
    TooMany,
    /// One request names more than [`crate::limits::ACLS_PER_REQUEST_MAX`] rules.
    TooManyAtOnce,
}

impl Refusal {
    /// Its code.
    pub const fn code(self) -> ErrorCode {
        match self {
            Refusal::TooMany => ErrorCode::POLICY_VIOLATION,
            _ => ErrorCode::INVALID_REQUEST,
        }
    }

    /// A sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Refusal::ResourceType => {
                "A rule needs a type of resource: topic, group, cluster, transactional id, token or user."
            }
            Refusal::Pattern => "A rule's pattern is literal or prefixed.",
            Refusal::Operation => "A rule needs an operation that is known; \"any\" is for filters.",
            Refusal::Permission => "A rule allows or denies.",
            Refusal::Name => "Resource name should not be empty.",
            Refusal::Cluster => "The only valid name for the CLUSTER resource is kafka-cluster.",
            Refusal::Principal => "No colon separates the principal's type from its name: User:NAME is one.",
            Refusal::Host => "Host pattern cannot be null or empty; * is every host.",
            Refusal::Range => "The host is no range of addresses: 10.0.0.0/8 is one.",
            Refusal::Filter => "The filter has an element that is not known.",
            Refusal::TooLong => "Name, principal and host of the rule are longer than 4096 bytes.",
            Refusal::TooMany => "There are 65536 access rules, as many as are kept.",
            Refusal::TooManyAtOnce => "More than 10000 rules in one request.",
        }
    }
}

// The sentences name the limits.
const _: () =
    assert!(ACLS_MAX == 65_536 && ACL_TEXT_LEN_MAX == 4096 && crate::limits::ACLS_PER_REQUEST_MAX == 10_000);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.about())
    }
}

impl core::error::Error for Refusal {}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// `User:x`, or [`ANONYMOUS`].
    pub principal: &'a str,
    /// From where.
    pub host: &'a Host,
}

/// What holds beside the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    super_users: BTreeSet<String>,
    allows_without_rules: bool,
}

impl Policy {
    /// Of `super.users` and `allow.everyone.if.no.acl.found`.
    ///
    /// # Errors
    /// [`Refusal::Principal`].
    pub fn new(super_users: &str, allows_without_rules: bool) -> Result<Policy, Refusal> {
        let users = super_users.split(';').map(str::trim).filter(|user| !user.is_empty());
        let one = |user: &str| if is_principal(user) { Ok(user.into()) } else { Err(Refusal::Principal) };
        Ok(Policy { super_users: users.map(one).collect::<Result<_, _>>()?, allows_without_rules })
    }
}
