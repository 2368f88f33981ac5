//! `SaslAuthenticateResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct SaslAuthenticateResponse<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `AuthBytes`: bytes.
    pub auth_bytes: &'a [u8],
    /// `SessionLifetimeMs`: i64, from version 1.
    pub session_lifetime_ms: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for SaslAuthenticateResponse<'_> {
    fn default() -> Self {
        SaslAuthenticateResponse {
            error_code: 0,
            error_message: Some(""),
            auth_bytes: &[],
            session_lifetime_ms: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for SaslAuthenticateResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SaslAuthenticateResponse {
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            auth_bytes: Wire::read(r, v)?,
            session_lifetime_ms: if v >= 1 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.auth_bytes.write(w, v)?;
        if v >= 1 {
            self.session_lifetime_ms.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for SaslAuthenticateResponse<'a> {
    const KEY: i16 = 36;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 2;
}
