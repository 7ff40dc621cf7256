//! The key file: readable by its owner only, replaced whole. Processes may share one: who changes it holds a lock and
//! begins with what stands there now, and who uses it notices a change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::device_list::{DeviceKeys, ListAnswer, ListRequest};
use super::form;
use super::material::Material;
use super::secret_file::{self, Stamp};
use super::signing::{Listed, Rotation, Withdrawn};
use super::{DeviceRotation, KeysError, RealmKeys, WrappingKey};
use crate::domain::algorithm::Algorithm;
use crate::domain::names::RealmId;
use crate::domain::random::Random;
use crate::domain::realm::{ListMark, Realm};
use crate::domain::time::{Clock, Timestamp};
use protocol::Digest;

pub(super) type Realms = BTreeMap<RealmId, Material>;

/// The keys of all realms of a deployment, and where they are kept.
pub struct KeyFile {
    path: PathBuf,
    wrapping: WrappingKey,
    realms: Realms,
    stamp: Stamp,
    /// Counts what was read or written, so that [`RealmKeys`] know whether they are of the newest.
    generation: u64,
}

impl KeyFile {
    /// Makes a new file without keys. One that exists is [`KeysError::Exists`].
    pub fn create(path: &Path, wrapping: WrappingKey) -> Result<Self, KeysError> {
        secret_file::create(path, &form::write(&Realms::new(), &wrapping)?)?;
        Self::open(path, wrapping)
    }

    /// Opens a file and unwraps every key in it.
    pub fn open(path: &Path, wrapping: WrappingKey) -> Result<Self, KeysError> {
        let stamp = secret_file::stamp(path)?;
        let realms = form::read(&secret_file::read(path)?, &wrapping)?;
        Ok(Self { path: path.to_owned(), wrapping, realms, stamp, generation: 1 })
    }

    /// Whether it holds keys of this realm.
    #[must_use]
    pub fn holds(&self, realm: &RealmId) -> bool {
        self.realms.contains_key(realm)
    }

    /// The realms it holds keys of.
    pub fn realms(&self) -> impl Iterator<Item = &RealmId> {
        self.realms.keys()
    }

    /// Makes and keeps keys for a new realm. Those of a realm that has some stay.
    pub fn add(&mut self, realm: &Realm, now: Timestamp, random: &dyn Random) -> Result<(), KeysError> {
        if self.holds(&realm.id) {
            return Ok(());
        }
        self.change(|realms| {
            if !realms.contains_key(&realm.id) {
                let material = Material::generate(&realm.issuer, &realm.policy, now, random)?;
                realms.insert(realm.id.clone(), material);
            }
            Ok(())
        })
    }

    /// A realm's keys, ready for use. Makes what is missing and renews what is near its end first. A list of device signing
    /// keys that no phone would believe is [`KeysError::ListOver`], or of another issuer [`KeysError::BadList`].
    pub fn keys(&mut self, realm: &Realm, now: Timestamp) -> Result<RealmKeys, KeysError> {
        self.bring_up_to_date(realm, now)?;
        let material = self.material(&realm.id)?;
        if material.list()?.iss != realm.issuer {
            return Err(KeysError::BadList("is another issuer's"));
        }
        if material.signer_at(now)?.is_none() {
            return Err(KeysError::ListOver(realm.id.clone()));
        }
        RealmKeys::parse(material, self.generation, now)
    }

    /// Tells a realm's keys that cannot be replaced (the root that phones pin, and the one of MACs and seals) from any
    /// others, and nothing else about them.
    pub fn fingerprint(&self, realm: &RealmId) -> Result<Digest, KeysError> {
        Ok(self.material(realm)?.fingerprint())
    }

    /// Tells a realm's list of device signing keys from its older ones.
    pub fn list_mark(&self, realm: &RealmId) -> Result<ListMark, KeysError> {
        self.material(realm)?.list_mark()
    }

    /// Whether somebody else wrote the file since it was read here, or it cannot be told.
    #[must_use]
    pub fn was_replaced(&self) -> bool {
        secret_file::stamp(&self.path).map_or(true, |stamp| stamp != self.stamp)
    }

    /// Brings keys that are in use up to date: with what others wrote to the file, with what the policy wants by now, and
    /// with the clock. Whether anything changed for those who see them. What cannot be kept is not used either: the next
    /// attempt begins where this one did.
    pub fn tend(&mut self, realm: &Realm, keys: &RealmKeys, now: Timestamp) -> Result<bool, KeysError> {
        self.read_again()?;
        self.bring_up_to_date(realm, now)?;
        keys.take_over(self.material(&realm.id)?, self.generation, now)
    }

