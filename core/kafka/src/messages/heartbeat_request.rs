//! `HeartbeatRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeartbeatRequest<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `GenerationId`: i32.
    pub generation_id: i32,
    /// `MemberId`: text.
    pub member_id: &'a str,
    /// `GroupInstanceId`: text, from version 3.
    pub group_instance_id: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for HeartbeatRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(HeartbeatRequest {
            group_id: Wire::read(r, v)?,
            generation_id: Wire::read(r, v)?,
            member_id: Wire::read(r, v)?,
            group_instance_id: if v >= 3 { Wire::read_nullable(r, v)? } else { None },
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
            absent(self.group_instance_id.is_none(), "HeartbeatRequest.GroupInstanceId", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for HeartbeatRequest<'a> {
    const KEY: i16 = 12;
    const VERSIONS: (i16, i16) = (0, 4);
    const FLEXIBLE_FROM: i16 = 4;
}
