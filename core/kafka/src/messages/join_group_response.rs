//! `JoinGroupResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{
    List, Message, Reader, Unknown, Wire, WireError, Writer, absent, read_optional, write_optional,
};

/// The message, versions 0 to 9.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinGroupResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 2.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `GenerationId`: i32.
    pub generation_id: i32,
    /// `ProtocolType`: text, from version 7.
    pub protocol_type: Option<&'a str>,
    /// `ProtocolName`: text.
    pub protocol_name: Option<&'a str>,
    /// `Leader`: text.
    pub leader: &'a str,
    /// `SkipAssignment`: bool, from version 9.
    pub skip_assignment: bool,
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `Members`: list of [`JoinGroupResponseMember`].
    pub members: List<'a, JoinGroupResponseMember<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for JoinGroupResponse<'_> {
    fn default() -> Self {
        JoinGroupResponse {
            throttle_time_ms: 0,
            error_code: 0,
            generation_id: -1,
            protocol_type: None,
            protocol_name: Some(""),
            leader: "",
            skip_assignment: false,
            member_id: "",
            members: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for JoinGroupResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(JoinGroupResponse {
            throttle_time_ms: if v >= 2 { Wire::read(r, v)? } else { 0 },
            error_code: Wire::read(r, v)?,
            generation_id: Wire::read(r, v)?,
            protocol_type: if v >= 7 { Wire::read_nullable(r, v)? } else { None },
            protocol_name: read_optional(r, v, v >= 7)?,
            leader: Wire::read(r, v)?,
            skip_assignment: if v >= 9 { Wire::read(r, v)? } else { false },
            member_id: Wire::read(r, v)?,
            members: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 2 {
            self.throttle_time_ms.write(w, v)?;
        }
        self.error_code.write(w, v)?;
        self.generation_id.write(w, v)?;
        if v >= 7 {
            Wire::write_nullable(self.protocol_type.as_ref(), w, v)?;
        }
        write_optional(self.protocol_name.as_ref(), w, v, v >= 7, "ProtocolName")?;
        self.leader.write(w, v)?;
        if v >= 9 {
            self.skip_assignment.write(w, v)?;
        } else {
            absent(!self.skip_assignment, "JoinGroupResponse.SkipAssignment", v)?;
        }
        self.member_id.write(w, v)?;
        self.members.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `JoinGroupResponseMember` within [`JoinGroupResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinGroupResponseMember<'a> {
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 5.
    pub group_instance_id: Option<&'a str>,
    /// `Metadata`: bytes.
    pub metadata: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for JoinGroupResponseMember<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(JoinGroupResponseMember {
            member_id: Wire::read(r, v)?,
            group_instance_id: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            metadata: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.member_id.write(w, v)?;
        if v >= 5 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        }
        self.metadata.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for JoinGroupResponse<'a> {
    const KEY: i16 = 11;
    const VERSIONS: (i16, i16) = (0, 9);
    const FLEXIBLE_FROM: i16 = 6;
}
