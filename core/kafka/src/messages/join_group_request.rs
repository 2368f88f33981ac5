//! `JoinGroupRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 9.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinGroupRequest<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `SessionTimeoutMs`: i32.
    pub session_timeout_ms: i32,
    /// `RebalanceTimeoutMs`: i32, from version 1.
    pub rebalance_timeout_ms: i32,
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 5.
    pub group_instance_id: Option<&'a str>,
    /// `ProtocolType`: text.
    pub protocol_type: &'a str,
    /// `Protocols`: list of [`JoinGroupRequestProtocol`].
    pub protocols: List<'a, JoinGroupRequestProtocol<'a>>,
    /// `Reason`: text, from version 8.
    pub reason: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for JoinGroupRequest<'_> {
    fn default() -> Self {
        JoinGroupRequest {
            group_id: "",
            session_timeout_ms: 0,
            rebalance_timeout_ms: -1,
            member_id: "",
            group_instance_id: None,
            protocol_type: "",
            protocols: List::default(),
            reason: None,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for JoinGroupRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(JoinGroupRequest {
            group_id: Wire::read(r, v)?,
            session_timeout_ms: Wire::read(r, v)?,
            rebalance_timeout_ms: if v >= 1 { Wire::read(r, v)? } else { -1 },
            member_id: Wire::read(r, v)?,
            group_instance_id: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            protocol_type: Wire::read(r, v)?,
            protocols: Wire::read(r, v)?,
            reason: if v >= 8 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        self.session_timeout_ms.write(w, v)?;
        if v >= 1 {
            self.rebalance_timeout_ms.write(w, v)?;
        }
        self.member_id.write(w, v)?;
        if v >= 5 {
            Wire::write_nullable(self.group_instance_id.as_ref(), w, v)?;
        } else {
            absent(self.group_instance_id.is_none(), "JoinGroupRequest.GroupInstanceId", v)?;
        }
        self.protocol_type.write(w, v)?;
        self.protocols.write(w, v)?;
        if v >= 8 {
            Wire::write_nullable(self.reason.as_ref(), w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `JoinGroupRequestProtocol` within [`JoinGroupRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JoinGroupRequestProtocol<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Metadata`: bytes.
    pub metadata: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for JoinGroupRequestProtocol<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(JoinGroupRequestProtocol {
            name: Wire::read(r, v)?,
            metadata: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.metadata.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for JoinGroupRequest<'a> {
    const KEY: i16 = 11;
    const VERSIONS: (i16, i16) = (0, 9);
    const FLEXIBLE_FROM: i16 = 6;
}
