//! `SaslHandshakeResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SaslHandshakeResponse<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `Mechanisms`: list of text.
    pub mechanisms: List<'a, &'a str>,
}

impl<'a> Wire<'a> for SaslHandshakeResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SaslHandshakeResponse { error_code: Wire::read(r, v)?, mechanisms: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        self.mechanisms.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for SaslHandshakeResponse<'a> {
    const KEY: i16 = 17;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
