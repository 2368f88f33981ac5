//! `CreateTopicsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 2 to 7.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateTopicsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Topics`: list of [`CreatableTopicResult`].
    pub topics: List<'a, CreatableTopicResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for CreateTopicsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreateTopicsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            topics: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.topics.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `CreatableTopicResult` within [`CreateTopicsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreatableTopicResult<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 7.
    pub topic_id: Uuid,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `NumPartitions`: i32, from version 5.
    pub num_partitions: i32,
    /// `ReplicationFactor`: i16, from version 5.
    pub replication_factor: i16,
    /// `Configs`: list of [`CreatableTopicConfigs`], from version 5.
    pub configs: Option<List<'a, CreatableTopicConfigs<'a>>>,
    /// `TopicConfigErrorCode`: i16, from version 5, tag 0.
    pub topic_config_error_code: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for CreatableTopicResult<'_> {
    fn default() -> Self {
        CreatableTopicResult {
            name: "",
            topic_id: Uuid::default(),
            error_code: 0,
            error_message: Some(""),
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(List::default()),
            topic_config_error_code: 0,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for CreatableTopicResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = CreatableTopicResult {
            name: Wire::read(r, v)?,
            topic_id: if v >= 7 { Wire::read(r, v)? } else { Uuid::default() },
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            num_partitions: if v >= 5 { Wire::read(r, v)? } else { -1 },
            replication_factor: if v >= 5 { Wire::read(r, v)? } else { -1 },
            configs: if v >= 5 { Wire::read_nullable(r, v)? } else { Some(List::default()) },
            topic_config_error_code: 0,
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.topic_config_error_code = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        if v >= 7 {
            self.topic_id.write(w, v)?;
        }
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        if v >= 5 {
            self.num_partitions.write(w, v)?;
        }
        if v >= 5 {
            self.replication_factor.write(w, v)?;
        }
        if v >= 5 {
            Wire::write_nullable(self.configs.as_ref(), w, v)?;
        }
        let has_topic_config_error_code = v >= 5 && self.topic_config_error_code != 0;
        let mut tags = w.tagged(u32::from(has_topic_config_error_code), &self.unknown);
        if has_topic_config_error_code {
            tags.field(0, |w| self.topic_config_error_code.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `CreatableTopicConfigs` within [`CreateTopicsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreatableTopicConfigs<'a> {
    /// `Name`: text, from version 5.
    pub name: &'a str,
    /// `Value`: text, from version 5.
    pub value: Option<&'a str>,
    /// `ReadOnly`: bool, from version 5.
    pub read_only: bool,
    /// `ConfigSource`: i8, from version 5.
    pub config_source: i8,
    /// `IsSensitive`: bool, from version 5.
    pub is_sensitive: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for CreatableTopicConfigs<'_> {
    fn default() -> Self {
        CreatableTopicConfigs {
            name: "",
            value: Some(""),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for CreatableTopicConfigs<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreatableTopicConfigs {
            name: if v >= 5 { Wire::read(r, v)? } else { "" },
            value: if v >= 5 { Wire::read_nullable(r, v)? } else { Some("") },
            read_only: if v >= 5 { Wire::read(r, v)? } else { false },
            config_source: if v >= 5 { Wire::read(r, v)? } else { -1 },
            is_sensitive: if v >= 5 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 5 {
            self.name.write(w, v)?;
        } else {
            absent(self.name.is_empty(), "CreatableTopicConfigs.Name", v)?;
        }
        if v >= 5 {
            Wire::write_nullable(self.value.as_ref(), w, v)?;
        } else {
            absent(self.value == Some(""), "CreatableTopicConfigs.Value", v)?;
        }
        if v >= 5 {
            self.read_only.write(w, v)?;
        } else {
            absent(!self.read_only, "CreatableTopicConfigs.ReadOnly", v)?;
        }
        if v >= 5 {
            self.config_source.write(w, v)?;
        }
        if v >= 5 {
            self.is_sensitive.write(w, v)?;
        } else {
            absent(!self.is_sensitive, "CreatableTopicConfigs.IsSensitive", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for CreateTopicsResponse<'a> {
    const KEY: i16 = 19;
    const VERSIONS: (i16, i16) = (2, 7);
    const FLEXIBLE_FROM: i16 = 5;
}
