//! `AlterConfigsRequest` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterConfigsRequest<'a> {
    /// `Resources`: list of [`AlterConfigsResource`].
    pub resources: List<'a, AlterConfigsResource<'a>>,
    /// `ValidateOnly`: bool.
    pub validate_only: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AlterConfigsRequest<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AlterConfigsRequest {
            resources: Wire::read(r, v)?,
            validate_only: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.resources.write(w, v)?;
        self.validate_only.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AlterConfigsResource` within [`AlterConfigsRequest`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlterConfigsResource<'a> {
    /// `ResourceType`: i8.
    pub resource_type: i8,
    /// `ResourceName`: text.
    pub resource_name: &'a str,
    /// `Configs`: list of [`AlterableConfig`].
    pub configs: List<'a, AlterableConfig<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for AlterConfigsResource<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AlterConfigsResource {
            resource_type: Wire::read(r, v)?,
            resource_name: Wire::read(r, v)?,
            configs: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.resource_type.write(w, v)?;
        self.resource_name.write(w, v)?;
        self.configs.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `AlterableConfig` within [`AlterConfigsRequest`].
#[derive(Clone, Debug, PartialEq)]
pub struct AlterableConfig<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Value`: text.
    pub value: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for AlterableConfig<'_> {
    fn default() -> Self {
        AlterableConfig { name: "", value: Some(""), unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for AlterableConfig<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(AlterableConfig {
            name: Wire::read(r, v)?,
            value: Wire::read_nullable(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        Wire::write_nullable(self.value.as_ref(), w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for AlterConfigsRequest<'a> {
    const KEY: i16 = 33;
    const VERSIONS: (i16, i16) = (0, 2);
    const FLEXIBLE_FROM: i16 = 2;
}
