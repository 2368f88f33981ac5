//! `ConsumerGroupMetadataValue` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupMetadataValue<'a> {
    /// `Epoch`: i32.
    pub epoch: i32,
    /// `MetadataHash`: i64, tag 0.
    pub metadata_hash: i64,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ConsumerGroupMetadataValue<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = ConsumerGroupMetadataValue {
            epoch: Wire::read(r, v)?,
            metadata_hash: 0,
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.metadata_hash = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.epoch.write(w, v)?;
        let has_metadata_hash = self.metadata_hash != 0;
        let mut tags = w.tagged(u32::from(has_metadata_hash), &self.unknown);
        if has_metadata_hash {
            tags.field(0, |w| self.metadata_hash.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupMetadataValue<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
