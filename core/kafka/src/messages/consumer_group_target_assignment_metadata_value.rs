//! `ConsumerGroupTargetAssignmentMetadataValue` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupTargetAssignmentMetadataValue<'a> {
    /// `AssignmentEpoch`: i32.
    pub assignment_epoch: i32,
    /// `AssignmentTimestamp`: i64, tag 0.
    pub assignment_timestamp: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ConsumerGroupTargetAssignmentMetadataValue<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = ConsumerGroupTargetAssignmentMetadataValue {
            assignment_epoch: Wire::read(r, v)?,
            assignment_timestamp: 0,
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.assignment_timestamp = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.assignment_epoch.write(w, v)?;
        let has_assignment_timestamp = self.assignment_timestamp != 0;
        let mut tags = w.tagged(u32::from(has_assignment_timestamp), &self.unknown);
        if has_assignment_timestamp {
            tags.field(0, |w| self.assignment_timestamp.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupTargetAssignmentMetadataValue<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
