//! `CreatePartitionsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 3.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreatePartitionsRequest<'a> {
    /// `Topics`: list of [`CreatePartitionsTopic`].
    pub topics: List<'a, CreatePartitionsTopic<'a>>,
    /// `TimeoutMs`: i32.
    pub timeout_ms: i32,
    /// `ValidateOnly`: bool.
    pub validate_only: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for CreatePartitionsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreatePartitionsRequest {
            topics: Wire::read(r, v)?,
            timeout_ms: Wire::read(r, v)?,
            validate_only: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.topics.write(w, v)?;
        self.timeout_ms.write(w, v)?;
        self.validate_only.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `CreatePartitionsTopic` within [`CreatePartitionsRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreatePartitionsTopic<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Count`: i32.
    pub count: i32,
    /// `Assignments`: list of [`CreatePartitionsAssignment`].
    pub assignments: Option<List<'a, CreatePartitionsAssignment<'a>>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for CreatePartitionsTopic<'_> {
    fn default() -> Self {
        CreatePartitionsTopic {
            name: "",
            count: 0,
            assignments: Some(List::default()),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for CreatePartitionsTopic<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreatePartitionsTopic {
            name: Wire::read(r, v)?,
            count: Wire::read(r, v)?,
            assignments: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        self.count.write(w, v)?;
        Wire::write_nullable(self.assignments.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `CreatePartitionsAssignment` within [`CreatePartitionsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreatePartitionsAssignment<'a> {
    /// `BrokerIds`: list of i32.
    pub broker_ids: List<'a, i32>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for CreatePartitionsAssignment<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CreatePartitionsAssignment { broker_ids: Wire::read(r, v)?, unknown: r.tagged(|_, _| Ok(false))? })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.broker_ids.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for CreatePartitionsRequest<'a> {
    const KEY: i16 = 37;
    const VERSIONS: (i16, i16) = (0, 3);
    const FLEXIBLE_FROM: i16 = 2;
}
