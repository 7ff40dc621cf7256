//! The keys a realm signs with: one set for ID tokens, which relying parties see; a device root and the device signing
//! keys it vouches for, which phones see (`DEVICE_PROTOCOL` "Keys of the server"); one for MACs, which nobody sees.
//!
//! [`RealmKeys`] holds them ready for use, each parsed once. [`KeyFile`] keeps them, every private key wrapped by a
//! [`WrappingKey`] that is kept elsewhere.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use protocol::crypto::aws_lc::SigningKey;
use protocol::crypto::{CryptoError, Sign as _};
use protocol::jws::JwsError;
use protocol::messages::Message;
use protocol::{Digest, Jwk, Jws, base64url};
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::algorithm::Algorithm;
use crate::domain::names::RealmId;
use crate::domain::random::Random;
use crate::domain::time::Timestamp;

mod file;
mod key_list;
mod material;
mod sealing;
pub mod secret_file;
mod wrapping;

pub use file::KeyFile;
use material::Material;
pub use wrapping::WrappingKey;

/// Why keys cannot be had. The text tells the operator what to do and quotes no secret.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner may read or write the file.
    #[error("{0} is open to other users (mode {1:03o}): make it yours alone with `chmod 600 {0}`")]
    Exposed(String, u32),
    /// A file stands where a new one was to be made.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The key file was written by a later version.
    #[error("the key file has format {found}, and this version knows only format {known}: run a newer version")]
    UnknownFormat {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The key file was wrapped by another key than the one given.
    #[error("the wrapping key is not the one that this key file was written with")]
    WrongWrappingKey,
    /// The wrapping key is not in its form.
    #[error("a wrapping key is 32 random bytes in base64url: 43 characters")]
    BadWrappingKey,
    /// The key file is not as it was written.
    #[error("the key file is damaged ({0}): restore it from a back-up")]
    Damaged(&'static str),
    /// The key file holds no keys of this realm.
    #[error("the key file holds no keys for realm {0}: restore it from a back-up")]
    UnknownRealm(RealmId),
    /// A key could not be made or used.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// All keys of one realm, parsed. Nothing in here prints a secret.
pub struct RealmKeys {
    id_token: SigningKey,
    id_token_kid: String,
    jwks: Value,
    root: SigningKey,
    /// Replaced while in use, when the key nears its end.
    device: RwLock<Arc<DeviceSigner>>,
    mac: hmac::Key,
}

/// The device signing key in use, and the list that vouches for it.
struct DeviceSigner {
    key: SigningKey,
    kid: Digest,
    list: Jws,
}

impl RealmKeys {
    /// New keys that are kept nowhere, for demonstrations and tests; [`KeyFile::add`] makes those that last.
    pub fn generate(issuer: &str, now: Timestamp, random: &dyn Random) -> Result<Self, KeysError> {
        Self::parse(&Material::generate(issuer, now, random)?)
    }

    fn parse(material: &Material) -> Result<Self, KeysError> {
        let id_tokens =
            material.id_token.iter().map(|key| SigningKey::from_pkcs8(key)).collect::<Result<Vec<_>, _>>()?;
        let jwks = jwks(&id_tokens);
        let id_token = id_tokens.into_iter().next().ok_or(KeysError::Damaged("no key for ID tokens"))?;
        Ok(Self {
            id_token_kid: id_token.public().thumbprint().to_string(),
            id_token,
            jwks,
            root: SigningKey::from_pkcs8(&material.root)?,
            device: RwLock::new(Arc::new(DeviceSigner::parse(material)?)),
            mac: hmac::Key::new(hmac::HMAC_SHA256, &*material.mac),
        })
    }

    /// `kid` of the key that signs ID tokens now: its thumbprint (RFC 7638).
    #[must_use]
    pub fn id_token_kid(&self) -> &str {
        &self.id_token_kid
    }

    /// The JWK set of relying parties (RFC 7517 §5): every key that may have signed an ID token still in use.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.jwks.clone()
    }

    /// Signs claims as a JWT for relying parties (RFC 7519). An algorithm that the realm has no key for, or claims that
    /// are not JSON, are [`CryptoError::Unavailable`].
    pub fn sign_jwt(&self, algorithm: Algorithm, typ: &str, claims: &impl Serialize) -> Result<String, CryptoError> {
        if algorithm != Algorithm::Es256 {
            return Err(CryptoError::Unavailable);
        }
        let header = json!({ "alg": "ES256", "kid": self.id_token_kid, "typ": typ });
        let claims = serde_json::to_vec(claims).map_err(|_| CryptoError::Unavailable)?;
        let mut jwt = base64url::encode(header.to_string().as_bytes());
        jwt.push('.');
        jwt.push_str(&base64url::encode(&claims));
        let signature = self.id_token.sign(jwt.as_bytes())?;
        jwt.push('.');
        jwt.push_str(&base64url::encode(signature.as_bytes()));
        Ok(jwt)
    }

    /// The device root key, whose thumbprint phones pin at enrolment.
    #[must_use]
    pub fn device_root(&self) -> &Jwk {
        self.root.public()
    }

    /// `adp-keys+jwt`: the device signing keys, signed by the root. Names the key of every message signed before.
    #[must_use]
    pub fn key_list(&self) -> Jws {
        self.device_signer().list.clone()
    }

    /// Signs a message to phones by the newest device signing key; `kid` is its thumbprint.
    pub fn sign_device<M: Message>(&self, message: &M) -> Result<Jws, JwsError> {
        let signer = self.device_signer();
        Jws::sign(signer.kid, message, &signer.key)
    }

    fn device_signer(&self) -> Arc<DeviceSigner> {
        Arc::clone(&self.device.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace_device_signer(&self, material: &Material) -> Result<(), KeysError> {
        let signer = Arc::new(DeviceSigner::parse(material)?);
        *self.device.write().unwrap_or_else(PoisonError::into_inner) = signer;
        Ok(())
    }

    /// HMAC-SHA256 of the parts under a label, by a key that is used for nothing else and never leaves this process.
    /// Every part is preceded by its length, so that two lists of parts never read the same.
    #[must_use]
    pub fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.mac);
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("HMAC-SHA256 has 32 bytes")
    }
}

impl DeviceSigner {
    fn parse(material: &Material) -> Result<Self, KeysError> {
        let key = material.device.last().ok_or(KeysError::Damaged("no device signing key"))?;
        let key = SigningKey::from_pkcs8(key)?;
        Ok(Self { kid: key.public().thumbprint(), key, list: material.key_list.clone() })
    }
}

fn jwks(keys: &[SigningKey]) -> Value {
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| {
            let mut jwk = json!(key.public());
            jwk["alg"] = "ES256".into();
            jwk["kid"] = key.public().thumbprint().to_string().into();
            jwk["use"] = "sig".into();
            jwk
        })
        .collect();
    json!({ "keys": keys })
}

impl fmt::Debug for RealmKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealmKeys")
            .field("id_token_kid", &self.id_token_kid)
            .field("device_kid", &self.device_signer().kid)
            .finish_non_exhaustive()
    }
}
