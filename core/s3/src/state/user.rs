//! Users, their access keys and their policies.
//!
//! A user is an account of its own, which owns what it makes and may do everything with it, or belongs to one and may do what its policies
//! allow. Everything about a user stands in one record, so that a server holds all of them in memory and reads none per request.

use alloc::string::String;
use alloc::vec::Vec;

use super::codec::{Dec, Enc};
use super::error::{Code, Corrupt, StateError};
use super::gate;
use super::keys;
use super::policy::{Kind, Policy};
use super::source::Source;
use super::tx::{Env, Tx, decode};

/// The user whose keys stand in the server's settings. It is in no record, and is its own account.
pub const ROOT: &str = "root";
/// Longest name and id.
pub const NAME_LEN_MAX: usize = 128;
/// Access keys of a user.
pub const KEYS_MAX: usize = 20;
/// Policies of a user.
pub const POLICIES_MAX: usize = 50;

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// What requests name.
    pub access_key: String,
    /// What they sign with.
    pub secret_key: String,
}

/// Without the secret.
impl core::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KeyPair({})", self.access_key)
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// Its name, which is its key.
    pub name: String,
    /// The canonical id that ACLs, policies and owners name.
    pub id: String,
    /// The id of its account: its own, or that of the user it belongs to.
    pub account: String,
    /// What people read.
    pub display_name: String,
    /// Its address, empty for none.
    pub email: String,
    /// When it was made.
    pub created_ms: u64,
    /// Its access keys.
    pub access_keys: Vec<KeyPair>,
    /// Its policies by name, as they were put.
    pub policies: Vec<(String, String)>,
}

impl UserRecord {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut e = Enc::new();
        e.str(&self.name).str(&self.id).str(&self.account).str(&self.display_name).str(&self.email);
        e.u64(self.created_ms);
        e.list(&self.access_keys, |e, pair| {
            e.str(&pair.access_key).str(&pair.secret_key);
        });
        e.pairs(&self.policies).finish()
    }

    /// From [`UserRecord::encode`].
    ///
    /// # Errors
    /// [`Corrupt`]: the bytes are no user.
    pub fn decode(bytes: &[u8]) -> Result<UserRecord, Corrupt> {
        decode(bytes, |d| {
            Ok(UserRecord {
                name: d.string()?,
                id: d.string()?,
                account: d.string()?,
                display_name: d.string()?,
                email: d.string()?,
                created_ms: d.u64()?,
                access_keys: d.list(|d| {
                    let pair = KeyPair { access_key: d.string()?, secret_key: d.string()? };
                    Ok(pair)
                })?,
                policies: Dec::pairs(d)?,
            })
        })
    }

    /// As the gate knows it.
    ///
    /// # Errors
    /// `AccessDenied` for a policy that is stored and cannot be read: such a user may nothing.
    pub fn for_gate(&self) -> Result<gate::User, StateError> {
        let parse = |(_, text): &(String, String)| Policy::parse(text.as_bytes(), Kind::User);
        let policies: Result<Vec<Policy>, _> = self.policies.iter().map(parse).collect();
        let policies = policies.map_err(|_| Code::AccessDenied)?;
        Ok(gate::User { id: self.id.clone(), name: self.name.clone(), account: self.account.clone(), policies })
    }
}

/// Every user, by name.
///
/// # Errors
/// [`StateError`] of reading.
pub fn all(source: &dyn Source) -> Result<Vec<UserRecord>, StateError> {
    let mut found = Vec::new();
    let mut cursor = source.cursor();
    cursor.seek(&[keys::USERS])?;
    while let Some((_, value)) = cursor.entry().filter(|(key, _)| key.first() == Some(&keys::USERS)) {
        found.push(UserRecord::decode(value)?);
        cursor.next()?;
    }
    Ok(found)
}

/// The user of that name.
///
/// # Errors
/// `InvalidArgument` if there is none.
pub fn find(tx: &Tx<'_>, name: &str) -> Result<UserRecord, StateError> {
    let bytes = tx.get(&keys::user(name))?.ok_or(Code::InvalidArgument)?;
    Ok(UserRecord::decode(&bytes)?)
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_$-".contains(c);
    (1..=NAME_LEN_MAX).contains(&text.len()) && text.chars().all(plain)
}

