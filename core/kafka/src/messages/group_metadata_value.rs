//! `GroupMetadataValue` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 4.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupMetadataValue<'a> {
    /// `protocolType`: text.
    pub protocol_type: &'a str,
    /// `generation`: i32.
    pub generation: i32,
    /// `protocol`: text.
    pub protocol: Option<&'a str>,
    /// `leader`: text.
    pub leader: Option<&'a str>,
    /// `currentStateTimestamp`: i64, from version 2.
    pub current_state_timestamp: i64,
    /// `members`: list of [`MemberMetadata`].
    pub members: List<'a, MemberMetadata<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for GroupMetadataValue<'_> {
    fn default() -> Self {
        GroupMetadataValue {
            protocol_type: "",
            generation: 0,
            protocol: Some(""),
            leader: Some(""),
            current_state_timestamp: -1,
            members: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for GroupMetadataValue<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(GroupMetadataValue {
            protocol_type: Wire::read(r, v)?,
            generation: Wire::read(r, v)?,
            protocol: Wire::read_nullable(r, v)?,
            leader: Wire::read_nullable(r, v)?,
            current_state_timestamp: if v >= 2 { Wire::read(r, v)? } else { -1 },
            members: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.protocol_type.write(w, v)?;
        self.generation.write(w, v)?;
        Wire::write_nullable(self.protocol.as_ref(), w, v)?;
        Wire::write_nullable(self.leader.as_ref(), w, v)?;
        if v >= 2 {
            self.current_state_timestamp.write(w, v)?;
        }
        self.members.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `MemberMetadata` within [`GroupMetadataValue`].
#[derive(Clone, Debug, PartialEq)]
pub struct MemberMetadata<'a> {
    /// `memberId`: text.
    pub member_id: &'a str,
    /// `groupInstanceId`: text, from version 3.
    pub group_instance_id: Option<&'a str>,
    /// `clientId`: text.
    pub client_id: &'a str,
    /// `clientHost`: text.
    pub client_host: &'a str,
    /// `rebalanceTimeout`: i32, from version 1.
    pub rebalance_timeout: i32,
    /// `sessionTimeout`: i32.
    pub session_timeout: i32,
    /// `subscription`: bytes.
    pub subscription: &'a [u8],
    /// `assignment`: bytes.
    pub assignment: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for MemberMetadata<'_> {
    fn default() -> Self {
        MemberMetadata {
            member_id: "",
            group_instance_id: None,
            client_id: "",
            client_host: "",
            rebalance_timeout: -1,
            session_timeout: 0,
            subscription: &[],
            assignment: &[],
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for MemberMetadata<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MemberMetadata {
            member_id: Wire::read(r, v)?,
            group_instance_id: if v >= 3 { Wire::read_nullable(r, v)? } else { None },
            client_id: Wire::read(r, v)?,
            client_host: Wire::read(r, v)?,
            rebalance_timeout: if v >= 1 { Wire::read(r, v)? } else { -1 },
            session_timeout: Wire::read(r, v)?,
            subscription: Wire::read(r, v)?,
            assignment: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.member_id.write(w, v)?;
        if v >= 3 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        }
        self.client_id.write(w, v)?;
        self.client_host.write(w, v)?;
        if v >= 1 {
            self.rebalance_timeout.write(w, v)?;
        }
        self.session_timeout.write(w, v)?;
        self.subscription.write(w, v)?;
        self.assignment.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for GroupMetadataValue<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 4);
    const FLEXIBLE_FROM: i16 = 4;
}
