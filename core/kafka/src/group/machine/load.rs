//! The log read again.

use crate::batch::Batch;
use crate::control;
use crate::{BatchError, WireError};

use super::super::classic::Classic;
use super::super::consumer::{self, Consumers};
use super::super::offsets::Committed;
use super::super::records::{self, Said};
use super::{Groups, Kind};

impl Groups {
    /// Takes over one batch of a partition of the log, in order. `expanded` are the records of a compressed one.
    ///
    /// # Errors
    /// What is wrong with its records; those before are taken over.
    pub fn load(&mut self, partition: i32, batch: &Batch<'_>, expanded: &[u8]) -> Result<(), LoadError> {
        if batch.is_control() {
            if let Some(marker) = control::marker(batch) {
                self.ended(partition, batch.producer_id(), marker.outcome);
            }
            return Ok(());
        }
        let producer_id = (batch.is_transactional() && batch.producer_id() >= 0).then(|| batch.producer_id());
        for (offset, key, value) in records::each(batch, expanded).map_err(LoadError::Batch)? {
            let said = records::parse(key, value).map_err(|error| LoadError::Record { offset, error })?;
            self.said(partition, offset, said, producer_id);
        }
        Ok(())
    }

    fn said(&mut self, partition: i32, log_offset: i64, said: Said, producer_id: Option<i64>) {
        match said {
            Said::Offset { group, topic, partition: index, committed: Some(committed) } => {
                let committed = Committed { log_offset, ..committed };
                self.logged(partition, &group, (topic, index, committed), producer_id);
            }
            Said::Offset { group, topic, partition, committed: None } => {
                self.forget_offsets(&group, &[(topic, partition)]);
                self.drop_idle(&group);
            }
            Said::Classic { group, state } => {
                let slot = self.slot(&group);
                match (state, &slot.kind) {
                    (Some(state), _) => slot.kind = Kind::Classic(state),
                    (None, Kind::Classic(_)) => slot.kind = Kind::Classic(Classic::default()),
                    (None, Kind::Consumers(_)) => {}
                }
                self.drop_idle(&group);
            }
            Said::Epoch { group, value: None } => {
                if let Some(slot) =
                    self.slots.get_mut(&group).filter(|s| matches!(s.kind, Kind::Consumers(_)))
                {
                    slot.kind = Kind::Classic(Classic::default());
                }
                self.drop_idle(&group);
            }
            Said::Epoch { group, value: Some((epoch, hash)) } => {
                let group = self.consumers(&group);
                (group.epoch, group.hash) = (epoch, hash);
            }
            Said::TargetEpoch { group, value: Some((epoch, _)) } => {
                self.consumers(&group).target_epoch = epoch
            }
            Said::Member { group, member, value: Some(value) } => {
                let members = &mut self.consumers(&group).members;
                let known = members.entry(member).or_default();
                *known = consumer::ConsumerMember {
                    epoch: known.epoch,
                    previous_epoch: known.previous_epoch,
                    state: known.state,
                    assigned: core::mem::take(&mut known.assigned),
                    revoking: core::mem::take(&mut known.revoking),
                    ..value
                };
            }
            Said::Member { group, member, value: None } => {
                if let Some(group) = self.known_consumers(&group) {
                    group.members.remove(&member);
                }
            }
            Said::Target { group, member, value: Some(targets) } => {
                self.consumers(&group).target.insert(member, targets);
            }
            Said::Target { group, member, value: None } => {
                if let Some(group) = self.known_consumers(&group) {
                    group.target.remove(&member);
                }
            }
            Said::Current { group, member, value } => {
                // Without a subscription it is nobody's: its member's record comes first.
                let known = self.known_consumers(&group).and_then(|group| group.members.get_mut(&member));
                let (Some(known), Some(current)) = (known, value) else { return };
                known.epoch = current.epoch;
                known.previous_epoch = current.previous_epoch;
                known.state = current.state;
                known.assigned = current.assigned;
                known.revoking = current.revoking;
            }
            Said::TargetEpoch { value: None, .. } | Said::Other => {}
        }
    }

    /// A newer group of this name, made if need be.
    fn consumers(&mut self, group: &str) -> &mut Consumers {
        let slot = self.slot(group);
        if let Kind::Classic(_) = slot.kind {
            slot.kind = Kind::Consumers(Consumers::default());
        }
        match &mut slot.kind {
            Kind::Consumers(group) => group,
            Kind::Classic(_) => unreachable!("it was just made"),
        }
    }

    fn known_consumers(&mut self, group: &str) -> Option<&mut Consumers> {
        match &mut self.slots.get_mut(group)?.kind {
            Kind::Consumers(group) => Some(group),
            Kind::Classic(_) => None,
        }
    }
}

/// Why a batch of the log was not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// The batch is damaged.
    Batch(BatchError),
    /// A record of it is.
    Record {
        /// Its offset.
        offset: i64,
        /// What is wrong.
        error: WireError,
    },
}

impl core::fmt::Display for LoadError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            LoadError::Batch(error) => error.fmt(f),
            LoadError::Record { offset, error } => write!(f, "the record at offset {offset}: {error}"),
        }
    }
}

impl core::error::Error for LoadError {}
