//! `MetadataRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{
    List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent, read_optional, write_optional,
};

/// The message, versions 0 to 13.
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataRequest<'a> {
    /// `Topics`: list of [`MetadataRequestTopic`].
    pub topics: Option<List<'a, MetadataRequestTopic<'a>>>,
    /// `AllowAutoTopicCreation`: bool, from version 4.
    pub allow_auto_topic_creation: bool,
    /// `IncludeClusterAuthorizedOperations`: bool, versions 8 to 10.
    pub include_cluster_authorized_operations: bool,
    /// `IncludeTopicAuthorizedOperations`: bool, from version 8.
    pub include_topic_authorized_operations: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for MetadataRequest<'_> {
    fn default() -> Self {
        MetadataRequest {
            topics: Some(List::default()),
            allow_auto_topic_creation: true,
            include_cluster_authorized_operations: false,
            include_topic_authorized_operations: false,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for MetadataRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MetadataRequest {
            topics: read_optional(r, v, v >= 1)?,
            allow_auto_topic_creation: if v >= 4 { Wire::read(r, v)? } else { true },
            include_cluster_authorized_operations: if (8..=10).contains(&v) {
                Wire::read(r, v)?
            } else {
                false
            },
            include_topic_authorized_operations: if v >= 8 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        write_optional(self.topics.as_ref(), w, v, v >= 1, "Topics")?;
        if v >= 4 {
            self.allow_auto_topic_creation.write(w, v)?;
        } else {
            absent(self.allow_auto_topic_creation, "MetadataRequest.AllowAutoTopicCreation", v)?;
        }
        if (8..=10).contains(&v) {
            self.include_cluster_authorized_operations.write(w, v)?;
        } else {
            absent(
                !self.include_cluster_authorized_operations,
                "MetadataRequest.IncludeClusterAuthorizedOperations",
                v,
            )?;
        }
        if v >= 8 {
            self.include_topic_authorized_operations.write(w, v)?;
        } else {
            absent(
                !self.include_topic_authorized_operations,
                "MetadataRequest.IncludeTopicAuthorizedOperations",
                v,
            )?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `MetadataRequestTopic` within [`MetadataRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct MetadataRequestTopic<'a> {
    /// `TopicId`: Uuid, from version 10.
    pub topic_id: Uuid,
    /// `Name`: text.
    pub name: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for MetadataRequestTopic<'_> {
    fn default() -> Self {
        MetadataRequestTopic { topic_id: Uuid::default(), name: Some(""), unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for MetadataRequestTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(MetadataRequestTopic {
            topic_id: if v >= 10 { Wire::read(r, v)? } else { Uuid::default() },
            name: read_optional(r, v, v >= 10)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 10 {
            self.topic_id.write(w, v)?;
        }
        write_optional(self.name.as_ref(), w, v, v >= 10, "Name")?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for MetadataRequest<'a> {
    const KEY: i16 = 3;
    const VERSIONS: (i16, i16) = (0, 13);
    const FLEXIBLE_FROM: i16 = 9;
}
