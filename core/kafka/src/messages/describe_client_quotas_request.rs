//! `DescribeClientQuotasRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeClientQuotasRequest<'a> {
    /// `Components`: list of [`ComponentData`].
    pub components: List<'a, ComponentData<'a>>,
    /// `Strict`: bool.
    pub strict: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeClientQuotasRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeClientQuotasRequest {
            components: Wire::read(r, v)?,
            strict: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.components.write(w, v)?;
        self.strict.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `ComponentData` within [`DescribeClientQuotasRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentData<'a> {
    /// `EntityType`: text.
    pub entity_type: &'a str,
    /// `MatchType`: i8.
    pub match_type: i8,
    /// `Match`: text.
    pub r#match: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ComponentData<'_> {
    fn default() -> Self {
        ComponentData { entity_type: "", match_type: 0, r#match: Some(""), unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for ComponentData<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ComponentData {
            entity_type: Wire::read(r, v)?,
            match_type: Wire::read(r, v)?,
            r#match: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.entity_type.write(w, v)?;
        self.match_type.write(w, v)?;
        Wire::write_nullable(self.r#match.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeClientQuotasRequest<'a> {
    const KEY: i16 = 48;
    const VERSIONS: (i16, i16) = (0, 1);
    const FLEXIBLE_FROM: i16 = 1;
}
