//! `DescribeClusterRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeClusterRequest<'a> {
    /// `IncludeClusterAuthorizedOperations`: bool.
    pub include_cluster_authorized_operations: bool,
    /// `EndpointType`: i8, from version 1.
    pub endpoint_type: i8,
    /// `IncludeFencedBrokers`: bool, from version 2.
    pub include_fenced_brokers: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeClusterRequest<'_> {
    fn default() -> Self {
        DescribeClusterRequest {
            include_cluster_authorized_operations: false,
            endpoint_type: 1,
            include_fenced_brokers: false,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeClusterRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeClusterRequest {
            include_cluster_authorized_operations: Wire::read(r, v)?,
            endpoint_type: if v >= 1 { Wire::read(r, v)? } else { 1 },
            include_fenced_brokers: if v >= 2 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.include_cluster_authorized_operations.write(w, v)?;
        if v >= 1 {
            self.endpoint_type.write(w, v)?;
        } else {
            absent(self.endpoint_type == 1, "DescribeClusterRequest.EndpointType", v)?;
        }
        if v >= 2 {
            self.include_fenced_brokers.write(w, v)?;
        } else {
            absent(!self.include_fenced_brokers, "DescribeClusterRequest.IncludeFencedBrokers", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeClusterRequest<'a> {
    const KEY: i16 = 60;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 0;
}
