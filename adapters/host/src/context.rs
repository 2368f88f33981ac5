//! What the host gives to a service when it opens.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::Fault;
use crate::secrets::Secrets;
use crate::test_api::{Clock, TestApi};

/// Says when to stop.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>, Arc<Notify>);

impl Stop {
    /// One that turns at the first `true` of a channel.
    pub fn new(receiver: watch::Receiver<bool>) -> Stop {
        Stop(receiver, Arc::default())
    }

    /// Asks for a stop of the whole process, as a signal would.
    pub fn ask(&self) {
        self.1.notify_one();
    }

    /// Returns once somebody has asked.
    pub(crate) async fn asked(&self) {
        self.1.notified().await;
    }

    /// Returns once it is time to stop; at once if it already is.
    pub async fn wait(&mut self) {
        // Nobody is left who could say it: that is a stop too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether it is time to stop.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// The channel behind it.
    pub fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }
}

/// How much the services may use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// File descriptors that the process may have open.
    pub descriptors: u64,
    /// Bytes of memory for caches that services share.
    pub cache_bytes: u64,
}

/// Listeners that the host has bound, by the key of their setting.
#[derive(Default)]
pub struct Listeners(HashMap<&'static str, TcpListener>);

impl Listeners {
    pub(crate) fn add(&mut self, key: &'static str, listener: TcpListener) {
        self.0.insert(key, listener);
    }

    /// The listener of a setting of kind `Listen`; `None` if it was taken before or is none of this service's.
    pub fn take(&mut self, key: &str) -> Option<TcpListener> {
        self.0.remove(key)
    }
}

/// What is shared by the whole process and given to each service.
pub(crate) struct World {
    pub data: PathBuf,
    pub secrets: Secrets,
    pub shared: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    pub budget: Budget,
    pub addresses: HashMap<&'static str, SocketAddr>,
    pub stop: Stop,
    pub clock: Arc<Clock>,
    pub test_api: Option<Arc<TestApi>>,
}

/// What a service finds when it opens: its directory, what it shares with the others, secrets, budgets, and when to stop.
#[derive(Clone)]
pub struct Context {
    world: Arc<World>,
    name: &'static str,
}

impl Context {
    pub(crate) fn new(world: Arc<World>, name: &'static str) -> Context {
        Context { world, name }
    }

    /// The directory of the service's own files, `DATA/NAME`. It need not exist.
    pub fn dir(&self) -> PathBuf {
        self.world.data.join(self.name)
    }

    /// The data directory of the process.
    pub fn data(&self) -> &Path {
        &self.world.data
    }

    /// The address on which the host listens for a setting of kind `Listen`, with the port that it got.
    pub fn address(&self, key: &str) -> Option<SocketAddr> {
        self.world.addresses.get(key).copied()
    }

    /// The secret of that name, from the data directory's file `credentials`, mode 0600; made up at the first request.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written, or others may read it.
    pub fn secret(&self, name: &str) -> Result<String, Fault> {
        self.world.secrets.get(name)
    }

    /// The password that clients of an address must give: the one that was set, else beyond loopback the data directory's.
    ///
    /// # Errors
    ///
    /// As [`Context::secret`].
    pub fn password(&self, address: SocketAddr, set: Option<&str>) -> Result<Password, Fault> {
        Ok(match set {
            Some(password) => Password::Set(password.to_owned()),
            None if address.ip().is_loopback() => Password::None,
            None => Password::Made(self.secret("password")?),
        })
    }

    /// The one value of a type that all services share, such as a block cache or a pool of workers; whoever asks first makes it.
    pub fn shared<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut shared = self.world.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = shared.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(make()));
        kept.clone().downcast().expect("it lies under its own type")
    }

    /// How much the services may use together.
    pub fn budget(&self) -> Budget {
        self.world.budget
    }

    /// When to stop.
    pub fn stop(&self) -> Stop {
        self.world.stop.clone()
    }

    /// The clock to ask for the time of day.
    pub fn clock(&self) -> Arc<Clock> {
        self.world.clock.clone()
    }

    /// What tests have ordered, in a process that was started for them.
    pub fn test_api(&self) -> Option<Arc<TestApi>> {
        self.world.test_api.clone()
    }

    /// A command line that shows the data directory's password, for hints.
    pub fn show_password(&self) -> String {
        format!("dolmen up --data {} --show-password", quote(&self.world.data.display().to_string()))
    }

    /// How a shell writes that password, for hints: one that was made is asked for, one that was set stands in `variable`.
    pub fn shell_word(&self, password: &Password, variable: &str) -> Option<String> {
        match password {
            Password::None => None,
            Password::Set(_) => Some(format!("${variable}")),
            Password::Made(_) => Some(format!("$({})", self.show_password())),
        }
    }
}

/// What clients must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// Nothing.
    None,
    /// What a setting says.
    Set(String),
    /// The data directory's own.
    Made(String),
}

impl Password {
    /// The password, if there is one.
    pub fn get(&self) -> Option<&str> {
        match self {
            Password::None => None,
            Password::Set(password) | Password::Made(password) => Some(password),
        }
    }
}

/// A word for a shell.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The address that a client on this machine names to reach `address`.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}
