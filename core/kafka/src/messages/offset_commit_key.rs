//! `OffsetCommitKey` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetCommitKey<'a> {
    /// `group`: text.
    pub group: &'a str,
    /// `topic`: text.
    pub topic: &'a str,
    /// `partition`: i32.
    pub partition: i32,
}

impl<'a> Wire<'a> for OffsetCommitKey<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(OffsetCommitKey {
            group: Wire::read(r, v)?,
            topic: Wire::read(r, v)?,
            partition: Wire::read(r, v)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group.write(w, v)?;
        self.topic.write(w, v)?;
        self.partition.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for OffsetCommitKey<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
