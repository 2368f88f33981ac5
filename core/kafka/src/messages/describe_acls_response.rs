//! `DescribeAclsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 3.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeAclsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `Resources`: list of [`DescribeAclsResource`].
    pub resources: List<'a, DescribeAclsResource<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeAclsResponse<'_> {
    fn default() -> Self {
        DescribeAclsResponse {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(""),
            resources: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeAclsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeAclsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            resources: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.resources.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeAclsResource` within [`DescribeAclsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeAclsResource<'a> {
    /// `ResourceType`: i8.
    pub resource_type: i8,
    /// `ResourceName`: text.
    pub resource_name: &'a str,
    /// `PatternType`: i8.
    pub pattern_type: i8,
    /// `Acls`: list of [`AclDescription`].
    pub acls: List<'a, AclDescription<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeAclsResource<'_> {
    fn default() -> Self {
        DescribeAclsResource {
            resource_type: 0,
            resource_name: "",
            pattern_type: 3,
            acls: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeAclsResource<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeAclsResource {
            resource_type: Wire::read(r, v)?,
            resource_name: Wire::read(r, v)?,
            pattern_type: Wire::read(r, v)?,
            acls: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.resource_type.write(w, v)?;
        self.resource_name.write(w, v)?;
        self.pattern_type.write(w, v)?;
        self.acls.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AclDescription` within [`DescribeAclsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AclDescription<'a> {
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

impl<'a> Wire<'a> for AclDescription<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AclDescription {
            principal: Wire::read(r, v)?,
            host: Wire::read(r, v)?,
            operation: Wire::read(r, v)?,
            permission_type: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.principal.write(w, v)?;
        self.host.write(w, v)?;
        self.operation.write(w, v)?;
        self.permission_type.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeAclsResponse<'a> {
    const KEY: i16 = 29;
    const VERSIONS: (i16, i16) = (1, 3);
    const FLEXIBLE_FROM: i16 = 2;
}
