//! `DeleteAclsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteAclsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `FilterResults`: list of [`DeleteAclsFilterResult`].
    pub filter_results: List<'a, DeleteAclsFilterResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteAclsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteAclsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            filter_results: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.filter_results.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DeleteAclsFilterResult` within [`DeleteAclsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteAclsFilterResult<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `MatchingAcls`: list of [`DeleteAclsMatchingAcl`].
    pub matching_acls: List<'a, DeleteAclsMatchingAcl<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DeleteAclsFilterResult<'_> {
    fn default() -> Self {
        DeleteAclsFilterResult {
            error_code: 0,
            error_message: Some(""),
            matching_acls: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DeleteAclsFilterResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteAclsFilterResult {
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            matching_acls: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.matching_acls.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DeleteAclsMatchingAcl` within [`DeleteAclsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteAclsMatchingAcl<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
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

impl Default for DeleteAclsMatchingAcl<'_> {
    fn default() -> Self {
        DeleteAclsMatchingAcl {
            error_code: 0,
            error_message: Some(""),
            resource_type: 0,
            resource_name: "",
            pattern_type: 3,
            principal: "",
            host: "",
            operation: 0,
            permission_type: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DeleteAclsMatchingAcl<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteAclsMatchingAcl {
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
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
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
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

impl<'a> Message<'a> for DeleteAclsResponse<'a> {
    const KEY: i16 = 31;
    const VERSIONS: (i16, i16) = (1, 3);
    const FLEXIBLE_FROM: i16 = 2;
}
