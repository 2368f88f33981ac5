//! `ConsumerGroupRegularExpressionKey` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{Message, Reader, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConsumerGroupRegularExpressionKey<'a> {
    /// `GroupId`: text.
    pub group_id: &'a str,
    /// `RegularExpression`: text.
    pub regular_expression: &'a str,
}

impl<'a> Wire<'a> for ConsumerGroupRegularExpressionKey<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ConsumerGroupRegularExpressionKey {
            group_id: Wire::read(r, v)?,
            regular_expression: Wire::read(r, v)?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.group_id.write(w, v)?;
        self.regular_expression.write(w, v)?;
        Ok(())
    }
}

impl<'a> Message<'a> for ConsumerGroupRegularExpressionKey<'a> {
    const KEY: i16 = -1;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = i16::MAX;
}
