//! The key file as text. Public halves are in clear, for people to compare; private ones are wrapped, each under its
//! realm, its purpose and its dates, so that none can be put in another's place or used before or after its time.

use std::collections::BTreeMap;

use protocol::Jws;
use protocol::crypto::Sign as _;
use protocol::crypto::aws_lc::SigningKey;
use protocol::jws::General;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use self::device::{StoredDevicePast, StoredOrigin, StoredRoot};
use super::file::Realms;
use super::material::{Material, Pkcs8};
use super::signer::Signer;
use super::signing::{Past, Private, SigningKeys, Withdrawn};
use super::{KeysError, WrappingKey, key_list};
use crate::domain::algorithm::Algorithm;
use crate::domain::names::RealmId;
use crate::domain::time::Timestamp;

mod device;

/// What is written. Format 1 is read too: its keys for ID tokens are all ES256, the first signs, and it knows no dates.
const FORMAT: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Form<S> {
    format: u32,
    /// Which wrapping key is wanted.
    wrapping_key: String,
    realms: BTreeMap<RealmId, S>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    signing: Vec<StoredSigning>,
    past: Vec<StoredPast>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withdrawn: Vec<Withdrawn>,
    #[serde(flatten)]
    others: Others,
}

#[derive(Deserialize)]
struct StoredInFormat1 {
    id_token: Vec<Wrapped>,
    #[serde(flatten)]
    others: Others,
}

/// What all formats have in common.
#[derive(Serialize, Deserialize)]
struct Others {
    device_root: StoredRoot,
    /// Where another root has taken the first one's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_origin: Option<StoredOrigin>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    device_successions: Vec<General>,
    device_signing: Vec<Wrapped>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    device_next: Vec<Wrapped>,
    mac: String,
    device_keys: Jws,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    device_past: Vec<StoredDevicePast>,
}

#[derive(Serialize, Deserialize)]
struct StoredSigning {
    algorithm: Algorithm,
    created: Timestamp,
    signs_from: Timestamp,
    #[serde(flatten)]
    key: Wrapped,
}

#[derive(Serialize, Deserialize)]
struct StoredPast {
    #[serde(flatten)]
    key: Past,
    /// Nothing, wrapped: only who has the wrapping key can say whose tokens we recognise.
    seal: String,
}

#[derive(Serialize, Deserialize)]
struct Wrapped {
    /// The thumbprint of the public half.
    kid: String,
    wrapped: String,
}

/// Reads a file and unwraps every key in it.
pub(super) fn read(json: &str, wrapping: &WrappingKey) -> Result<Realms, KeysError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    let Head { format } = serde_json::from_str(json).map_err(|_| KeysError::Damaged("not a key file"))?;
    match format {
        1 => unwrap_all(json, wrapping, StoredInFormat1::unwrap),
        FORMAT => unwrap_all(json, wrapping, Stored::unwrap),
        _ => Err(KeysError::UnknownFormat { found: format, known: FORMAT }),
    }
}

fn unwrap_all<'a, S: Deserialize<'a>>(
    json: &'a str,
    wrapping: &WrappingKey,
    unwrap: impl Fn(S, &Wrapping<'_>) -> Result<Material, KeysError>,
) -> Result<Realms, KeysError> {
    let form: Form<S> =
        serde_json::from_str(json).map_err(|_| KeysError::Damaged("a member is missing or of another type"))?;
    if form.wrapping_key != wrapping.id() {
        return Err(KeysError::WrongWrappingKey);
    }
    let realms = form.realms.into_iter().map(|(realm, stored)| {
        let material = unwrap(stored, &Wrapping { realm: &realm, key: wrapping })?;
        check(&material)?;
        Ok((realm, material))
    });
    realms.collect()
}

/// Writes a file.
pub(super) fn write(realms: &Realms, wrapping: &WrappingKey) -> Result<String, KeysError> {
    let stored = realms.iter().map(|(realm, material)| {
        let wrapping = Wrapping { realm, key: wrapping };
        Ok((realm.clone(), Stored::wrap(material, &wrapping)?))
    });
    let realms = stored.collect::<Result<_, KeysError>>()?;
    let form = Form { format: FORMAT, wrapping_key: wrapping.id(), realms };
    let mut json = serde_json::to_string_pretty(&form).expect("strings and numbers are JSON");
    json.push('\n');
    Ok(json)
}

/// The wrapping key, for one realm.
struct Wrapping<'a> {
    realm: &'a RealmId,
    key: &'a WrappingKey,
}

