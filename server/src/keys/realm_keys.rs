//! A realm's keys, parsed and ready for use.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::hmac;
use protocol::crypto::CryptoError;
use protocol::crypto::aws_lc::SigningKey;
use protocol::jws::{General, JwsError};
use protocol::messages::{KeyList, Message};
use protocol::receipt::PublishedKeys;
use protocol::{Digest, Jwk, Jws, base64url};
use serde::Serialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::KeysError;
use super::key_list;
use super::material::Material;
use super::signer::{SIGNING, Signer};
use crate::domain::algorithm::Algorithm;
use crate::domain::random::Random;
use crate::domain::realm::Policy;
use crate::domain::time::Timestamp;
use crate::jose::{self, JwkSet, JwtError, Token};

/// All keys of one realm, parsed. Nothing in here prints a secret.
pub struct RealmKeys {
    /// Replaced while in use, when keys come and go.
    current: RwLock<Arc<Current>>,
    mac: hmac::Key,
    mac_bytes: Zeroizing<[u8; 32]>,
}

/// Until when phones believe what is signed, unless a new list is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListEnds {
    /// Until then.
    At(Timestamp),
    /// They do not any more.
    Over,
}

/// The keys as they are between two changes.
struct Current {
    generation: u64,
    /// From here on, others sign or are published.
    until: Option<Timestamp>,
    signers: Vec<Signer>,
    jwks: Value,
    /// The same as it is published.
    jwks_text: Arc<str>,
    known: JwkSet,
    root: Jwk,
    /// Whether the root is here, so that lists are renewed by themselves.
    renews: bool,
    successions: Vec<General>,
    list: Jws,
    sequence: u64,
    /// Nobody, once the list of a root that is kept elsewhere is over.
    device: Option<DeviceSigner>,
    receipts: PublishedKeys,
}

/// The device signing key in use.
struct DeviceSigner {
    key: SigningKey,
    kid: Digest,
    /// From then on phones do not believe it.
    ends: Timestamp,
}

impl RealmKeys {
    /// New keys that are kept nowhere, for demonstrations and tests; [`super::KeyFile::add`] makes those that last.
    pub fn generate(issuer: &str, now: Timestamp, random: &dyn Random) -> Result<Self, KeysError> {
        Self::parse(&Material::generate(issuer, &Policy::default(), now, random)?, 0, now)
    }

    pub(super) fn parse(material: &Material, generation: u64, now: Timestamp) -> Result<Self, KeysError> {
        Ok(Self {
            current: RwLock::new(Arc::new(Current::parse(material, generation, now)?)),
            mac: hmac::Key::new(hmac::HMAC_SHA256, &*material.mac),
            mac_bytes: material.mac.clone(),
        })
    }

    /// Uses what stands in the file now. Whether that is anything else for those who see the keys.
    pub(super) fn take_over(&self, material: &Material, generation: u64, now: Timestamp) -> Result<bool, KeysError> {
        let before = self.current();
        if before.generation == generation && before.until.is_none_or(|until| now < until) {
            return Ok(false);
        }
        // What is sealed or handed out under the MAC key lives on, and phones pin the root: the one is never replaced, the
        // other only by one that it vouches for.
        let same_mac = bool::from(material.mac.ct_eq(&*self.mac_bytes));
        let after = Current::parse(material, generation, now)?;
        if !same_mac || !after.root_follows(&before) {
            return Err(KeysError::Exchanged);
        }
        if after.sequence < before.sequence || (after.sequence == before.sequence && after.list != before.list) {
            return Err(KeysError::ListGoesBack);
        }
        let changed = before.looks() != after.looks();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
        Ok(changed)
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// `kid` of the key that signs by an algorithm now: its thumbprint (RFC 7638).
    #[must_use]
    pub fn kid(&self, algorithm: Algorithm) -> Option<String> {
        self.current().signer(algorithm).map(|signer| signer.kid().to_owned())
    }

    /// The JWK set of relying parties (RFC 7517 §5): every key that may have signed a token still in use, and those that
    /// will sign next.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.current().jwks.clone()
    }

    /// The same set as JSON text, made once for as long as it stays as it is.
    #[must_use]
    pub fn jwks_text(&self) -> Arc<str> {
        Arc::clone(&self.current().jwks_text)
    }

    /// Signs claims as a JWT for relying parties (RFC 7519), by the key whose time it is. An algorithm that the realm has
    /// no key for, or claims that are not JSON, are [`CryptoError::Unavailable`].
    pub fn sign_jwt(&self, algorithm: Algorithm, typ: &str, claims: &impl Serialize) -> Result<String, CryptoError> {
        let current = self.current();
        let signer = current.signer(algorithm).ok_or(CryptoError::Unavailable)?;
        let header = json!({ "alg": algorithm, "kid": signer.kid(), "typ": typ });
        let claims = serde_json::to_vec(claims).map_err(|_| CryptoError::Unavailable)?;
        let mut jwt = base64url::encode(header.to_string().as_bytes());
        jwt.push('.');
        jwt.push_str(&base64url::encode(&claims));
        let signature = signer.sign(jwt.as_bytes())?;
        jwt.push('.');
        jwt.push_str(&base64url::encode(&signature));
        Ok(jwt)
    }

