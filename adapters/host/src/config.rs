//! Sections `[http]` and `[log]` of the settings file.

use std::net::SocketAddr;

use serde::Deserialize;

use crate::LogFormat;

/// What the file says of port 7000; what it leaves out is `None`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: Option<SocketAddr>,
    /// Host names served besides localhost.
    pub allow_host: Option<Vec<String>>,
    /// What must be given beyond loopback.
    pub password: Option<String>,
}

/// How much to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What is lost or refused.
    Error,
    /// What someone should look at.
    Warn,
    /// What happens in a life: start, stop.
    #[default]
    Info,
    /// What happens in between.
    Debug,
}

/// What the file says of the log; what it leaves out is `None`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LogConfig {
    /// How a line looks.
    pub format: Option<LogFormat>,
    /// The least level that is shown.
    pub level: Option<LogLevel>,
}
