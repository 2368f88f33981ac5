//! Settings, with Kafka's names, types, defaults and ranges.
//!
//! A topic's or a group's setting that is not given is the broker's of [`Setting::synonym`]'s name; the broker's is what it was started with, or was given while it ran,
//! or its default. Lists are separated by commas.
//!
//! Source: the configuration reference of Kafka 4.4. Where ours differs, [`Setting::about`] says so.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::ErrorCode;

mod table;

pub use table::{BROKER, GROUP, TOPIC};

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A number of 16 bits within these bounds.
    Short(i16, i16),
    /// A number of 32 bits within these bounds.
    Int(i32, i32),
    /// A number of 64 bits within these bounds.
    Long(i64, i64),
    /// A number within these bounds.
    Double(f64, f64),
    /// Any text.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any of these words; with none of them given here, any words at all.
    List(&'static [&'static str]),
}

impl Kind {
    /// The number of the type in answers to DescribeConfigs.
    pub const fn code(self) -> i8 {
        match self {
            Kind::Bool => 1,
            Kind::Text | Kind::OneOf(_) => 2,
            Kind::Int(..) => 3,
            Kind::Short(..) => 4,
            Kind::Long(..) => 5,
            Kind::Double(..) => 6,
            Kind::List(_) => 7,
        }
    }
}

impl fmt::Display for Kind {
    /// What is expected, as it stands in a refusal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bool => f.write_str("true or false"),
            Kind::Short(low, high) => write!(f, "a number from {low} to {high}"),
            Kind::Int(low, high) => write!(f, "a number from {low} to {high}"),
            Kind::Long(low, high) => write!(f, "a number from {low} to {high}"),
            Kind::Double(low, high) => write!(f, "a number from {low:.1} to {high:.1}"),
            Kind::Text | Kind::List([]) => f.write_str("any text"),
            Kind::OneOf(known) => write!(f, "one of {}", known.join(", ")),
            Kind::List(known) => write!(f, "words of {}, with commas between", known.join(", ")),
        }
    }
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// Its value if none is given; `None` is null.
    pub default: Option<&'static str>,
    /// Of a topic's or a group's setting: the broker's that stands in for it; empty if there is none.
    pub synonym: &'static str,
    /// Whether it may change while the broker runs.
    pub is_dynamic: bool,
    /// Whether anything here depends on its value; if not it is taken, checked and told, no more.
    pub has_effect: bool,
    /// What it does.
    pub about: &'static str,
}

impl Setting {
    /// Whether it may have this value.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_CONFIG`].
    pub fn check(&self, value: &str) -> Result<(), ErrorCode> {
        let value = value.trim();
        let words = || value.split(',').map(str::trim).filter(|word| !word.is_empty());
        let is_right = match self.kind {
            Kind::Bool => matches!(value, "true" | "false"),
            Kind::Short(low, high) => value.parse().is_ok_and(|number| (low..=high).contains(&number)),
            Kind::Int(low, high) => value.parse().is_ok_and(|number| (low..=high).contains(&number)),
            Kind::Long(low, high) => value.parse().is_ok_and(|number| (low..=high).contains(&number)),
            Kind::Double(low, high) => value.parse().is_ok_and(|number| (low..=high).contains(&number)),
            Kind::Text => true,
            Kind::OneOf(known) => known.contains(&value),
            Kind::List([]) => true,
            Kind::List(known) => words().all(|word| known.contains(&word)),
        };
        if is_right { Ok(()) } else { Err(ErrorCode::INVALID_CONFIG) }
    }
}

/// A setting of topics by its name.
pub fn topic(name: &str) -> Option<&'static Setting> {
    TOPIC.iter().find(|setting| setting.name == name)
}

/// A setting of groups by its name.
pub fn group(name: &str) -> Option<&'static Setting> {
    GROUP.iter().find(|setting| setting.name == name)
}

/// Settings of groups with their bounds among the broker's: the least and the most.
const GROUP_BOUNDS: [(&str, &str, &str); 2] = [
    (
        "consumer.session.timeout.ms",
        "group.consumer.min.session.timeout.ms",
        "group.consumer.max.session.timeout.ms",
    ),
    (
        "consumer.heartbeat.interval.ms",
        "group.consumer.min.heartbeat.interval.ms",
        "group.consumer.max.heartbeat.interval.ms",
    ),
];

/// Whether a group may have these settings of its own: each within the broker's bounds, and the session longer than the interval.
///
/// # Errors
/// [`ErrorCode::INVALID_CONFIG`].
pub fn check_group(own: &BTreeMap<String, String>, broker: InForce<'_>) -> Result<(), Refusal> {
    let force = broker.group(Some(own));
    for (name, low, high) in GROUP_BOUNDS {
        let (low, high) = (broker.number(low), broker.number(high));
        if own.contains_key(name) && !(low..=high).contains(&force.number(name)) {
            return Err(Refusal::new(
                ErrorCode::INVALID_CONFIG,
                format!("{name} must be in the range {low} to {high} inclusive."),
            ));
        }
    }
    let [(session, ..), (interval, ..)] = GROUP_BOUNDS;
    if force.number(session) <= force.number(interval) {
        let why = format!("{session} must be greater than {interval}.");
        return Err(Refusal::new(ErrorCode::INVALID_CONFIG, why));
    }
    Ok(())
}

