//! All rules, so that those for one resource are found without the others.
//!
//! ```text
//! type ─▶ literal   name   ─▶ principal ─▶ (host, operation, permission) ─▶ id
//!         prefixed  prefix ─▶ principal ─▶ (host, operation, permission) ─▶ id
//! ```
//! The prefixes of a name are found from the longest on: the last key that is not behind the name either is a prefix of it, or shares so many letters
//! with it, and no longer prefix is there.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Bound;

use super::{
    EVERYONE, Filter, Operation, Pattern, Permission, Policy, Refusal, ResourceType, Rule, WILDCARD, Who,
};
use crate::limits::{ACLS_MAX, ACLS_PER_REQUEST_MAX};
use crate::messages::{AccessControlEntryRecord, RemoveAccessControlEntryRecord};
use crate::topics::{RecordValue, key, record};
use crate::wire::Uuid;
use crate::{ErrorCode, WireError};

/// What a rule says to its principal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    host: String,
    operation: Operation,
    permission: Permission,
}

/// The rules of one resource or prefix, by principal.
type Principals = BTreeMap<String, BTreeMap<Grant, Uuid>>;

/// The rules of one type.
#[derive(Clone, Debug, Default)]
struct Names {
    literal: BTreeMap<String, Principals>,
    prefixed: BTreeMap<String, Principals>,
}

impl Names {
    const fn of(&self, pattern: Pattern) -> &BTreeMap<String, Principals> {
        match pattern {
            Pattern::Literal => &self.literal,
            Pattern::Prefixed => &self.prefixed,
        }
    }

    const fn of_mut(&mut self, pattern: Pattern) -> &mut BTreeMap<String, Principals> {
        match pattern {
            Pattern::Literal => &mut self.literal,
            Pattern::Prefixed => &mut self.prefixed,
        }
    }

    /// The keys that are looked at for the prefixes of a name, the longest first, each with whether it is one: no more than the name has letters.
    fn steps<'n>(&'n self, name: &'n str) -> impl Iterator<Item = (bool, &'n Principals)> {
        let mut end = Bound::Included(name);
        core::iter::from_fn(move || {
            let (key, principals) = self.prefixed.range::<str, _>((Bound::Unbounded, end)).next_back()?;
            let same = shared(name, key);
            let is_prefix = same == key.len();
            end = if is_prefix { Bound::Excluded(&name[..same]) } else { Bound::Included(&name[..same]) };
            Some((is_prefix, principals))
        })
    }

    /// The rules for each prefix of a name, the longest first.
    fn prefixes<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Principals> {
        self.steps(name).filter(|(is_prefix, _)| *is_prefix).map(|(_, principals)| principals)
    }
}

/// How many bytes two texts begin with together, in whole letters.
fn shared(one: &str, other: &str) -> usize {
    let mut len = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    while !one.is_char_boundary(len) {
        len -= 1;
    }
    len
}

/// Every access rule.
#[derive(Clone, Debug, Default)]
pub struct Acls {
    by_id: BTreeMap<Uuid, Rule>,
    types: [Names; ResourceType::ALL.len()],
}

/// A rule that a filter has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// What it is about.
    pub resource_type: ResourceType,
    /// Which names it is for.
    pub pattern: Pattern,
    /// The name.
    pub name: &'a str,
    /// To whom it applies.
    pub principal: &'a str,
    /// From where.
    pub host: &'a str,
    /// What is done.
    pub operation: Operation,
    /// Which way it goes.
    pub permission: Permission,
    /// Its id.
    pub id: Uuid,
}

impl Found<'_> {
    /// The rule itself.
    pub fn to_rule(&self) -> Rule {
        Rule {
            resource_type: self.resource_type,
            pattern: self.pattern,
            name: self.name.into(),
            principal: self.principal.into(),
            host: self.host.into(),
            operation: self.operation,
            permission: self.permission,
        }
    }
}

/// What becomes of rules that are to be made: of each, and the records.
pub type Created = (Vec<Result<(), Refusal>>, Vec<RecordValue>);

/// What becomes of filters whose rules are to go: the rules of each, and the records.
pub type Deleted<'a> = (Vec<Result<Vec<Found<'a>>, Refusal>>, Vec<RecordValue>);

