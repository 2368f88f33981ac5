//! Claims in the fields of a form: the signature is of the policy's base64.

use super::v2::{V2Claim, verify_v2};
use super::v4::parse_credential;
use super::{ALGORITHM_V4, AuthError, Place, Rules, Scope, Secret, SigningKey};
use crate::encoding::parse_hex;

/// A claim in a form. There is no time in it to check: the policy says until when it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostClaim<'a>(Kind<'a>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind<'a> {
    V4 { access_key: &'a str, scope: Scope, signature: [u8; 32], token: Option<&'a str> },
    V2(V2Claim<'a>),
}

impl<'a> PostClaim<'a> {
    /// From the form's fields, by their names in lower case. `None` if it has no policy: a form of nobody.
    ///
    /// # Errors
    ///
    /// [`AuthError`] if fields are missing or cannot be read.
    pub fn read(field: impl Fn(&str) -> Option<&'a str>) -> Result<Option<PostClaim<'a>>, AuthError> {
        let token = field("x-amz-security-token");
        if let Some(algorithm) = field("x-amz-algorithm").or(field("x-amz-signature")) {
            match algorithm {
                ALGORITHM_V4 => {}
                "AWS4-ECDSA-P256-SHA256" => return Err(AuthError::Asymmetric),
                _ => return Err(AuthError::Form),
            }
            let credential = field("x-amz-credential").and_then(parse_credential);
            let signature = field("x-amz-signature").and_then(|text| parse_hex(text.as_bytes()));
            let (Some((access_key, scope)), Some(signature), Some(date)) =
                (credential, signature, field("x-amz-date"))
            else {
                return Err(AuthError::Form);
            };
            if date.as_bytes().get(..8) != Some(&scope.date) {
                return Err(AuthError::Form);
            }
            return Ok(Some(PostClaim(Kind::V4 { access_key, scope, signature, token })));
        }
        match (field("awsaccesskeyid"), field("signature")) {
            (None, None) if field("policy").is_none() => Ok(None),
            (Some(key), Some(signature)) => {
                let claim = V2Claim::new(key, signature, None, token).ok_or(AuthError::Mismatch)?;
                Ok(Some(PostClaim(Kind::V2(claim))))
            }
            _ => Err(AuthError::Form),
        }
    }

    /// The access key.
    pub fn access_key(&self) -> &'a str {
        match &self.0 {
            Kind::V4 { access_key, .. } => access_key,
            Kind::V2(claim) => claim.access_key(),
        }
    }

    /// The session token, if there is one.
    pub fn token(&self) -> Option<&'a str> {
        match &self.0 {
            Kind::V4 { token, .. } => *token,
            Kind::V2(claim) => claim.token(),
        }
    }

    /// Checks that `policy` (base64, as it came) was signed with the access key's secret.
    ///
    /// # Errors
    ///
    /// [`AuthError`].
    pub fn verify(
        &self,
        policy: &str,
        secret: &Secret,
        key: impl FnOnce(&Scope) -> SigningKey,
        rules: &Rules<'_>,
    ) -> Result<(), AuthError> {
        let holds = match &self.0 {
            Kind::V4 { scope, signature, .. } => {
                let region = rules.region.is_none_or(|region| region == scope.region);
                if scope.service != "s3" || !region {
                    return Err(AuthError::Scope { place: Place::Form });
                }
                key(scope).verify(&[policy.as_bytes()], signature)
            }
            Kind::V2(_) if !rules.v2 => return Err(AuthError::V2),
            Kind::V2(claim) => verify_v2(secret, policy.as_bytes(), claim.signature()),
        };
        if holds { Ok(()) } else { Err(AuthError::Mismatch) }
    }
}
