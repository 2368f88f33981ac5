//! `ProduceResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Uuid, Wire, WireError, Writer, absent};

/// The message, versions 3 to 13.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProduceResponse<'a> {
    /// `Responses`: list of [`TopicProduceResponse`].
    pub responses: List<'a, TopicProduceResponse<'a>>,
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `NodeEndpoints`: list of [`NodeEndpoint`], from version 10, tag 0.
    pub node_endpoints: List<'a, NodeEndpoint<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ProduceResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = ProduceResponse {
            responses: Wire::read(r, v)?,
            throttle_time_ms: Wire::read(r, v)?,
            node_endpoints: List::default(),
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 if v >= 10 => out.node_endpoints = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.responses.write(w, v)?;
        self.throttle_time_ms.write(w, v)?;
        absent(v >= 10 || self.node_endpoints.is_empty(), "ProduceResponse.NodeEndpoints", v)?;
        let has_node_endpoints = v >= 10 && !self.node_endpoints.is_empty();
        let mut tags = w.tagged(u32::from(has_node_endpoints), &self.unknown);
        if has_node_endpoints {
            tags.field(0, |w| self.node_endpoints.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `TopicProduceResponse` within [`ProduceResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicProduceResponse<'a> {
    /// `Name`: text, versions 3 to 12.
    pub name: &'a str,
    /// `TopicId`: Uuid, from version 13.
    pub topic_id: Uuid,
    /// `PartitionResponses`: list of [`PartitionProduceResponse`].
    pub partition_responses: List<'a, PartitionProduceResponse<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for TopicProduceResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(TopicProduceResponse {
            name: if v <= 12 { Wire::read(r, v)? } else { "" },
            topic_id: if v >= 13 { Wire::read(r, v)? } else { Uuid::default() },
            partition_responses: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 12 {
            self.name.write(w, v)?;
        }
        if v >= 13 {
            self.topic_id.write(w, v)?;
        }
        self.partition_responses.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `PartitionProduceResponse` within [`ProduceResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionProduceResponse<'a> {
    /// `Index`: i32.
    pub index: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `BaseOffset`: i64.
    pub base_offset: i64,
    /// `LogAppendTimeMs`: i64.
    pub log_append_time_ms: i64,
    /// `LogStartOffset`: i64, from version 5.
    pub log_start_offset: i64,
    /// `RecordErrors`: list of [`BatchIndexAndErrorMessage`], from version 8.
    pub record_errors: List<'a, BatchIndexAndErrorMessage<'a>>,
    /// `ErrorMessage`: text, from version 8.
    pub error_message: Option<&'a str>,
    /// `CurrentLeader`: [`LeaderIdAndEpoch`], from version 10, tag 0.
    pub current_leader: LeaderIdAndEpoch<'a>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for PartitionProduceResponse<'_> {
    fn default() -> Self {
        PartitionProduceResponse {
            index: 0,
            error_code: 0,
            base_offset: 0,
            log_append_time_ms: -1,
            log_start_offset: -1,
            record_errors: List::default(),
            error_message: None,
            current_leader: LeaderIdAndEpoch::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for PartitionProduceResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = PartitionProduceResponse {
            index: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            base_offset: Wire::read(r, v)?,
            log_append_time_ms: Wire::read(r, v)?,
            log_start_offset: if v >= 5 { Wire::read(r, v)? } else { -1 },
            record_errors: if v >= 8 { Wire::read(r, v)? } else { List::default() },
            error_message: if v >= 8 { Wire::read_nullable(r, v)? } else { None },
            current_leader: LeaderIdAndEpoch::default(),
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 if v >= 10 => out.current_leader = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.index.write(w, v)?;
        self.error_code.write(w, v)?;
        self.base_offset.write(w, v)?;
        self.log_append_time_ms.write(w, v)?;
        if v >= 5 {
            self.log_start_offset.write(w, v)?;
        }
        if v >= 8 {
            self.record_errors.write(w, v)?;
        }
        if v >= 8 {
            Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        }
        absent(
            v >= 10 || self.current_leader == LeaderIdAndEpoch::default(),
            "PartitionProduceResponse.CurrentLeader",
            v,
        )?;
        let has_current_leader = v >= 10 && self.current_leader != LeaderIdAndEpoch::default();
        let mut tags = w.tagged(u32::from(has_current_leader), &self.unknown);
        if has_current_leader {
            tags.field(0, |w| self.current_leader.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `BatchIndexAndErrorMessage` within [`ProduceResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchIndexAndErrorMessage<'a> {
    /// `BatchIndex`: i32, from version 8.
    pub batch_index: i32,
    /// `BatchIndexErrorMessage`: text, from version 8.
    pub batch_index_error_message: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for BatchIndexAndErrorMessage<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(BatchIndexAndErrorMessage {
            batch_index: if v >= 8 { Wire::read(r, v)? } else { 0 },
            batch_index_error_message: if v >= 8 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 8 {
            self.batch_index.write(w, v)?;
        } else {
            absent(self.batch_index == 0, "BatchIndexAndErrorMessage.BatchIndex", v)?;
        }
        if v >= 8 {
            Wire::write_nullable(self.batch_index_error_message.as_ref(), w, v)?;
        } else {
            absent(
                self.batch_index_error_message.is_none(),
                "BatchIndexAndErrorMessage.BatchIndexErrorMessage",
                v,
            )?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `LeaderIdAndEpoch` within [`ProduceResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct LeaderIdAndEpoch<'a> {
    /// `LeaderId`: i32, from version 10.
    pub leader_id: i32,
    /// `LeaderEpoch`: i32, from version 10.
    pub leader_epoch: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for LeaderIdAndEpoch<'_> {
    fn default() -> Self {
        LeaderIdAndEpoch { leader_id: -1, leader_epoch: -1, unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for LeaderIdAndEpoch<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(LeaderIdAndEpoch {
            leader_id: if v >= 10 { Wire::read(r, v)? } else { -1 },
            leader_epoch: if v >= 10 { Wire::read(r, v)? } else { -1 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 10 {
            self.leader_id.write(w, v)?;
        } else {
            absent(self.leader_id == -1, "LeaderIdAndEpoch.LeaderId", v)?;
        }
        if v >= 10 {
            self.leader_epoch.write(w, v)?;
        } else {
            absent(self.leader_epoch == -1, "LeaderIdAndEpoch.LeaderEpoch", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `NodeEndpoint` within [`ProduceResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeEndpoint<'a> {
    /// `NodeId`: i32, from version 10.
    pub node_id: i32,
    /// `Host`: text, from version 10.
    pub host: &'a str,
    /// `Port`: i32, from version 10.
    pub port: i32,
    /// `Rack`: text, from version 10.
    pub rack: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for NodeEndpoint<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(NodeEndpoint {
            node_id: if v >= 10 { Wire::read(r, v)? } else { 0 },
            host: if v >= 10 { Wire::read(r, v)? } else { "" },
            port: if v >= 10 { Wire::read(r, v)? } else { 0 },
            rack: if v >= 10 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 10 {
            self.node_id.write(w, v)?;
        } else {
            absent(self.node_id == 0, "NodeEndpoint.NodeId", v)?;
        }
        if v >= 10 {
            self.host.write(w, v)?;
        } else {
            absent(self.host.is_empty(), "NodeEndpoint.Host", v)?;
        }
        if v >= 10 {
            self.port.write(w, v)?;
        } else {
            absent(self.port == 0, "NodeEndpoint.Port", v)?;
        }
        if v >= 10 {
            Wire::write_nullable(self.rack.as_ref(), w, v)?;
        } else {
            absent(self.rack.is_none(), "NodeEndpoint.Rack", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ProduceResponse<'a> {
    const KEY: i16 = 0;
    const VERSIONS: (i16, i16) = (3, 13);
    const FLEXIBLE_FROM: i16 = 9;
}
