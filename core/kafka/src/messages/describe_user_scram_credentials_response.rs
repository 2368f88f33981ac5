//! `DescribeUserScramCredentialsResponse` of Kafka's protocol. Written by `cargo xtask kafka-messages`.

use crate::wire::{List, Message, Reader, Unknown, Wire, WireError, Writer};

/// The message, versions 0 to 0.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeUserScramCredentialsResponse<'a> {
    /// `ThrottleTimeMs`: i32.
    pub throttle_time_ms: i32,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `Results`: list of [`DescribeUserScramCredentialsResult`].
    pub results: List<'a, DescribeUserScramCredentialsResult<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeUserScramCredentialsResponse<'_> {
    fn default() -> Self {
        DescribeUserScramCredentialsResponse {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: Some(""),
            results: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeUserScramCredentialsResponse<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeUserScramCredentialsResponse {
            throttle_time_ms: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            results: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.throttle_time_ms.write(w, v)?;
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.results.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `DescribeUserScramCredentialsResult` within [`DescribeUserScramCredentialsResponse`].
#[derive(Clone, Debug, PartialEq)]
pub struct DescribeUserScramCredentialsResult<'a> {
    /// `User`: text.
    pub user: &'a str,
    /// `ErrorCode`: i16.
    pub error_code: i16,
    /// `ErrorMessage`: text.
    pub error_message: Option<&'a str>,
    /// `CredentialInfos`: list of [`CredentialInfo`].
    pub credential_infos: List<'a, CredentialInfo<'a>>,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl Default for DescribeUserScramCredentialsResult<'_> {
    fn default() -> Self {
        DescribeUserScramCredentialsResult {
            user: "",
            error_code: 0,
            error_message: Some(""),
            credential_infos: List::default(),
            unknown: Unknown::default(),
        }
    }
}

impl<'a> Wire<'a> for DescribeUserScramCredentialsResult<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(DescribeUserScramCredentialsResult {
            user: Wire::read(r, v)?,
            error_code: Wire::read(r, v)?,
            error_message: Wire::read_nullable(r, v)?,
            credential_infos: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.user.write(w, v)?;
        self.error_code.write(w, v)?;
        Wire::write_nullable(self.error_message.as_ref(), w, v)?;
        self.credential_infos.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

/// `CredentialInfo` within [`DescribeUserScramCredentialsResponse`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CredentialInfo<'a> {
    /// `Mechanism`: i8.
    pub mechanism: i8,
    /// `Iterations`: i32.
    pub iterations: i32,
    /// Tagged fields that are not known here.
    pub unknown: Unknown<'a>,
}

impl<'a> Wire<'a> for CredentialInfo<'a> {
    fn read(r: &mut Reader<'a>, v: i16) -> Result<Self, WireError> {
        Ok(CredentialInfo {
            mechanism: Wire::read(r, v)?,
            iterations: Wire::read(r, v)?,
            unknown: r.tagged(|_, _| Ok(false))?,
        })
    }

    fn write(&self, w: &mut Writer<'_>, v: i16) -> Result<(), WireError> {
        self.mechanism.write(w, v)?;
        self.iterations.write(w, v)?;
        w.tagged(0, &self.unknown).finish();
        Ok(())
    }
}

impl<'a> Message<'a> for DescribeUserScramCredentialsResponse<'a> {
    const KEY: i16 = 50;
    const VERSIONS: (i16, i16) = (0, 0);
    const FLEXIBLE_FROM: i16 = 0;
}
