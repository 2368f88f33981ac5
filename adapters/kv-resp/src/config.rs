//! The settings of the service `kv`.

use dolmen_host::{Kind, Setting, Values};
use dolmen_store::{RecoveryMode, SyncPolicy};
use std::time::Duration;

/// Each of them, declared once.
pub const SETTINGS: &[Setting] = &[
    Setting::new(
        "kv.listen",
        Kind::Listen,
        "127.0.0.1:6379",
        "Address of the key-value service, Redis protocol",
    )
    .short("kv"),
    Setting::new(
        "kv.sync",
        Kind::Choice(&[
            ("always", "when it is on disk, one sync for many writers"),
            ("interval", "when the operating system has it, synced every second"),
            ("never", "when the operating system has it"),
        ]),
        "always",
        "When a write counts as done",
    )
    .short("sync"),
    Setting::new(
        "kv.recovery",
        Kind::Choice(&[
            ("torn-tail", "cut a torn tail, refuse damage"),
            ("tolerate-tail", "as RocksDB's kTolerateCorruptedTailRecords"),
            ("absolute", "as RocksDB's kAbsoluteConsistency: refuse a torn tail too"),
            ("point-in-time", "as RocksDB's kPointInTimeRecovery: keep what stands before the damage"),
            ("skip-damaged", "as RocksDB's kSkipAnyCorruptedRecords: keep everything that can be read"),
        ]),
        "torn-tail",
        "What to make of a damaged log",
    )
    .short("recovery"),
    Setting::new("kv.password", Kind::Text, "", "Password that key-value clients must give")
        .secret()
        .unset("none on loopback, else the data directory's")
        .short("kv-password"),
    Setting::new("kv.max-clients", Kind::Count(0, u32::MAX as u64), "10000", "Connections at once")
        .short("max-clients"),
    Setting::new(
        "kv.idle-timeout",
        Kind::Duration,
        "0",
        "Time without a command after which a connection is closed",
    )
    .unset("0, never")
    .short("idle-timeout")
    .old_key("kv.idle-timeout-s"),
    Setting::new("kv.max-memory", Kind::Size, "0", "Memory over which writes that grow are refused")
        .unset("0, no limit")
        .short("max-memory")
        .old_key("kv.max-memory-bytes"),
    Setting::new("kv.max-key", Kind::Size, "64kb", "Longest key")
        .short("max-key")
        .old_key("kv.max-key-bytes"),
    Setting::new("kv.max-value", Kind::Size, "512mb", "Longest value")
        .short("max-value")
        .old_key("kv.max-value-bytes"),
];

/// The settings, decided.
#[derive(Clone, Debug)]
pub struct Config {
    /// When a write counts as done.
    pub sync: SyncPolicy,
    /// What to make of a damaged log; `None`: as the log itself says.
    pub recovery: Option<RecoveryMode>,
    /// What AUTH must say, if somebody has said it.
    pub password: Option<String>,
    /// Connections at once.
    pub clients_max: u32,
    /// Time without a command after which a connection is closed; 0: never.
    pub idle_timeout: Duration,
    /// Bytes of memory over which writes that grow are refused; 0: no limit.
    pub memory_max: u64,
    /// Bytes of a key.
    pub key_len_max: usize,
    /// Bytes of a value.
    pub value_len_max: usize,
}

impl Config {
    pub(crate) fn of(values: &Values) -> Config {
        let len = |key| usize::try_from(values.number(key)).unwrap_or(usize::MAX);
        Config {
            sync: match values.choice("kv.sync") {
                "interval" => SyncPolicy::Interval(Duration::from_secs(1)),
                "never" => SyncPolicy::Never,
                _ => SyncPolicy::Always,
            },
            recovery: match values.choice("kv.recovery") {
                "tolerate-tail" => Some(RecoveryMode::TolerateCorruptedTail),
                "absolute" => Some(RecoveryMode::Absolute),
                "point-in-time" => Some(RecoveryMode::PointInTime),
                "skip-damaged" => Some(RecoveryMode::SkipAnyCorrupted),
                _ => None,
            },
            password: values.text("kv.password").map(str::to_owned),
            clients_max: u32::try_from(values.number("kv.max-clients")).unwrap_or(u32::MAX),
            idle_timeout: values.duration("kv.idle-timeout"),
            memory_max: values.number("kv.max-memory"),
            key_len_max: len("kv.max-key"),
            value_len_max: len("kv.max-value"),
        }
    }
}
