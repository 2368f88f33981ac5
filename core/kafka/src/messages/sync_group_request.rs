//! `SyncGroupRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncGroupRequest<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `GenerationId`: i32.
    pub generation_id: i32,
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 3.
    pub group_instance_id: Option<&'a str>,
    /// `ProtocolType`: text, from version 5.
    pub protocol_type: Option<&'a str>,
    /// `ProtocolName`: text, from version 5.
    pub protocol_name: Option<&'a str>,
    /// `Assignments`: list of [`SyncGroupRequestAssignment`].
    pub assignments: List<'a, SyncGroupRequestAssignment<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for SyncGroupRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SyncGroupRequest {
            group_id: Wire::read(r, v)?,
            generation_id: Wire::read(r, v)?,
            member_id: Wire::read(r, v)?,
            group_instance_id: if v >= 3 { Wire::read_nullable(r, v)? } else { None },
            protocol_type: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            protocol_name: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            assignments: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        self.generation_id.write(w, v)?;
        self.member_id.write(w, v)?;
        if v >= 3 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        } else {
            absent(self.group_instance_id.is_none(), "SyncGroupRequest.GroupInstanceId", v)?;
        }
        if v >= 5 {
            Wire::write_nullable(self.protocol_type.as_ref(), w, v)?;
        }
        if v >= 5 {
            Wire::write_nullable(self.protocol_name.as_ref(), w, v)?;
        }
        self.assignments.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `SyncGroupRequestAssignment` within [`SyncGroupRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncGroupRequestAssignment<'a> {
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `Assignment`: bytes.
    pub assignment: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for SyncGroupRequestAssignment<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SyncGroupRequestAssignment {
            member_id: Wire::read(r, v)?,
            assignment: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.member_id.write(w, v)?;
        self.assignment.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for SyncGroupRequest<'a> {
    const KEY: i16 = 14;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 4;
}