/// What is known of one operation while the rules for it are walked through.
#[derive(Default)]
struct Verdict {
    has_rules: bool,
    is_allowed: bool,
}

impl Verdict {
    /// Looks at the rules of one name; whether they deny it.
    fn look(&mut self, principals: &Principals, who: Who<'_>, operation: Operation) -> bool {
        self.has_rules = true;
        for principal in [who.principal, EVERYONE] {
            for grant in principals.get(principal).into_iter().flat_map(BTreeMap::keys) {
                match grant.permission {
                    Permission::Allow if self.is_allowed || !grant.operation.allows(operation) => {}
                    Permission::Deny if !grant.operation.denies(operation) => {}
                    _ if !who.host.is_in(&grant.host) => {}
                    Permission::Allow => self.is_allowed = true,
                    Permission::Deny => return true,
                }
            }
        }
        false
    }
}

impl Acls {
    /// How many rules.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether `who` may do this with the resource of this name.
    pub fn allows(
        &self,
        policy: &Policy,
        who: Who<'_>,
        operation: Operation,
        resource_type: ResourceType,
        name: &str,
    ) -> bool {
        if policy.super_users.contains(who.principal) {
            return true;
        }
        let names = self.names(resource_type);
        let mut verdict = Verdict::default();
        let literal = [name, WILDCARD].into_iter().filter_map(|key| names.literal.get(key));
        let is_denied = literal.chain(names.prefixes(name)).any(|rules| verdict.look(rules, who, operation));
        match verdict {
            _ if is_denied => false,
            Verdict { is_allowed: true, .. } => true,
            Verdict { has_rules, .. } => !has_rules && policy.allows_without_rules,
        }
    }

    /// Whether `who` may do this with some resource of the type, as far as Kafka looks: with the one that is called `hardcode`, or with what a rule
    /// allows that no rule denies whole.
    pub fn allows_some(
        &self,
        policy: &Policy,
        who: Who<'_>,
        operation: Operation,
        resource_type: ResourceType,
    ) -> bool {
        if self.allows(policy, who, operation, resource_type, "hardcode") {
            return true;
        }
        let names = self.names(resource_type);
        let has = |principals: &Principals, permission| {
            let grants =
                [who.principal, EVERYONE].into_iter().filter_map(|one| principals.get(one)).flatten();
            grants.map(|(grant, _)| grant).any(|grant| {
                grant.permission == permission
                    && grant.operation.denies(operation)
                    && who.host.is_in(&grant.host)
            })
        };
        let of_all = names.literal.get(WILDCARD);
        if of_all.is_some_and(|principals| has(principals, Permission::Deny)) {
            return false;
        }
        if of_all.is_some_and(|principals| has(principals, Permission::Allow)) {
            return true;
        }
        let is_free = |name: &str| !names.prefixes(name).any(|principals| has(principals, Permission::Deny));
        let literal = names.literal.iter().filter(|(name, _)| *name != WILDCARD);
        literal.clone().any(|(name, principals)| {
            has(principals, Permission::Allow) && !has(principals, Permission::Deny) && is_free(name)
        }) || names
            .prefixed
            .iter()
            .any(|(name, principals)| has(principals, Permission::Allow) && is_free(name))
    }

    /// What `who` may do with a resource, of all that can be done with it: a bit for each code.
    pub fn operations(&self, policy: &Policy, who: Who<'_>, resource_type: ResourceType, name: &str) -> i32 {
        let may = |operation: &&Operation| self.allows(policy, who, **operation, resource_type, name);
        resource_type.operations().iter().filter(may).fold(0, |bits, operation| bits | operation.bit())
    }

