//! Users, access keys and managed policies.
//!
//! A user without an account of somebody else's is an account of its own and owns what it makes. A user of another's account may do what
//! its policies allow: managed ones by name, and inline ones.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::codec::Enc;
use super::error::{Corrupt, StateError};
use super::gate;
use super::keys;
use super::policy::{Kind, Policy, PolicyError};
use super::tx::{Env, Tx, decode};
pub use crate::auth::Secret;
use crate::limits::{NAME_LEN_MAX, USER_POLICIES_MAX};

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserRecord {
    /// Its id, as owners are named.
    pub id: String,
    /// Its name, unique.
    pub name: String,
    /// Its address of mail, for grants by mail; may be empty.
    pub email: String,
    /// Id of the account that it belongs to; its own for an account.
    pub account: String,
    /// When it was made.
    pub created_ms: u64,
    /// Whether its keys open anything.
    pub enabled: bool,
    /// Names of managed policies.
    pub attached: Vec<String>,
    /// Names and documents of its own.
    pub inline: Vec<(String, String)>,
}

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Id of its user.
    pub user: String,
    /// Its secret.
    pub secret: Secret,
    /// Whether it opens anything.
    pub enabled: bool,
    /// When it was made.
    pub created_ms: u64,
}

/// Why users, keys or policies cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminError {
    /// There is one already with this name, id, mail or key.
    Exists,
    /// There is none.
    Absent,
    /// A name is empty, too long, or has characters that names cannot have.
    Name,
    /// It is in use: an account with buckets or users, a policy that is attached.
    InUse,
    /// A user has as many policies as it may have.
    TooMany,
    /// The document is no policy.
    Policy(PolicyError),
    /// The store.
    State(StateError),
}

impl From<StateError> for AdminError {
    fn from(error: StateError) -> Self {
        AdminError::State(error)
    }
}

impl From<Corrupt> for AdminError {
    fn from(error: Corrupt) -> Self {
        AdminError::State(error.into())
    }
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AdminError::Exists => "there is one already",
            AdminError::Absent => "there is none",
            AdminError::Name => "a name is 1 to 128 letters, digits and _+=,.@:-",
            AdminError::InUse => "it is in use",
            AdminError::TooMany => "there are as many policies as there may be",
            AdminError::Policy(error) => return error.fmt(f),
            AdminError::State(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for AdminError {}

fn check_name(name: &str) -> Result<(), AdminError> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@:-".contains(&byte));
    if plain && (1..=NAME_LEN_MAX).contains(&name.len()) { Ok(()) } else { Err(AdminError::Name) }
}

impl UserRecord {
    /// Whether it is an account of its own: only those own anything, and only those are granted anything by an ACL.
    pub fn is_account(&self) -> bool {
        self.id == self.account
    }

    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        e.str(&self.id).str(&self.name).str(&self.email).str(&self.account);
        e.u64(self.created_ms).flag(self.enabled);
        e.list(&self.attached, |e, name| {
            e.str(name);
        });
        e.pairs(&self.inline).finish()
    }

    /// From [`UserRecord::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no user.
    pub fn decode(bytes: &[u8]) -> Result<UserRecord, Corrupt> {
        decode(bytes, |d| {
            Ok(UserRecord {
                id: d.string()?,
                name: d.string()?,
                email: d.string()?,
                account: d.string()?,
                created_ms: d.u64()?,
                enabled: d.flag()?,
                attached: d.list(|d| d.string())?,
                inline: d.pairs()?,
            })
        })
    }
}

impl KeyRecord {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        e.str(&self.user).str(self.secret.expose()).flag(self.enabled).u64(self.created_ms).finish()
    }

    /// From [`KeyRecord::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no access key.
    pub fn decode(bytes: &[u8]) -> Result<KeyRecord, Corrupt> {
        decode(bytes, |d| {
            Ok(KeyRecord {
                user: d.string()?,
                secret: Secret::new(&d.string()?),
                enabled: d.flag()?,
                created_ms: d.u64()?,
            })
        })
    }
}

/// All users by id.
///
/// # Errors
/// [`StateError`] of reading.
pub fn users(tx: &Tx<'_>) -> Result<Vec<UserRecord>, StateError> {
    let entries = tx.entries(keys::user(""))?;
    entries.iter().map(|(_, value)| Ok(UserRecord::decode(value)?)).collect()
}

/// The user with this id.
///
/// # Errors
/// [`StateError`] of reading.
pub fn user(tx: &Tx<'_>, id: &str) -> Result<Option<UserRecord>, StateError> {
    let bytes = tx.get(&keys::user(id))?;
    Ok(bytes.map(|bytes| UserRecord::decode(&bytes)).transpose()?)
}

