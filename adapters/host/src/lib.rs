//! One shape for every service, and the process that runs a list of them.
//!
//! | module | holds |
//! |---|---|
//! | [`service`] | [`Service`]: settings, open, routes, run until stop, drain, readiness, metrics |
//! | [`setting`] | a setting is declared once; flags, variables, file, help and `--settings` follow from it |
//! | [`context`] | what a service finds when it opens: its directory, shared caches, secrets, budgets, stop |
//! | [`life`] | the life of a process: bind, lock, open, serve, announce, drain |
//! | [`connection`] | connections of HTTP and what they may take |
//! | [`metrics`] | Prometheus's text format |
//! | [`test_api`] | what tests order of a process that was started for them |
//!
//! Nothing here knows a particular service. Port 7000 shows people and probes what runs, and carries each service's own routes.
#![forbid(unsafe_code)]

pub mod connection;
pub mod context;
mod directory;
mod file;
mod http;
pub mod life;
mod log;
pub mod metrics;
mod notify;
mod page;
pub mod process;
pub mod secrets;
pub mod service;
pub mod setting;
pub mod test_api;

pub use axum;
pub use context::{Budget, Context, Listeners, Password, Stop, reachable};
pub use file::File;
pub use http::same;
pub use log::init as init_log;
pub use metrics::Metrics;
pub use service::{Registered, Running, Service};
pub use setting::{Kind, Setting, SettingError, Sources, Values, check_variables};

/// Why something that the host asked for cannot be done: a sentence for people.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;
