//! The interface for users, keys and policies: signed requests of root under a target that no bucket can have.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /_dolmen/admin/users` | | the users |
//! | `POST /_dolmen/admin/users` | [`NewUser`] | the user with its key |
//! | `DELETE /_dolmen/admin/users?name=` | | |
//! | `GET /_dolmen/admin/keys` | | the keys, without secrets |
//! | `POST /_dolmen/admin/keys` | [`NewKey`] | the key |
//! | `DELETE /_dolmen/admin/keys?name=` | | |
//! | `GET /_dolmen/admin/policies` | | names and documents |
//! | `PUT /_dolmen/admin/policies?name=` | the document | |
//! | `DELETE /_dolmen/admin/policies?name=` | | |
//! | `PUT`, `DELETE /_dolmen/admin/attached?name=&user=` | | |

use std::sync::Arc;

use dolmen_s3::auth::{Claim, Request as SignedRequest, Rules, Scope as KeyScope};
use dolmen_s3::error::ErrorCode;
use dolmen_s3::payload::PayloadMode;
use dolmen_s3::request::{Headers, Method};
use dolmen_s3::state::admin::{self, AdminError, Secret, UserRecord};
use dolmen_s3::state::{Env, StateError, Tx};
use dolmen_s3::target::Query;
use http::request::Parts;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::accounts::ROOT;
use crate::answer::{Answer, Head, Refusal, stamp};
use crate::body;
use crate::engine::{Scope, Written};
use crate::server::Server;

/// Begins its targets: no bucket can be called so.
pub(crate) const PREFIX: &str = "/_dolmen/admin/";
/// Longest body.
const BODY_LEN_MAX: usize = 64 << 10;

/// A user to make; an empty id, account, key is made.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct NewUser {
    /// Its name.
    pub name: String,
    /// Its canonical id.
    #[serde(default)]
    pub id: String,
    /// Its address of mail.
    #[serde(default)]
    pub email: String,
    /// Id of the account that it belongs to.
    #[serde(default)]
    pub account: String,
    /// Its access key.
    #[serde(default)]
    pub access_key: String,
    /// Its secret key.
    #[serde(default)]
    pub secret_key: String,
}

/// An access key to make; empty ones are made.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct NewKey {
    /// The user's name.
    pub user: String,
    /// The access key.
    #[serde(default)]
    pub access_key: String,
    /// The secret key.
    #[serde(default)]
    pub secret_key: String,
}

/// A user as it is told; keys only when they are made.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ToldUser {
    /// Its name.
    pub name: String,
    /// Its canonical id.
    pub id: String,
    /// Id of its account.
    pub account: String,
    /// Its address of mail.
    pub email: String,
    /// Its policies.
    pub policies: Vec<String>,
    /// The access key that was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub access_key: String,
    /// The secret key that was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret_key: String,
}

/// An access key as it is told.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ToldKey {
    /// The access key.
    pub access_key: String,
    /// Id of its user.
    pub user: String,
    /// Whether it opens anything.
    pub enabled: bool,
    /// The secret key, when it is made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret_key: String,
}

/// A policy as it is told.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ToldPolicy {
    /// Its name.
    pub name: String,
    /// Its document.
    pub document: String,
}

impl From<&UserRecord> for ToldUser {
    fn from(user: &UserRecord) -> ToldUser {
        let inline = user.inline.iter().map(|(name, _)| name.clone());
        ToldUser {
            name: user.name.clone(),
            id: user.id.clone(),
            account: user.account.clone(),
            email: user.email.clone(),
            policies: user.attached.iter().cloned().chain(inline).collect(),
            ..ToldUser::default()
        }
    }
}

/// A pair of keys that nobody can guess, where none is given.
pub fn pair(access_key: &str, secret_key: &str, random: [u8; 32]) -> (String, String) {
    if !access_key.is_empty() {
        return (access_key.to_owned(), secret_key.to_owned());
    }
    let mut digits = String::new();
    dolmen_s3::encoding::put_hex(&mut digits, &random);
    (digits[..20].to_uppercase(), digits[20..60].to_owned())
}

