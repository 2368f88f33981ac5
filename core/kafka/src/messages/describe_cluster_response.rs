//! `DescribeClusterResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeClusterResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `EndpointType`: i8, from version 1.
    pub endpoint_type: i8,
    /// `ClusterId`: text.
    pub cluster_id: &'a str,
    /// `ControllerId`: i32.
    pub controller_id: i32,
    /// `Brokers`: list of [`DescribeClusterBroker`].
    pub brokers: List<'a, DescribeClusterBroker<'a>>,
    /// `ClusterAuthorizedOperations`: i32.
    pub cluster_authorized_operations: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeClusterResponse<'_> {
    fn default() -> Self {
        DescribeClusterResponse {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: None,
            endpoint_type: 1,
            cluster_id: "",
            controller_id: -1,
            brokers: List::default(),
            cluster_authorized_operations: -2147483648,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeClusterResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeClusterResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            endpoint_type: if v >= 1 { Wire::read(r, v)? } else { 1 },
            cluster_id: Wire::read(r, v)?,
            controller_id: Wire::read(r, v)?,
            brokers: Wire::read(r, v)?,
            cluster_authorized_operations: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        if v >= 1 {
            self.endpoint_type.write(w, v)?;
        } else {
            absent(self.endpoint_type == 1, "DescribeClusterResponse.EndpointType", v)?;
        }
        self.cluster_id.write(w, v)?;
        self.controller_id.write(w, v)?;
        self.brokers.write(w, v)?;
        self.cluster_authorized_operations.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeClusterBroker` within [`DescribeClusterResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeClusterBroker<'a> {
    /// `BrokerId`: i32.
    pub broker_id: i32,
    /// `Host`: text.
    pub host: &'a str,
    /// `Port`: i32.
    pub port: i32,
    /// `Rack`: text.
    pub rack: Option<&'a str>,
    /// `IsFenced`: bool, from version 2.
    pub is_fenced: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeClusterBroker<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeClusterBroker {
            broker_id: Wire::read(r, v)?,
            host: Wire::read(r, v)?,
            port: Wire::read(r, v)?,
            rack: Wire::read_nullable(r, v)?,
            is_fenced: if v >= 2 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.broker_id.write(w, v)?;
        self.host.write(w, v)?;
        self.port.write(w, v)?;
        Wire::write_nullable(self.rack.as_ref(), w, v)?;
        if v >= 2 {
            self.is_fenced.write(w, v)?;
        } else {
            absent(!self.is_fenced, "DescribeClusterBroker.IsFenced", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeClusterResponse<'a> {
    const KEY: i16 = 60;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 0;
}
