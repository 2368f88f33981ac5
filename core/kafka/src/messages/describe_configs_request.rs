//! `DescribeConfigsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 1 to 4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeConfigsRequest<'a> {
    /// `Resources`: list of [`DescribeConfigsResource`].
    pub resources: List<'a, DescribeConfigsResource<'a>>,
    /// `IncludeSynonyms`: bool.
    pub include_synonyms: bool,
    /// `IncludeDocumentation`: bool, from version 3.
    pub include_documentation: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeConfigsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeConfigsRequest {
            resources: Wire::read(r, v)?,
            include_synonyms: Wire::read(r, v)?,
            include_documentation: if v >= 3 { Wire::read(r, v)? } else { false },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.resources.write(w, v)?;
        self.include_synonyms.write(w, v)?;
        if v >= 3 {
            self.include_documentation.write(w, v)?;
        } else {
            absent(!self.include_documentation, "DescribeConfigsRequest.IncludeDocumentation", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeConfigsResource` within [`DescribeConfigsRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsResource<'a> {
    /// `ResourceType`: i8.
    pub resource_type: i8,
    /// `ResourceName`: text.
    pub resource_name: &'a str,
    /// `ConfigurationKeys`: list of text.
    pub configuration_keys: Option<List<'a, &'a str>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeConfigsResource<'_> {
    fn default() -> Self {
        DescribeConfigsResource {
            resource_type: 0,
            resource_name: "",
            configuration_keys: Some(List::default()),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeConfigsResource<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeConfigsResource {
            resource_type: Wire::read(r, v)?,
            resource_name: Wire::read(r, v)?,
            configuration_keys: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.resource_type.write(w, v)?;
        self.resource_name.write(w, v)?;
        Wire::write_nullable(self.configuration_keys.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeConfigsRequest<'a> {
    const KEY: i16 = 32;
    const VERSIONS: (i16, i16) = (1, 4);
    const FLEXIBLE_FROM: i16 = 4;
}
