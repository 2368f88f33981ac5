//! `SyncGroupResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncGroupResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 1.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ProtocolType`: text, from version 5.
    pub protocol_type: Option<&'a str>,
    /// `ProtocolName`: text, from version 5.
    pub protocol_name: Option<&'a str>,
    /// `Assignment`: bytes.
    pub assignment: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for SyncGroupResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SyncGroupResponse {
            throttle_time_ms: if v >= 1 { Wire::read(r, v)? } else { 0 },
            error_code: Wire::read(r, v)?,
            protocol_type: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            protocol_name: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            assignment: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 1 {
            self.throttle_time_ms.write(w, v)?;
        }
        self.error_code.write(w, v)?;
        if v >= 5 {
            Wire::write_nullable(self.protocol_type.as_ref(), w, v)?;
        }
        if v >= 5 {
            Wire::write_nullable(self.protocol_name.as_ref(), w, v)?;
        }
        self.assignment.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for SyncGroupResponse<'a> {
    const KEY: i16 = 14;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 4;
}
