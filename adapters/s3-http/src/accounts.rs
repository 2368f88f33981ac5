//! Who may sign: the root user of the settings and the users of the store, all in memory.

use std::collections::HashMap;
use std::sync::Arc;

use dolmen_s3::auth::Secret;
use dolmen_s3::state::gate::User;
use dolmen_s3::state::user::{self, ROOT, UserRecord};
use dolmen_s3::state::{Source, StateError};
use parking_lot::RwLock;

/// All users and keys as they are now.
#[derive(Default)]
struct Known {
    keys: HashMap<String, (Arc<User>, Secret)>,
    users: HashMap<String, UserRecord>,
}

/// The users of a server.
pub(crate) struct Accounts {
    root: (String, Secret),
    known: RwLock<Known>,
}

impl Accounts {
    /// With the root user's keys; nobody else yet.
    pub fn new(access_key: &str, secret_key: &str) -> Accounts {
        Accounts { root: (access_key.to_owned(), Secret::new(secret_key)), known: RwLock::default() }
    }

    /// Reads the users of the store: at the start and after every change of them.
    pub fn load(&self, source: &dyn Source) -> Result<(), StateError> {
        let mut known = Known::default();
        for record in user::all(source)? {
            match record.for_gate() {
                Ok(user) => {
                    let user = Arc::new(user);
                    for pair in &record.access_keys {
                        let entry = (user.clone(), Secret::new(&pair.secret_key));
                        known.keys.insert(pair.access_key.clone(), entry);
                    }
                }
                Err(_) => {
                    tracing::error!(target: "s3", "user {} is shut out: a policy cannot be read", record.name);
                }
            }
            known.users.insert(record.id.clone(), record);
        }
        let root = User { id: ROOT.into(), name: ROOT.into(), account: ROOT.into(), policies: Vec::new() };
        known.keys.insert(self.root.0.clone(), (Arc::new(root), self.root.1.clone()));
        *self.known.write() = known;
        Ok(())
    }

    /// The user of an access key, and its secret.
    pub fn by_key(&self, access_key: &str) -> Option<(Arc<User>, Secret)> {
        self.known.read().keys.get(access_key).cloned()
    }

    /// Whether somebody has this id.
    pub fn has(&self, id: &str) -> bool {
        id == ROOT || self.known.read().users.contains_key(id)
    }

    /// The id of the user with this address.
    pub fn by_email(&self, address: &str) -> Option<String> {
        let known = self.known.read();
        let found = known.users.values().find(|user| !user.email.is_empty() && user.email == address);
        found.map(|user| user.id.clone())
    }

    /// What people know a user by.
    pub fn display_name(&self, id: &str) -> String {
        match self.known.read().users.get(id) {
            Some(user) if !user.display_name.is_empty() => user.display_name.clone(),
            Some(user) => user.name.clone(),
            None => id.to_owned(),
        }
    }

    /// How many there are besides root.
    pub fn count(&self) -> usize {
        self.known.read().users.len()
    }
}
