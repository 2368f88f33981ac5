//! `AlterUserScramCredentialsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterUserScramCredentialsRequest<'a> {
    /// `Deletions`: list of [`ScramCredentialDeletion`].
    pub deletions: List<'a, ScramCredentialDeletion<'a>>,
    /// `Upsertions`: list of [`ScramCredentialUpsertion`].
    pub upsertions: List<'a, ScramCredentialUpsertion<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AlterUserScramCredentialsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AlterUserScramCredentialsRequest {
            deletions: Wire::read(r, v)?,
            upsertions: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.deletions.write(w, v)?;
        self.upsertions.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ScramCredentialDeletion` within [`AlterUserScramCredentialsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScramCredentialDeletion<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Mechanism`: i8.
    pub mechanism: i8,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ScramCredentialDeletion<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ScramCredentialDeletion {
            name: Wire::read(r, v)?,
            mechanism: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.mechanism.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ScramCredentialUpsertion` within [`AlterUserScramCredentialsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScramCredentialUpsertion<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Mechanism`: i8.
    pub mechanism: i8,
    /// `Iterations`: i32.
    pub iterations: i32,
    /// `Salt`: bytes.
    pub salt: &'a [u8],
    /// `SaltedPassword`: bytes.
    pub salted_password: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ScramCredentialUpsertion<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ScramCredentialUpsertion {
            name: Wire::read(r, v)?,
            mechanism: Wire::read(r, v)?,
            iterations: Wire::read(r, v)?,
            salt: Wire::read(r, v)?,
            salted_password: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.mechanism.write(w, v)?;
        self.iterations.write(w, v)?;
        self.salt.write(w, v)?;
        self.salted_password.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for AlterUserScramCredentialsRequest<'a> {
    const KEY: i16 = 51;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
