//! Groups as a whole: described, listed, deleted, forgotten when nothing of them is left.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ErrorCode;
use crate::txn::machine::RequestId;

use super::super::ask::{Answer, Ask, Client, Described, DescribedConsumers, Listed};
use super::super::classic::State;
use super::super::consumer;
use super::super::records;
use super::offsets::tombstones;
use super::{At, Caller, Deleting, Groups, Kind, Purpose, Slot};

impl Groups {
    pub(super) fn describe(&self, name: &str, version: i16) -> Described {
        match self.slots.get(name).map(|slot| &slot.kind) {
            Some(Kind::Classic(group)) => group.describe(name),
            _ => {
                let error = if version >= 6 { ErrorCode::GROUP_ID_NOT_FOUND } else { ErrorCode::NONE };
                Described { state: "Dead", ..Described::refused(name.into(), error) }
            }
        }
    }

    pub(super) fn describe_consumers(&self, at: At<'_>, name: &str) -> DescribedConsumers {
        match self.slots.get(name).map(|slot| &slot.kind) {
            Some(Kind::Consumers(group)) => group.describe(name, at.topics),
            _ => DescribedConsumers::refused(
                name.into(),
                if name.is_empty() { ErrorCode::INVALID_GROUP_ID } else { ErrorCode::GROUP_ID_NOT_FOUND },
            ),
        }
    }

    pub(super) fn list(&self, states: &[String], types: &[String]) -> Answer {
        let one = |(name, slot): (&String, &Slot)| match &slot.kind {
            Kind::Classic(group) => Listed {
                group: name.clone(),
                protocol_type: group.protocol_type.clone().unwrap_or_default(),
                state: group.state.name(),
                group_type: "classic",
            },
            Kind::Consumers(group) => Listed {
                group: name.clone(),
                protocol_type: "consumer".into(),
                state: group.state(),
                group_type: "consumer",
            },
        };
        let fits = |wanted: &[String], found: &str| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        let groups =
            self.slots.iter().map(one).filter(|g| fits(states, g.state) && fits(types, g.group_type));
        Answer::List { error: ErrorCode::NONE, groups: groups.collect() }
    }

    pub(super) fn delete(&mut self, request: RequestId, groups: Vec<String>) {
        if groups.is_empty() {
            return self.answer(Caller::Request(request), Answer::Delete(Vec::new()));
        }
        let results = groups.iter().map(|group| (group.clone(), ErrorCode::NONE)).collect();
        self.deleting.insert(request, Deleting { left: groups.len(), results });
        for (index, group) in groups.into_iter().enumerate() {
            let caller = Caller::Part { request, index };
            match self.slots.get_mut(&group).filter(|slot| slot.changing.is_some()) {
                Some(slot) => {
                    slot.waiting.push_back((caller, Client::default(), Ask::Delete([group].into())))
                }
                None => self.delete_one(caller, &group),
            }
        }
    }

    pub(super) fn delete_one(&mut self, caller: Caller, name: &str) {
        let code = match self.slots.get(name).map(|slot| &slot.kind) {
            _ if name.is_empty() => ErrorCode::INVALID_GROUP_ID,
            None => ErrorCode::GROUP_ID_NOT_FOUND,
            Some(Kind::Classic(group)) if !group.members.is_empty() || group.state != State::Empty => {
                ErrorCode::NON_EMPTY_GROUP
            }
            Some(Kind::Consumers(group)) if !group.members.is_empty() => ErrorCode::NON_EMPTY_GROUP,
            Some(_) => ErrorCode::NONE,
        };
        if code != ErrorCode::NONE {
            return self.answer(caller, Answer::Delete([(name.into(), code)].into()));
        }
        self.forget(Some(caller), name);
    }

    /// A group without members is forgotten, with all of its offsets.
    pub(super) fn forget(&mut self, caller: Option<Caller>, name: &str) {
        let Some(slot) = self.slots.get(name) else { return };
        let keys = slot.offsets.keys();
        let mut records = tombstones(name, &keys);
        match &slot.kind {
            Kind::Classic(_) => records.extend(records::classic(name, None)),
            Kind::Consumers(_) => records.extend(consumer::forget(name).into_iter().flatten()),
        }
        let ticket = self.append(name, None, records, Purpose::Forgotten { caller, keys });
        self.slot(name).changing = Some(ticket);
        self.touch(name);
    }

    /// Offsets that are over their time are forgotten, and with the last of them a group without members.
    pub(super) fn expire(&mut self, at: At<'_>) {
        let names: Vec<String> = self.slots.keys().cloned().collect();
        for name in names {
            let Some(slot) = self.slots.get(&name).filter(|slot| slot.changing.is_none()) else { continue };
            let expired =
                |idle_since_ms| slot.offsets.expired(at.now_ms, self.settings.retention_ms, idle_since_ms);
            let (keys, is_empty) = match &slot.kind {
                Kind::Classic(group) if group.state != State::Empty => {
                    let Some(subscribed) = group.subscribed() else { continue };
                    let mut keys = expired(None);
                    keys.retain(|(topic, _)| !subscribed.contains(topic));
                    (keys, false)
                }
                Kind::Classic(group) => {
                    let idle_since_ms = group.protocol_type.is_some().then_some(group.state_ms);
                    (expired(idle_since_ms), group.is_unused())
                }
                Kind::Consumers(group) => {
                    let mut keys = expired(None);
                    keys.retain(|(topic, _)| !group.reads(topic));
                    (keys, group.members.is_empty())
                }
            };
            let is_last = slot.offsets.keys().len() == keys.len() && slot.commits == 0;
            if is_empty && is_last {
                self.forget(None, &name);
            } else if !keys.is_empty() {
                self.append_forgotten(&name, keys, None);
            }
        }
    }
}
