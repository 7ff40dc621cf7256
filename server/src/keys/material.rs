//! A realm's private keys as bytes: what is kept. Wiped when dropped.

use aws_lc_rs::hmac;
use protocol::crypto::Sign as _;
use protocol::crypto::aws_lc::SigningKey;
use protocol::jws::General;
use protocol::messages::{self, KeyList};
use protocol::receipt::PublishedKey;
use protocol::{Digest, Jwk, Jws};
use zeroize::Zeroizing;

use super::device_list::{DeviceKeys, ListAnswer, ListRequest, ListedDevice};
use super::key_list::{self, Next};
use super::signing::SigningKeys;
use super::{DeviceRotation, KeysError};
use crate::domain::names::RealmId;
use crate::domain::random::Random;
use crate::domain::realm::{ListMark, Policy, Realm};
use crate::domain::time::Timestamp;

/// A private key in PKCS #8.
pub(super) type Pkcs8 = Zeroizing<Vec<u8>>;

/// So many successions of roots are kept: phones look at no more.
const MOST_SUCCESSIONS: usize = 32;

#[derive(Clone)]
pub(super) struct Material {
    pub(super) signing: SigningKeys,
    pub(super) root: Root,
    /// Thumbprint of the root that the realm began with: what tells one realm's file from another's, whatever root there is
    /// by now.
    pub(super) origin: Digest,
    /// Each is a list that a root and its successor signed, the oldest first.
    pub(super) successions: Vec<General>,
    /// In the order of the list: the last one signs; the others have signed what is still about.
    pub(super) device: Vec<Pkcs8>,
    /// On no list yet: a root that is kept elsewhere is asked to vouch for them.
    pub(super) device_next: Vec<Pkcs8>,
    /// Public halves of those before, for whoever keeps a receipt.
    pub(super) device_past: Vec<PublishedKey>,
    pub(super) mac: Zeroizing<[u8; 32]>,
    /// Says of every device signing key from when until when it holds.
    pub(super) key_list: Jws,
}

/// The device root.
#[derive(Clone)]
pub(super) enum Root {
    /// It is here, and lists are renewed by themselves.
    Held(Pkcs8),
    /// It is kept elsewhere, and lists are brought from there.
    Elsewhere(Jwk),
}

impl Root {
    pub(super) fn public(&self) -> Result<Jwk, KeysError> {
        match self {
            Self::Held(pkcs8) => Ok(*SigningKey::from_pkcs8(pkcs8)?.public()),
            Self::Elsewhere(jwk) => Ok(*jwk),
        }
    }

    pub(super) const fn is_held(&self) -> bool {
        match self {
            Self::Held(_) => true,
            Self::Elsewhere(_) => false,
        }
    }

