//! What a service is to the host.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;

use crate::Fault;
use crate::context::{Context, Listeners, Stop};
use crate::metrics::Metrics;
use crate::setting::{Setting, Values};

/// A service's life from its first connection to its last. Boxed where it is written, so that its code is made in the service's crate,
/// once, and not in each that starts it.
pub type Running = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

/// A service, which owns its life: the host only says when each part of it begins.
///
/// ```text
/// SETTINGS → configure → (host binds every Listen setting) → open → routes → run … stop … → drain
///                                                                    ready, metrics: at any time between
/// ```
pub trait Service: Send + Sync + Sized + 'static {
    /// Its short name: the section of its settings, its directory, its place on port 7000.
    const NAME: &'static str;
    /// What it is, in a few words.
    const TITLE: &'static str;
    /// Where one reads on, in the repository.
    const PAGE: &'static str;
    /// Its settings; every key begins with `NAME.`.
    const SETTINGS: &'static [Setting];
    /// The setting of kind `Path` without which it is not there at all.
    const NEEDS: Option<&'static str> = None;
    /// Its settings, decided.
    type Config: Send;

    /// Reads its settings.
    ///
    /// # Errors
    ///
    /// A sentence about settings that do not fit each other.
    fn configure(values: &Values) -> Result<Self::Config, Fault>;

    /// Opens its files and recovers. May block and take long; is called in the order of the list. Logs what it finds and what
    /// it leaves out.
    ///
    /// # Errors
    ///
    /// A sentence with the path: the process then ends without having served anything.
    fn open(context: &Context, config: Self::Config) -> Result<Self, Fault>;

    /// What it adds to port 7000, under `/NAME/`.
    fn routes(self: &Arc<Self>) -> Router {
        Router::new()
    }

    /// Serves until `stop`, then finishes what was begun and returns. An error ends the whole process.
    fn run(self: Arc<Self>, listeners: Listeners, stop: Stop) -> Running;

    /// Why it cannot do its work now, if so; without paths.
    ///
    /// # Errors
    ///
    /// The reason, for probes and people.
    fn ready(&self) -> Result<(), String>;

    /// Appends its metrics.
    fn metrics(&self, out: &mut Metrics);

    /// Writes and syncs what is left and closes. Is called once, behind `run`, and may block.
    ///
    /// # Errors
    ///
    /// What could not be kept.
    fn drain(&self) -> Result<(), Fault>;

    /// Commands that a person may try, the best one first; they can be pasted into a shell.
    fn hints(&self) -> Vec<String>;

    /// What a person wants to know at a glance, as name and value: where the data is, how durable, how much.
    fn facts(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Removes all its data, durably, and goes on; asked for by tests only. May block.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    fn reset(&self) -> Result<(), String> {
        Err("this service cannot be emptied".into())
    }
}

/// The part of [`Service`] that needs no types, for lists of services.
pub(crate) trait Hosted: Send + Sync {
    fn routes(self: Arc<Self>) -> Router;
    fn run(self: Arc<Self>, listeners: Listeners, stop: Stop) -> Running;
    fn ready(&self) -> Result<(), String>;
    fn metrics(&self, out: &mut Metrics);
    fn drain(&self) -> Result<(), Fault>;
    fn hints(&self) -> Vec<String>;
    fn facts(&self) -> Vec<(&'static str, String)>;
    fn reset(&self) -> Result<(), String>;
}

impl<S: Service> Hosted for S {
    fn routes(self: Arc<Self>) -> Router {
        Service::routes(&self)
    }
    fn run(self: Arc<Self>, listeners: Listeners, stop: Stop) -> Running {
        Service::run(self, listeners, stop)
    }
    fn ready(&self) -> Result<(), String> {
        Service::ready(self)
    }
    fn metrics(&self, out: &mut Metrics) {
        Service::metrics(self, out);
    }
    fn drain(&self) -> Result<(), Fault> {
        Service::drain(self)
    }
    fn hints(&self) -> Vec<String> {
        Service::hints(self)
    }
    fn facts(&self) -> Vec<(&'static str, String)> {
        Service::facts(self)
    }
    fn reset(&self) -> Result<(), String> {
        Service::reset(self)
    }
}

/// Reads the settings, so that mistakes are found before anything is opened; what comes back opens the service.
pub(crate) type Opener = Box<dyn FnOnce(&Context) -> Result<Arc<dyn Hosted>, Fault> + Send>;

/// An entry of the list of services.
#[derive(Clone, Copy)]
pub struct Registered {
    /// [`Service::NAME`].
    pub name: &'static str,
    /// [`Service::TITLE`].
    pub title: &'static str,
    /// [`Service::PAGE`].
    pub page: &'static str,
    /// [`Service::SETTINGS`].
    pub settings: &'static [Setting],
    /// [`Service::NEEDS`].
    pub needs: Option<&'static str>,
    pub(crate) configure: fn(&Values) -> Result<Opener, Fault>,
}

impl Registered {
    /// The entry of a service.
    pub const fn of<S: Service>() -> Registered {
        Registered {
            name: S::NAME,
            title: S::TITLE,
            page: S::PAGE,
            settings: S::SETTINGS,
            needs: S::NEEDS,
            configure: configure::<S>,
        }
    }
}

fn configure<S: Service>(values: &Values) -> Result<Opener, Fault> {
    let config = S::configure(values)?;
    Ok(Box::new(move |context| Ok(Arc::new(S::open(context, config)?))))
}
