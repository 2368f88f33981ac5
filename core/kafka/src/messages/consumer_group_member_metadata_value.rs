//! `ConsumerGroupMemberMetadataValue` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, read_tagged, write_tagged};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerGroupMemberMetadataValue<'a> {
    /// `InstanceId`: text.
    pub instance_id: Option<&'a str>,
    /// `RackId`: text.
    pub rack_id: Option<&'a str>,
    /// `ClientId`: text.
    pub client_id: &'a str,
    /// `ClientHost`: text.
    pub client_host: &'a str,
    /// `SubscribedTopicNames`: list of text.
    pub subscribed_topic_names: List<'a, &'a str>,
    /// `SubscribedTopicRegex`: text.
    pub subscribed_topic_regex: Option<&'a str>,
    /// `RebalanceTimeoutMs`: i32.
    pub rebalance_timeout_ms: i32,
    /// `ServerAssignor`: text.
    pub server_assignor: Option<&'a str>,
    /// `ClassicMemberMetadata`: [`ClassicMemberMetadata`], tag 0.
    pub classic_member_metadata: Option<ClassicMemberMetadata<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ConsumerGroupMemberMetadataValue<'_> {
    fn default() -> Self {
        ConsumerGroupMemberMetadataValue {
            instance_id: Some(""),
            rack_id: Some(""),
            client_id: "",
            client_host: "",
            subscribed_topic_names: List::default(),
            subscribed_topic_regex: Some(""),
            rebalance_timeout_ms: -1,
            server_assignor: Some(""),
            classic_member_metadata: Some(ClassicMemberMetadata::default()),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ConsumerGroupMemberMetadataValue<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = ConsumerGroupMemberMetadataValue {
            instance_id: Wire::read_nullable(r, v)?,
            rack_id: Wire::read_nullable(r, v)?,
            client_id: Wire::read(r, v)?,
            client_host: Wire::read(r, v)?,
            subscribed_topic_names: Wire::read(r, v)?,
            subscribed_topic_regex: Wire::read_nullable(r, v)?,
            rebalance_timeout_ms: Wire::read(r, v)?,
            server_assignor: Wire::read_nullable(r, v)?,
            classic_member_metadata: Some(ClassicMemberMetadata::default()),
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.classic_member_metadata = read_tagged(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        Wire::write_nullable(self.instance_id.as_ref(), w, v)?;
        Wire::write_nullable(self.rack_id.as_ref(), w, v)?;
        self.client_id.write(w, v)?;
        self.client_host.write(w, v)?;
        self.subscribed_topic_names.write(w, v)?;
        Wire::write_nullable(self.subscribed_topic_regex.as_ref(), w, v)?;
        self.rebalance_timeout_ms.write(w, v)?;
        Wire::write_nullable(self.server_assignor.as_ref(), w, v)?;
        let has_classic_member_metadata =
            self.classic_member_metadata != Some(ClassicMemberMetadata::default());
        let mut tags = w.tagged(u32::from(has_classic_member_metadata), &self.unknown);
        if has_classic_member_metadata {
            tags.field(0, |w| write_tagged(self.classic_member_metadata.as_ref(), w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `ClassicMemberMetadata` within [`ConsumerGroupMemberMetadataValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassicMemberMetadata<'a> {
    /// `SessionTimeoutMs`: i32.
    pub session_timeout_ms: i32,
    /// `SupportedProtocols`: list of [`ClassicProtocol`].
    pub supported_protocols: List<'a, ClassicProtocol<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ClassicMemberMetadata<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ClassicMemberMetadata {
            session_timeout_ms: Wire::read(r, v)?,
            supported_protocols: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.session_timeout_ms.write(w, v)?;
        self.supported_protocols.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ClassicProtocol` within [`ConsumerGroupMemberMetadataValue`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassicProtocol<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Metadata`: bytes.
    pub metadata: &'a [u8],
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ClassicProtocol<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ClassicProtocol {
            name: Wire::read(r, v)?,
            metadata: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.metadata.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupMemberMetadataValue<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