pub(crate) async fn respond(
    server: &Arc<Server>,
    parts: &Parts,
    headers: Headers<'_>,
    target: &str,
    incoming: &mut Incoming,
) -> Answer {
    let method = Method::from_name(parts.method.as_str()).ok_or(ErrorCode::MethodNotAllowed)?;
    let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
    let query = Query::parse(raw_query.as_bytes())?;
    let mut document = Vec::new();
    while let Some(piece) = body::next(incoming).await? {
        document.extend_from_slice(&piece);
        if document.len() > BODY_LEN_MAX {
            return Err(Refusal::new(ErrorCode::MaxMessageLengthExceeded));
        }
    }
    authenticate(server, method, path, &query, headers, &document)?;
    let name = query.get("name").unwrap_or("").to_owned();
    let user = query.get("user").unwrap_or("").to_owned();
    match (method, path.strip_prefix(PREFIX).unwrap_or("")) {
        (Method::Get, "users") => {
            let users = server.engine.meta.read(|source| admin::users(&Tx::new(source)))?;
            told(&users.iter().map(ToldUser::from).collect::<Vec<_>>())
        }
        (Method::Post, "users") => add_user(server, read(&document)?).await,
        (Method::Delete, "users") => change(server, move |tx, _| admin::remove_user(tx, &name)).await,
        (Method::Get, "keys") => {
            let keys = server.engine.meta.read(|source| admin::keys_of(&Tx::new(source), ""))?;
            let told_key = |(access_key, record): &(String, admin::KeyRecord)| ToldKey {
                access_key: access_key.clone(),
                user: record.user.clone(),
                enabled: record.enabled,
                secret_key: String::new(),
            };
            told(&keys.iter().map(told_key).collect::<Vec<_>>())
        }
        (Method::Post, "keys") => add_key(server, read(&document)?).await,
        (Method::Delete, "keys") => change(server, move |tx, _| admin::remove_key(tx, &name)).await,
        (Method::Get, "policies") => {
            let policies = server.engine.meta.read(|source| admin::policies(&Tx::new(source)))?;
            let policy = |(name, document): &(String, String)| ToldPolicy {
                name: name.clone(),
                document: document.clone(),
            };
            told(&policies.iter().map(policy).collect::<Vec<_>>())
        }
        (Method::Put, "policies") => {
            let text = String::from_utf8(document).map_err(|_| ErrorCode::MalformedPolicy)?;
            change(server, move |tx, _| admin::put_policy(tx, &name, &text)).await
        }
        (Method::Delete, "policies") => change(server, move |tx, _| admin::remove_policy(tx, &name)).await,
        (Method::Put, "attached") => change(server, move |tx, _| admin::attach(tx, &user, &name, true)).await,
        (Method::Delete, "attached") => {
            change(server, move |tx, _| admin::attach(tx, &user, &name, false)).await
        }
        _ => Err(Refusal::new(ErrorCode::MethodNotAllowed)),
    }
}

