//! `ListGroupsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListGroupsResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 1.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `Groups`: list of [`ListedGroup`].
    pub groups: List<'a, ListedGroup<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListGroupsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListGroupsResponse {
            throttle_time_ms: if v >= 1 { Wire::read(r, v)? } else { 0 },
            error_code: Wire::read(r, v)?,
            groups: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 1 {
            self.throttle_time_ms.write(w, v)?;
        }
        self.error_code.write(w, v)?;
        self.groups.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ListedGroup` within [`ListGroupsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedGroup<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `ProtocolType`: text.
    pub protocol_type: &'a str,
    /// `GroupState`: text, from version 4.
    pub group_state: &'a str,
    /// `GroupType`: text, from version 5.
    pub group_type: &'a str,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListedGroup<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListedGroup {
            group_id: Wire::read(r, v)?,
            protocol_type: Wire::read(r, v)?,
            group_state: if v >= 4 { Wire::read(r, v)? } else { "" },
            group_type: if v >= 5 { Wire::read(r, v)? } else { "" },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        self.protocol_type.write(w, v)?;
        if v >= 4 {
            self.group_state.write(w, v)?;
        }
        if v >= 5 {
            self.group_type.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ListGroupsResponse<'a> {
    const KEY: i16 = 16;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 3;
}