/// Makes a user.
///
/// # Errors
/// `InvalidArgument` for a name or id that is none, that somebody has already, or for an account that is not there.
pub fn add(tx: &mut Tx<'_>, env: &Env<'_>, user: &UserRecord) -> Result<(), StateError> {
    let taken = [ROOT].contains(&&*user.name) || [ROOT].contains(&&*user.id);
    if taken || !is_name(&user.name) || !is_name(&user.id) {
        return Err(Code::InvalidArgument.into());
    }
    let others = of_tx(tx)?;
    let clash = others.iter().any(|other| {
        other.name == user.name || other.id == user.id || (!user.email.is_empty() && other.email == user.email)
    });
    let is_account = user.account == user.id;
    let known = user.account == ROOT || others.iter().any(|other| other.id == user.account && other.account == other.id);
    if clash || !(is_account || known) {
        return Err(Code::InvalidArgument.into());
    }
    let mut record = UserRecord { created_ms: env.now_ms, access_keys: Vec::new(), ..user.clone() };
    for pair in &user.access_keys {
        check_pair(&others, &record, pair)?;
        record.access_keys.push(pair.clone());
    }
    tx.put(keys::user(&user.name), record.encode());
    Ok(())
}

fn of_tx(tx: &Tx<'_>) -> Result<Vec<UserRecord>, StateError> {
    let mut found = Vec::new();
    let mut scan = tx.scan(alloc::vec![keys::USERS])?;
    while let Some((_, value)) = scan.step()? {
        found.push(UserRecord::decode(&value)?);
    }
    Ok(found)
}

fn check_pair(others: &[UserRecord], own: &UserRecord, pair: &KeyPair) -> Result<(), StateError> {
    let plain = |c: char| c.is_ascii_graphic() && !"/,=".contains(c);
    let sound = (3..=NAME_LEN_MAX).contains(&pair.access_key.len())
        && pair.access_key.chars().all(plain)
        && (8..=NAME_LEN_MAX).contains(&pair.secret_key.len());
    let has = |user: &UserRecord| user.access_keys.iter().any(|other| other.access_key == pair.access_key);
    if !sound || others.iter().any(has) || has(own) || own.access_keys.len() >= KEYS_MAX {
        return Err(Code::InvalidArgument.into());
    }
    Ok(())
}

/// Removes a user with its keys and policies.
///
/// # Errors
/// `InvalidArgument` if there is none; `InvalidRequest` while it owns a bucket or another user belongs to it.
pub fn remove(tx: &mut Tx<'_>, name: &str) -> Result<(), StateError> {
    let user = find(tx, name)?;
    let mut scan = tx.scan(alloc::vec![keys::BUCKETS])?;
    while let Some((_, value)) = scan.step()? {
        if super::record::BucketRecord::decode(&value)?.owner == user.id {
            return Err(Code::InvalidRequest.into());
        }
    }
    if of_tx(tx)?.iter().any(|other| other.account == user.id && other.id != user.id) {
        return Err(Code::InvalidRequest.into());
    }
    tx.delete(keys::user(name));
    Ok(())
}

/// Gives a user another access key.
///
/// # Errors
/// `InvalidArgument` for a user that is not there, a key that cannot be one or that somebody has, or one too many.
pub fn add_key(tx: &mut Tx<'_>, name: &str, pair: &KeyPair) -> Result<(), StateError> {
    let mut user = find(tx, name)?;
    check_pair(&of_tx(tx)?, &user, pair)?;
    user.access_keys.push(pair.clone());
    tx.put(keys::user(name), user.encode());
    Ok(())
}

/// Takes an access key away.
///
/// # Errors
/// `InvalidArgument` if the user or the key is not there.
pub fn remove_key(tx: &mut Tx<'_>, name: &str, access_key: &str) -> Result<(), StateError> {
    let mut user = find(tx, name)?;
    let before = user.access_keys.len();
    user.access_keys.retain(|pair| pair.access_key != access_key);
    if user.access_keys.len() == before {
        return Err(Code::InvalidArgument.into());
    }
    tx.put(keys::user(name), user.encode());
    Ok(())
}

