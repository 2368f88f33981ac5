//! `CreateAclsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateAclsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Results`: list of [`AclCreationResult`].
    pub results: List<'a, AclCreationResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for CreateAclsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreateAclsResponse {
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

/// `AclCreationResult` within [`CreateAclsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct AclCreationResult<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for AclCreationResult<'_> {
    fn default() -> Self {
        AclCreationResult { error_code: 0, error_message: Some(""), unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for AclCreationResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AclCreationResult {
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for CreateAclsResponse<'a> {
    const KEY: i16 = 30;
    const VERSIONS: (i16, i16) = (1, 3);
    const FLEXIBLE_FROM: i16 = 2;
}
