//! `DescribeGroupsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeGroupsRequest<'a> {
    /// `Groups`: list of text.
    pub groups: List<'a, &'a str>,
    /// `IncludeAuthorizedOperations`: bool, from version 3.
    pub include_authorized_operations: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeGroupsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeGroupsRequest {
            groups: Wire::read(r, v)?,
            include_authorized_operations: if v >= 3 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.groups.write(w, v)?;
        if v >= 3 {
            self.include_authorized_operations.write(w, v)?;
        } else {
            absent(
                !self.include_authorized_operations,
                "DescribeGroupsRequest.IncludeAuthorizedOperations",
                v,
            )?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeGroupsRequest<'a> {
    const KEY: i16 = 15;
    const VERSIONS: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 5;
}
