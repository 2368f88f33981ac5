//! Changes of settings: what becomes of each, and what is refused in which words.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{RecordValue, Resource, Topics, config_record};
use crate::ErrorCode;
use crate::configs::{self, InForce, Kind, Refusal, Setting};
use crate::limits::GROUPS_SET_MAX;

/// Letters of a refused value that are said again.
const SHOWN_LEN_MAX: usize = 100;

/// What becomes of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Change {
    /// It gets the value.
    Set = 0,
    /// It goes back to what it is without one.
    Delete = 1,
    /// Words are added to its list.
    Append = 2,
    /// Words are taken from its list.
    Subtract = 3,
}

impl Change {
    /// By its number in IncrementalAlterConfigs.
    pub const fn from_code(code: i8) -> Option<Change> {
        match code {
            0 => Some(Change::Set),
            1 => Some(Change::Delete),
            2 => Some(Change::Append),
            3 => Some(Change::Subtract),
            _ => None,
        }
    }
}

/// A change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// Its name.
    pub name: String,
    /// What becomes of it; `None`: the request said something that is none.
    pub operation: Option<Change>,
    /// The value, or the words.
    pub value: Option<String>,
}

impl Topics {
    /// The records of changes of settings, of all of them or of none. `broker`: its settings in force. With `is_all` what is not named loses its value.
    ///
    /// # Errors
    /// [`ErrorCode::UNKNOWN_TOPIC_OR_PARTITION`], [`ErrorCode::INVALID_CONFIG`], [`ErrorCode::INVALID_REQUEST`] for a setting of the broker that cannot be
    /// changed while it runs, for a group without a name and for no operation, [`ErrorCode::POLICY_VIOLATION`] for too many groups.
    pub fn decide_alter(
        &self,
        resource: Resource<'_>,
        changes: &[Alteration],
        is_all: bool,
        broker: InForce<'_>,
    ) -> Result<Vec<RecordValue>, Refusal> {
        let nothing = BTreeMap::new();
        let (own, force) = match resource {
            Resource::Topic(name) => {
                let own = &self.topic(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?.configs;
                (own, broker.topic(own))
            }
            Resource::Group(name) => {
                self.check_group(name)?;
                let own = self.group_configs(name);
                (own.unwrap_or(&nothing), broker.group(own))
            }
            Resource::Broker => (self.broker_configs(), broker),
        };
        let mut decided: Vec<(&str, Option<String>)> = Vec::new();
        for change in changes {
            let setting = find(resource, force, &change.name)?;
            let value = become_of(setting, change, force.get(setting.name))?;
            if let Some(value) = &value {
                check(setting, value)?;
            }
            decided.push((setting.name, value));
        }
        if is_all {
            let unnamed = own.keys().filter(|name| changes.iter().all(|change| change.name != **name));
            decided.extend(unnamed.map(|name| (name.as_str(), None)));
        }
        if matches!(resource, Resource::Group(_)) {
            let mut own = own.clone();
            for (name, value) in &decided {
                match value {
                    Some(value) => own.insert((*name).into(), value.clone()),
                    None => own.remove(*name),
                };
            }
            configs::check_group(&own, broker)?;
        }
        let record = |(name, value): &(&str, Option<String>)| config_record(resource, name, value.as_deref());
        decided.iter().map(record).collect::<Result<Vec<_>, _>>().map_err(Refusal::from)
    }

    fn check_group(&self, group: &str) -> Result<(), Refusal> {
        let refused = |code, why: &str| Err(Refusal::new(code, why.into()));
        match self.group_configs.len() {
            _ if group.is_empty() => {
                refused(ErrorCode::INVALID_REQUEST, "Settings are a group's of its own: name it.")
            }
            count if count >= GROUPS_SET_MAX && self.group_configs(group).is_none() => {
                refused(ErrorCode::POLICY_VIOLATION, "As many groups have settings of their own as may.")
            }
            _ => Ok(()),
        }
    }
}

fn find(resource: Resource<'_>, force: InForce<'_>, name: &str) -> Result<&'static Setting, Refusal> {
    let whose = match resource {
        Resource::Topic(_) => "a topic",
        Resource::Broker => "the broker",
        Resource::Group(_) => "a group",
    };
    let found = force.table().iter().find(|setting| setting.name == name);
    let setting = found.ok_or_else(|| {
        Refusal::new(ErrorCode::INVALID_CONFIG, format!("{} is no setting of {whose} here.", shown(name)))
    })?;
    if resource == Resource::Broker && !setting.is_dynamic {
        let why = format!("{name} is fixed when the broker starts; set it there.");
        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, why));
    }
    Ok(setting)
}

/// What a setting becomes that is `now` in force.
fn become_of(setting: &Setting, change: &Alteration, now: Option<&str>) -> Result<Option<String>, Refusal> {
    let name = setting.name;
    let refused = |code, why| Err(Refusal::new(code, why));
    let Some(operation) = change.operation else {
        return refused(
            ErrorCode::INVALID_REQUEST,
            format!("{name}: there are operations 0 to 3, no others."),
        );
    };
    if operation == Change::Delete {
        return Ok(None);
    }
    let Some(given) = &change.value else {
        return refused(ErrorCode::INVALID_CONFIG, format!("{name}: a value is needed, {}.", setting.kind));
    };
    if operation == Change::Set {
        return Ok(Some(given.clone()));
    }
    if !matches!(setting.kind, Kind::List(_)) {
        return refused(ErrorCode::INVALID_CONFIG, format!("{name} is no list: it can be set, no more."));
    }
    let given = words(given);
    let mut all = words(now.unwrap_or_default());
    if operation == Change::Append {
        let added: Vec<&str> = given.into_iter().filter(|word| !all.contains(word)).collect();
        all.extend(added);
    } else {
        all.retain(|word| !given.contains(word));
    }
    Ok(Some(all.join(",")))
}

fn words(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

fn check(setting: &Setting, value: &str) -> Result<(), Refusal> {
    setting.check(value).map_err(|code| {
        Refusal::new(code, format!("{} is {}, not {:?}.", setting.name, setting.kind, shown(value)))
    })
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_LEN_MAX).collect()
}
