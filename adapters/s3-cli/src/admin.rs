//! `dolmen s3 admin`: users, keys and policies, of a server that runs or of one that does not.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use clap::ValueHint;
use dolmen_cli::{Out, Status};
use dolmen_s3::request::Method;
use dolmen_s3::state::Tx;
use dolmen_s3::state::admin::{self, AdminError, Secret, UserRecord};
use dolmen_s3_http::Offline;
use dolmen_s3_http::admin::{NewKey, NewUser, ToldKey, ToldPolicy, ToldUser, pair};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::{Client, Remote};

/// Arguments of `dolmen s3 admin`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Users
    #[command(subcommand)]
    User(User),
    /// Access keys
    #[command(subcommand)]
    Key(Key),
    /// Policies that users can have
    #[command(subcommand)]
    Policy(Policy),
}

/// Where the users are.
#[derive(clap::Args)]
struct Place {
    /// Data directory of the server; without --endpoint it must not run
    #[arg(long, value_name = "DIR", default_value = "./dolmen-data", value_hint = ValueHint::DirPath)]
    data: PathBuf,
    /// Endpoint of a server that runs; root's keys are those of the environment, else of the data directory
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Region to sign for
    #[arg(long, value_name = "NAME", default_value = "us-east-1")]
    region: String,
}

#[derive(clap::Subcommand)]
enum User {
    /// Make a user, with an access key
    #[command(after_help = "Example: dolmen s3 admin user add ann --data ./dolmen-data")]
    Add {
        /// Its name
        name: String,
        /// Its canonical id [default: made]
        #[arg(long, default_value = "")]
        id: String,
        /// Its address of mail
        #[arg(long, default_value = "")]
        email: String,
        /// Id of the account that it belongs to [default: its own]
        #[arg(long, default_value = "")]
        account: String,
        /// Its access key [default: made]
        #[arg(long, default_value = "", requires = "secret_key")]
        access_key: String,
        /// Its secret key [default: made]
        #[arg(long, default_value = "", requires = "access_key")]
        secret_key: String,
        #[command(flatten)]
        place: Place,
    },
    /// List users
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Remove a user that owns no bucket, with its keys
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Subcommand)]
enum Key {
    /// Give a user another access key
    Add {
        /// The user's name
        user: String,
        /// The access key [default: made]
        #[arg(long, default_value = "", requires = "secret_key")]
        access_key: String,
        /// The secret key [default: made]
        #[arg(long, default_value = "", requires = "access_key")]
        secret_key: String,
        #[command(flatten)]
        place: Place,
    },
    /// List access keys, without secrets
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Take an access key away
    Remove {
        /// The access key
        access_key: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Subcommand)]
