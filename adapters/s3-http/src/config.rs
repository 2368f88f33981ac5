//! Settings of the service.

use std::path::PathBuf;
use std::time::Duration;

use dolmen_host::{Fault, Kind, Setting, Values};

use crate::notify::Wanted;

/// A day of people.
const DAY: &str = "24h";

pub(crate) const SETTINGS: &[Setting] = &[
    Setting::new("s3.listen", Kind::Listen, "127.0.0.1:9000", "Address of the S3 server").short("s3"),
    Setting::new(
        "s3.backend",
        Kind::Choice(&[
            ("local", "on disk, every write synced before it is acknowledged"),
            ("memory", "in memory, gone with the process"),
            ("gateway", "in another store, which s3.upstream names; in builds with the feature gateway"),
        ]),
        "local",
        "Where buckets and objects are",
    ),
    Setting::new(
        "s3.upstream",
        Kind::Text,
        "",
        "The store behind the backend gateway: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///DIR",
    )
    .unset("none; credentials stand in the variables that the store's own tools read"),
    Setting::new(
        "s3.upstream-timeout",
        Kind::Duration,
        "30s",
        "Time that the store behind the gateway has for an answer",
    ),
    Setting::new("s3.access-key", Kind::Text, "", "Access key of the user root")
        .unset("made at the first start, in the data directory's file credentials"),
    Setting::new("s3.secret-key", Kind::Text, "", "Secret key of the user root")
        .secret()
        .unset("made at the first start, in the data directory's file credentials"),
    Setting::new("s3.region", Kind::Text, "us-east-1", "Region that clients sign for"),
    Setting::new("s3.domains", Kind::Names, "", "Domains under which a bucket stands as BUCKET.DOMAIN")
        .unset("none: buckets stand in the path"),
    Setting::new(
        "s3.website-domains",
        Kind::Names,
        "",
        "Domains under which a bucket's website stands as BUCKET.DOMAIN",
    )
    .unset("none: websites are not served"),
    Setting::new("s3.connections", Kind::Count(1, 100_000), "1024", "Connections at a time; more wait"),
    Setting::new("s3.lifecycle-day", Kind::Duration, DAY, "What counts as a day in lifecycle rules"),
    Setting::new(
        "s3.notify",
        Kind::Pairs,
        "",
        "Targets of notifications by the name that ends an ARN: http://HOST:PORT/PATH, https://HOST/PATH or kafka://HOST:PORT/TOPIC",
    )
    .unset("none: notification configurations are stored, and nothing is delivered"),
    Setting::new(
        "s3.notify-waiting",
        Kind::Count(1, 100_000_000),
        "100000",
        "Notifications that may wait for one target; beyond it the oldest are dropped",
    ),
    Setting::new("s3.notify-timeout", Kind::Duration, "10s", "Time that a target has to take a notification"),
    Setting::new("s3.tls-cert", Kind::Text, "", "File of the certificate chain, PEM").unset("no TLS"),
    Setting::new("s3.tls-key", Kind::Text, "", "File of the certificate's key, PEM").unset("no TLS"),
    Setting::new("s3.proxies", Kind::Names, "", "Addresses whose X-Forwarded-For is believed").unset("none"),
    Setting::new(
        "s3.signature-v2",
        Kind::Switch,
        "false",
        "Accept signatures of version 2 too, for old clients",
    ),
];

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Local,
    Memory,
    /// Objects in the store of this URL, which has so long for an answer.
    Gateway(String, Duration),
}

/// The settings, decided.
pub struct Config {
    pub(crate) backend: Backend,
    pub(crate) access_key: Option<String>,
    pub(crate) secret_key: Option<String>,
    pub(crate) region: String,
    pub(crate) domains: Vec<String>,
    pub(crate) website_domains: Vec<String>,
    pub(crate) connections_max: usize,
    pub(crate) day: Duration,
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) proxies: Vec<std::net::IpAddr>,
    pub(crate) signature_v2: bool,
    pub(crate) notify: Wanted,
}

impl Config {
    pub(crate) fn of(values: &Values) -> Result<Config, Fault> {
        let text = |key| values.text(key).map(str::to_owned);
        let tls = match (values.text("s3.tls-cert"), values.text("s3.tls-key")) {
            (Some(cert), Some(key)) => Some((cert.into(), key.into())),
            (None, None) => None,
            _ => return Err("s3.tls-cert and s3.tls-key go together; give both".into()),
        };
        let (access_key, secret_key) = (text("s3.access-key"), text("s3.secret-key"));
        if access_key.is_some() != secret_key.is_some() {
            return Err("s3.access-key and s3.secret-key go together; give both".into());
        }
        let day = values.duration("s3.lifecycle-day");
        if day.is_zero() {
            return Err("s3.lifecycle-day must be longer than nothing".into());
        }
        let notify = Wanted {
            targets: values.pairs("s3.notify").to_vec(),
            waiting_max: values.number("s3.notify-waiting"),
            timeout: values.duration("s3.notify-timeout"),
        };
        if notify.timeout.is_zero() {
            return Err("s3.notify-timeout must be longer than nothing".into());
        }
        let proxy = |text: &String| match text.parse::<std::net::IpAddr>() {
            Ok(address) => Ok(address.to_canonical()),
            Err(_) => Err(format!("s3.proxies: {text:?} is no IP address")),
        };
        let backend = match (values.choice("s3.backend"), text("s3.upstream")) {
            ("gateway", _) if !cfg!(feature = "gateway") => {
                return Err("s3.backend=gateway is not in this build; build it with cargo build --release -p dolmen --features gateway".into());
            }
            ("gateway", Some(url)) => Backend::Gateway(url, values.duration("s3.upstream-timeout")),
            ("gateway", None) => {
                return Err("s3.backend=gateway needs s3.upstream, the URL of a store".into());
            }
            (_, Some(_)) => return Err("s3.upstream is for s3.backend=gateway".into()),
            ("memory", None) => Backend::Memory,
            _ => Backend::Local,
        };
        Ok(Config {
            backend,
            access_key,
            secret_key,
            region: text("s3.region").unwrap_or_else(|| "us-east-1".into()),
            domains: values.names("s3.domains").to_vec(),
            website_domains: values.names("s3.website-domains").to_vec(),
            connections_max: usize::try_from(values.number("s3.connections"))?,
            day,
            tls,
            proxies: values.names("s3.proxies").iter().map(proxy).collect::<Result<_, _>>()?,
            signature_v2: values.switch("s3.signature-v2"),
            notify,
        })
    }
}
