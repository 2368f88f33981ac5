//! `SaslHandshakeRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SaslHandshakeRequest<'a> {
    /// `Mechanism`: text.
    pub mechanism: &'a str,
}

impl<'a> Wire<'a> for SaslHandshakeRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SaslHandshakeRequest { mechanism: Wire::read(r, v)? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.mechanism.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for SaslHandshakeRequest<'a> {
    const KEY: i16 = 17;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
