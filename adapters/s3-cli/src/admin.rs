//! `dolmen s3 admin`: users, keys and policies, of a server that runs or of one that does not.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::ValueHint;
use dolmen_cli::{Out, Status};
use dolmen_s3::state::Tx;
use dolmen_s3::state::admin::{self, Secret, UserRecord};
use dolmen_s3_http::Offline;
use serde::Serialize;

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
pub(crate) struct Place {
    /// Directory of a server that does not run
    #[arg(long, value_name = "DIR", default_value = "./dolmen-data", value_hint = ValueHint::DirPath)]
    data: PathBuf,
}

#[derive(clap::Subcommand)]
enum User {
    /// Make a user, with an access key
    #[command(after_help = "Example: dolmen s3 admin user add ann --data ./dolmen-data")]
    Add {
        /// Its name
        name: String,
        /// Its canonical id [default: made]
        #[arg(long)]
        id: Option<String>,
        /// Its address of mail
        #[arg(long, default_value = "")]
        email: String,
        /// Id of the account that it belongs to [default: its own]
        #[arg(long, default_value = "")]
        account: String,
        /// Its access key [default: made]
        #[arg(long, requires = "secret_key")]
        access_key: Option<String>,
        /// Its secret key [default: made]
        #[arg(long, requires = "access_key")]
        secret_key: Option<String>,
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
        #[arg(long, requires = "secret_key")]
        access_key: Option<String>,
        /// The secret key [default: made]
        #[arg(long, requires = "access_key")]
        secret_key: Option<String>,
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

#[derive(Serialize)]
struct ShownUser<'a> {
    name: &'a str,
    id: &'a str,
    account: &'a str,
    email: &'a str,
    policies: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownKey<'a> {
    access_key: &'a str,
    user: &'a str,
    enabled: bool,
}

pub(crate) fn run(args: Args, out: &mut Out) -> Result<Status> {
    match args.what {
        What::User(user) => users(user, out)?,
        What::Key(key) => keys(key, out)?,
        What::Policy(policy) => policies(policy, out)?,
    }
    Ok(Status::Success)
}

fn open(place: &Place) -> Result<Offline> {
    Offline::open(&place.data.join("s3")).map_err(|error| anyhow!(error))
}

/// A pair of keys that nobody can guess.
fn made_pair() -> Result<(String, String)> {
    use std::io::Read as _;
    let mut bytes = [0; 30];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut digits = String::new();
    dolmen_s3::encoding::put_hex(&mut digits, &bytes);
    Ok((digits[..20].to_uppercase(), digits[20..].to_owned()))
}

fn pair(access_key: Option<String>, secret_key: Option<String>) -> Result<(String, String)> {
    match (access_key, secret_key) {
        (Some(access_key), Some(secret_key)) => Ok((access_key, secret_key)),
        _ => made_pair(),
    }
}

fn users(user: User, out: &mut Out) -> Result<()> {
    match user {
        User::Add { name, id, email, account, access_key, secret_key, place } => {
            let (access_key, secret_key) = pair(access_key, secret_key)?;
            let new = UserRecord { id: id.unwrap_or_default(), name, email, account, ..UserRecord::default() };
            let name = new.name.clone();
            let made = open(&place)?.change(|tx, env| {
                let made = admin::add_user(tx, env, new)?;
                admin::add_key(tx, env, &made.name, &access_key, Secret::new(&*secret_key))?;
                Ok::<_, admin::AdminError>(made)
            });
            let made = made.map_err(|error| anyhow!("user {name}: {error}"))?;
            if out.is_json() {
                return show_user(&made, Some((&access_key, &secret_key)), out);
            }
            out.line(format_args!("user {} {}", made.name, made.id))?;
            out.line(format_args!("access key {access_key}"))?;
            out.line(format_args!("secret key {secret_key}"))?;
        }
        User::List { place } => {
            let all = look(&place.data)?.read(|source| admin::users(&Tx::new(source)))?;
            for user in &all {
                if out.is_json() {
                    show_user(user, None, out)?;
                } else {
                    out.line(format_args!("{:<24} {:<40} {}", user.name, user.id, user.attached.join(",")))?;
                }
            }
        }
        User::Remove { name, place } => {
            let removed = open(&place)?.change(|tx, _| admin::remove_user(tx, &name));
            removed.map_err(|error| anyhow!("user {name}: {error}"))?;
        }
    }
    Ok(())
}

fn look(data: &Path) -> Result<Offline> {
    Offline::look(&data.join("s3")).map_err(|error| anyhow!(error))
}

fn show_user(user: &UserRecord, keys: Option<(&str, &str)>, out: &mut Out) -> Result<()> {
    let inline = user.inline.iter().map(|(name, _)| name.as_str());
    Ok(out.object(&ShownUser {
        name: &user.name,
        id: &user.id,
        account: &user.account,
        email: &user.email,
        policies: user.attached.iter().map(String::as_str).chain(inline).collect(),
        access_key: keys.map(|keys| keys.0),
        secret_key: keys.map(|keys| keys.1),
    })?)
}

fn keys(key: Key, out: &mut Out) -> Result<()> {
    match key {
        Key::Add { user, access_key, secret_key, place } => {
            let (access_key, secret_key) = pair(access_key, secret_key)?;
            let added = open(&place)?
                .change(|tx, env| admin::add_key(tx, env, &user, &access_key, Secret::new(&*secret_key)));
            added.map_err(|error| anyhow!("user {user}: {error}"))?;
            out.line(format_args!("access key {access_key}"))?;
            out.line(format_args!("secret key {secret_key}"))?;
        }
        Key::List { place } => {
            let all = look(&place.data)?.read(|source| admin::keys_of(&Tx::new(source), ""))?;
            for (access_key, record) in &all {
                if out.is_json() {
                    out.object(&ShownKey { access_key, user: &record.user, enabled: record.enabled })?;
                } else {
                    out.line(format_args!("{access_key:<24} {}", record.user))?;
                }
            }
        }
        Key::Remove { access_key, place } => {
            let removed = open(&place)?.change(|tx, _| admin::remove_key(tx, &access_key));
            removed.map_err(|error| anyhow!("access key {access_key}: {error}"))?;
        }
    }
    Ok(())
}

fn policies(policy: Policy, out: &mut Out) -> Result<()> {
    match policy {
        Policy::Put { name, file, place } => {
            let text = std::fs::read_to_string(&file).map_err(|error| anyhow!("{}: {error}", file.display()))?;
            let put = open(&place)?.change(|tx, _| admin::put_policy(tx, &name, &text));
            put.map_err(|error| anyhow!("policy {name}: {error}"))?;
        }
        Policy::List { place } => {
            let all = look(&place.data)?.read(|source| admin::policies(&Tx::new(source)))?;
            for (name, document) in &all {
                if out.is_json() {
                    out.object(&serde_json::json!({ "name": name, "document": document }))?;
                } else {
                    out.line(name)?;
                }
            }
        }
        Policy::Remove { name, place } => {
            let removed = open(&place)?.change(|tx, _| admin::remove_policy(tx, &name));
            removed.map_err(|error| anyhow!("policy {name}: {error}"))?;
        }
        Policy::Attach { name, user, place } => attach(&name, &user, true, &place)?,
        Policy::Detach { name, user, place } => attach(&name, &user, false, &place)?,
    }
    Ok(())
}

fn attach(name: &str, user: &str, on: bool, place: &Place) -> Result<()> {
    let attached = open(place)?.change(|tx, _| admin::attach(tx, user, name, on));
    attached.map_err(|error| anyhow!("policy {name} of user {user}: {error}"))
}