    /// The rules that a filter means: by type, pattern, name, principal, and what they say.
    pub fn matching<'s>(&'s self, filter: &'s Filter<'s>) -> impl Iterator<Item = Found<'s>> {
        let types = ResourceType::ALL.iter().copied();
        let types = types.filter(|one| filter.resource_type.is_none_or(|wanted| wanted == *one));
        let names = types.flat_map(move |resource_type| {
            let of = move |pattern| {
                self.names(resource_type).of(pattern).iter().map(move |found| (pattern, found))
            };
            let names = Pattern::ALL.iter().copied().flat_map(of);
            names.map(move |(pattern, (name, principals))| (resource_type, pattern, name, principals))
        });
        let names = names.filter(|(_, pattern, name, _)| filter.takes_name(*pattern, name));
        let principals = names.flat_map(|(resource_type, pattern, name, principals)| {
            principals
                .iter()
                .map(move |(principal, grants)| (resource_type, pattern, name, principal, grants))
        });
        let principals = principals
            .filter(|(.., principal, _)| filter.principal.is_none_or(|wanted| wanted == *principal));
        let all = principals.flat_map(|(resource_type, pattern, name, principal, grants)| {
            grants.iter().map(move |(grant, id)| Found {
                resource_type,
                pattern,
                name,
                principal,
                host: &grant.host,
                operation: grant.operation,
                permission: grant.permission,
                id: *id,
            })
        });
        all.filter(|found| filter.takes_grant(found.host, found.operation, found.permission))
    }

    /// What becomes of rules that are to be made, and the records of those that are new. `new_id` gives ids that nobody has.
    ///
    /// # Errors
    /// [`Refusal::TooManyAtOnce`].
    pub fn decide_create(
        &self,
        rules: &[Result<Rule, Refusal>],
        mut new_id: impl FnMut() -> Uuid,
    ) -> Result<Created, Refusal> {
        let mut added = BTreeSet::new();
        let (mut results, mut records) = (Vec::with_capacity(rules.len()), Vec::new());
        for rule in rules {
            results.push(match rule {
                Err(refusal) => Err(*refusal),
                Ok(rule) if self.has(rule) || added.contains(rule) => Ok(()),
                Ok(_) if self.len() + added.len() >= ACLS_MAX => Err(Refusal::TooMany),
                Ok(_) if added.len() >= ACLS_PER_REQUEST_MAX => return Err(Refusal::TooManyAtOnce),
                Ok(rule) => match made(new_id(), rule) {
                    Ok(record) => {
                        records.push(record);
                        added.insert(rule);
                        Ok(())
                    }
                    Err(_) => Err(Refusal::TooLong),
                },
            });
        }
        Ok((results, records))
    }

    /// The rules that go, of each filter, and the records of it.
    ///
    /// # Errors
    /// [`Refusal::TooManyAtOnce`].
    pub fn decide_delete<'s>(
        &'s self,
        filters: &'s [Result<Filter<'s>, Refusal>],
    ) -> Result<Deleted<'s>, Refusal> {
        let (mut gone, mut total) = (BTreeSet::new(), 0);
        let mut results = Vec::with_capacity(filters.len());
        for filter in filters {
            results.push(match filter {
                Err(refusal) => Err(*refusal),
                Ok(filter) => {
                    let found: Vec<Found<'s>> =
                        self.matching(filter).take(ACLS_PER_REQUEST_MAX + 1).collect();
                    total += found.len();
                    if total > ACLS_PER_REQUEST_MAX {
                        return Err(Refusal::TooManyAtOnce);
                    }
                    gone.extend(found.iter().map(|found| found.id));
                    Ok(found)
                }
            });
        }
        let removed = |id: &Uuid| {
            let body =
                RemoveAccessControlEntryRecord { id: *id, ..RemoveAccessControlEntryRecord::default() };
            record(key::REMOVE_ACL, 0, &body).map_err(|_| Refusal::TooLong)
        };
        let records = gone.iter().map(removed).collect::<Result<_, _>>()?;
        Ok((results, records))
    }

    /// Records that say all of this again.
    pub(crate) fn snapshot(&self) -> impl Iterator<Item = Result<RecordValue, ErrorCode>> {
        self.by_id.iter().map(|(id, rule)| made(*id, rule))
    }

    /// Takes over a record. One that says what cannot be understood is refused: left out, it might have denied something.
    pub(crate) fn made(&mut self, record: &AccessControlEntryRecord<'_>) -> Result<(), WireError> {
        let unknown = |code: i8| WireError::Value { found: i64::from(code) };
        let rule = Rule {
            resource_type: ResourceType::from_code(record.resource_type)
                .ok_or(unknown(record.resource_type))?,
            pattern: Pattern::from_code(record.pattern_type).ok_or(unknown(record.pattern_type))?,
            name: record.resource_name.into(),
            principal: record.principal.into(),
            host: record.host.into(),
            operation: Operation::from_code(record.operation).ok_or(unknown(record.operation))?,
            permission: Permission::from_code(record.permission_type)
                .ok_or(unknown(record.permission_type))?,
        };
        self.removed(record.id);
        let grant = Grant { host: rule.host.clone(), operation: rule.operation, permission: rule.permission };
        let names = self.names_mut(rule.resource_type).of_mut(rule.pattern);
        let grants = names.entry(rule.name.clone()).or_default().entry(rule.principal.clone()).or_default();
        // A rule has one id: the newest.
        if let Some(older) = grants.insert(grant, record.id) {
            self.by_id.remove(&older);
        }
        self.by_id.insert(record.id, rule);
        Ok(())
    }

    /// Takes over that a rule is gone.
    pub(crate) fn removed(&mut self, id: Uuid) {
        let Some(rule) = self.by_id.remove(&id) else { return };
        let names = self.names_mut(rule.resource_type).of_mut(rule.pattern);
        let Some(principals) = names.get_mut(&rule.name) else { return };
        if let Some(grants) = principals.get_mut(&rule.principal) {
            grants.remove(&Grant { host: rule.host, operation: rule.operation, permission: rule.permission });
            if grants.is_empty() {
                principals.remove(&rule.principal);
            }
        }
        if principals.is_empty() {
            names.remove(&rule.name);
        }
    }

    fn has(&self, rule: &Rule) -> bool {
        let principals = self.names(rule.resource_type).of(rule.pattern).get(&rule.name);
        let grants = principals.and_then(|principals| principals.get(&rule.principal));
        grants.is_some_and(|grants| {
            let grant =
                Grant { host: rule.host.clone(), operation: rule.operation, permission: rule.permission };
            grants.contains_key(&grant)
        })
    }

    fn names(&self, resource_type: ResourceType) -> &Names {
        &self.types[place(resource_type)]
    }

    fn names_mut(&mut self, resource_type: ResourceType) -> &mut Names {
        &mut self.types[place(resource_type)]
    }
}

