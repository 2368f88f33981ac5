//! `DeleteTopicsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{
    List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, read_optional, write_optional,
};

/// The message, versions 1 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteTopicsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Responses`: list of [`DeletableTopicResult`].
    pub responses: List<'a, DeletableTopicResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteTopicsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteTopicsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            responses: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.responses.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DeletableTopicResult` within [`DeleteTopicsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DeletableTopicResult<'a> {
    /// `Name`: text.
    pub name: Option<&'a str>,
    /// `TopicId`: Uuid, from version 6.
    pub topic_id: Uuid,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text, from version 5.
    pub error_message: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DeletableTopicResult<'_> {
    fn default() -> Self {
        DeletableTopicResult {
            name: Some(""),
            topic_id: Uuid::default(),
            error_code: 0,
            error_message: None,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DeletableTopicResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeletableTopicResult {
            name: read_optional(r, v, v >= 6)?,
            topic_id: if v >= 6 { Wire::read(r, v)? } else { Uuid::default() },
            error_code: Wire::read(r, v)?,
            error_message: if v >= 5 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        write_optional(self.name.as_ref(), w, v, v >= 6, "Name")?;
        if v >= 6 {
            self.topic_id.write(w, v)?;
        }
        self.error_code.write(w, v)?;
        if v >= 5 {
            Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DeleteTopicsResponse<'a> {
    const KEY: i16 = 20;
    const VERSIONS: (i16, i16) = (1, 6);
    const FLEXIBLE_FROM: i16 = 4;
}