impl Wrapping<'_> {
    fn wrap(&self, purpose: &str, secret: &[u8]) -> Result<String, KeysError> {
        self.key.wrap(&self.context(purpose), secret)
    }

    fn unwrap(&self, purpose: &str, wrapped: &str) -> Result<Pkcs8, KeysError> {
        self.key.unwrap(&self.context(purpose), wrapped)
    }

    /// The number is of this form of context, and not of the file's.
    fn context(&self, purpose: &str) -> String {
        format!("assent-keys-1 {} {purpose}", self.realm)
    }
}

impl Stored {
    fn wrap(material: &Material, wrapping: &Wrapping<'_>) -> Result<Self, KeysError> {
        let SigningKeys { keys, past, withdrawn } = &material.signing;
        let device = |purpose: &str, keys: &[Pkcs8]| -> Result<Vec<_>, KeysError> {
            keys.iter().map(|pkcs8| Wrapped::wrap(purpose, pkcs8, wrapping)).collect()
        };
        Ok(Self {
            signing: keys.iter().map(|key| StoredSigning::wrap(key, wrapping)).collect::<Result<_, _>>()?,
            past: past.iter().map(|past| StoredPast::seal(past, wrapping)).collect::<Result<_, _>>()?,
            withdrawn: withdrawn.clone(),
            others: Others {
                device_root: StoredRoot::wrap(&material.root, wrapping)?,
                device_origin: StoredOrigin::of(material, wrapping)?,
                device_successions: material.successions.clone(),
                device_signing: device("device_signing", &material.device)?,
                device_next: device("device_next", &material.device_next)?,
                mac: wrapping.wrap("mac", &*material.mac)?,
                device_keys: material.key_list.clone(),
                device_past: material
                    .device_past
                    .iter()
                    .map(|key| StoredDevicePast::seal(key, wrapping))
                    .collect::<Result<_, _>>()?,
            },
        })
    }

    fn unwrap(self, wrapping: &Wrapping<'_>) -> Result<Material, KeysError> {
        let keys = self.signing.iter().map(|key| key.unwrap(wrapping)).collect::<Result<_, _>>()?;
        let past = self.past.into_iter().map(|past| past.open(wrapping)).collect::<Result<_, _>>()?;
        self.others.unwrap(SigningKeys { keys, past, withdrawn: self.withdrawn }, wrapping)
    }
}

impl StoredInFormat1 {
    /// Its keys were made when their realm was, or not long before its list of device keys.
    fn unwrap(self, wrapping: &Wrapping<'_>) -> Result<Material, KeysError> {
        let mut material = self.others.unwrap(SigningKeys::default(), wrapping)?;
        let made = Timestamp::from_unix_seconds(material.list()?.iat);
        for (order, stored) in (0..).zip(self.id_token.iter().rev()) {
            let pkcs8 = wrapping.unwrap("id_token", &stored.wrapped)?;
            let signer = stored.check(Algorithm::Es256, &pkcs8)?;
            material.signing.keys.push(Private::of(&signer, pkcs8, made, made.plus_millis(order)));
        }
        Ok(material)
    }
}

