//! `ListTransactionsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, PartialEq)]
pub struct ListTransactionsRequest<'a> {
    /// `StateFilters`: list of text.
    pub state_filters: List<'a, &'a str>,
    /// `ProducerIdFilters`: list of i64.
    pub producer_id_filters: List<'a, i64>,
    /// `DurationFilter`: i64, from version 1.
    pub duration_filter: i64,
    /// `TransactionalIdPattern`: text, from version 2.
    pub transactional_id_pattern: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ListTransactionsRequest<'_> {
    fn default() -> Self {
        ListTransactionsRequest {
            state_filters: List::default(),
            producer_id_filters: List::default(),
            duration_filter: -1,
            transactional_id_pattern: None,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ListTransactionsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ListTransactionsRequest {
            state_filters: Wire::read(r, v)?,
            producer_id_filters: Wire::read(r, v)?,
            duration_filter: if v >= 1 { Wire::read(r, v)? } else { -1 },
            transactional_id_pattern: if v >= 2 { Wire::read_nullable(r, v)? } else { None },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.state_filters.write(w, v)?;
        self.producer_id_filters.write(w, v)?;
        if v >= 1 {
            self.duration_filter.write(w, v)?;
        } else {
            absent(self.duration_filter == -1, "ListTransactionsRequest.DurationFilter", v)?;
        }
        if v >= 2 {
            Wire::write_nullable(self.transactional_id_pattern.as_ref(), w, v)?;
        } else {
            absent(
                self.transactional_id_pattern.is_none(),
                "ListTransactionsRequest.TransactionalIdPattern",
                v,
            )?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ListTransactionsRequest<'a> {
    const KEY: i16 = 66;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 0;
}
