//! `FindCoordinatorRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 6.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FindCoordinatorRequest<'a> {
    /// `Key`: text, versions 0 to 3.
    pub key: &'a str,
    /// `KeyType`: i8, from version 1.
    pub key_type: i8,
    /// `CoordinatorKeys`: list of text, from version 4.
    pub coordinator_keys: List<'a, &'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for FindCoordinatorRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(FindCoordinatorRequest {
            key: if v <= 3 { Wire::read(r, v)? } else { "" },
            key_type: if v >= 1 { Wire::read(r, v)? } else { 0 },
            coordinator_keys: if v >= 4 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v <= 3 {
            self.key.write(w, v)?;
        } else {
            absent(self.key.is_empty(), "FindCoordinatorRequest.Key", v)?;
        }
        if v >= 1 {
            self.key_type.write(w, v)?;
        } else {
            absent(self.key_type == 0, "FindCoordinatorRequest.KeyType", v)?;
        }
        if v >= 4 {
            self.coordinator_keys.write(w, v)?;
        } else {
            absent(self.coordinator_keys.is_empty(), "FindCoordinatorRequest.CoordinatorKeys", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for FindCoordinatorRequest<'a> {
    const KEY: i16 = 10;
    const VERSIONS: (i16, i16) = (0, 6);
    const FLEXIBLE_FROM: i16 = 3;
}