enum Policy {
    /// Keep a policy under a name
    Put {
        /// Its name
        name: String,
        /// The file with the document
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// List policies
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Remove a policy that nobody has
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Give a user a policy
    Attach {
        /// The policy's name
        name: String,
        /// The user's name
        user: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take a policy from a user
    Detach {
        /// The policy's name
        name: String,
        /// The user's name
        user: String,
        #[command(flatten)]
        place: Place,
    },
}

/// The users of a server: over its files, or over its interface.
enum Users {
    Offline(Box<Offline>),
    Online(Arc<Client>, tokio::runtime::Runtime),
}

impl Users {
    fn open(place: &Place) -> Result<Users> {
        let Some(endpoint) = &place.endpoint else {
            let offline = Offline::open(&place.data.join("s3")).map_err(|error| anyhow!(error))?;
            return Ok(Users::Offline(Box::new(offline)));
        };
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let keys = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        let (access_key, secret_key) = keys.unzip();
        let remote = Remote {
            endpoint: endpoint.clone(),
            access_key,
            secret_key,
            region: place.region.clone(),
            data: place.data.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Users::Online(Client::new(&remote)?, runtime))
    }

    /// Runs a change over the files, or sends what does the same.
    fn change<T>(
        &self,
        over_files: impl FnOnce(&mut Tx<'_>, &dolmen_s3::state::Env<'_>) -> Result<T, AdminError>,
        method: Method,
        what: &str,
        query: &[(&str, String)],
        body: Bytes,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<T> {
        match self {
            Users::Offline(offline) => offline.change(over_files).map_err(|error| anyhow!(error)),
            Users::Online(client, runtime) => {
                let path = format!("/_dolmen/admin/{what}");
                read(&runtime.block_on(client.admin(method, &path, query, body))?)
            }
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).context("an answer that cannot be read")
}

fn nothing(_: &[u8]) -> Result<()> {
    Ok(())
}

fn json(value: &impl Serialize) -> Result<Bytes> {
    Ok(serde_json::to_vec(value)?.into())
}

/// Random bytes for keys.
fn random() -> Result<[u8; 32]> {
    use std::io::Read as _;
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn run(args: Args, out: &mut Out) -> Result<Status> {
    match args.what {
        What::User(user) => users(user, out)?,
        What::Key(key) => keys(key, out)?,
        What::Policy(policy) => policies(policy, out)?,
    }
    Ok(Status::Success)
}

fn users(user: User, out: &mut Out) -> Result<()> {
    match user {
        User::Add { name, id, email, account, access_key, secret_key, place } => {
            let (access_key, secret_key) = pair(&access_key, &secret_key, random()?);
            let new = NewUser { name, id, email, account, access_key, secret_key };
            let body = json(&new)?;
            let made = Users::open(&place)?
                .change(|tx, env| add_user(tx, env, &new), Method::Post, "users", &[], body, read::<ToldUser>)
                .with_context(|| format!("user {}", new.name))?;
            if out.is_json() {
                return Ok(out.object(&made)?);
            }
            out.line(format_args!("user {} {}", made.name, made.id))?;
            show_keys(&made.access_key, &made.secret_key, out)
        }
        User::List { place } => {
            let all = |tx: &mut Tx<'_>, _: &dolmen_s3::state::Env<'_>| {
                Ok(admin::users(tx)?.iter().map(ToldUser::from).collect::<Vec<_>>())
            };
            let found = Users::open(&place)?.change(all, Method::Get, "users", &[], Bytes::new(), read)?;
            for user in &found {
                if out.is_json() {
                    out.object(user)?;
                } else {
                    out.line(format_args!("{:<24} {:<40} {}", user.name, user.id, user.policies.join(",")))?;
                }
            }
            Ok(())
        }
        User::Remove { name, place } => {
            let query = [("name", name.clone())];
            let remove = |tx: &mut Tx<'_>, _: &dolmen_s3::state::Env<'_>| admin::remove_user(tx, &name);
            Users::open(&place)?
                .change(remove, Method::Delete, "users", &query, Bytes::new(), nothing)
                .with_context(|| format!("user {name}"))
        }
    }
}

fn add_user(tx: &mut Tx<'_>, env: &dolmen_s3::state::Env<'_>, new: &NewUser) -> Result<ToldUser, AdminError> {
    let user = UserRecord {
        name: new.name.clone(),
        id: new.id.clone(),
        email: new.email.clone(),
        account: new.account.clone(),
        ..UserRecord::default()
    };
    let made = admin::add_user(tx, env, user)?;
    admin::add_key(tx, env, &made.name, &new.access_key, Secret::new(&new.secret_key))?;
    let (access_key, secret_key) = (new.access_key.clone(), new.secret_key.clone());
    Ok(ToldUser { access_key, secret_key, ..ToldUser::from(&made) })
}

fn show_keys(access_key: &str, secret_key: &str, out: &mut Out) -> Result<()> {
    out.line(format_args!("access key {access_key}"))?;
    Ok(out.line(format_args!("secret key {secret_key}"))?)
}

fn keys(key: Key, out: &mut Out) -> Result<()> {
    match key {
        Key::Add { user, access_key, secret_key, place } => {
            let (access_key, secret_key) = pair(&access_key, &secret_key, random()?);
            let new = NewKey { user, access_key, secret_key };
            let add = |tx: &mut Tx<'_>, env: &dolmen_s3::state::Env<'_>| {
                admin::add_key(tx, env, &new.user, &new.access_key, Secret::new(&new.secret_key))
            };
            Users::open(&place)?
                .change(add, Method::Post, "keys", &[], json(&new)?, nothing)
                .with_context(|| format!("user {}", new.user))?;
            show_keys(&new.access_key, &new.secret_key, out)
        }
        Key::List { place } => {
            let all = |tx: &mut Tx<'_>, _: &dolmen_s3::state::Env<'_>| {
                let told = |(access_key, record): (String, admin::KeyRecord)| ToldKey {
                    access_key,
                    user: record.user,
                    enabled: record.enabled,
                    secret_key: String::new(),
                };
                Ok(admin::keys_of(tx, "")?.into_iter().map(told).collect::<Vec<_>>())
            };
            let found = Users::open(&place)?.change(all, Method::Get, "keys", &[], Bytes::new(), read)?;
            for key in &found {
                if out.is_json() {
                    out.object(key)?;
                } else {
                    out.line(format_args!("{:<24} {}", key.access_key, key.user))?;
                }
            }
            Ok(())
        }
        Key::Remove { access_key, place } => {
            let query = [("name", access_key.clone())];
            let remove = |tx: &mut Tx<'_>, _: &dolmen_s3::state::Env<'_>| admin::remove_key(tx, &access_key);
            Users::open(&place)?
                .change(remove, Method::Delete, "keys", &query, Bytes::new(), nothing)
                .with_context(|| format!("access key {access_key}"))
        }
    }
}

fn policies(policy: Policy, out: &mut Out) -> Result<()> {
    match policy {
        Policy::Put { name, file, place } => {
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let (query, body) = ([("name", name.clone())], Bytes::from(text.clone()));
            let put = |tx: &mut Tx<'_>, _: &dolmen_s3::state::Env<'_>| admin::put_policy(tx, &name, &text);
            Users::open(&place)?
                .change(put, Method::Put, "policies", &query, body, nothing)
                .with_context(|| format!("policy {name}"))
        }
        Policy::List { place } => {
            let all = |tx: &mut Tx<'_>, _: &dolmen_s3::state::Env<'_>| {
                let told = |(name, document): (String, String)| ToldPolicy { name, document };
                Ok(admin::policies(tx)?.into_iter().map(told).collect::<Vec<_>>())
            };
            let found = Users::open(&place)?.change(all, Method::Get, "policies", &[], Bytes::new(), read)?;
            for policy in &found {
                if out.is_json() {
                    out.object(policy)?;
                } else {
                    out.line(&policy.name)?;
                }
            }
            Ok(())
        }
        Policy::Remove { name, place } => {
            let query = [("name", name.clone())];
            let remove = |tx: &mut Tx<'_>, _: &dolmen_s3::state::Env<'_>| admin::remove_policy(tx, &name);
            Users::open(&place)?
                .change(remove, Method::Delete, "policies", &query, Bytes::new(), nothing)
                .with_context(|| format!("policy {name}"))
        }
        Policy::Attach { name, user, place } => attach(&name, &user, true, &place),
        Policy::Detach { name, user, place } => attach(&name, &user, false, &place),
    }
}

fn attach(name: &str, user: &str, on: bool, place: &Place) -> Result<()> {
    let query = [("name", name.to_owned()), ("user", user.to_owned())];
    let method = if on { Method::Put } else { Method::Delete };
    let attach = |tx: &mut Tx<'_>, _: &dolmen_s3::state::Env<'_>| admin::attach(tx, user, name, on);
    Users::open(place)?
        .change(attach, method, "attached", &query, Bytes::new(), nothing)
        .with_context(|| format!("policy {name} of user {user}"))
}