    /// Verifies a JWT that this realm signed, by a present key or one of the last 400 days. What it was for (`typ`), for
    /// whom, and until when is for the caller to judge.
    pub fn verify_own_jwt(&self, jwt: &str) -> Result<Token, JwtError> {
        jose::verify(jwt, &self.current().known, &SIGNING)
    }

    /// The device root key, whose thumbprint phones pin at enrolment.
    #[must_use]
    pub fn device_root(&self) -> Jwk {
        self.current().root
    }

    /// What leads phones that pinned an earlier root to this one, the oldest first.
    #[must_use]
    pub fn successions(&self) -> Vec<General> {
        self.current().successions.clone()
    }

    /// `adp-keys+jwt`: the device signing keys, signed by the root. Names the key of every message signed before. `None`
    /// where no phone would believe anything by it: its root is kept elsewhere, and nobody brought the next one in time.
    #[must_use]
    pub fn key_list(&self) -> Option<Jws> {
        let current = self.current();
        current.device.is_some().then(|| current.list.clone())
    }

    /// Where only a root that is kept elsewhere can renew the list: until when it is good, or that it is over.
    #[must_use]
    pub fn list_to_be_brought(&self) -> Option<ListEnds> {
        let current = self.current();
        if current.renews {
            return None;
        }
        Some(current.device.as_ref().map_or(ListEnds::Over, |device| ListEnds::At(device.ends)))
    }

    /// The public keys by which receipts, and the prompts in them, are verified: those in use and, for ten years, those
    /// before.
    #[must_use]
    pub fn receipt_keys(&self) -> PublishedKeys {
        self.current().receipts.clone()
    }

    /// Signs a message to phones by the newest device signing key; `kid` is its thumbprint. [`CryptoError::Unavailable`]
    /// where [`Self::key_list`] has none.
    pub fn sign_device<M: Message>(&self, message: &M) -> Result<Jws, JwsError> {
        let current = self.current();
        let DeviceSigner { key, kid, .. } = current.device.as_ref().ok_or(CryptoError::Unavailable)?;
        Jws::sign(*kid, message, key)
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

impl Current {
    fn parse(material: &Material, generation: u64, now: Timestamp) -> Result<Self, KeysError> {
        let signing = material.signing.signing(now).into_iter();
        let signers = signing.map(|key| Signer::from_pkcs8(key.algorithm, &key.pkcs8)).collect::<Result<_, _>>()?;
        let known =
            JwkSet::trusted(&material.signing.known()).ok_or(KeysError::Damaged("a past key is not a public key"))?;
        let jwks = json!({ "keys": material.signing.published(now) });
        let device = DeviceSigner::parse(material, now)?;
        let ends = device.as_ref().map(|device| device.ends).filter(|ends| *ends > now);
        let list = material.list()?;
        Ok(Self {
            generation,
            until: material.signing.next_change(now).into_iter().chain(ends).min(),
            signers,
            jwks_text: jwks.to_string().into(),
            jwks,
            known,
            root: material.root.public()?,
            renews: material.root.is_held(),
            successions: material.successions.clone(),
            sequence: list.sequence,
            receipts: receipt_keys(material, &list),
            list: material.key_list.clone(),
            device,
        })
    }

    fn signer(&self, algorithm: Algorithm) -> Option<&Signer> {
        self.signers.iter().find(|signer| signer.algorithm() == algorithm)
    }

    /// Whether phones that pinned the root before can pin this one.
    fn root_follows(&self, before: &Self) -> bool {
        let known = |succession: &General| before.successions.contains(succession);
        let since: Vec<_> = self.successions.iter().filter(|succession| !known(succession)).cloned().collect();
        key_list::lead(&since, &before.root, &self.root)
    }

    /// All that others see of them.
    fn looks(&self) -> (&Value, &Jws, Option<Digest>) {
        (&self.jwks, &self.list, self.device.as_ref().map(|device| device.kid))
    }
}

fn receipt_keys(material: &Material, list: &KeyList) -> PublishedKeys {
    let in_use = key_list::believed(list).map(key_list::published);
    PublishedKeys { keys: material.device_past.iter().cloned().chain(in_use).collect() }
}

impl DeviceSigner {
    fn parse(material: &Material, now: Timestamp) -> Result<Option<Self>, KeysError> {
        let Some((pkcs8, listed)) = material.signer_at(now)? else { return Ok(None) };
        let ends = Timestamp::from_unix_seconds(listed.not_after);
        Ok(Some(Self { kid: listed.jwk.thumbprint(), key: SigningKey::from_pkcs8(pkcs8)?, ends }))
    }
}

/// Says by which keys it signs now.
impl fmt::Debug for RealmKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current();
        let mut fields = f.debug_struct("RealmKeys");
        for signer in &current.signers {
            fields.field(signer.algorithm().name(), &signer.kid());
        }
        if let Some(device) = &current.device {
            fields.field("device", &device.kid);
        }
        fields.finish_non_exhaustive()
    }
}