    fn signer(&self) -> Result<SigningKey, KeysError> {
        match self {
            Self::Held(pkcs8) => Ok(SigningKey::from_pkcs8(pkcs8)?),
            Self::Elsewhere(_) => Err(KeysError::RootElsewhere),
        }
    }
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
            origin: root_key.public().thumbprint(),
            root: Root::Held(root),
            successions: Vec::new(),
            device: vec![device],
            device_next: Vec::new(),
            device_past: Vec::new(),
            mac: Zeroizing::new(random.array()),
        })
    }

    /// A MAC over the first root's thumbprint: of two files it is the same only if both keys are.
    pub(super) fn fingerprint(&self) -> Digest {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &*self.mac));
        context.update(b"assent-keys-fingerprint");
        context.update(self.origin.as_bytes());
        let tag = context.sign().as_ref().try_into().expect("HMAC-SHA256 has 32 bytes");
        Digest::from_bytes(tag)
    }

    /// The list of device signing keys as it reads.
    pub(super) fn list(&self) -> Result<KeyList, KeysError> {
        key_list::open(&self.key_list, &self.root.public()?)
    }

    /// Whether [`Self::tend`] would change anything.
    pub(super) fn is_due(&self, realm: &Realm, now: Timestamp) -> Result<bool, KeysError> {
        Ok(self.list_is_due(&realm.issuer, now)? || self.signing.is_due(&realm.policy, now))
    }

    /// Brings signing keys and, where its root is here, the key list up to date.
    pub(super) fn tend(&mut self, realm: &Realm, now: Timestamp) -> Result<(), KeysError> {
        self.signing.tend(&realm.policy, now)?;
        if !self.list_is_due(&realm.issuer, now)? {
            return Ok(());
        }
        let list = self.list()?;
        let added = if key_list::ends_soon(&list, now) { Some(self.new_device_key()?) } else { None };
        let next = key_list::next(list.clone(), Next::of(&realm.issuer).adding(added.as_slice()), now);
        self.key_list = key_list::sign(&next, &self.root.signer()?)?;
        self.replaced(&list, &next, now)
    }

    fn list_is_due(&self, issuer: &str, now: Timestamp) -> Result<bool, KeysError> {
        let list = self.list()?;
        Ok(self.root.is_held() && (key_list::ends_soon(&list, now) || list.iss != issuer))
    }

    /// A new device signing key, which signs at once, by the root that is here; a new root too, if wanted.
    pub(super) fn rotate_device(&mut self, rotation: DeviceRotation, now: Timestamp) -> Result<(), KeysError> {
        let (list, root) = (self.list()?, self.root.signer()?);
        let revoked = if rotation.leaked { all(&list) } else { Vec::new() };
        let added = [self.new_device_key()?];
        let terms = Next { revoked: &revoked, sequence: rotation.sequence, ..Next::of(&list.iss).adding(&added) };
        let next = key_list::next(list.clone(), terms, now);
        if rotation.root {
            let (new, pkcs8) = SigningKey::generate()?;
            self.succeed(key_list::whole_succession(key_list::half_succession(&next, &new)?, &root)?);
            self.key_list = key_list::sign(&next, &new)?;
            self.root = Root::Held(pkcs8);
        } else {
            self.key_list = key_list::sign(&next, &root)?;
        }
        self.replaced(&list, &next, now)
    }

    /// What a root elsewhere is to sign: the list as it is, and a key to be added, which is made unless one waits already.
    pub(super) fn request(&mut self, realm: &RealmId, leaked: bool) -> Result<ListRequest, KeysError> {
        let list = self.list()?;
        if self.device_next.is_empty() {
            self.device_next.push(SigningKey::generate()?.1);
        }
        Ok(ListRequest {
            realm: realm.clone(),
            issuer: list.iss.clone(),
            root: self.root.public()?,
            held: self.root.is_held(),
            list: self.key_list.clone(),
            add: self.device_next.iter().map(public).collect::<Result<_, _>>()?,
            revoke: if leaked { all(&list) } else { Vec::new() },
        })
    }

    /// Takes what a root signed: a later list, which vouches for a key that is here. A root that was here until now is gone
    /// when another one follows it.
    pub(super) fn install(&mut self, answer: &ListAnswer, now: Timestamp) -> Result<(), KeysError> {
        let (before, root) = (self.list()?, self.root.public()?);
        let list = answer.read().map_err(|_| KeysError::BadList("is not signed by its root"))?;
        key_list::check(&list, &before)?;
        if answer.root != root {
            let succession = self.completed(answer)?;
            if key_list::open_succession(&succession, &root, &answer.root)? != list {
                return Err(KeysError::BadList("is another one than both roots signed"));
            }
            self.succeed(succession);
            self.root = Root::Elsewhere(answer.root);
        }
        self.key_list = answer.list.clone();
        self.replaced(&before, &list, now)?;
        if self.signer_at(now)?.is_none() {
            return Err(KeysError::BadList("names no key that is here and believed now"));
        }
        Ok(())
    }

    /// The succession of an answer, signed by the old root too if that is here.
    fn completed(&self, answer: &ListAnswer) -> Result<General, KeysError> {
        let succession = answer.succession.clone().ok_or(KeysError::BadList("is signed by another root"))?;
        match &self.root {
            Root::Held(_) if succession.signers() == 1 => key_list::whole_succession(succession, &self.root.signer()?),
            Root::Held(_) | Root::Elsewhere(_) => Ok(succession),
        }
    }

    fn succeed(&mut self, succession: General) {
        self.successions.push(succession);
        let surplus = self.successions.len().saturating_sub(MOST_SUCCESSIONS);
        self.successions.drain(..surplus);
    }

    fn new_device_key(&mut self) -> Result<Jwk, KeysError> {
        let (key, pkcs8) = SigningKey::generate()?;
        self.device.push(pkcs8);
        Ok(*key.public())
    }

    /// One list took another's place.
    fn replaced(&mut self, before: &KeyList, list: &KeyList, now: Timestamp) -> Result<(), KeysError> {
        self.device_past.extend(key_list::ended(before, list, now));
        self.device_past.retain(|key| !key_list::is_forgotten(key, now));
        let (mut listed, mut waiting) = (Vec::new(), Vec::new());
        let device = std::mem::take(&mut self.device).into_iter().map(|pkcs8| (pkcs8, false));
        let next = std::mem::take(&mut self.device_next).into_iter().map(|pkcs8| (pkcs8, true));
        for (pkcs8, waits) in device.chain(next) {
            let key = public(&pkcs8)?;
            match key_list::believed(list).position(|listed| listed.jwk == key) {
                Some(place) => listed.push((place, pkcs8)),
                None if waits => waiting.push(pkcs8),
                // Phones will not believe it any more: nobody needs it.
                None => {}
            }
        }
        listed.sort_by_key(|(place, _)| *place);
        self.device = listed.into_iter().map(|(_, pkcs8)| pkcs8).collect();
        self.device_next = waiting;
        Ok(())
    }

    /// The key that signs, and what the list says of it: the newest one that is here and in its time. There is none where
    /// the root is elsewhere and nobody brought its list.
    pub(super) fn signer_at(&self, now: Timestamp) -> Result<Option<(&Pkcs8, messages::SigningKey)>, KeysError> {
        let (list, now) = (self.list()?, now.unix_seconds());
        let mut ahead = None;
        for pkcs8 in self.device.iter().rev() {
            let key = public(pkcs8)?;
            let Some(listed) = key_list::believed(&list).find(|listed| listed.jwk == key && listed.not_after > now)
            else {
                continue;
            };
            if listed.not_before <= now {
                return Ok(Some((pkcs8, listed.clone())));
            }
            // Of a clock that was set back.
            ahead = ahead.or(Some((pkcs8, listed.clone())));
        }
        Ok(ahead)
    }

    /// For an operator.
    pub(super) fn device_keys(&self, now: Timestamp) -> Result<DeviceKeys, KeysError> {
        let list = self.list()?;
        let here: Vec<Jwk> = self.device.iter().map(public).collect::<Result<_, _>>()?;
        let signer = self.signer_at(now)?.map(|(_, listed)| listed.jwk);
        let listed = key_list::believed(&list).map(|key| ListedDevice {
            kid: key.jwk.thumbprint(),
            not_after: Timestamp::from_unix_seconds(key.not_after),
            held: here.contains(&key.jwk),
            signs: signer == Some(key.jwk),
        });
        let waiting = self.device_next.iter().map(|pkcs8| Ok(public(pkcs8)?.thumbprint()));
        Ok(DeviceKeys {
            root: self.root.public()?.thumbprint(),
            held: self.root.is_held(),
            sequence: list.sequence,
            listed: listed.collect(),
            waiting: waiting.collect::<Result<_, KeysError>>()?,
            revoked: list.revoked.clone(),
        })
    }

    /// What the store remembers of the list.
    pub(super) fn list_mark(&self) -> Result<ListMark, KeysError> {
        Ok(ListMark { sequence: self.list()?.sequence, hash: self.key_list.digest() })
    }
}

fn public(pkcs8: &Pkcs8) -> Result<Jwk, KeysError> {
    Ok(*SigningKey::from_pkcs8(pkcs8)?.public())
}

fn all(list: &KeyList) -> Vec<Digest> {
    list.keys.iter().map(|key| key.jwk.thumbprint()).collect()
}
