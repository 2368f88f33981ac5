//! `CreateAclsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateAclsRequest<'a> {
    /// `Creations`: list of [`AclCreation`].
    pub creations: List<'a, AclCreation<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for CreateAclsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreateAclsRequest { creations: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.creations.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AclCreation` within [`CreateAclsRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct AclCreation<'a> {
    /// `ResourceType`: i8.
    pub resource_type: i8,
    /// `ResourceName`: text.
    pub resource_name: &'a str,
    /// `ResourcePatternType`: i8.
    pub resource_pattern_type: i8,
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

impl Default for AclCreation<'_> {
    fn default() -> Self {
        AclCreation {
            resource_type: 0,
            resource_name: "",
            resource_pattern_type: 3,
            principal: "",
            host: "",
            operation: 0,
            permission_type: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for AclCreation<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AclCreation {
            resource_type: Wire::read(r, v)?,
            resource_name: Wire::read(r, v)?,
            resource_pattern_type: Wire::read(r, v)?,
            principal: Wire::read(r, v)?,
            host: Wire::read(r, v)?,
            operation: Wire::read(r, v)?,
            permission_type: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.resource_type.write(w, v)?;
        self.resource_name.write(w, v)?;
        self.resource_pattern_type.write(w, v)?;
        self.principal.write(w, v)?;
        self.host.write(w, v)?;
        self.operation.write(w, v)?;
        self.permission_type.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for CreateAclsRequest<'a> {
    const KEY: i16 = 30;
    const VERSIONS: (i16, i16) = (1, 3);
    const FLEXIBLE_FROM: i16 = 2;
}
