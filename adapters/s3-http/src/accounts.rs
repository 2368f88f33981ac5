//! Who may sign: the root user of the settings and the users of the store, with their keys, all in memory.

use std::collections::HashMap;
use std::sync::Arc;

use dolmen_s3::auth::Secret;
use dolmen_s3::state::admin::{self, AdminError, UserRecord};
use dolmen_s3::state::gate::User;
use dolmen_s3::state::{Env, StateError, Tx};
use parking_lot::RwLock;

/// Id and name of the user whose keys stand in the settings.
pub(crate) const ROOT: &str = "root";

/// The users of a server.
pub(crate) struct Accounts {
    root: (String, Secret),
    known: RwLock<HashMap<String, (Arc<User>, Secret)>>,
}

impl Accounts {
    /// With the root user's keys; nobody else yet.
    pub fn new(access_key: &str, secret_key: &str) -> Accounts {
        Accounts { root: (access_key.to_owned(), Secret::new(secret_key)), known: RwLock::default() }
    }

    /// Reads the users of the store: at the start and after every change of them.
    pub fn load(&self, tx: &Tx<'_>) -> Result<(), StateError> {
        let mut known = HashMap::new();
        for (access_key, _) in admin::keys_of(tx, "")? {
            match admin::signer(tx, &access_key) {
                Ok(Some((user, secret))) => {
                    known.insert(access_key, (Arc::new(user), secret));
                }
                Ok(None) => {}
                Err(StateError::Corrupt(error)) => {
                    tracing::error!(target: "s3", "access key {access_key} opens nothing: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        let root = User { id: ROOT.into(), name: ROOT.into(), account: ROOT.into(), policies: Vec::new() };
        known.insert(self.root.0.clone(), (Arc::new(root), self.root.1.clone()));
        *self.known.write() = known;
        Ok(())
    }

    /// The user of an access key, and its secret.
    pub fn by_key(&self, access_key: &str) -> Option<(Arc<User>, Secret)> {
        self.known.read().get(access_key).cloned()
    }
}

/// Gives root its record, so that it is named like everybody else.
pub(crate) fn make_root(tx: &mut Tx<'_>, env: &Env<'_>) -> Result<(), AdminError> {
    if admin::user(tx, ROOT)?.is_none() {
        admin::add_user(tx, env, UserRecord { id: ROOT.into(), name: ROOT.into(), ..UserRecord::default() })?;
    }
    Ok(())
}
