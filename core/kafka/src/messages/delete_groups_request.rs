//! `DeleteGroupsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteGroupsRequest<'a> {
    /// `GroupsNames`: list of text.
    pub groups_names: List<'a, &'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteGroupsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteGroupsRequest { groups_names: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.groups_names.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DeleteGroupsRequest<'a> {
    const KEY: i16 = 42;
    const VERSIONS: (i16, i16) = (0, 3);
    const FLEXIBLE_FROM: i16 = 2;
}
