//! `DeleteGroupsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteGroupsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Results`: list of [`DeletableGroupResult`].
    pub results: List<'a, DeletableGroupResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteGroupsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteGroupsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            results: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.results.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DeletableGroupResult` within [`DeleteGroupsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeletableGroupResult<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text, from version 3.
    pub error_message: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeletableGroupResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeletableGroupResult {
            group_id: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            error_message: if v >= 3 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        self.error_code.write(w, v)?;
        if v >= 3 {
            Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DeleteGroupsResponse<'a> {
    const KEY: i16 = 42;
    const VERSIONS: (i16, i16) = (0, 3);
    const FLEXIBLE_FROM: i16 = 2;
}