/// The user with this name.
///
/// # Errors
/// [`AdminError::Absent`].
pub fn user_named(tx: &Tx<'_>, name: &str) -> Result<UserRecord, AdminError> {
    users(tx)?.into_iter().find(|user| user.name == name).ok_or(AdminError::Absent)
}

/// The user with this address of mail.
///
/// # Errors
/// [`StateError`] of reading.
pub fn user_with_email(tx: &Tx<'_>, email: &str) -> Result<Option<UserRecord>, StateError> {
    let same = |user: &UserRecord| !email.is_empty() && user.email.eq_ignore_ascii_case(email);
    Ok(users(tx)?.into_iter().find(same))
}

/// Makes a user; an empty id is made from fresh bytes, an empty account is the user's own.
///
/// # Errors
/// [`AdminError::Name`], [`AdminError::Exists`], [`AdminError::Absent`] for an account that is not there.
pub fn add_user(tx: &mut Tx<'_>, env: &Env<'_>, mut user: UserRecord) -> Result<UserRecord, AdminError> {
    check_name(&user.name)?;
    if user.id.is_empty() {
        crate::encoding::put_hex(&mut user.id, &env.fresh);
    }
    check_name(&user.id)?;
    if user.account.is_empty() {
        user.account.clone_from(&user.id);
    }
    let all = users(tx)?;
    let mail = |other: &UserRecord| !user.email.is_empty() && other.email.eq_ignore_ascii_case(&user.email);
    if all.iter().any(|other| other.id == user.id || other.name == user.name || mail(other)) {
        return Err(AdminError::Exists);
    }
    if user.account != user.id
        && !all.iter().any(|other| other.id == user.account && other.account == other.id)
    {
        return Err(AdminError::Absent);
    }
    user.created_ms = env.now_ms;
    user.enabled = true;
    tx.put(keys::user(&user.id), user.encode());
    Ok(user)
}

/// Stores a user that was changed: enabled, mail, policies.
pub fn save_user(tx: &mut Tx<'_>, user: &UserRecord) {
    tx.put(keys::user(&user.id), user.encode());
}

/// Removes a user and its keys.
///
/// # Errors
/// [`AdminError::Absent`]; [`AdminError::InUse`] for an account that has users or buckets.
pub fn remove_user(tx: &mut Tx<'_>, name: &str) -> Result<(), AdminError> {
    let user = user_named(tx, name)?;
    let others = users(tx)?.iter().any(|other| other.account == user.id && other.id != user.id);
    let mut owns = false;
    for (_, value) in tx.entries(alloc::vec![keys::BUCKETS])? {
        owns |= super::record::BucketRecord::decode(&value)?.owner == user.id;
    }
    if others || owns {
        return Err(AdminError::InUse);
    }
    for (access_key, _) in keys_of(tx, &user.id)? {
        tx.delete(keys::access_key(&access_key));
    }
    tx.delete(keys::user(&user.id));
    Ok(())
}

/// Access keys of a user, or of everybody for an empty id.
///
/// # Errors
/// [`StateError`] of reading.
pub fn keys_of(tx: &Tx<'_>, user: &str) -> Result<Vec<(String, KeyRecord)>, StateError> {
    let mut found = Vec::new();
    for (at, value) in tx.entries(keys::access_key(""))? {
        let record = KeyRecord::decode(&value)?;
        if user.is_empty() || record.user == user {
            let name = core::str::from_utf8(&at[1..]).map_err(|_| Corrupt::Key)?;
            found.push((String::from(name), record));
        }
    }
    Ok(found)
}

/// Gives a user an access key.
///
/// # Errors
/// [`AdminError::Absent`], [`AdminError::Exists`], [`AdminError::Name`] also for a secret of fewer than eight characters.
pub fn add_key(
    tx: &mut Tx<'_>,
    env: &Env<'_>,
    user: &str,
    access_key: &str,
    secret: Secret,
) -> Result<(), AdminError> {
    check_name(access_key)?;
    if !(8..=NAME_LEN_MAX).contains(&secret.expose().len()) {
        return Err(AdminError::Name);
    }
    let user = user_named(tx, user)?;
    if tx.get(&keys::access_key(access_key))?.is_some() {
        return Err(AdminError::Exists);
    }
    let record = KeyRecord { user: user.id, secret, enabled: true, created_ms: env.now_ms };
    tx.put(keys::access_key(access_key), record.encode());
    Ok(())
}

/// Turns an access key on or off.
///
/// # Errors
/// [`AdminError::Absent`].
pub fn enable_key(tx: &mut Tx<'_>, access_key: &str, enabled: bool) -> Result<(), AdminError> {
    let bytes = tx.get(&keys::access_key(access_key))?.ok_or(AdminError::Absent)?;
    let record = KeyRecord { enabled, ..KeyRecord::decode(&bytes)? };
    tx.put(keys::access_key(access_key), record.encode());
    Ok(())
}

