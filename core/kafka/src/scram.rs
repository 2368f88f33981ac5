//! Users' SCRAM credentials, as the metadata log remembers them.
//!
//! What is kept proves a password and is none: the salt, the number of rounds, and the two keys of RFC 5802. A client that makes a credential sends the
//! salted password; whoever serves it makes the keys of that ([`Upsertion`]).
//!
//! Source: `UserScramCredentialRecord` of Kafka 4.4.0, and the answers of Kafka's `ScramControlManager` and `ScramImage`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::ErrorCode;
use crate::limits::{CREDENTIALS_MAX, SALT_LEN_MAX, USER_NAME_LEN_MAX};
use crate::messages::{RemoveUserScramCredentialRecord, UserScramCredentialRecord};
use crate::topics::{RecordValue, key, record};

/// Rounds that a password is hashed, at least and at most.
const ITERATIONS: core::ops::RangeInclusive<i32> = 4096..=16_384;

/// The hash under a credential, by its number in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum Mechanism {
    /// SCRAM-SHA-256.
    Sha256 = 1,
    /// SCRAM-SHA-512.
    Sha512 = 2,
}

impl Mechanism {
    /// By its number.
    pub const fn from_code(code: i8) -> Option<Mechanism> {
        match code {
            1 => Some(Mechanism::Sha256),
            2 => Some(Mechanism::Sha512),
            _ => None,
        }
    }
}

/// What is kept of a user's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// What was hashed with the password.
    pub salt: Vec<u8>,
    /// The hash of the client's key.
    pub stored_key: Vec<u8>,
    /// The server's key.
    pub server_key: Vec<u8>,
    /// How many rounds.
    pub iterations: i32,
}

impl core::fmt::Debug for Credential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credential").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// A credential that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upsertion<'a> {
    /// Whose.
    pub user: &'a str,
    /// The mechanism's number, as the client gave it.
    pub mechanism: i8,
    /// What is kept.
    pub credential: Credential,
}

/// Why a credential is not changed or not told: the code, and what is said beside it.
pub type Refusal = (ErrorCode, &'static str);

/// A user of a request, and what became of what it asked.
pub type Of<'a, T> = (&'a str, Result<T, Refusal>);

const TWICE: Refusal =
    (ErrorCode::DUPLICATE_RESOURCE, "A user's credential cannot be altered twice in one request.");

/// All credentials.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    by_user: BTreeMap<String, BTreeMap<Mechanism, Credential>>,
}

impl Credentials {
    /// The credential of a user for a mechanism.
    pub fn get(&self, user: &str, mechanism: Mechanism) -> Option<&Credential> {
        self.by_user.get(user)?.get(&mechanism)
    }

    /// Takes over a record. One of a mechanism that is not known is passed over.
    pub(crate) fn put(&mut self, record: &UserScramCredentialRecord<'_>) {
        let Some(mechanism) = Mechanism::from_code(record.mechanism) else { return };
        let credential = Credential {
            salt: record.salt.into(),
            stored_key: record.stored_key.into(),
            server_key: record.server_key.into(),
            iterations: record.iterations,
        };
        self.by_user.entry(record.name.into()).or_default().insert(mechanism, credential);
    }

    /// Takes over a record.
    pub(crate) fn remove(&mut self, record: &RemoveUserScramCredentialRecord<'_>) {
        let Some(mechanism) = Mechanism::from_code(record.mechanism) else { return };
        if let Some(of_user) = self.by_user.get_mut(record.name) {
            of_user.remove(&mechanism);
            if of_user.is_empty() {
                self.by_user.remove(record.name);
            }
        }
    }

    /// Records that say all of this again.
    pub(crate) fn snapshot(&self) -> Result<Vec<RecordValue>, ErrorCode> {
        let all = self.by_user.iter().flat_map(|(user, of_user)| of_user.iter().map(move |one| (user, one)));
        all.map(|(user, (mechanism, credential))| put_record(user, *mechanism as i8, credential)).collect()
    }

    /// What is told of these users, or of all if none is named: the mechanisms and rounds of each.
    pub fn describe<'a>(&'a self, users: &[&'a str]) -> Vec<Of<'a, Vec<(Mechanism, i32)>>> {
        let told = |of_user: &BTreeMap<Mechanism, Credential>| {
            of_user.iter().map(|(mechanism, credential)| (*mechanism, credential.iterations)).collect()
        };
        if users.is_empty() {
            return self.by_user.iter().map(|(user, of_user)| (user.as_str(), Ok(told(of_user)))).collect();
        }
        let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
        for user in users {
            if !seen.insert(*user) {
                twice.insert(*user);
            }
        }
        let one = |user: &'a str| match self.by_user.get(user) {
            _ if twice.contains(user) => {
                Err((ErrorCode::DUPLICATE_RESOURCE, "A user cannot be described twice in one request."))
            }
            None => Err((ErrorCode::RESOURCE_NOT_FOUND, "The user has no SCRAM credential.")),
            Some(of_user) => Ok(told(of_user)),
        };
        seen.iter().map(|user| (*user, one(user))).collect()
    }

