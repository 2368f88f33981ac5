//! `SaslAuthenticateRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SaslAuthenticateRequest<'a> {
    /// `AuthBytes`: bytes.
    pub auth_bytes: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for SaslAuthenticateRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SaslAuthenticateRequest { auth_bytes: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.auth_bytes.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for SaslAuthenticateRequest<'a> {
    const KEY: i16 = 36;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 2;
}
