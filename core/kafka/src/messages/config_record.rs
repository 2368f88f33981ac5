//! `ConfigRecord` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigRecord<'a> {
    /// `ResourceType`: i8.
    pub resource_type: i8,
    /// `ResourceName`: text.
    pub resource_name: &'a str,
    /// `Name`: text.
    pub name: &'a str,
    /// `Value`: text.
    pub value: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ConfigRecord<'_> {
    fn default() -> Self {
        ConfigRecord {
            resource_type: 0,
            resource_name: "",
            name: "",
            value: Some(""),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ConfigRecord<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConfigRecord {
            resource_type: Wire::read(r, v)?,
            resource_name: Wire::read(r, v)?,
            name: Wire::read(r, v)?,
            value: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.resource_type.write(w, v)?;
        self.resource_name.write(w, v)?;
        self.name.write(w, v)?;
        Wire::write_nullable(self.value.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ConfigRecord<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
