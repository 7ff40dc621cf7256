//! The key file: JSON, readable by its owner only, replaced whole. Public halves are in clear, for people to compare;
//! private ones are wrapped, each under its realm and its purpose, so that none can be put in another's place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::Jws;
use protocol::crypto::Sign as _;
use protocol::crypto::aws_lc::SigningKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::material::{Material, Pkcs8};
use super::{KeysError, RealmKeys, WrappingKey, key_list, secret_file};
use crate::domain::names::RealmId;
use crate::domain::random::Random;
use crate::domain::time::Timestamp;

const FORMAT: u32 = 1;

/// The keys of all realms of a deployment, and where they are kept.
pub struct KeyFile {
    path: PathBuf,
    wrapping: WrappingKey,
    realms: BTreeMap<RealmId, Material>,
}

impl KeyFile {
    /// Makes a new file without keys. One that exists is [`KeysError::Exists`].
    pub fn create(path: &Path, wrapping: WrappingKey) -> Result<Self, KeysError> {
        let file = Self { path: path.to_owned(), wrapping, realms: BTreeMap::new() };
        secret_file::create(path, &file.to_json()?)?;
        Ok(file)
    }

    /// Opens a file and unwraps every key in it.
    pub fn open(path: &Path, wrapping: WrappingKey) -> Result<Self, KeysError> {
        let stored = parse(&secret_file::read(path)?)?;
        if stored.wrapping_key != wrapping.id() {
            return Err(KeysError::WrongWrappingKey);
        }
        let mut realms = BTreeMap::new();
        for (id, stored) in stored.realms {
            let material = stored.unwrap(&id, &wrapping)?;
            realms.insert(id, material);
        }
        Ok(Self { path: path.to_owned(), wrapping, realms })
    }

    /// Whether it holds keys of this realm.
    #[must_use]
    pub fn holds(&self, realm: &RealmId) -> bool {
        self.realms.contains_key(realm)
    }

    /// Makes and keeps keys for a new realm. Those of a realm that has some stay.
    pub fn add(&mut self, realm: &RealmId, issuer: &str, now: Timestamp, random: &dyn Random) -> Result<(), KeysError> {
        if self.holds(realm) {
            return Ok(());
        }
        self.realms.insert(realm.clone(), Material::generate(issuer, now, random)?);
        self.save()
    }

    /// A realm's keys, ready for use. Renews what is near its end first.
    pub fn keys(&mut self, realm: &RealmId, issuer: &str, now: Timestamp) -> Result<RealmKeys, KeysError> {
        self.renew_material(realm, issuer, now)?;
        RealmKeys::parse(self.material(realm)?)
    }

    /// Renews what is near its end in keys that are in use. Whether there was anything; phones then meet a new device
    /// signing key and fetch the list that names it.
    pub fn renew(
        &mut self,
        realm: &RealmId,
        issuer: &str,
        keys: &RealmKeys,
        now: Timestamp,
    ) -> Result<bool, KeysError> {
        let renewed = self.renew_material(realm, issuer, now)?;
        if renewed {
            keys.replace_device_signer(self.material(realm)?)?;
        }
        Ok(renewed)
    }

    /// What could not be kept is not used either: the next attempt begins where this one did.
    fn renew_material(&mut self, realm: &RealmId, issuer: &str, now: Timestamp) -> Result<bool, KeysError> {
        let before = self.material(realm)?.clone();
        let mut material = before.clone();
        if !material.renew(issuer, now)? {
            return Ok(false);
        }
        self.realms.insert(realm.clone(), material);
        self.save().inspect_err(|_| drop(self.realms.insert(realm.clone(), before)))?;
        Ok(true)
    }

    fn material(&self, realm: &RealmId) -> Result<&Material, KeysError> {
        self.realms.get(realm).ok_or_else(|| KeysError::UnknownRealm(realm.clone()))
    }

    fn save(&self) -> Result<(), KeysError> {
        secret_file::replace(&self.path, &self.to_json()?)
    }

    fn to_json(&self) -> Result<String, KeysError> {
        let realms =
            self.realms.iter().map(|(id, material)| Ok((id.clone(), Stored::wrap(id, material, &self.wrapping)?)));
        let form = Form {
            format: FORMAT,
            wrapping_key: self.wrapping.id(),
            realms: realms.collect::<Result<_, KeysError>>()?,
        };
        let mut json = serde_json::to_string_pretty(&form).expect("strings and numbers are JSON");
        json.push('\n');
        Ok(json)
    }
}