impl Others {
    fn unwrap(self, signing: SigningKeys, wrapping: &Wrapping<'_>) -> Result<Material, KeysError> {
        let keys = |purpose: &str, stored: &[Wrapped]| -> Result<Vec<_>, KeysError> {
            stored.iter().map(|stored| stored.unwrap(purpose, wrapping)).collect()
        };
        let mac = wrapping.unwrap("mac", &self.mac)?;
        let root = self.device_root.unwrap(wrapping)?;
        let origin = match self.device_origin {
            Some(origin) => origin.open(wrapping)?,
            None => root.public()?.thumbprint(),
        };
        Ok(Material {
            signing,
            root,
            origin,
            successions: self.device_successions,
            device: keys("device_signing", &self.device_signing)?,
            device_next: keys("device_next", &self.device_next)?,
            mac: Zeroizing::new(mac[..].try_into().map_err(|_| KeysError::Damaged("the MAC key has another length"))?),
            key_list: self.device_keys,
            device_past: self.device_past.into_iter().map(|key| key.open(wrapping)).collect::<Result<_, _>>()?,
        })
    }
}

impl StoredSigning {
    fn wrap(key: &Private, wrapping: &Wrapping<'_>) -> Result<Self, KeysError> {
        let Private { algorithm, created, signs_from, ref kid, ref pkcs8, .. } = *key;
        let wrapped = wrapping.wrap(&Self::purpose(algorithm, created, signs_from), pkcs8)?;
        Ok(Self { algorithm, created, signs_from, key: Wrapped { kid: kid.clone(), wrapped } })
    }

    fn unwrap(&self, wrapping: &Wrapping<'_>) -> Result<Private, KeysError> {
        let purpose = Self::purpose(self.algorithm, self.created, self.signs_from);
        let pkcs8 = wrapping.unwrap(&purpose, &self.key.wrapped)?;
        let signer = self.key.check(self.algorithm, &pkcs8)?;
        Ok(Private::of(&signer, pkcs8, self.created, self.signs_from))
    }

    fn purpose(algorithm: Algorithm, created: Timestamp, signs_from: Timestamp) -> String {
        format!("signing {algorithm} {} {}", created.unix_millis(), signs_from.unix_millis())
    }
}

impl StoredPast {
    fn seal(past: &Past, wrapping: &Wrapping<'_>) -> Result<Self, KeysError> {
        Ok(Self { seal: wrapping.wrap(&Self::purpose(past), &[])?, key: past.clone() })
    }

    fn open(self, wrapping: &Wrapping<'_>) -> Result<Past, KeysError> {
        wrapping.unwrap(&Self::purpose(&self.key), &self.seal)?;
        Ok(self.key)
    }

    fn purpose(past: &Past) -> String {
        format!("past {}", serde_json::to_string(past).expect("strings and numbers are JSON"))
    }
}

impl Wrapped {
    fn wrap(purpose: &str, pkcs8: &Pkcs8, wrapping: &Wrapping<'_>) -> Result<Self, KeysError> {
        let kid = SigningKey::from_pkcs8(pkcs8)?.public().thumbprint().to_string();
        Ok(Self { kid, wrapped: wrapping.wrap(purpose, pkcs8)? })
    }

    fn unwrap(&self, purpose: &str, wrapping: &Wrapping<'_>) -> Result<Pkcs8, KeysError> {
        let pkcs8 = wrapping.unwrap(purpose, &self.wrapped)?;
        self.check(Algorithm::Es256, &pkcs8)?;
        Ok(pkcs8)
    }

    fn check(&self, algorithm: Algorithm, pkcs8: &Pkcs8) -> Result<Signer, KeysError> {
        let signer = Signer::from_pkcs8(algorithm, pkcs8)?;
        if signer.kid() == self.kid { Ok(signer) } else { Err(KeysError::Damaged("a kid is not that of its key")) }
    }
}

/// The list is signed, so it is what says which device signing keys belong here. Successions prove themselves to phones.
fn check(material: &Material) -> Result<(), KeysError> {
    let list = material.list()?;
    if material.device.is_empty() {
        return Err(KeysError::Damaged("no device signing key"));
    }
    for pkcs8 in &material.device {
        let key = SigningKey::from_pkcs8(pkcs8)?;
        if !key_list::believed(&list).any(|listed| listed.jwk == *key.public()) {
            return Err(KeysError::Damaged("a device signing key is not on the list"));
        }
    }
    Ok(())
}
