//! A realm's private keys as bytes: what is kept. Wiped when dropped.

use aws_lc_rs::hmac;
use protocol::crypto::Sign as _;
use protocol::crypto::aws_lc::SigningKey;
use protocol::receipt::PublishedKey;
use protocol::{Digest, Jws};
use zeroize::Zeroizing;

use super::signing::SigningKeys;
use super::{KeysError, key_list};
use crate::domain::random::Random;
use crate::domain::realm::{Policy, Realm};
use crate::domain::time::Timestamp;

/// A private key in PKCS #8.
pub(super) type Pkcs8 = Zeroizing<Vec<u8>>;

#[derive(Clone)]
pub(super) struct Material {
    pub(super) signing: SigningKeys,
    pub(super) root: Pkcs8,
    /// The last one signs; the others have signed what is still about.
    pub(super) device: Vec<Pkcs8>,
    /// Public halves of those before, for whoever keeps a receipt.
    pub(super) device_past: Vec<PublishedKey>,
    pub(super) mac: Zeroizing<[u8; 32]>,
    /// Says of every device signing key from when until when it holds.
    pub(super) key_list: Jws,
}

impl Material {
    pub(super) fn generate(
        issuer: &str,
        policy: &Policy,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, KeysError> {
        let mut signing = SigningKeys::default();
        signing.tend(policy, now)?;
        let (root_key, root) = SigningKey::generate()?;
        let (device_key, device) = SigningKey::generate()?;
        Ok(Self {
            signing,
            key_list: key_list::first(issuer, &root_key, &device_key, now)?,
            root,
            device: vec![device],
            device_past: Vec::new(),
            mac: Zeroizing::new(random.array()),
        })
    }

    /// A MAC over the root's thumbprint: of two files it is the same only if both keys are.
    pub(super) fn fingerprint(&self) -> Result<Digest, KeysError> {
        let root = SigningKey::from_pkcs8(&self.root)?.public().thumbprint();
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &*self.mac));
        context.update(b"assent-keys-fingerprint");
        context.update(root.as_bytes());
        let tag = context.sign().as_ref().try_into().expect("HMAC-SHA256 has 32 bytes");
        Ok(Digest::from_bytes(tag))
    }

    /// Whether [`Self::tend`] would change anything.
    pub(super) fn is_due(&self, realm: &Realm, now: Timestamp) -> Result<bool, KeysError> {
        let list = key_list::open(&self.key_list, &SigningKey::from_pkcs8(&self.root)?)?;
        let list_is_due = key_list::ends_soon(&list, now) || list.iss != realm.issuer;
        Ok(list_is_due || self.signing.is_due(&realm.policy, now))
    }

    /// Brings signing keys and key list up to date.
    pub(super) fn tend(&mut self, realm: &Realm, now: Timestamp) -> Result<(), KeysError> {
        self.signing.tend(&realm.policy, now)?;
        self.renew_list(&realm.issuer, now)
    }

    fn renew_list(&mut self, issuer: &str, now: Timestamp) -> Result<(), KeysError> {
        let root = SigningKey::from_pkcs8(&self.root)?;
        let list = key_list::open(&self.key_list, &root)?;
        let ends_soon = key_list::ends_soon(&list, now);
        if !ends_soon && list.iss == issuer {
            return Ok(());
        }
        self.device_past.extend(key_list::ended(&list, now));
        self.device_past.retain(|key| !key_list::is_forgotten(key, now));
        let added = if ends_soon { Some(SigningKey::generate()?) } else { None };
        let (key, pkcs8) = added.unzip();
        self.key_list = key_list::next(list, issuer, &root, key.as_ref(), now)?;
        self.device.extend(pkcs8);
        self.forget_unlisted(&root)
    }

    fn forget_unlisted(&mut self, root: &SigningKey) -> Result<(), KeysError> {
        let list = key_list::open(&self.key_list, root)?;
        let mut kept = Vec::new();
        for pkcs8 in self.device.drain(..) {
            if key_list::names(&list, &SigningKey::from_pkcs8(&pkcs8)?) {
                kept.push(pkcs8);
            }
        }
        self.device = kept;
        Ok(())
    }
}
