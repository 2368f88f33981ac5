//! `LeaveGroupResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaveGroupResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 1.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `Members`: list of [`MemberResponse`], from version 3.
    pub members: List<'a, MemberResponse<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for LeaveGroupResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(LeaveGroupResponse {
            throttle_time_ms: if v >= 1 { Wire::read(r, v)? } else { 0 },
            error_code: Wire::read(r, v)?,
            members: if v >= 3 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 1 {
            self.throttle_time_ms.write(w, v)?;
        }
        self.error_code.write(w, v)?;
        if v >= 3 {
            self.members.write(w, v)?;
        } else {
            absent(self.members.is_empty(), "LeaveGroupResponse.Members", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `MemberResponse` within [`LeaveGroupResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct MemberResponse<'a> {
    /// `MemberId`: text, from version 3.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 3.
    pub group_instance_id: Option<&'a str>,
    /// `ErrorCode`: i16, from version 3.
    pub error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for MemberResponse<'_> {
    fn default() -> Self {
        MemberResponse {
            member_id: "",
            group_instance_id: Some(""),
            error_code: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for MemberResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MemberResponse {
            member_id: if v >= 3 { Wire::read(r, v)? } else { "" },
            group_instance_id: if v >= 3 { Wire::read_nullable(r, v)? } else { Some("") },
            error_code: if v >= 3 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.member_id.write(w, v)?;
        } else {
            absent(self.member_id.is_empty(), "MemberResponse.MemberId", v)?;
        }
        if v >= 3 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        } else {
            absent(self.group_instance_id == Some(""), "MemberResponse.GroupInstanceId", v)?;
        }
        if v >= 3 {
            self.error_code.write(w, v)?;
        } else {
            absent(self.error_code == 0, "MemberResponse.ErrorCode", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for LeaveGroupResponse<'a> {
    const KEY: i16 = 13;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 4;
}
