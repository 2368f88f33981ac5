//! `FindCoordinatorResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 6.
#[derive(Clone, Debug, PartialEq)]
pub struct FindCoordinatorResponse<'a> {
    /// `ThrottleTimeMs`: i32, from version 1.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16, versions 0 to 3.
    pub error_code: i16,
    /// `ErrorMessage`: text, versions 1 to 3.
    pub error_message: Option<&'a str>,
    /// `NodeId`: i32, versions 0 to 3.
    pub node_id: i32,
    /// `Host`: text, versions 0 to 3.
    pub host: &'a str,
    /// `Port`: i32, versions 0 to 3.
    pub port: i32,
    /// `Coordinators`: list of [`Coordinator`], from version 4.
    pub coordinators: List<'a, Coordinator<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for FindCoordinatorResponse<'_> {
    fn default() -> Self {
        FindCoordinatorResponse {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(""),
            node_id: 0,
            host: "",
            port: 0,
            coordinators: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for FindCoordinatorResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(FindCoordinatorResponse {
            throttle_time_ms: if v >= 1 { Wire::read(r, v)? } else { 0 },
            error_code: if v <= 3 { Wire::read(r, v)? } else { 0 },
            error_message: if (1..=3).contains(&v) { Wire::read_nullable(r, v)? } else { Some("") },
            node_id: if v <= 3 { Wire::read(r, v)? } else { 0 },
            host: if v <= 3 { Wire::read(r, v)? } else { "" },
            port: if v <= 3 { Wire::read(r, v)? } else { 0 },
            coordinators: if v >= 4 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 1 {
            self.throttle_time_ms.write(w, v)?;
        }
        if v <= 3 {
            self.error_code.write(w, v)?;
        } else {
            absent(self.error_code == 0, "FindCoordinatorResponse.ErrorCode", v)?;
        }
        if (1..=3).contains(&v) {
            Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        }
        if v <= 3 {
            self.node_id.write(w, v)?;
        } else {
            absent(self.node_id == 0, "FindCoordinatorResponse.NodeId", v)?;
        }
        if v <= 3 {
            self.host.write(w, v)?;
        } else {
            absent(self.host.is_empty(), "FindCoordinatorResponse.Host", v)?;
        }
        if v <= 3 {
            self.port.write(w, v)?;
        } else {
            absent(self.port == 0, "FindCoordinatorResponse.Port", v)?;
        }
        if v >= 4 {
            self.coordinators.write(w, v)?;
        } else {
            absent(self.coordinators.is_empty(), "FindCoordinatorResponse.Coordinators", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `Coordinator` within [`FindCoordinatorResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinator<'a> {
    /// `Key`: text, from version 4.
    pub key: &'a str,
    /// `NodeId`: i32, from version 4.
    pub node_id: i32,
    /// `Host`: text, from version 4.
    pub host: &'a str,
    /// `Port`: i32, from version 4.
    pub port: i32,
    /// `ErrorCode`: i16, from version 4.
    pub error_code: i16,
    /// `ErrorMessage`: text, from version 4.
    pub error_message: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for Coordinator<'_> {
    fn default() -> Self {
        Coordinator {
            key: "",
            node_id: 0,
            host: "",
            port: 0,
            error_code: 0,
            error_message: Some(""),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for Coordinator<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(Coordinator {
            key: if v >= 4 { Wire::read(r, v)? } else { "" },
            node_id: if v >= 4 { Wire::read(r, v)? } else { 0 },
            host: if v >= 4 { Wire::read(r, v)? } else { "" },
            port: if v >= 4 { Wire::read(r, v)? } else { 0 },
            error_code: if v >= 4 { Wire::read(r, v)? } else { 0 },
            error_message: if v >= 4 { Wire::read_nullable(r, v)? } else { Some("") },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 4 {
            self.key.write(w, v)?;
        } else {
            absent(self.key.is_empty(), "Coordinator.Key", v)?;
        }
        if v >= 4 {
            self.node_id.write(w, v)?;
        } else {
            absent(self.node_id == 0, "Coordinator.NodeId", v)?;
        }
        if v >= 4 {
            self.host.write(w, v)?;
        } else {
            absent(self.host.is_empty(), "Coordinator.Host", v)?;
        }
        if v >= 4 {
            self.port.write(w, v)?;
        } else {
            absent(self.port == 0, "Coordinator.Port", v)?;
        }
        if v >= 4 {
            self.error_code.write(w, v)?;
        } else {
            absent(self.error_code == 0, "Coordinator.ErrorCode", v)?;
        }
        if v >= 4 {
            Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for FindCoordinatorResponse<'a> {
    const KEY: i16 = 10;
    const VERSIONS: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 3;
}