/// A setting of the broker by its name.
pub fn broker(name: &str) -> Option<&'static Setting> {
    BROKER.iter().find(|setting| setting.name == name)
}

/// Where a value comes from, by its number in answers to DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Origin {
    /// The topic's own.
    Topic = 1,
    /// Given to the broker while it ran.
    DynamicBroker = 2,
    /// Given to the broker at its start.
    StaticBroker = 4,
    /// The default.
    Default = 5,
    /// The group's own.
    Group = 8,
}

/// A value and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// Its setting's name there: the topic's or group's, or the broker's in its place.
    pub name: &'a str,
    /// The value; `None` is null.
    pub value: Option<&'a str>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Why a change of settings is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// What is said beside it.
    pub why: String,
}

impl Refusal {
    /// Of a code, in these words.
    pub const fn new(code: ErrorCode, why: String) -> Refusal {
        Refusal { code, why }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Refusal {
        Refusal::new(code, code.about().into())
    }
}

/// Why a setting is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// There is no setting of this name; [`BROKER`] lists them.
    Unknown,
    /// It cannot have this value.
    Value,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::Unknown => "there is no setting of this name",
            SetError::Value => "the setting cannot have this value",
        })
    }
}

impl core::error::Error for SetError {}

/// What a broker was started with: the `--kafka-set NAME=VALUE` of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Static {
    given: BTreeMap<String, String>,
}

impl Static {
    /// Everything by default.
    pub fn new() -> Self {
        Static::default()
    }

    /// Gives a setting a value.
    ///
    /// # Errors
    /// [`SetError`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SetError> {
        let setting = broker(name).ok_or(SetError::Unknown)?;
        setting.check(value).map_err(|_| SetError::Value)?;
        self.given.insert(name.into(), value.trim().into());
        Ok(())
    }

    /// What was given, by name.
    pub fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Settings that come before the broker's: whose they are, and which are given.
#[derive(Clone, Copy, Debug)]
struct Own<'a> {
    table: &'static [Setting],
    origin: Origin,
    given: Option<&'a BTreeMap<String, String>>,
}

/// The settings in force: what the broker was started with, what it was given while it ran, and a topic's or a group's own.
#[derive(Clone, Copy, Debug)]
pub struct InForce<'a> {
    started_with: &'a BTreeMap<String, String>,
    dynamic: &'a BTreeMap<String, String>,
    own: Option<Own<'a>>,
}

impl<'a> InForce<'a> {
    /// Of the broker; `dynamic` as [`crate::topics::Topics::broker_configs`] has it.
    pub const fn broker(started_with: &'a Static, dynamic: &'a BTreeMap<String, String>) -> Self {
        InForce { started_with: &started_with.given, dynamic, own: None }
    }

    /// Of a topic with these settings of its own.
    #[must_use]
    pub const fn topic(self, own: &'a BTreeMap<String, String>) -> Self {
        self.of(TOPIC, Origin::Topic, Some(own))
    }

    /// Of a group, with settings of its own if it has any.
    #[must_use]
    pub const fn group(self, own: Option<&'a BTreeMap<String, String>>) -> Self {
        self.of(GROUP, Origin::Group, own)
    }

    const fn of(
        self,
        table: &'static [Setting],
        origin: Origin,
        given: Option<&'a BTreeMap<String, String>>,
    ) -> Self {
        InForce { own: Some(Own { table, origin, given }), ..self }
    }

    /// The settings there are.
    pub const fn table(&self) -> &'static [Setting] {
        match self.own {
            Some(own) => own.table,
            None => BROKER,
        }
    }

    /// Every value that could be in force for a setting, the one that is first: the synonyms of DescribeConfigs.
    pub fn values(&self, setting: &'static Setting) -> impl Iterator<Item = Value<'a>> {
        let own = self.own.and_then(|own| Some((own.given?.get(setting.name)?, own.origin)));
        let of_broker = if self.own.is_some() { setting.synonym } else { setting.name };
        let given = |map: &'a BTreeMap<String, String>| map.get(of_broker).filter(|_| !of_broker.is_empty());
        let default = match broker(of_broker) {
            Some(of_broker) => of_broker,
            None => setting,
        };
        let value = |name, text: &'a String, origin| Value { name, value: Some(text), origin };
        let all = [
            own.map(|(text, origin)| value(setting.name, text, origin)),
            given(self.dynamic).map(|text| value(of_broker, text, Origin::DynamicBroker)),
            given(self.started_with).map(|text| value(of_broker, text, Origin::StaticBroker)),
            Some(Value { name: default.name, value: default.default, origin: Origin::Default }),
        ];
        all.into_iter().flatten()
    }

    /// The value in force; `None` for null, or for a name that is not known.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let setting = self.table().iter().find(|setting| setting.name == name);
        self.values(setting?).next()?.value
    }

    /// The number in force; 0 for what is none.
    pub fn number(&self, name: &str) -> i64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// [`InForce::number`] within 32 bits.
    pub fn int(&self, name: &str) -> i32 {
        let number = self.number(name);
        i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
    }

    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// Whether a list names a word.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.get(name).is_some_and(|value| value.split(',').any(|each| each.trim() == word))
    }
}
