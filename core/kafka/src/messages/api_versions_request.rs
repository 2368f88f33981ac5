//! `ApiVersionsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiVersionsRequest<'a> {
    /// `ClientSoftwareName`: text, from version 3.
    pub client_software_name: &'a str,
    /// `ClientSoftwareVersion`: text, from version 3.
    pub client_software_version: &'a str,
    /// `ClusterId`: text, from version 5.
    pub cluster_id: Option<&'a str>,
    /// `NodeId`: i32, from version 5.
    pub node_id: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ApiVersionsRequest<'_> {
    fn default() -> Self {
        ApiVersionsRequest {
            client_software_name: "",
            client_software_version: "",
            cluster_id: None,
            node_id: -1,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ApiVersionsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ApiVersionsRequest {
            client_software_name: if v >= 3 { Wire::read(r, v)? } else { "" },
            client_software_version: if v >= 3 { Wire::read(r, v)? } else { "" },
            cluster_id: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            node_id: if v >= 5 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.client_software_name.write(w, v)?;
        }
        if v >= 3 {
            self.client_software_version.write(w, v)?;
        }
        if v >= 5 {
            Wire::write_nullable(self.cluster_id.as_ref(), w, v)?;
        }
        if v >= 5 {
            self.node_id.write(w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ApiVersionsRequest<'a> {
    const KEY: i16 = 18;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 3;
}
