//! `IncrementalAlterConfigsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IncrementalAlterConfigsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Responses`: list of [`AlterConfigsResourceResponse`].
    pub responses: List<'a, AlterConfigsResourceResponse<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for IncrementalAlterConfigsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(IncrementalAlterConfigsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            responses: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.responses.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AlterConfigsResourceResponse` within [`IncrementalAlterConfigsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct AlterConfigsResourceResponse<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `ResourceType`: i8.
    pub resource_type: i8,
    /// `ResourceName`: text.
    pub resource_name: &'a str,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for AlterConfigsResourceResponse<'_> {
    fn default() -> Self {
        AlterConfigsResourceResponse {
            error_code: 0,
            error_message: Some(""),
            resource_type: 0,
            resource_name: "",
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for AlterConfigsResourceResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AlterConfigsResourceResponse {
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            resource_type: Wire::read(r, v)?,
            resource_name: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.resource_type.write(w, v)?;
        self.resource_name.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for IncrementalAlterConfigsResponse<'a> {
    const KEY: i16 = 44;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = 1;
}