#[derive(Serialize, Deserialize)]
struct Form {
    format: u32,
    /// Which wrapping key is wanted.
    wrapping_key: String,
    realms: BTreeMap<RealmId, Stored>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    id_token: Vec<Wrapped>,
    device_root: Wrapped,
    device_signing: Vec<Wrapped>,
    mac: String,
    device_keys: Jws,
}

#[derive(Serialize, Deserialize)]
struct Wrapped {
    /// The thumbprint of the public half.
    kid: String,
    wrapped: String,
}

fn parse(json: &str) -> Result<Form, KeysError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = serde_json::from_str(json).map_err(|_| KeysError::Damaged("not a key file"))?;
    if format != FORMAT {
        return Err(KeysError::UnknownFormat { found: format, known: FORMAT });
    }
    serde_json::from_str(json).map_err(|_| KeysError::Damaged("a member is missing or of another type"))
}

impl Stored {
    fn wrap(realm: &RealmId, material: &Material, wrapping: &WrappingKey) -> Result<Self, KeysError> {
        let key = |purpose: &str, pkcs8: &Pkcs8| Wrapped::wrap(realm, purpose, pkcs8, wrapping);
        Ok(Self {
            id_token: material.id_token.iter().map(|pkcs8| key("id_token", pkcs8)).collect::<Result<_, _>>()?,
            device_root: key("device_root", &material.root)?,
            device_signing: material
                .device
                .iter()
                .map(|pkcs8| key("device_signing", pkcs8))
                .collect::<Result<_, _>>()?,
            mac: wrapping.wrap(&context(realm, "mac"), &*material.mac)?,
            device_keys: material.key_list.clone(),
        })
    }

    fn unwrap(self, realm: &RealmId, wrapping: &WrappingKey) -> Result<Material, KeysError> {
        let key = |purpose: &str, stored: &Wrapped| stored.unwrap(realm, purpose, wrapping);
        let mac = wrapping.unwrap(&context(realm, "mac"), &self.mac)?;
        let material = Material {
            id_token: self.id_token.iter().map(|stored| key("id_token", stored)).collect::<Result<_, _>>()?,
            root: key("device_root", &self.device_root)?,
            device: self.device_signing.iter().map(|stored| key("device_signing", stored)).collect::<Result<_, _>>()?,
            mac: Zeroizing::new(mac[..].try_into().map_err(|_| KeysError::Damaged("the MAC key has another length"))?),
            key_list: self.device_keys,
        };
        check(&material)?;
        Ok(material)
    }
}

/// The list is signed, so it is what says which device signing keys belong here.
fn check(material: &Material) -> Result<(), KeysError> {
    let list = key_list::open(&material.key_list, &SigningKey::from_pkcs8(&material.root)?)?;
    for pkcs8 in &material.device {
        if !key_list::names(&list, &SigningKey::from_pkcs8(pkcs8)?) {
            return Err(KeysError::Damaged("a device signing key is not on the list"));
        }
    }
    Ok(())
}

impl Wrapped {
    fn wrap(realm: &RealmId, purpose: &str, pkcs8: &Pkcs8, wrapping: &WrappingKey) -> Result<Self, KeysError> {
        let kid = SigningKey::from_pkcs8(pkcs8)?.public().thumbprint().to_string();
        let wrapped = wrapping.wrap(&context(realm, purpose), pkcs8)?;
        Ok(Self { kid, wrapped })
    }

    fn unwrap(&self, realm: &RealmId, purpose: &str, wrapping: &WrappingKey) -> Result<Pkcs8, KeysError> {
        let pkcs8 = wrapping.unwrap(&context(realm, purpose), &self.wrapped)?;
        let key = SigningKey::from_pkcs8(&pkcs8)?;
        if key.public().thumbprint().to_string() != self.kid {
            return Err(KeysError::Damaged("a kid is not that of its key"));
        }
        Ok(pkcs8)
    }
}

fn context(realm: &RealmId, purpose: &str) -> String {
    format!("assent-keys-{FORMAT} {realm} {purpose}")
}
