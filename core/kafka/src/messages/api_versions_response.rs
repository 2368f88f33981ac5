//! `ApiVersionsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer, absent};

/// The message, versions 0 to 5.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiVersionsResponse<'a> {
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ApiKeys`: list of [`ApiVersion`].
    pub api_keys: List<'a, ApiVersion<'a>>,
    /// `ThrottleTimeMs`: i32, from version 1.
    pub throttle_time_ms: i32,
    /// `SupportedFeatures`: list of [`SupportedFeatureKey`], from version 3, tag 0.
    pub supported_features: List<'a, SupportedFeatureKey<'a>>,
    /// `FinalizedFeaturesEpoch`: i64, from version 3, tag 1.
    pub finalized_features_epoch: i64,
    /// `FinalizedFeatures`: list of [`FinalizedFeatureKey`], from version 3, tag 2.
    pub finalized_features: List<'a, FinalizedFeatureKey<'a>>,
    /// `ZkMigrationReady`: bool, from version 3, tag 3.
    pub zk_migration_ready: bool,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for ApiVersionsResponse<'_> {
    fn default() -> Self {
        ApiVersionsResponse {
            error_code: 0,
            api_keys: List::default(),
            throttle_time_ms: 0,
            supported_features: List::default(),
            finalized_features_epoch: -1,
            finalized_features: List::default(),
            zk_migration_ready: false,
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for ApiVersionsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        let mut out = ApiVersionsResponse {
            error_code: Wire::read(r, v)?,
            api_keys: Wire::read(r, v)?,
            throttle_time_ms: if v >= 1 { Wire::read(r, v)? } else { 0 },
            supported_features: List::default(),
            finalized_features_epoch: -1,
            finalized_features: List::default(),
            zk_migration_ready: false,
            unknown: Unknown::default(),
        };
        out.unknown = r.tagged(|tag, r| {
            match tag {
                0 => out.supported_features = Wire::read(r, v)?,
                1 => out.finalized_features_epoch = Wire::read(r, v)?,
                2 => out.finalized_features = Wire::read(r, v)?,
                3 => out.zk_migration_ready = Wire::read(r, v)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(out)
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.error_code.write(w, v)?;
        self.api_keys.write(w, v)?;
        if v >= 1 {
            self.throttle_time_ms.write(w, v)?;
        }
        let has_supported_features = v >= 3 && !self.supported_features.is_empty();
        let has_finalized_features_epoch = v >= 3 && self.finalized_features_epoch != -1;
        let has_finalized_features = v >= 3 && !self.finalized_features.is_empty();
        let has_zk_migration_ready = v >= 3 && self.zk_migration_ready;
        let mut tags = w.tagged(
            u32::from(has_supported_features)
                + u32::from(has_finalized_features_epoch)
                + u32::from(has_finalized_features)
                + u32::from(has_zk_migration_ready),
            &self.unknown,
        );
        if has_supported_features {
            tags.field(0, |w| self.supported_features.write(w, v))?;
        }
        if has_finalized_features_epoch {
            tags.field(1, |w| self.finalized_features_epoch.write(w, v))?;
        }
        if has_finalized_features {
            tags.field(2, |w| self.finalized_features.write(w, v))?;
        }
        if has_zk_migration_ready {
            tags.field(3, |w| self.zk_migration_ready.write(w, v))?;
        }
        tags.finish();
        Ok(())
    }
}

/// `ApiVersion` within [`ApiVersionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApiVersion<'a> {
    /// `ApiKey`: i16.
    pub api_key: i16,
    /// `MinVersion`: i16.
    pub min_version: i16,
    /// `MaxVersion`: i16.
    pub max_version: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for ApiVersion<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(ApiVersion {
            api_key: Wire::read(r, v)?,
            min_version: Wire::read(r, v)?,
            max_version: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.api_key.write(w, v)?;
        self.min_version.write(w, v)?;
        self.max_version.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `SupportedFeatureKey` within [`ApiVersionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SupportedFeatureKey<'a> {
    /// `Name`: text, from version 3.
    pub name: &'a str,
    /// `MinVersion`: i16, from version 3.
    pub min_version: i16,
    /// `MaxVersion`: i16, from version 3.
    pub max_version: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for SupportedFeatureKey<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(SupportedFeatureKey {
            name: if v >= 3 { Wire::read(r, v)? } else { "" },
            min_version: if v >= 3 { Wire::read(r, v)? } else { 0 },
            max_version: if v >= 3 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.name.write(w, v)?;
        } else {
            absent(self.name.is_empty(), "SupportedFeatureKey.Name", v)?;
        }
        if v >= 3 {
            self.min_version.write(w, v)?;
        } else {
            absent(self.min_version == 0, "SupportedFeatureKey.MinVersion", v)?;
        }
        if v >= 3 {
            self.max_version.write(w, v)?;
        } else {
            absent(self.max_version == 0, "SupportedFeatureKey.MaxVersion", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `FinalizedFeatureKey` within [`ApiVersionsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinalizedFeatureKey<'a> {
    /// `Name`: text, from version 3.
    pub name: &'a str,
    /// `MaxVersionLevel`: i16, from version 3.
    pub max_version_level: i16,
    /// `MinVersionLevel`: i16, from version 3.
    pub min_version_level: i16,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for FinalizedFeatureKey<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(FinalizedFeatureKey {
            name: if v >= 3 { Wire::read(r, v)? } else { "" },
            max_version_level: if v >= 3 { Wire::read(r, v)? } else { 0 },
            min_version_level: if v >= 3 { Wire::read(r, v)? } else { 0 },
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        if v >= 3 {
            self.name.write(w, v)?;
        } else {
            absent(self.name.is_empty(), "FinalizedFeatureKey.Name", v)?;
        }
        if v >= 3 {
            self.max_version_level.write(w, v)?;
        } else {
            absent(self.max_version_level == 0, "FinalizedFeatureKey.MaxVersionLevel", v)?;
        }
        if v >= 3 {
            self.min_version_level.write(w, v)?;
        } else {
            absent(self.min_version_level == 0, "FinalizedFeatureKey.MinVersionLevel", v)?;
        }
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for ApiVersionsResponse<'a> {
    const KEY: i16 = 18;
    const VERSIONS: (i16, i16) = (0, 5);
    const FLEXIBLE_FROM: i16 = 3;
}
