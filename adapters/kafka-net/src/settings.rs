//! What the broker is told at its start.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use dolmen_host::Fault;
use dolmen_kafka::acl::Policy;
use dolmen_kafka::batch::TimestampType;
use dolmen_kafka::configs::{self, InForce, Static};
use dolmen_kafka::log::LogSettings;
use dolmen_kafka::topics::{CONSUMER_OFFSETS, Defaults, TRANSACTION_STATE, Topic, Topics};

/// Settings whose default here is not Kafka's: one partition of each internal topic, so that the syncs of a single broker come together.
const OWN_DEFAULTS: &[(&str, &str)] =
    &[("offsets.topic.num.partitions", "1"), ("transaction.state.log.num.partitions", "1")];

/// How often logs are synced by the clock.
const FLUSH_MS: &str = "log.flush.interval.ms";
/// After how many records they are.
const FLUSH_MESSAGES: &str = "log.flush.interval.messages";

/// A broker's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Settings by Kafka's names.
    pub given: Static,
    /// The broker's id.
    pub node_id: i32,
    /// Where clients reach it, if that is not where they came in.
    pub advertised: Option<(String, u16)>,
    /// Who may come in; nobody needs to say who he is if there are none.
    pub users: Vec<(String, String)>,
    /// The mechanisms by which clients prove who they are.
    pub mechanisms: Vec<String>,
    /// With an authorizer: what holds beside the access rules.
    pub authorizer: Option<Policy>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings::new(&[]).expect("the defaults are values of their settings")
    }
}

impl Settings {
    /// Of these names and values.
    ///
    /// # Errors
    /// A sentence for a name that is not known, with those that are, or a value that its setting cannot have.
    pub fn new(given: &[(&str, &str)]) -> Result<Settings, Fault> {
        let mut all = Static::new();
        for (name, value) in OWN_DEFAULTS.iter().chain(given) {
            all.set(name, value).map_err(|error| explain(name, value, error))?;
        }
        // Whoever says only how often to sync does not want a sync before each answer beside it.
        let is_given = |wanted| given.iter().any(|(name, _)| *name == wanted);
        if is_given(FLUSH_MS) && !is_given(FLUSH_MESSAGES) {
            let never = i64::MAX.to_string();
            all.set(FLUSH_MESSAGES, &never).map_err(|error| explain(FLUSH_MESSAGES, &never, error))?;
        }
        let nothing = std::collections::BTreeMap::new();
        let force = InForce::broker(&all, &nothing);
        let node_id = force.int(if given.iter().any(|(name, _)| *name == "broker.id") {
            "broker.id"
        } else {
            "node.id"
        });
        let advertised = force.get("advertised.listeners").and_then(parse_listener);
        let words = |name| {
            let list: &str = force.get(name).unwrap_or_default();
            list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let mechanisms = words("sasl.enabled.mechanisms");
        let super_users = force.get("super.users").unwrap_or_default();
        let policy = Policy::new(super_users, force.is_on("allow.everyone.if.no.acl.found"))
            .map_err(|refusal| format!("super.users={super_users}: {refusal}"))?;
        let has_authorizer = force.get("authorizer.class.name").is_some_and(|name| !name.is_empty());
        let authorizer = has_authorizer.then_some(policy);
        Ok(Settings { node_id, advertised, users: Vec::new(), mechanisms, authorizer, given: all })
    }

    /// The broker's settings in force.
    pub fn broker<'s>(&'s self, topics: &'s Topics) -> InForce<'s> {
        InForce::broker(&self.given, topics.broker_configs())
    }

    /// What the log of a topic is set to.
    pub fn log_settings(&self, topics: &Topics, topic: &Topic) -> LogSettings {
        let broker = self.broker(topics);
        let force = broker.topic(&topic.configs);
        let mut settings = LogSettings {
            segment_len_max: u64::try_from(force.number("segment.bytes")).unwrap_or(1 << 30),
            segment_ms_max: force.number("segment.ms"),
            index_interval_len: u64::try_from(force.number("index.interval.bytes")).unwrap_or(4096),
            index_len_max: u64::try_from(force.number("segment.index.bytes")).unwrap_or(10 << 20),
            retention_ms: force.number("retention.ms"),
            retention_len: force.number("retention.bytes"),
            deletes: force.lists("cleanup.policy", "delete"),
            compacts: force.lists("cleanup.policy", "compact"),
            delete_retention_ms: force.number("delete.retention.ms"),
            compaction_lag_ms_min: force.number("min.compaction.lag.ms"),
            batch_len_max: usize::try_from(force.number("max.message.bytes")).unwrap_or(usize::MAX),
            timestamp_type: match force.get("message.timestamp.type") {
                Some("LogAppendTime") => TimestampType::LogAppend,
                _ => TimestampType::Create,
            },
            before_ms_max: force.number("message.timestamp.before.max.ms"),
            after_ms_max: force.number("message.timestamp.after.max.ms"),
            flush_messages: u64::try_from(force.number("flush.messages")).unwrap_or(1),
            flush_ms: force.number("flush.ms"),
        };
        let internal = match topic.name.as_str() {
            CONSUMER_OFFSETS => Some("offsets.topic.segment.bytes"),
            TRANSACTION_STATE => Some("transaction.state.log.segment.bytes"),
            _ => None,
        };
        if let Some(name) = internal {
            settings.segment_len_max = u64::try_from(broker.number(name)).unwrap_or(settings.segment_len_max);
            settings.timestamp_type = TimestampType::Create;
            (settings.compacts, settings.deletes) = (true, false);
            settings.batch_len_max = usize::MAX;
        }
        settings
    }

    /// What new topics get where they do not say.
    pub fn topic_defaults(&self) -> Defaults {
        Defaults { partition_count: self.int("num.partitions"), broker_id: self.node_id }
    }

    /// A number that is fixed at the start.
    pub fn int(&self, name: &str) -> i32 {
        InForce::broker(&self.given, &std::collections::BTreeMap::new()).int(name)
    }

    /// A number that is fixed at the start.
    pub fn number(&self, name: &str) -> i64 {
        InForce::broker(&self.given, &std::collections::BTreeMap::new()).number(name)
    }

    /// A text that is fixed at the start, if there is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.given().find(|(given, _)| *given == name).map(|(_, value)| value)
    }

