//! `LeaveGroupRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaveGroupRequest<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `MemberId`: text, versions 0 to 2.
    pub member_id: &'a str,
    /// `Members`: list of [`MemberIdentity`], from version 3.
    pub members: List<'a, MemberIdentity<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for LeaveGroupRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(LeaveGroupRequest {
            group_id: Wire::read(r, v)?,
            member_id: if v <= 2 { Wire::read(r, v)? } else { "" },
            members: if v >= 3 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        if v <= 2 {
            self.member_id.write(w, v)?;
        } else {
            absent(self.member_id.is_empty(), "LeaveGroupRequest.MemberId", v)?;
        }
        if v >= 3 {
            self.members.write(w, v)?;
        } else {
            absent(self.members.is_empty(), "LeaveGroupRequest.Members", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `MemberIdentity` within [`LeaveGroupRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberIdentity<'a> {
    /// `MemberId`: text, from version 3.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 3.
    pub group_instance_id: Option<&'a str>,
    /// `Reason`: text, from version 5.
    pub reason: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for MemberIdentity<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MemberIdentity {
            member_id: if v >= 3 { Wire::read(r, v)? } else { "" },
            group_instance_id: if v >= 3 { Wire::read_nullable(r, v)? } else { None },
            reason: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.member_id.write(w, v)?;
        } else {
            absent(self.member_id.is_empty(), "MemberIdentity.MemberId", v)?;
        }
        if v >= 3 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        } else {
            absent(self.group_instance_id.is_none(), "MemberIdentity.GroupInstanceId", v)?;
        }
        if v >= 5 {
            Wire::write_nullable(self.reason.as_ref(), w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for LeaveGroupRequest<'a> {
    const KEY: i16 = 13;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 4;
}