/// Where a type's rules are: codes begin with 2.
const fn place(resource_type: ResourceType) -> usize {
    (resource_type as i8 - 2).cast_unsigned() as usize
}

/// The record of a rule.
fn made(id: Uuid, rule: &Rule) -> Result<RecordValue, ErrorCode> {
    let body = AccessControlEntryRecord {
        id,
        resource_type: rule.resource_type.code(),
        resource_name: &rule.name,
        pattern_type: rule.pattern.code(),
        principal: &rule.principal,
        host: &rule.host,
        operation: rule.operation.code(),
        permission_type: rule.permission.code(),
        ..AccessControlEntryRecord::default()
    };
    record(key::ACL, 0, &body)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::acl::Host;

    /// However many rules there are for other resources, and with other prefixes, no more keys are looked at than the name has letters.
    #[test]
    fn rules_of_other_resources_cost_nothing() {
        let mut acls = Acls::default();
        let name = "orders.europe.north";
        for n in 0..20_000u32 {
            // Behind the name, in front of it, and between its prefixes.
            let other = match n % 4 {
                0 => format!("orders.{n:05}"),
                1 => format!("p{n}"),
                2 => format!("orders.europe.{n:05}"),
                _ => format!("{n}"),
            };
            let record = AccessControlEntryRecord {
                id: Uuid(u128::from(n).to_be_bytes()),
                resource_type: 2,
                resource_name: &other,
                pattern_type: if n % 3 == 0 { 3 } else { 4 },
                principal: "User:a",
                host: "*",
                operation: 3,
                permission_type: 3,
                ..AccessControlEntryRecord::default()
            };
            acls.made(&record).unwrap();
        }
        for len in 1..=name.len() {
            let steps = acls.names(ResourceType::Topic).steps(&name[..len]).count();
            assert!(steps <= len, "{steps} keys for {len} letters");
        }
        let host = Host::new(core::net::IpAddr::from([127, 0, 0, 1]));
        let who = Who { principal: "User:a", host: &host };
        let may = |name| acls.allows(&Policy::default(), who, Operation::Read, ResourceType::Topic, name);
        assert!(may("p1and more") && !may(name));
    }
}
