//! `AccessControlEntryRecord` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Uuid, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessControlEntryRecord<'a> {
    /// `Id`: Uuid.
    pub id: Uuid,
    /// `ResourceType`: i8.
    pub resource_type: i8,
    /// `ResourceName`: text.
    pub resource_name: &'a str,
    /// `PatternType`: i8.
    pub pattern_type: i8,
    /// `Principal`: text.
    pub principal: &'a str,
    /// `Host`: text.
    pub host: &'a str,
    /// `Operation`: i8.
    pub operation: i8,
    /// `PermissionType`: i8.
    pub permission_type: i8,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AccessControlEntryRecord<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AccessControlEntryRecord {
            id: Wire::read(r, v)?,
            resource_type: Wire::read(r, v)?,
            resource_name: Wire::read(r, v)?,
            pattern_type: Wire::read(r, v)?,
            principal: Wire::read(r, v)?,
            host: Wire::read(r, v)?,
            operation: Wire::read(r, v)?,
            permission_type: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.id.write(w, v)?;
        self.resource_type.write(w, v)?;
        self.resource_name.write(w, v)?;
        self.pattern_type.write(w, v)?;
        self.principal.write(w, v)?;
        self.host.write(w, v)?;
        self.operation.write(w, v)?;
        self.permission_type.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for AccessControlEntryRecord<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