/// Removes an access key.
///
/// # Errors
/// [`AdminError::Absent`].
pub fn remove_key(tx: &mut Tx<'_>, access_key: &str) -> Result<(), AdminError> {
    tx.get(&keys::access_key(access_key))?.ok_or(AdminError::Absent)?;
    tx.delete(keys::access_key(access_key));
    Ok(())
}

/// Puts a managed policy, over one of the same name.
///
/// # Errors
/// [`AdminError::Name`], [`AdminError::Policy`].
pub fn put_policy(tx: &mut Tx<'_>, name: &str, document: &str) -> Result<(), AdminError> {
    check_name(name)?;
    Policy::parse(document.as_bytes(), Kind::User).map_err(AdminError::Policy)?;
    tx.put(keys::policy(name), Enc::new().str(document).finish());
    Ok(())
}

/// The document of a managed policy.
///
/// # Errors
/// [`AdminError::Absent`].
pub fn policy(tx: &Tx<'_>, name: &str) -> Result<String, AdminError> {
    let bytes = tx.get(&keys::policy(name))?.ok_or(AdminError::Absent)?;
    Ok(decode(&bytes, |d| d.string())?)
}

/// Names and documents of all managed policies.
///
/// # Errors
/// [`StateError`] of reading.
pub fn policies(tx: &Tx<'_>) -> Result<Vec<(String, String)>, StateError> {
    let read = |(at, value): &(Vec<u8>, Vec<u8>)| {
        let name = core::str::from_utf8(&at[1..]).map_err(|_| Corrupt::Key)?;
        Ok((String::from(name), decode(value, |d| d.string())?))
    };
    tx.entries(keys::policy(""))?.iter().map(read).collect()
}

/// Removes a managed policy.
///
/// # Errors
/// [`AdminError::Absent`]; [`AdminError::InUse`] while a user has it.
pub fn remove_policy(tx: &mut Tx<'_>, name: &str) -> Result<(), AdminError> {
    policy(tx, name)?;
    if users(tx)?.iter().any(|user| user.attached.iter().any(|attached| attached == name)) {
        return Err(AdminError::InUse);
    }
    tx.delete(keys::policy(name));
    Ok(())
}

/// Gives a user a managed policy, or takes it away.
///
/// # Errors
/// [`AdminError::Absent`], [`AdminError::TooMany`].
pub fn attach(tx: &mut Tx<'_>, user: &str, name: &str, on: bool) -> Result<(), AdminError> {
    policy(tx, name)?;
    let mut user = user_named(tx, user)?;
    user.attached.retain(|attached| attached != name);
    if on {
        if user.attached.len() >= USER_POLICIES_MAX {
            return Err(AdminError::TooMany);
        }
        user.attached.push(name.into());
        user.attached.sort_unstable();
    }
    save_user(tx, &user);
    Ok(())
}

/// Puts a policy of a user's own, over one of the same name; no document takes it away.
///
/// # Errors
/// [`AdminError::Absent`], [`AdminError::Name`], [`AdminError::Policy`], [`AdminError::TooMany`].
pub fn put_inline(tx: &mut Tx<'_>, user: &str, name: &str, document: Option<&str>) -> Result<(), AdminError> {
    check_name(name)?;
    let mut user = user_named(tx, user)?;
    user.inline.retain(|(other, _)| other != name);
    if let Some(document) = document {
        Policy::parse(document.as_bytes(), Kind::User).map_err(AdminError::Policy)?;
        if user.inline.len() >= USER_POLICIES_MAX {
            return Err(AdminError::TooMany);
        }
        user.inline.push((name.into(), document.into()));
        user.inline.sort_unstable();
    }
    save_user(tx, &user);
    Ok(())
}

/// Who signs with an access key, and the secret that its signatures are made with. `None` for a key that is not there or off.
///
/// # Errors
/// [`StateError`] of reading, also for a policy that cannot be read: the user may then do nothing.
pub fn signer(tx: &Tx<'_>, access_key: &str) -> Result<Option<(gate::User, Secret)>, StateError> {
    let Some(bytes) = tx.get(&keys::access_key(access_key))? else { return Ok(None) };
    let key = KeyRecord::decode(&bytes)?;
    let Some(user) = user(tx, &key.user)?.filter(|user| user.enabled && key.enabled) else { return Ok(None) };
    let mut found = gate::User { id: user.id, name: user.name, account: user.account, policies: Vec::new() };
    let parse = |text: &str| Policy::parse(text.as_bytes(), Kind::User).map_err(|_| Corrupt::Value { at: 0 });
    for name in &user.attached {
        let bytes = tx.get(&keys::policy(name))?.ok_or(Corrupt::Key)?;
        found.policies.push(parse(decode(&bytes, |d| d.str())?)?);
    }
    for (_, document) in &user.inline {
        found.policies.push(parse(document)?);
    }
    Ok(Some((found, key.secret)))
}
