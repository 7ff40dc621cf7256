//! A P-256 public key as a JSON Web Key (RFC 7517, RFC 7518 §6.2.1), and its thumbprint (RFC 7638).

use std::borrow::Cow;

use serde::de::{Error as _, IgnoredAny};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Digest, base64url, json};

/// A P-256 public key. Holds coordinates of the right length; that they are on the curve is judged when the key is
/// parsed for use, by [`crate::crypto`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Jwk {
    x: [u8; 32],
    y: [u8; 32],
}

/// What is read of a key; a private member `d` is refused rather than dropped.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    crv: Cow<'a, str>,
    #[serde(borrow)]
    kty: Cow<'a, str>,
    #[serde(deserialize_with = "base64url::deserialize")]
    x: [u8; 32],
    #[serde(deserialize_with = "base64url::deserialize")]
    y: [u8; 32],
    #[serde(default, deserialize_with = "json::present")]
    d: Option<IgnoredAny>,
}

impl Jwk {
    /// From affine coordinates, big-endian.
    #[must_use]
    pub const fn from_coordinates(x: [u8; 32], y: [u8; 32]) -> Self {
        Self { x, y }
    }

    /// From an uncompressed SEC1 point: 0x04 ‖ x ‖ y. `None` for any other form.
    #[must_use]
    pub fn from_sec1(point: &[u8]) -> Option<Self> {
        let (&[4], rest) = point.split_first_chunk::<1>()? else {
            return None;
        };
        let (x, y) = rest.split_at_checked(32)?;
        Some(Self { x: x.try_into().ok()?, y: y.try_into().ok()? })
    }

    /// The uncompressed SEC1 point.
    #[must_use]
    pub fn to_sec1(&self) -> [u8; 65] {
        let mut point = [4; 65];
        point[1..33].copy_from_slice(&self.x);
        point[33..].copy_from_slice(&self.y);
        point
    }

    /// SHA-256 over the required members in lexicographic order (RFC 7638 §3).
    #[must_use]
    pub fn thumbprint(&self) -> Digest {
        Digest::of(
            format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                base64url::show(&self.x),
                base64url::show(&self.y)
            )
            .as_bytes(),
        )
    }
}

impl Serialize for Jwk {
    /// Exactly the members of RFC 7638 in its order.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Jwk", 4)?;
        members.serialize_field("crv", "P-256")?;
        members.serialize_field("kty", "EC")?;
        members.serialize_field("x", &base64url::encode(&self.x))?;
        members.serialize_field("y", &base64url::encode(&self.y))?;
        members.end()
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members::deserialize(deserializer)?;
        if members.kty != "EC" || members.crv != "P-256" {
            return Err(D::Error::custom("only EC keys on P-256 are used"));
        }
        if members.d.is_some() {
            return Err(D::Error::custom("a private key was sent where a public one belongs"));
        }
        Ok(Self { x: members.x, y: members.y })
    }
}
