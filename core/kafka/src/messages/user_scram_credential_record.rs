//! `UserScramCredentialRecord` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserScramCredentialRecord<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Mechanism`: i8.
    pub mechanism: i8,
    /// `Salt`: bytes.
    pub salt: &'a [u8],
    /// `StoredKey`: bytes.
    pub stored_key: &'a [u8],
    /// `ServerKey`: bytes.
    pub server_key: &'a [u8],
    /// `Iterations`: i32.
    pub iterations: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for UserScramCredentialRecord<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(UserScramCredentialRecord {
            name: Wire::read(r, v)?,
            mechanism: Wire::read(r, v)?,
            salt: Wire::read(r, v)?,
            stored_key: Wire::read(r, v)?,
            server_key: Wire::read(r, v)?,
            iterations: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.mechanism.write(w, v)?;
        self.salt.write(w, v)?;
        self.stored_key.write(w, v)?;
        self.server_key.write(w, v)?;
        self.iterations.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for UserScramCredentialRecord<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