    /// What becomes of each user that a request names, and the records of what is changed. Who is named more than once is left alone.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_REQUEST`] for a name that no string can hold.
    pub fn decide_alter<'a>(
        &self,
        deletions: &[(&'a str, i8)],
        upsertions: &[Upsertion<'a>],
    ) -> Result<(Vec<Of<'a, ()>>, Vec<RecordValue>), ErrorCode> {
        let mut named: BTreeMap<&str, u32> = BTreeMap::new();
        let users = deletions.iter().map(|(user, _)| *user).chain(upsertions.iter().map(|one| one.user));
        users.for_each(|user| *named.entry(user).or_default() += 1);
        let (mut results, mut records) = (Vec::new(), Vec::new());
        let mut room = CREDENTIALS_MAX.saturating_sub(self.len());
        for (user, mechanism) in deletions.iter().filter(|(user, _)| named[user] == 1) {
            let result = self.check_deletion(user, *mechanism);
            if result.is_ok() {
                let removed = RemoveUserScramCredentialRecord {
                    name: user,
                    mechanism: *mechanism,
                    ..RemoveUserScramCredentialRecord::default()
                };
                records.push(record(key::REMOVE_SCRAM_CREDENTIAL, 0, &removed)?);
            }
            results.push((*user, result));
        }
        for one in upsertions.iter().filter(|one| named[one.user] == 1) {
            let result = self.check_upsertion(one, &mut room);
            if result.is_ok() {
                records.push(put_record(one.user, one.mechanism, &one.credential)?);
            }
            results.push((one.user, result));
        }
        results.extend(named.iter().filter(|(_, count)| **count > 1).map(|(user, _)| (*user, Err(TWICE))));
        Ok((results, records))
    }

    fn len(&self) -> usize {
        self.by_user.values().map(BTreeMap::len).sum()
    }

    fn check_deletion(&self, user: &str, mechanism: i8) -> Result<(), Refusal> {
        let mechanism = check(user, mechanism)?;
        match self.get(user, mechanism) {
            Some(_) => Ok(()),
            None => Err((ErrorCode::RESOURCE_NOT_FOUND, "The user has no credential of this mechanism.")),
        }
    }

    fn check_upsertion(&self, one: &Upsertion<'_>, room: &mut usize) -> Result<(), Refusal> {
        let refused = |why| Err((ErrorCode::UNACCEPTABLE_CREDENTIAL, why));
        let mechanism = check(one.user, one.mechanism)?;
        let iterations = one.credential.iterations;
        if iterations < *ITERATIONS.start() {
            return refused("Too few iterations: at least 4096.");
        }
        if iterations > *ITERATIONS.end() {
            return refused("Too many iterations: at most 16384.");
        }
        if one.user.len() > USER_NAME_LEN_MAX {
            return refused("The user's name is too long: at most 255 bytes.");
        }
        if one.credential.salt.len() > SALT_LEN_MAX {
            return refused("The salt is too long: at most 1024 bytes.");
        }
        if self.get(one.user, mechanism).is_none() {
            let too_many = (ErrorCode::POLICY_VIOLATION, "The broker holds as many credentials as it may.");
            *room = room.checked_sub(1).ok_or(too_many)?;
        }
        Ok(())
    }
}

fn check(user: &str, mechanism: i8) -> Result<Mechanism, Refusal> {
    if user.is_empty() {
        return Err((ErrorCode::UNACCEPTABLE_CREDENTIAL, "The user's name must not be empty."));
    }
    let unknown = (ErrorCode::UNSUPPORTED_SASL_MECHANISM, "SCRAM is with 1, SHA-256, or 2, SHA-512.");
    Mechanism::from_code(mechanism).ok_or(unknown)
}

fn put_record(user: &str, mechanism: i8, credential: &Credential) -> Result<RecordValue, ErrorCode> {
    let put = UserScramCredentialRecord {
        name: user,
        mechanism,
        salt: &credential.salt,
        stored_key: &credential.stored_key,
        server_key: &credential.server_key,
        iterations: credential.iterations,
        ..UserScramCredentialRecord::default()
    };
    record(key::SCRAM_CREDENTIAL, 0, &put)
}
