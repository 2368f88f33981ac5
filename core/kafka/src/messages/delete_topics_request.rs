//! `DeleteTopicsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 1 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteTopicsRequest<'a> {
    /// `Topics`: list of [`DeleteTopicState`], from version 6.
    pub topics: List<'a, DeleteTopicState<'a>>,
    /// `TopicNames`: list of text, versions 1 to 5.
    pub topic_names: List<'a, &'a str>,
    /// `TimeoutMs`: i32.
    pub timeout_ms: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteTopicsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteTopicsRequest {
            topics: if v >= 6 { Wire::read(r, v)? } else { List::default() },
            topic_names: if v <= 5 { Wire::read(r, v)? } else { List::default() },
            timeout_ms: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 6 {
            self.topics.write(w, v)?;
        } else {
            absent(self.topics.is_empty(), "DeleteTopicsRequest.Topics", v)?;
        }
        if v <= 5 {
            self.topic_names.write(w, v)?;
        }
        self.timeout_ms.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DeleteTopicState` within [`DeleteTopicsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteTopicState<'a> {
    /// `Name`: text, from version 6.
    pub name: Option<&'a str>,
    /// `TopicId`: Uuid, from version 6.
    pub topic_id: Uuid,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DeleteTopicState<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DeleteTopicState {
            name: if v >= 6 { Wire::read_nullable(r, v)? } else { None },
            topic_id: if v >= 6 { Wire::read(r, v)? } else { Uuid::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 6 {
            Wire::write_nullable(self.name.as_ref(), w, v)?;
        } else {
            absent(self.name.is_none(), "DeleteTopicState.Name", v)?;
        }
        if v >= 6 {
            self.topic_id.write(w, v)?;
        } else {
            absent(self.topic_id == Uuid::default(), "DeleteTopicState.TopicId", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DeleteTopicsRequest<'a> {
    const KEY: i16 = 20;
    const VERSIONS: (i16, i16) = (1, 6);
    const FLEXIBLE_FROM: i16 = 4;
}