/// Only root comes in, with a signature that covers the body.
fn authenticate(
    server: &Server,
    method: Method,
    path: &str,
    query: &Query<'_>,
    headers: Headers<'_>,
    document: &[u8],
) -> Result<(), Refusal> {
    let claim = Claim::read(headers, query)?;
    let access_key = claim.access_key().ok_or(ErrorCode::AccessDenied)?;
    let (user, secret) = server.accounts.by_key(access_key).ok_or(ErrorCode::InvalidAccessKeyId)?;
    let request = SignedRequest { method, raw_path: path.as_bytes(), query, headers, host_bucket: None };
    let rules = Rules { region: Some(&server.region), ..Rules::default() };
    let key = |scope: &KeyScope| server.signing_key(access_key, &secret, scope);
    let verified = claim.verify(&request, &secret, key, &rules, stamp(server.engine.clock.now_ms()))?;
    let is_covered = match verified.payload {
        PayloadMode::Sha256(digest) => <[u8; 32]>::from(Sha256::digest(document)) == digest,
        PayloadMode::Unsigned
        | PayloadMode::StreamingSigned
        | PayloadMode::StreamingSignedTrailer
        | PayloadMode::StreamingUnsignedTrailer => false,
    };
    if !is_covered {
        return Err(Refusal::new(ErrorCode::XAmzContentSHA256Mismatch));
    }
    if user.id == ROOT { Ok(()) } else { Err(Refusal::new(ErrorCode::AccessDenied)) }
}

fn read<'a, T: Deserialize<'a>>(document: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(document)
        .map_err(|error| Refusal::says(ErrorCode::InvalidRequest, error.to_string()))
}

fn told(value: &impl Serialize) -> Answer {
    let text = serde_json::to_string(value).map_err(|_| ErrorCode::InternalError)?;
    Ok(Head::new(200).with("content-type", "application/json").body(text))
}

/// Changes users, and reads them anew.
async fn changed<T: Send + 'static>(
    server: &Arc<Server>,
    mut operation: impl FnMut(&mut Tx<'_>, &Env<'_>) -> Result<T, AdminError> + Send + 'static,
) -> Result<T, Refusal> {
    let outcome =
        server.engine.change("", Scope::Accounts, Written::default(), move |tx, env| {
            match operation(tx, env) {
                Ok(answer) => Ok(Ok(answer)),
                Err(AdminError::State(error)) => Err(error),
                Err(error) => Ok(Err(error)),
            }
        });
    let answer = outcome.await?.map_err(|error| {
        let code = match error {
            AdminError::Absent => ErrorCode::NoSuchKey,
            AdminError::Exists | AdminError::InUse => ErrorCode::OperationAborted,
            AdminError::Policy(_) => ErrorCode::MalformedPolicy,
            _ => ErrorCode::InvalidArgument,
        };
        Refusal::says(code, error.to_string())
    })?;
    let accounts = &server.accounts;
    server
        .engine
        .meta
        .read(|source| accounts.load(&Tx::new(source)))
        .map_err(|error: StateError| Refusal::from(error))?;
    Ok(answer)
}

async fn change(
    server: &Arc<Server>,
    operation: impl FnMut(&mut Tx<'_>, &Env<'_>) -> Result<(), AdminError> + Send + 'static,
) -> Answer {
    changed(server, operation).await?;
    Ok(Head::new(204).empty())
}

async fn add_user(server: &Arc<Server>, new: NewUser) -> Answer {
    let (access_key, secret_key) = pair(&new.access_key, &new.secret_key, server.engine.fresh_key());
    let keys = (access_key.clone(), secret_key.clone());
    let made = changed(server, move |tx, env| {
        let user = UserRecord {
            name: new.name.clone(),
            id: new.id.clone(),
            email: new.email.clone(),
            account: new.account.clone(),
            ..UserRecord::default()
        };
        let made = admin::add_user(tx, env, user)?;
        admin::add_key(tx, env, &made.name, &keys.0, Secret::new(&keys.1))?;
        Ok(made)
    });
    let made = made.await?;
    told(&ToldUser { access_key, secret_key, ..ToldUser::from(&made) })
}

async fn add_key(server: &Arc<Server>, new: NewKey) -> Answer {
    let (access_key, secret_key) = pair(&new.access_key, &new.secret_key, server.engine.fresh_key());
    let (keys, user) = ((access_key.clone(), secret_key.clone()), new.user.clone());
    changed(server, move |tx, env| admin::add_key(tx, env, &user, &keys.0, Secret::new(&keys.1))).await?;
    told(&ToldKey { access_key, user: new.user, enabled: true, secret_key })
}
