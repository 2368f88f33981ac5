//! `DescribeConfigsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 1 to 4.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DescribeConfigsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `Results`: list of [`DescribeConfigsResult`].
    pub results: List<'a, DescribeConfigsResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for DescribeConfigsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeConfigsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            results: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.results.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeConfigsResult` within [`DescribeConfigsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsResult<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `ResourceType`: i8.
    pub resource_type: i8,
    /// `ResourceName`: text.
    pub resource_name: &'a str,
    /// `Configs`: list of [`DescribeConfigsResourceResult`].
    pub configs: List<'a, DescribeConfigsResourceResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeConfigsResult<'_> {
    fn default() -> Self {
        DescribeConfigsResult {
            error_code: 0,
            error_message: Some(""),
            resource_type: 0,
            resource_name: "",
            configs: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeConfigsResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeConfigsResult {
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            resource_type: Wire::read(r, v)?,
            resource_name: Wire::read(r, v)?,
            configs: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.resource_type.write(w, v)?;
        self.resource_name.write(w, v)?;
        self.configs.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeConfigsResourceResult` within [`DescribeConfigsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsResourceResult<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Value`: text.
    pub value: Option<&'a str>,
    /// `ReadOnly`: bool.
    pub read_only: bool,
    /// `ConfigSource`: i8.
    pub config_source: i8,
    /// `IsSensitive`: bool.
    pub is_sensitive: bool,
    /// `Synonyms`: list of [`DescribeConfigsSynonym`].
    pub synonyms: List<'a, DescribeConfigsSynonym<'a>>,
    /// `ConfigType`: i8, from version 3.
    pub config_type: i8,
    /// `Documentation`: text, from version 3.
    pub documentation: Option<&'a str>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeConfigsResourceResult<'_> {
    fn default() -> Self {
        DescribeConfigsResourceResult {
            name: "",
            value: Some(""),
            read_only: false,
            config_source: -1,
            is_sensitive: false,
            synonyms: List::default(),
            config_type: 0,
            documentation: Some(""),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeConfigsResourceResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeConfigsResourceResult {
            name: Wire::read(r, v)?,
            value: Wire::read_nullable(r, v)?,
            read_only: Wire::read(r, v)?,
            config_source: Wire::read(r, v)?,
            is_sensitive: Wire::read(r, v)?,
            synonyms: Wire::read(r, v)?,
            config_type: if v >= 3 { Wire::read(r, v)? } else { 0 },
            documentation: if v >= 3 { Wire::read_nullable(r, v)? } else { Some("") },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        Wire::write_nullable(self.value.as_ref(), w, v)?;
        self.read_only.write(w, v)?;
        self.config_source.write(w, v)?;
        self.is_sensitive.write(w, v)?;
        self.synonyms.write(w, v)?;
        if v >= 3 {
            self.config_type.write(w, v)?;
        }
        if v >= 3 {
            Wire::write_nullable(self.documentation.as_ref(), w, v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeConfigsSynonym` within [`DescribeConfigsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeConfigsSynonym<'a> {
    /// `Name`: text.
    pub name: &'a str,
    /// `Value`: text.
    pub value: Option<&'a str>,
    /// `Source`: i8.
    pub source: i8,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeConfigsSynonym<'_> {
    fn default() -> Self {
        DescribeConfigsSynonym { name: "", value: Some(""), source: 0, unknown: Unknown::default() }
    }
}

impl<'a> Wire<'a> for DescribeConfigsSynonym<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeConfigsSynonym {
            name: Wire::read(r, v)?,
            value: Wire::read_nullable(r, v)?,
            source: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.name.write(w, v)?;
        Wire::write_nullable(self.value.as_ref(), w, v)?;
        self.source.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeConfigsResponse<'a> {
    const KEY: i16 = 32;
    const VERSIONS: (i16, i16) = (1, 4);
    const FLEXIBLE_FROM: i16 = 4;
}
