//! `DescribeAclsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 3.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeAclsRequest<'a> {
    /// `ResourceTypeFilter`: i8.
    pub resource_type_filter: i8,
    /// `ResourceNameFilter`: text.
    pub resource_name_filter: Option<&'a str>,
    /// `PatternTypeFilter`: i8.
    pub pattern_type_filter: i8,
    /// `PrincipalFilter`: text.
    pub principal_filter: Option<&'a str>,
    /// `HostFilter`: text.
    pub host_filter: Option<&'a str>,
    /// `Operation`: i8.
    pub operation: i8,
    /// `PermissionType`: i8.
    pub permission_type: i8,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeAclsRequest<'_> {
    fn default() -> Self {
        DescribeAclsRequest {
            resource_type_filter: 0,
            resource_name_filter: Some(""),
            pattern_type_filter: 3,
            principal_filter: Some(""),
            host_filter: Some(""),
            operation: 0,
            permission_type: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeAclsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeAclsRequest {
            resource_type_filter: Wire::read(r, v)?,
            resource_name_filter: Wire::read_nullable(r, v)?,
            pattern_type_filter: Wire::read(r, v)?,
            principal_filter: Wire::read_nullable(r, v)?,
            host_filter: Wire::read_nullable(r, v)?,
            operation: Wire::read(r, v)?,
            permission_type: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.resource_type_filter.write(w, v)?;
        Wire::write_nullable(self.resource_name_filter.as_ref(), w, v)?;
        self.pattern_type_filter.write(w, v)?;
        Wire::write_nullable(self.principal_filter.as_ref(), w, v)?;
        Wire::write_nullable(self.host_filter.as_ref(), w, v)?;
        self.operation.write(w, v)?;
        self.permission_type.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeAclsRequest<'a> {
    const KEY: i16 = 29;
    const VERSIONS: (i16, i16) = (1, 3);
    const FLEXIBLE_FROM: i16 = 2;
}
