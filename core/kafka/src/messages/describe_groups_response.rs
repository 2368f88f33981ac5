//! `DescribeGroupsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeGroupsResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 1.
    pub throttle_time_ms: i32,
    /// `Groups`: list of [`DescribedGroup`].
    pub groups: List<'a, DescribedGroup<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeGroupsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeGroupsResponse {
            throttle_time_ms: if v >= 1 { Wire::read(r, v)? } else { 0 },
            groups: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 1 {
            self.throttle_time_ms.write(w, v)?;
        }
        self.groups.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribedGroup` within [`DescribeGroupsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedGroup<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text, from version 6.
    pub error_message: Option<&'a str>,
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `GroupState`: text.
    pub group_state: &'a str,
    /// `ProtocolType`: text.
    pub protocol_type: &'a str,
    /// `ProtocolData`: text.
    pub protocol_data: &'a str,
    /// `Members`: list of [`DescribedGroupMember`].
    pub members: List<'a, DescribedGroupMember<'a>>,
    /// `AuthorizedOperations`: i32, from version 3.
    pub authorized_operations: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribedGroup<'_> {
    fn default() -> Self {
        DescribedGroup {
            error_code: 0,
            error_message: None,
            group_id: "",
            group_state: "",
            protocol_type: "",
            protocol_data: "",
            members: List::default(),
            authorized_operations: -2147483648,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribedGroup<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribedGroup {
            error_code: Wire::read(r, v)?,
            error_message: if v >= 6 { Wire::read_nullable(r, v)? } else { None },
            group_id: Wire::read(r, v)?,
            group_state: Wire::read(r, v)?,
            protocol_type: Wire::read(r, v)?,
            protocol_data: Wire::read(r, v)?,
            members: Wire::read(r, v)?,
            authorized_operations: if v >= 3 { Wire::read(r, v)? } else { -2147483648 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        if v >= 6 {
            Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        } else {
            absent(self.error_message.is_none(), "DescribedGroup.ErrorMessage", v)?;
        }
        self.group_id.write(w, v)?;
        self.group_state.write(w, v)?;
        self.protocol_type.write(w, v)?;
        self.protocol_data.write(w, v)?;
        self.members.write(w, v)?;
        if v >= 3 {
            self.authorized_operations.write(w, v)?;
        } else {
            absent(self.authorized_operations == -2147483648, "DescribedGroup.AuthorizedOperations", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribedGroupMember` within [`DescribeGroupsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribedGroupMember<'a> {
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 4.
    pub group_instance_id: Option<&'a str>,
    /// `ClientId`: text.
    pub client_id: &'a str,
    /// `ClientHost`: text.
    pub client_host: &'a str,
    /// `MemberMetadata`: bytes.
    pub member_metadata: &'a [u8],
    /// `MemberAssignment`: bytes.
    pub member_assignment: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribedGroupMember<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribedGroupMember {
            member_id: Wire::read(r, v)?,
            group_instance_id: if v >= 4 { Wire::read_nullable(r, v)? } else { None },
            client_id: Wire::read(r, v)?,
            client_host: Wire::read(r, v)?,
            member_metadata: Wire::read(r, v)?,
            member_assignment: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.member_id.write(w, v)?;
        if v >= 4 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        }
        self.client_id.write(w, v)?;
        self.client_host.write(w, v)?;
        self.member_metadata.write(w, v)?;
        self.member_assignment.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeGroupsResponse<'a> {
    const KEY: i16 = 15;
    const VERSIONS: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 5;
}
