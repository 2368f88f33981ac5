//! `DescribeUserScramCredentialsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeUserScramCredentialsRequest<'a> {
    /// `Users`: list of [`UserName`].
    pub users: Option<List<'a, UserName<'a>>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeUserScramCredentialsRequest<'_> {
    fn default() -> Self {
        DescribeUserScramCredentialsRequest { users: Some(List::default()), unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for DescribeUserScramCredentialsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeUserScramCredentialsRequest {
            users: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        Wire::write_nullable(self.users.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `UserName` within [`DescribeUserScramCredentialsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserName<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for UserName<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(UserName { name: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeUserScramCredentialsRequest<'a> {
    const KEY: i16 = 50;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
