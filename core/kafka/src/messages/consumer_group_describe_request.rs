//! `ConsumerGroupDescribeRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupDescribeRequest<'a> {
    /// `GroupIds`: list of text.
    pub group_ids: List<'a, &'a str>,
    /// `IncludeAuthorizedOperations`: bool.
    pub include_authorized_operations: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ConsumerGroupDescribeRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConsumerGroupDescribeRequest {
            group_ids: Wire::read(r, v)?,
            include_authorized_operations: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_ids.write(w, v)?;
        self.include_authorized_operations.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupDescribeRequest<'a> {
    const KEY: i16 = 69;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = 0;
}