    /// Brings the next key of a realm on its way, of one algorithm or of all it has. Gives the algorithms of which there
    /// is a new key; for the others one was on its way already.
    pub fn rotate(
        &mut self,
        realm: &RealmId,
        algorithm: Option<Algorithm>,
        rotation: Rotation,
        clock: &dyn Clock,
    ) -> Result<Vec<Algorithm>, KeysError> {
        let mut rotated = Vec::new();
        self.change(|realms| {
            // Not before: what others made sign while we waited for them would seem to be on its way still.
            let now = clock.now();
            let material = realms.get_mut(realm).ok_or_else(|| KeysError::UnknownRealm(realm.clone()))?;
            let mut algorithms = material.signing.algorithms();
            if let Some(algorithm) = algorithm {
                algorithms.retain(|has| *has == algorithm);
                if algorithms.is_empty() {
                    return Err(KeysError::NoKey { realm: realm.clone(), algorithm });
                }
            }
            for algorithm in algorithms {
                if material.signing.rotate(algorithm, rotation, now)? {
                    rotated.push(algorithm);
                }
            }
            Ok(())
        })?;
        Ok(rotated)
    }

    /// Makes a realm's next device signing key, which signs at once, where its root is in this file.
    pub fn rotate_device(
        &mut self,
        realm: &RealmId,
        rotation: DeviceRotation,
        clock: &dyn Clock,
    ) -> Result<(), KeysError> {
        self.change_of(realm, |material| material.rotate_device(rotation, clock.now()))
    }

    /// What a root that is kept elsewhere is to sign: one key more, which waits in this file until then.
    pub fn list_request(&mut self, realm: &RealmId, leaked: bool) -> Result<ListRequest, KeysError> {
        self.change_of(realm, |material| material.request(realm, leaked))
    }

    /// Takes in what such a root signed.
    pub fn install_list(&mut self, realm: &RealmId, answer: &ListAnswer, clock: &dyn Clock) -> Result<(), KeysError> {
        self.change_of(realm, |material| material.install(answer, clock.now()))
    }

    /// A realm's device signing keys.
    pub fn device_keys(&self, realm: &RealmId, now: Timestamp) -> Result<DeviceKeys, KeysError> {
        self.material(realm)?.device_keys(now)
    }

    /// A realm's signing keys, past ones too.
    pub fn list(&self, realm: &RealmId, now: Timestamp) -> Result<Vec<Listed>, KeysError> {
        Ok(self.material(realm)?.signing.list(now))
    }

    /// A realm's keys that leaked.
    pub fn withdrawn(&self, realm: &RealmId) -> Result<&[Withdrawn], KeysError> {
        Ok(&self.material(realm)?.signing.withdrawn)
    }

    fn material(&self, realm: &RealmId) -> Result<&Material, KeysError> {
        self.realms.get(realm).ok_or_else(|| KeysError::UnknownRealm(realm.clone()))
    }

    /// Looks before it asks for the lock: an unchanged file is never written, and may be on a disk that cannot be.
    fn bring_up_to_date(&mut self, realm: &Realm, now: Timestamp) -> Result<(), KeysError> {
        if !self.material(&realm.id)?.is_due(realm, now)? {
            return Ok(());
        }
        self.change(|realms| {
            let material = realms.get_mut(&realm.id).ok_or_else(|| KeysError::UnknownRealm(realm.id.clone()))?;
            // Another process may have done it while we waited for the lock.
            if material.is_due(realm, now)? { material.tend(realm, now) } else { Ok(()) }
        })
    }

    fn change_of<T>(
        &mut self,
        realm: &RealmId,
        change: impl FnOnce(&mut Material) -> Result<T, KeysError>,
    ) -> Result<T, KeysError> {
        self.change(|realms| change(realms.get_mut(realm).ok_or_else(|| KeysError::UnknownRealm(realm.clone()))?))
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Realms) -> Result<T, KeysError>) -> Result<T, KeysError> {
        let _lock = secret_file::lock(&self.path)?;
        // Whatever the stamp says: what another process wrote in the same tick of the clock must not be lost.
        self.read_anew(secret_file::stamp(&self.path)?)?;
        let mut realms = self.realms.clone();
        let changed = change(&mut realms)?;
        secret_file::replace(&self.path, &form::write(&realms, &self.wrapping)?)?;
        self.stamp = secret_file::stamp(&self.path)?;
        self.realms = realms;
        self.generation += 1;
        Ok(changed)
    }

    fn read_again(&mut self) -> Result<(), KeysError> {
        // The stamp first: a file replaced in between is read once more next time.
        let stamp = secret_file::stamp(&self.path)?;
        if stamp == self.stamp { Ok(()) } else { self.read_anew(stamp) }
    }

    fn read_anew(&mut self, stamp: Stamp) -> Result<(), KeysError> {
        self.realms = form::read(&secret_file::read(&self.path)?, &self.wrapping)?;
        self.stamp = stamp;
        self.generation += 1;
        Ok(())
    }
}
