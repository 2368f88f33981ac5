//! The broker as the host sees it.

use std::path::PathBuf;
use std::sync::Arc;

use dolmen_host::context::{Context, Listeners, Password, Stop};
use dolmen_host::{Fault, Kind, Metrics, Running, Service, Setting, Values, reachable};

use crate::broker::{State, run};
use crate::settings::Settings;
use crate::tls::{Acceptor, acceptor};

/// The user that the data directory's password is for.
const USER: &str = "dolmen";

const SETTINGS: &[Setting] = &[
    Setting::new("kafka.listen", Kind::Listen, "127.0.0.1:9092", "Address of the Kafka broker")
        .short("kafka"),
    Setting::new(
        "kafka.set",
        Kind::Pairs,
        "",
        "Settings of the broker by Kafka's names, such as num.partitions=4; may be given more than once",
    )
    .short("kafka-set"),
    Setting::new("kafka.users", Kind::Pairs, "", "Who may come in, as USER=PASSWORD,..")
        .secret()
        .unset("anyone on loopback, else dolmen with the data directory's password"),
    Setting::new("kafka.tls", Kind::Text, "", "PEM file with certificate chain and key").unset("no TLS"),
];

/// The service `kafka`.
pub struct Kafka {
    state: Arc<State>,
    tls: Option<Acceptor>,
    hint: String,
    dir: PathBuf,
}

/// Its settings, decided.
pub struct Config {
    settings: Settings,
    tls: Option<PathBuf>,
}

impl Service for Kafka {
    const NAME: &'static str = "kafka";
    const TITLE: &'static str = "Kafka broker";
    const PAGE: &'static str = "core/kafka/README.md";
    const SETTINGS: &'static [Setting] = SETTINGS;
    type Config = Config;

    fn configure(values: &Values) -> Result<Config, Fault> {
        let given: Vec<(&str, &str)> =
            values.pairs("kafka.set").iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let mut settings = Settings::new(&given).map_err(|error| format!("--kafka-set {error}"))?;
        settings.users = values.pairs("kafka.users").to_vec();
        let tls =
            values.text("kafka.tls").or_else(|| settings.text("ssl.keystore.location")).map(PathBuf::from);
        Ok(Config { settings, tls })
    }

    fn open(context: &Context, config: Config) -> Result<Kafka, Fault> {
        let listen = context.address("kafka.listen").ok_or("kafka.listen is not bound")?;
        let mut settings = config.settings;
        let asks = !settings.users.is_empty() || !settings.mechanisms.is_empty();
        let made = match context.password(listen, None)? {
            Password::Made(password) if settings.users.is_empty() => Some(password),
            _ if asks && settings.users.is_empty() => Some(context.secret("password")?),
            _ => None,
        };
        let is_made = made.is_some();
        settings.users.extend(made.map(|password| (USER.to_owned(), password)));
        if !settings.users.is_empty() && settings.mechanisms.is_empty() {
            settings.mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].map(str::to_owned).to_vec();
        }
        let tls = config.tls.as_deref().map(acceptor).transpose()?;
        let asks = !settings.mechanisms.is_empty();
        let mut hint = format!("kcat -b {} -L", reachable(listen));
        if asks {
            let protocol = if tls.is_some() { "SASL_SSL" } else { "SASL_PLAINTEXT" };
            let mechanism = settings.mechanisms.first().map_or("PLAIN", String::as_str);
            let user = settings.users.first().map_or(USER, |(name, _)| name.as_str());
            // Given passwords are not printed.
            let password =
                if is_made { format!("\"$({})\"", context.show_password()) } else { "PASSWORD".to_owned() };
            hint.push_str(&format!(
                " -X security.protocol={protocol} -X sasl.mechanism={mechanism} -X sasl.username={user} -X sasl.password={password}"
            ));
        } else if tls.is_some() {
            hint.push_str(" -X security.protocol=SSL");
        }
        let dir = context.dir();
        Ok(Kafka { state: State::open(&dir, settings)?, tls, hint, dir })
    }

    fn run(self: Arc<Self>, mut listeners: Listeners, stop: Stop) -> Running {
        Box::pin(async move {
            let listener = listeners.take("kafka.listen").ok_or("kafka.listen is not bound")?;
            run(self.state.clone(), listener, self.tls.clone(), stop.receiver()).await;
            Ok(())
        })
    }

    fn ready(&self) -> Result<(), String> {
        match self.state.catalog.failure() {
            None => Ok(()),
            Some(reason) => Err(format!("cannot be written: {reason}")),
        }
    }

    fn metrics(&self, out: &mut Metrics) {
        crate::metrics::write(&self.state, out);
    }

    fn drain(&self) -> Result<(), Fault> {
        self.state.close()
    }

    fn hints(&self) -> Vec<String> {
        vec![self.hint.clone()]
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let known = self.state.catalog.known();
        let messages = self.state.settings.number("log.flush.interval.messages");
        let durability = match messages {
            1 => "every batch is on disk before it is acknowledged".to_owned(),
            more => format!(
                "synced every {more} records or by log.flush.interval.ms: a power cut loses what was not"
            ),
        };
        let bytes: u64 = known.logs().map(|log| log.lock().len()).sum();
        vec![
            ("topics", known.topics.len().to_string()),
            ("durability", durability),
            ("on disk", bytes.to_string()),
            ("log directory", self.dir.display().to_string()),
        ]
    }
}