    /// Where a client that came in at `local` reaches this broker.
    pub fn host_of(&self, local: SocketAddr) -> (String, i32) {
        match &self.advertised {
            Some((host, port)) => (host.clone(), i32::from(*port)),
            None => (local.ip().to_string(), i32::from(local.port())),
        }
    }
}

fn explain(name: &str, value: &str, error: configs::SetError) -> String {
    match error {
        configs::SetError::Unknown => {
            let known: Vec<&str> = configs::BROKER.iter().map(|setting| setting.name).collect();
            format!("{name} is no setting of a Kafka broker here; there are {}", known.join(", "))
        }
        _ => match configs::broker(name).map(|setting| setting.kind) {
            Some(configs::Kind::OneOf(words)) => {
                let words = words.iter().map(|word| if word.is_empty() { "nothing" } else { word });
                format!("{name}={value}: it is one of: {}", words.collect::<Vec<_>>().join(", "))
            }
            _ => format!("{name}={value}: {error}"),
        },
    }
}

/// Host and port in `NAME://HOST:PORT`.
fn parse_listener(list: &str) -> Option<(String, u16)> {
    let (_, address) = list.split(',').next()?.split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse().ok().filter(|_| !host.is_empty())?;
    Some((host.trim_matches(['[', ']']).to_owned(), port))
}

/// The wall clock, in milliseconds.
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records between two syncs of a log, and the time.
    fn flushes(given: &[(&str, &str)]) -> (i64, i64) {
        let settings = Settings::new(given).unwrap();
        (settings.number(FLUSH_MESSAGES), settings.number(FLUSH_MS))
    }

    #[test]
    fn an_authorizer_is_kafkas_or_none_and_super_users_have_a_type() {
        let class = "authorizer.class.name";
        assert_eq!(Settings::new(&[("super.users", "User:a")]).unwrap().authorizer, None);
        assert_eq!(Settings::new(&[(class, "")]).unwrap().authorizer, None);
        let given = [(class, dolmen_kafka::acl::AUTHORIZER), ("super.users", "User:a;User:b")];
        assert_eq!(Settings::new(&given).unwrap().authorizer, Policy::new("User:a; User:b", false).ok());
        let refused = |given| Settings::new(&[given]).unwrap_err().to_string();
        let zookeepers = refused((class, "kafka.security.authorizer.AclAuthorizer"));
        assert!(
            zookeepers
                .ends_with("it is one of: nothing, org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
            "{zookeepers}"
        );
        assert!(refused(("super.users", "root")).contains("colon"));
    }

    #[test]
    fn syncs_come_before_each_answer_unless_an_interval_is_given() {
        assert_eq!(flushes(&[]), (1, i64::MAX));
        assert_eq!(flushes(&[(FLUSH_MS, "1000")]), (i64::MAX, 1000));
        assert_eq!(flushes(&[(FLUSH_MS, "1000"), (FLUSH_MESSAGES, "1")]), (1, 1000));
        assert_eq!(flushes(&[(FLUSH_MESSAGES, "50")]), (50, i64::MAX));
    }

    /// Every source of this crate, and core's where settings are read by name.
    fn sources() -> String {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![folder.join("src"), folder.join("../../core/kafka/src/group")];
        let mut text = String::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path => text.push_str(&std::fs::read_to_string(path).unwrap()),
                }
            }
        }
        text
    }

    /// A setting that says it has an effect is read somewhere, itself or through what it stands in for.
    #[test]
    fn settings_with_an_effect_are_read() {
        let sources = sources();
        let is_read = |name: &str| sources.contains(&format!("\"{name}\""));
        let stands_in = |name: &str| {
            let own = configs::TOPIC.iter().chain(configs::GROUP);
            own.filter(|own| own.synonym == name).any(|own| own.has_effect && is_read(own.name))
        };
        let all = configs::BROKER.iter().chain(configs::TOPIC).chain(configs::GROUP);
        let idle = all.filter(|one| one.has_effect && !is_read(one.name) && !stands_in(one.name));
        assert_eq!(idle.map(|one| one.name).collect::<Vec<_>>(), [""; 0]);
    }
}