/// Puts a policy onto a user, over the one of that name.
///
/// # Errors
/// `MalformedPolicy`; `InvalidArgument` for a user that is not there, a name that is none, or one policy too many.
pub fn put_policy(tx: &mut Tx<'_>, user: &str, name: &str, text: &str) -> Result<(), StateError> {
    let mut record = find(tx, user)?;
    Policy::parse(text.as_bytes(), Kind::User).map_err(|_| Code::MalformedPolicy)?;
    record.policies.retain(|(there, _)| there != name);
    if !is_name(name) || record.policies.len() >= POLICIES_MAX {
        return Err(Code::InvalidArgument.into());
    }
    record.policies.push((name.into(), text.into()));
    tx.put(keys::user(user), record.encode());
    Ok(())
}

/// Takes a policy away.
///
/// # Errors
/// `InvalidArgument` if the user or the policy is not there.
pub fn remove_policy(tx: &mut Tx<'_>, user: &str, name: &str) -> Result<(), StateError> {
    let mut record = find(tx, user)?;
    let before = record.policies.len();
    record.policies.retain(|(there, _)| there != name);
    if record.policies.len() == before {
        return Err(Code::InvalidArgument.into());
    }
    tx.put(keys::user(user), record.encode());
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec;

    use super::*;

    type Map = BTreeMap<Vec<u8>, Vec<u8>>;

    fn run(map: &mut Map, operation: impl FnOnce(&mut Tx<'_>) -> Result<(), StateError>) -> Result<(), Code> {
        let before = map.clone();
        let mut tx = Tx::new(&before);
        operation(&mut tx).map_err(|error| error.code())?;
        for (key, value) in tx.into_batch().writes {
            match value {
                Some(value) => drop(map.insert(key, value)),
                None => drop(map.remove(&key)),
            }
        }
        Ok(())
    }

    fn user(name: &str, account: &str) -> UserRecord {
        UserRecord {
            name: name.into(),
            id: name.into(),
            account: account.into(),
            display_name: String::new(),
            email: String::new(),
            created_ms: 0,
            access_keys: vec![],
            policies: vec![],
        }
    }

    #[test]
    fn users_keys_and_policies() {
        let env = Env { now_ms: 7, caller: "", fresh: [0; 16] };
        let map = &mut Map::new();
        let pair = |key: &str| KeyPair { access_key: key.into(), secret_key: "12345678".into() };
        run(map, |tx| add(tx, &env, &user("ann", "ann"))).unwrap();
        run(map, |tx| add(tx, &env, &user("bob", "ann"))).unwrap();
        for (name, account) in [("ann", "ann"), ("root", "root"), ("", ""), ("a/b", "a/b"), ("cid", "nobody"), ("cid", "bob")] {
            assert_eq!(run(map, |tx| add(tx, &env, &user(name, account))), Err(Code::InvalidArgument), "{name} {account}");
        }
        run(map, |tx| add_key(tx, "ann", &pair("AKIA"))).unwrap();
        assert!(run(map, |tx| add_key(tx, "bob", &pair("AKIA"))).is_err(), "somebody has it");
        assert!(run(map, |tx| add_key(tx, "bob", &pair("a/b"))).is_err());
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#;
        run(map, |tx| put_policy(tx, "bob", "read", policy)).unwrap();
        assert_eq!(run(map, |tx| put_policy(tx, "bob", "bad", "{")), Err(Code::MalformedPolicy));
        let found = all(map).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].created_ms, &found[0].access_keys[..]), (7, &[pair("AKIA")][..]));
        assert_eq!(UserRecord::decode(&found[1].encode()), Ok(found[1].clone()));
        assert_eq!(found[1].for_gate().unwrap().policies.len(), 1);
        assert_eq!(run(map, |tx| remove(tx, "ann")), Err(Code::InvalidRequest), "bob belongs to ann");
        run(map, |tx| remove_policy(tx, "bob", "read")).unwrap();
        run(map, |tx| remove_key(tx, "ann", "AKIA")).unwrap();
        run(map, |tx| remove(tx, "bob")).unwrap();
        run(map, |tx| remove(tx, "ann")).unwrap();
        assert!(map.is_empty());
    }
}
