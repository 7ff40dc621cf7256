//! What a key file says of the device root and of past device signing keys.

use protocol::receipt::PublishedKey;
use protocol::{Digest, Jwk};
use serde::{Deserialize, Serialize};

use super::{Wrapped, Wrapping};
use crate::keys::KeysError;
use crate::keys::material::{Material, Root};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum StoredRoot {
    Held(Wrapped),
    /// Kept elsewhere.
    Elsewhere {
        jwk: Jwk,
        /// Nothing, wrapped: only who has the wrapping key can say which root phones are to pin.
        seal: String,
    },
}

impl StoredRoot {
    pub(super) fn wrap(root: &Root, wrapping: &Wrapping<'_>) -> Result<Self, KeysError> {
        Ok(match root {
            Root::Held(pkcs8) => Self::Held(Wrapped::wrap("device_root", pkcs8, wrapping)?),
            Root::Elsewhere(jwk) => Self::Elsewhere { jwk: *jwk, seal: wrapping.wrap(&elsewhere(jwk), &[])? },
        })
    }

    pub(super) fn unwrap(&self, wrapping: &Wrapping<'_>) -> Result<Root, KeysError> {
        match self {
            Self::Held(wrapped) => Ok(Root::Held(wrapped.unwrap("device_root", wrapping)?)),
            Self::Elsewhere { jwk, seal } => {
                wrapping.unwrap(&elsewhere(jwk), seal)?;
                Ok(Root::Elsewhere(*jwk))
            }
        }
    }
}

fn elsewhere(jwk: &Jwk) -> String {
    format!("device_root_elsewhere {}", jwk.thumbprint())
}

/// Thumbprint of the first root.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredOrigin {
    kid: Digest,
    /// Nothing, wrapped: only who has the wrapping key can say whose file this is.
    seal: String,
}

impl StoredOrigin {
    pub(super) fn of(material: &Material, wrapping: &Wrapping<'_>) -> Result<Option<Self>, KeysError> {
        let kid = material.origin;
        if material.root.public()?.thumbprint() == kid {
            return Ok(None);
        }
        Ok(Some(Self { kid, seal: wrapping.wrap(&origin(kid), &[])? }))
    }

    pub(super) fn open(self, wrapping: &Wrapping<'_>) -> Result<Digest, KeysError> {
        wrapping.unwrap(&origin(self.kid), &self.seal)?;
        Ok(self.kid)
    }
}

fn origin(kid: Digest) -> String {
    format!("device_origin {kid}")
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredDevicePast {
    #[serde(flatten)]
    key: PublishedKey,
    /// Nothing, wrapped: only who has the wrapping key can say by whose keys receipts are believed.
    seal: String,
}

impl StoredDevicePast {
    pub(super) fn seal(key: &PublishedKey, wrapping: &Wrapping<'_>) -> Result<Self, KeysError> {
        Ok(Self { seal: wrapping.wrap(&Self::purpose(key), &[])?, key: key.clone() })
    }

    pub(super) fn open(self, wrapping: &Wrapping<'_>) -> Result<PublishedKey, KeysError> {
        wrapping.unwrap(&Self::purpose(&self.key), &self.seal)?;
        Ok(self.key)
    }

    fn purpose(key: &PublishedKey) -> String {
        format!("device_past {} {} {}", key.jwk.thumbprint(), key.not_before, key.not_after)
    }
}
