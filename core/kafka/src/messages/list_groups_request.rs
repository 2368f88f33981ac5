//! `ListGroupsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListGroupsRequest<'a> {
    /// `StatesFilter`: list of text, from version 4.
    pub states_filter: List<'a, &'a str>,
    /// `TypesFilter`: list of text, from version 5.
    pub types_filter: List<'a, &'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ListGroupsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListGroupsRequest {
            states_filter: if v >= 4 { Wire::read(r, v)? } else { List::default() },
            types_filter: if v >= 5 { Wire::read(r, v)? } else { List::default() },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 4 {
            self.states_filter.write(w, v)?;
        } else {
            absent(self.states_filter.is_empty(), "ListGroupsRequest.StatesFilter", v)?;
        }
        if v >= 5 {
            self.types_filter.write(w, v)?;
        } else {
            absent(self.types_filter.is_empty(), "ListGroupsRequest.TypesFilter", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ListGroupsRequest<'a> {
    const KEY: i16 = 16;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 3;
}
