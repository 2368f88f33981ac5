//! Policies: documents in Amazon's policy language, version 2012-10-17 (and 2008-10-17, which has no variables).
//!
//! 1. [`Policy::parse`] checks a document once: a policy that exists can be evaluated.
//! 2. [`Policy::evaluate`] says what its statements say of one request: an explicit deny beats any allow.
//! 3. [`Policy::is_public`] says whether it lets anybody in, for the public access block.
//!
//! A statement applies when its principal, action, resource and every condition match. Nothing here recurses.

mod condition;
mod document;
mod pattern;

pub use condition::{Condition, Context, Operator, Quantifier};
pub use document::{Effect, Kind, Policy, PolicyError, Principals, Statement};
pub use pattern::Pattern;

/// What a policy says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A statement denies it.
    Deny,
    /// A statement allows it and none denies it.
    Allow,
    /// No statement applies.
    Silent,
}

impl Verdict {
    /// What two policies say together.
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Deny, _) | (_, Verdict::Deny) => Verdict::Deny,
            (Verdict::Allow, _) | (_, Verdict::Allow) => Verdict::Allow,
            _ => Verdict::Silent,
        }
    }
}

/// Who asks, as policies see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// Nobody that is known.
    Anonymous,
    /// A user.
    User {
        /// Its id.
        id: &'a str,
        /// Its name.
        name: &'a str,
        /// Id of the account that it belongs to; its own id when it is an account of its own.
        account: &'a str,
    },
}

impl Policy {
    /// What its statements say of an action on a resource. `who` is `None` for a policy that is attached to the user who asks.
    pub fn evaluate(&self, who: Option<Who<'_>>, action: &str, resource: &str, context: &Context) -> Verdict {
        let mut verdict = Verdict::Silent;
        for statement in &self.statements {
            if !statement.applies(who, action, resource, context) {
                continue;
            }
            match statement.effect {
                Effect::Deny => return Verdict::Deny,
                Effect::Allow => verdict = Verdict::Allow,
            }
        }
        verdict
    }

    /// Whether it allows something to anybody without a condition that narrows who it is.
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(Statement::is_public)
    }
}

impl Statement {
    /// Whether it says something of the request.
    pub fn applies(&self, who: Option<Who<'_>>, action: &str, resource: &str, context: &Context) -> bool {
        let principal = match (who, &self.principals) {
            (None, _) => true,
            (Some(who), Some(principals)) => principals.matches(who),
            (Some(_), None) => false,
        };
        let lower = action.to_ascii_lowercase();
        let action = self.actions.iter().any(|pattern| pattern.matches(&lower, context)) != self.not_action;
        principal
            && action
            && self.resources.iter().any(|pattern| pattern.matches(resource, context)) != self.not_resource
            && self.conditions.iter().all(|condition| condition.holds(context))
    }

    fn is_public(&self) -> bool {
        self.effect == Effect::Allow
            && self.principals.as_ref().is_some_and(Principals::is_anybody)
            && !self.conditions.iter().any(Condition::narrows)
    }
}

impl Principals {
    /// Whether it names the one who asks; with `NotPrincipal`, whether it does not.
    pub fn matches(&self, who: Who<'_>) -> bool {
        let named = self.anybody
            || match who {
                Who::Anonymous => false,
                Who::User { id, name, account } => {
                    self.aws.iter().any(|principal| is_named(principal, id, name, account))
                        || self.canonical.iter().any(|canonical| canonical == id || canonical == account)
                }
            };
        named != self.not
    }

    fn is_anybody(&self) -> bool {
        self.anybody || self.not
    }
}

/// `ACCOUNT`, `arn:aws:iam::ACCOUNT:root`, `arn:aws:iam::ACCOUNT:user/NAME`; the user's id may stand for its name, and an empty
/// account for any.
fn is_named(principal: &str, id: &str, name: &str, account: &str) -> bool {
    let Some(rest) = principal.strip_prefix("arn:aws:iam::") else { return principal == account };
    let Some((owner, resource)) = rest.split_once(':') else { return false };
    match resource.strip_prefix("user/") {
        Some(user) => {
            let last = user.rsplit('/').next().unwrap_or(user);
            (owner.is_empty() || owner == account) && (last == name || last == id)
        }
        None => resource == "root" && owner == account,
    }
}
